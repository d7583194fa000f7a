"""The page of a phase, from results folders written by hand as a run would leave them."""

import hashlib
import re
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from orchestrator.checks.shortcuts import shortcut_share
from orchestrator.report.sections import sources
from orchestrator.store.folder import Store
from orchestrator.wording.verdict import verdict
from tests.cases import fast_first
from trainables.evaluation.scoring import compute_metrics
from trainables.files import write_json

HOSTILE = "<script>alert(1)</script> & $x_{ \"'"


def folder_of(store: Store, name: str, fold: int) -> Path:
    return next(store.trials.glob(f"{name}-r0f{fold}-*"))


def test_complete_phase_says_its_verdict_and_its_numbers(two_classes: Any) -> None:
    """Catches a page that shows other numbers than the stored predictions give."""
    found = two_classes
    store, page, tables = found.store, found.page, found.tables
    assert page == store.report("phase1") / "index.html"
    words = found.words
    # On the page a minus is a minus.
    assert verdict(tables).replace(" -", " −") in words
    # A number and what belongs to it stay in one line.
    assert re.search(r"95\u00a0%[^<]*p\u00a0(=|&lt;)\u00a00\.\d", found.html)
    values = []
    for fold in range(2):
        rows = pd.read_parquet(folder_of(store, "p1_a", fold) / "predictions.parquet")
        rows = rows[rows["split"] == "test"]
        values.append(compute_metrics(rows["label"].to_numpy(), rows["score"].to_numpy())["accuracy"])
    assert f"{np.mean(np.array(values)):.3f} ± {np.std(np.array(values), ddof=1):.3f}" in words
    assert "Incomplete" not in words
    assert "0 files kept out" in words
    assert "4 of 4 trials finished" in words
    for said in ("389 153", "text2img", "0123456789abcdef", "with uncommitted changes", "f00000000001"):
        assert said in words


@pytest.mark.slow
def test_files_beside_the_page_are_the_ones_it_lists(tmp_path: Path, write_results: Any, render: Any) -> None:
    """Catches a dead link, and a figure of an experiment that the phase has no more."""
    store = write_results(tmp_path, names=("p1_a",), compare=False)
    stale = store.report("phase1") / "figures" / "roc-09-dropped.svg"
    stale.parent.mkdir(parents=True)
    stale.write_text("<svg/>")
    found = render(store)
    html, page, _ = found.html, found.page, found.tables
    links = re.findall(r'href="((?:figures|tables)/[^"]*)"', html)
    files = [path for path in page.parent.rglob("*") if path.is_file() and path != page]
    assert set(links) == {path.relative_to(page.parent).as_posix() for path in files}
    assert "tables/summary.csv" in links and any(link.startswith("figures/roc-") for link in links)
    assert not stale.exists()
    collected = (store.collected("phase1") / "summary.csv").read_bytes()
    assert (page.parent / "tables" / "summary.csv").read_bytes() == collected


@pytest.mark.parametrize("phase", fast_first(["two_classes", "five_classes"], 1))
def test_page_needs_nothing_from_outside(request: pytest.FixtureRequest, phase: str) -> None:
    """Catches a script, an external address, and figures whose ids get into each other's way."""
    found = request.getfixturevalue(phase)
    html, page = found.html, found.page
    assert "<script" not in html.lower()
    assert not re.findall(r"(?:https?:)?//(?!www\.w3\.org/)[a-z]", html)
    assert not re.search(r"\b(?:src|srcset|@import)\s*=|url\((?!#)", html)
    ids = re.findall(r'\bid="([^"]*)"', html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="|url\()#([^")]*)', html)) <= set(ids)
    assert len(re.findall(r'<svg [^>]*role="img" aria-label="[^"]+', html)) == html.count("<svg")
    assert len(html.encode()) < 3 * 2**20
    for figure in page.parent.glob("figures/*.svg"):
        ElementTree.parse(figure)


def test_what_people_wrote_stays_text(hostile_phase: Any) -> None:
    """Catches markup from names, paths, descriptions and errors, and mathematics made of dollar signs."""
    html, page, words = hostile_phase.html, hostile_phase.page, hostile_phase.words
    assert "<script" not in html and "<b onclick" not in html
    for text in (
        f"Experiment {HOSTILE}", f"ValueError: {HOSTILE}", f"bad0{HOSTILE}.png", f"Phase 1 {HOSTILE}",
        f"B or A? {HOSTILE}", f"fake{HOSTILE}", f"wiki{HOSTILE}",
        "p1_<b onclick=alert(2)>$x_{$",
    ):  # fmt: skip
        assert text in words, text
    drawn = "".join(path.read_text(encoding="utf-8") for path in page.parent.glob("figures/*.svg"))
    assert "&lt;b onclick=alert(2)&gt;$x_{$" in drawn and "<b onclick" not in drawn
    for figure in page.parent.glob("figures/*.svg"):
        ElementTree.parse(figure)
    for table in page.parent.glob("tables/paper/*.tex"):
        assert not re.search(r"(?<!\\)[$]x|<script", table.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_files_kept_out_are_counted_and_the_first_fifty_named(
    tmp_path: Path, write_results: Any, render: Any
) -> None:
    words = render(write_results(tmp_path, names=("p1_a",), compare=False, excluded=60)).words
    assert "60 files kept out" in words and "The first 50 of 60" in words
    assert "bad49plain.png" in words and "bad50plain.png" not in words


@pytest.mark.slow
def test_five_classes(five_classes: Any) -> None:
    """Catches rates by source made of scores that do not exist, and a class without its row."""
    found = five_classes
    words = found.words
    assert "Rates by source need two classes" in words
    assert "Precision over recall needs two classes" in words
    assert "class4" in words and "macro averages" in words and "AUC, one-vs-rest" in words
    assert not list(found.page.parent.glob("figures/precision-*"))
    for kind in ("roc", "validation", "confidence"):
        assert len(list(found.page.parent.glob(f"figures/{kind}-*.svg"))) == 2
    by_class = pd.read_csv(found.page.parent / "tables" / "paper" / "classes.csv")
    assert list(by_class["Class"]) == [f"class{index}" for index in range(5)] * 2


@pytest.mark.slow
def test_single_experiment_without_comparison(tmp_path: Path, write_results: Any, render: Any) -> None:
    found = render(write_results(tmp_path, names=("p1_a",), compare=False))
    page, tables, words = found.page, found.tables, found.words
    assert "This phase declares no comparison and no decision" in words
    assert verdict(tables) in words and "p1_a: AUC 0." in verdict(tables)
    assert (page.parent / "figures" / "scores-auc.svg").is_file()


@pytest.mark.slow
def test_repeats_are_told_apart(tmp_path: Path, write_results: Any, render: Any) -> None:
    found = render(write_results(tmp_path, folds=2, repeats=2))
    page = found.page
    difference = (page.parent / "figures" / "difference-01-accuracy.svg").read_text(encoding="utf-8")
    assert "r0f1" in difference and "r1f1" in difference
    assert "4 paired folds" in found.words


def test_confusion_matrix_sums_the_test_folds(two_classes: Any) -> None:
    """Catches validation rows that slip into the matrix."""
    store, html = two_classes.store, two_classes.html
    frames = [pd.read_parquet(folder_of(store, "p1_a", fold) / "predictions.parquet") for fold in range(2)]
    rows = pd.concat(frames).query("split == 'test'")
    matrix = re.search(r'<table class="confusion">.*?</table>', html, flags=re.DOTALL)
    assert matrix is not None
    shown = [int(value) for value in re.findall(r"<span>(\d+)</span>", matrix.group())]
    expected = [
        int(((rows["label"] == label) & (rows["predicted"] == predicted)).sum())
        for label in (0, 1)
        for predicted in (0, 1)
    ]
    assert shown == expected


@pytest.mark.slow
def test_same_inputs_same_bytes(tmp_path: Path, write_results: Any, render: Any) -> None:
    """Catches a date, a random id or an order that changes from run to run."""
    store = write_results(tmp_path, draws_anew=True)
    page = render(store).page
    first = {path: path.read_bytes() for path in page.parent.rglob("*") if path.is_file()}
    page.unlink()
    shutil.rmtree(store.cache)
    render(store)
    assert {path: path.read_bytes() for path in page.parent.rglob("*") if path.is_file()} == first


def test_page_is_left_alone_until_an_input_changes(tmp_path: Path, write_results: Any, render: Any) -> None:
    """Catches work done again for nothing, and a page that is older than its trials."""
    store = write_results(tmp_path, names=("p1_a",), compare=False)
    found = render(store)
    html, page, _ = found.html, found.page, found.tables
    page.write_text(html + "<!-- kept -->", encoding="utf-8")
    assert "<!-- kept -->" in render(store).html
    with (folder_of(store, "p1_a", 0) / "history.csv").open("a") as history:
        history.write("5,0.1,0.5,0.0001,0.6,0.9\n")
    assert "<!-- kept -->" not in render(store).html


def test_a_score_that_does_not_exist_says_why(tmp_path: Path, write_results: Any, render: Any) -> None:
    """Catches an empty cell that a reader takes for a mistake, or for 0."""
    store = write_results(tmp_path)
    folder = folder_of(store, "p1_a", 1)
    rows = pd.read_parquet(folder / "predictions.parquet")
    rows[rows["label"] == 1].to_parquet(folder / "predictions.parquet", index=False)
    write_json(folder / "done.json", {"format": 1, "best_epoch": 3})
    found = render(store)
    assert "not defined: no real image in these rows (fold 1)" in found.words
    undefined = pd.read_csv(found.page.parent / "tables" / "paper" / "undefined.csv")
    lacking = undefined[undefined["Not defined, because"] == "no real image in these rows"]
    (whole,) = lacking[lacking["Rows"] == "test"].to_dict("records")
    assert whole["Experiment"] == "p1_a" and {"AUC", "EER"} <= set(whole["Scores"].split(", "))


@pytest.mark.slow
def test_held_out_sources_and_ranking_appear_where_they_exist(
    tmp_path: Path, write_results: Any, render: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The note states the limits that the table goes by.
    monkeypatch.setattr(sources, "FLAGGED", 0.07)
    names = tuple(f"p1_{letter}" for letter in "abcdefg")
    store = write_results(tmp_path, names=names, folds=3)
    study = store.study("phase1").plain()
    study["experiments"][2]["recipe"]["train_sources"] = ["wiki", "text2img"]
    write_json(store.study_file("phase1"), study)
    found = render(store)
    delta = found.tables.holdout["delta"].iloc[0]
    said = "p1_c loses most on inpainting" if delta > 0 else "the least gain is p1_c’s on inpainting"
    assert said in found.words and "A mean delta above 0.07 is flagged, one above 0.10" in found.words
    figures = {path.stem for path in (found.page.parent / "figures").glob("*.svg")}
    assert {"holdout", "standing", "ranks", "pairs", "sources-auc"} <= figures
    assert {"cost-parameters", "cost-flops", "cost-hours"} <= figures
    places = pd.read_csv(found.page.parent / "tables" / "paper" / "ranking.csv")
    assert list(places["Experiment"]) == list(found.tables.ranking["experiment"]) and len(places) == 6
    assert "By accuracy, " in found.words and "folds of one data set" in found.words
    # What is against all six, and what is against the only baseline.
    assert "What the winner costs and gains" in found.words and "p1_a: gain " in found.words


def test_shortcut_share_is_beside_the_score_and_never_made_up() -> None:
    assert shortcut_share(0.7, 0.9) == pytest.approx(0.5)
    assert shortcut_share(0.4, 0.9) == 0.0 and shortcut_share(0.95, 0.9) == 1.0
    assert (
        shortcut_share(None, 0.9) is None
        and shortcut_share(0.7, 0.5) is None
        and shortcut_share(0.7, float("nan")) is None
    )


@pytest.mark.slow
def test_what_earlier_phases_decided_is_named_beside_the_settings(
    tmp_path: Path, write_results: Any, render: Any
) -> None:
    """Catches a backbone that a reader takes for this phase's own choice."""
    store = write_results(tmp_path, names=("p1_a",), compare=False)
    taken = {
        "phase": "phase0", "version": 2, "chosen": "p0_<b>", "own": ["image_size"],
        "values": {"backbone": "simple_cnn", "optimizer": {"lr": 0.5}},
    }  # fmt: skip
    write_json(store.study_file("phase1"), {**store.study("phase1").plain(), "handed_over": [taken]})
    found = render(store)
    assert (
        "From the decision of phase0 (version 2), p0_<b>: backbone = simple_cnn, optimizer.lr = 0.5; its own "
        "question: image_size; --preset or --set puts in its place: optimizer.lr = 0.0001."
    ) in found.words
    assert "p0_<b>" not in found.html


@pytest.mark.slow
def test_what_was_assumed_or_left_out_is_said_before_the_answer(
    tmp_path: Path, write_results: Any, render: Any
) -> None:
    """Catches a phase on assumed settings, or on another data set's decision, that looks like any other."""
    store = write_results(tmp_path, names=("p1_a",), compare=False)
    taken = {"phase": "phase0", "version": 0, "chosen": "", "own": [], "values": {"face_crop": False}}
    notes = ["p_{source}: left out, since <b> has 1 source of fakes"]
    write_json(
        store.study_file("phase1"), {**store.study("phase1").plain(), "handed_over": [taken], "notes": notes}
    )
    found = render(store)
    assumed = "phase0 has not decided anything here, so this is assumed: face_crop = False."
    start = found.words.index("Before you read on")
    assert start < found.words.index(assumed) < found.words.index(notes[0]) < found.words.index("Answer")
    assert "<b>" not in found.html


@pytest.mark.slow
def test_a_fold_of_one_class_leaves_curves_without_a_mean(
    tmp_path: Path, write_results: Any, render: Any
) -> None:
    """Catches a mean area over the folds that have both classes, and their share of fakes for all."""
    store = write_results(tmp_path, folds=3)
    path = folder_of(store, "p1_b", 1) / "predictions.parquet"
    rows = pd.read_parquet(path)
    rows.loc[rows["split"] == "test", "label"] = 1
    rows.to_parquet(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    write_json(path.with_name("done.json"), {"format": 1, "best_epoch": 3, "predictions_sha256": digest})
    found = render(store)
    assert "ROC curves of p1_b: 2 test folds." in found.html
    assert ">p1_b (2 of 3 folds)<" in (found.page.parent / "figures" / "roc-02-p1_b.svg").read_text()
    frames = [pd.read_parquet(folder_of(store, "p1_b", fold) / "predictions.parquet") for fold in (0, 2)]
    share = pd.concat(frames).query("split == 'test'")["label"].mean()
    assert f"2 test folds; guessing has a precision of {share:.3f}" in found.html
    assert f"here {100 * share:.1f} % of the test images of these folds" in found.words


@pytest.mark.slow
def test_a_tuned_score_that_does_not_exist_is_called_one(
    tmp_path: Path, write_results: Any, render: Any
) -> None:
    """Catches an accuracy in the table of scores that do not exist, and in the table of scores."""
    store = write_results(tmp_path, folds=2)
    path = folder_of(store, "p1_b", 1) / "predictions.parquet"
    pd.read_parquet(path).query("split == 'test'").to_parquet(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    write_json(path.with_name("done.json"), {"format": 1, "best_epoch": 3, "predictions_sha256": digest})
    found = render(store)
    assert "threshold, at the tuned threshold: accuracy, balanced accuracy, F1" in found.words


@pytest.mark.slow
@pytest.mark.parametrize(("unchanged", "is_said"), [(50, False), (51, True)])
def test_face_crops_that_cut_nothing_are_said_before_the_answer(
    tmp_path: Path, write_results: Any, render: Any, unchanged: int, is_said: bool
) -> None:
    """Catches "a crop is as good as none" where both are the same pictures."""
    store = write_results(tmp_path, names=("p1_a",), compare=False)
    study = store.study("phase1").plain()
    faces = {
        "images": 120, "with_face": 100, "several": 0, "without_face": [], "rules": ["largest"],
        "by_source": [], "unchanged": [{"margin": 0.6, "images": unchanged}],
    }  # fmt: skip
    data = [{**each, "faces": faces} for each in study["data"]]
    write_json(store.study_file("phase1"), {**study, "data": data})
    said = "With face_crop_margin 0.6, 51 of the 100 face crops"
    assert (said in render(store).words) == is_said
