"""The page of a phase, from results folders written by hand as a run would leave them."""

import hashlib
import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Collection, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from orchestrator.collect import Tables, collect
from orchestrator.report.page import write_report
from orchestrator.report.verdict import verdict
from orchestrator.store import Store
from trainables.evaluation.metrics import compute_metrics, predicted_classes
from trainables.files import write_json

Rendered = tuple[Store, str, Path, Tables]

HOSTILE = "<script>alert(1)</script> & $x_{ \"'"
SOURCES = (("wiki", 0), ("text2img", 1), ("inpainting", 1))
RECIPE: dict[str, Any] = {
    "layout": "sources", "group_by": "basename", "real_sources": ["wiki"], "train_sources": None,
    "eval_sources": None, "subsample": 1.0, "image_size": 64, "face_crop": False, "face_crop_margin": 0.6,
    "normalization": "imagenet", "augment": False, "backbone": "simple_cnn", "pretrained": False,
    "cnn_preset": "medium", "dropout": 0.0, "epochs": 4, "batch_size": 32,
    "optimizer": {"type": "adamw", "lr": 1e-4, "weight_decay": 1e-4, "momentum": 0.9},
    "scheduler": {"type": "cosine_annealing", "T_max": 4}, "early_stopping_patience": 5,
    "loss": {"type": "cross_entropy", "label_smoothing": 0.0, "class_weights": None},
    "precision": "float32", "memory_format": "contiguous", "select_by": "auc", "seed": 42, "protocol": "cv",
    "val_ratio": 0.1, "test_ratio": 0.1,
}  # fmt: skip
ENVIRONMENT = {
    "versions": {"python": "3.11.7", "torch": "2.8.0", "ray": "2.50.0", "mlflow": "3.1.0"},
    "host": "box",
    "platform": "Linux",
    "git_commit": "0123456789abcdef",
    "git_dirty": True,
}


def write_results(
    root: Path,
    *,
    names: tuple[str, ...] = ("p1_a", "p1_b"),
    compare: bool = True,
    num_classes: int = 2,
    folds: int = 2,
    repeats: int = 1,
    asked_folds: Collection[int] | None = None,
    without: Collection[tuple[str, int]] = (),
    excluded: int = 0,
    text: str = "plain",
) -> Store:
    """Write a results folder; `without` names (experiment, fold) pairs that have no trial on disk."""
    store = Store.open(root)
    rows = pd.DataFrame([image(number, num_classes, folds) for number in range(20 * folds * num_classes)])
    (root / "folds").mkdir()
    rows.to_csv(root / "folds" / "f00000000001.csv", index=False)
    experiments = []
    for place, name in enumerate(names):
        trials = []
        for repeat in range(repeats):
            for fold in asked_folds or range(folds):
                key = f"{place}{repeat}{fold}".ljust(64, "a")
                folder = store.new_folder(name, repeat, fold, key)
                if (name, fold) not in without:
                    rng = np.random.default_rng((place, repeat, fold))
                    write_trial(folder, rows[rows["fold"] == fold], num_classes, rng, 0.6 + place)
                    complete_trial(folder, repeat, fold)
                path = folder.relative_to(store.root).as_posix()
                trials.append({"key": key, "repeat": repeat, "fold": fold, "folder": path})
        experiments.append(
            {
                "name": name,
                "description": f"Experiment {text}",
                "tags": [],
                "recipe": {**RECIPE, "cv_folds": folds, "cv_repeats": repeats},
                **{"measurement": None, "threshold_by": "balanced_accuracy"},
                "fold_files": ["f00000000001.csv"] * repeats,
                "data": "/data",
                "num_classes": num_classes,
                "trials": trials,
            }
        )
    comparison = {"question": f"B or A? {text}", "baseline": names[0], "treatment": names[-1]}
    study = {
        "format": 1,
        "phase": {
            "name": "phase1",
            "title": f"Phase 1 {text}",
            "question": f"Which? {text}",
            "experiments": list(names),
            "comparisons": [{**comparison, "metrics": ["accuracy", "log_loss"]}] if compare else [],
        },
        "device": "cpu",
        "experiments": experiments,
        "data": [data_record(rows, num_classes, excluded, text)],
        "command": f"python -m orchestrator phase1 {text}",
        "started": "2024-01-02T03:04:05+00:00",
        "environment": ENVIRONMENT,
    }
    write_json(store.study_file("phase1"), study)
    return store


def image(number: int, num_classes: int, folds: int) -> dict[str, Any]:
    source, label = (
        SOURCES[number % 3] if num_classes == 2 else (f"s{number % num_classes}", number % num_classes)
    )
    turn = number // 3 if num_classes == 2 else number // num_classes
    return {
        "path": f"{source}/{number}.png",
        "group": str(number),
        "label": label,
        "source": source,
        "fold": turn % folds,
    }


def write_trial(
    folder: Path, rows: pd.DataFrame, num_classes: int, rng: np.random.Generator, skill: float
) -> None:
    labels = rows["label"].to_numpy()
    if num_classes == 2:
        scores = 1 / (1 + np.exp(-(skill * (2 * labels - 1) + rng.normal(size=len(rows)))))
        columns = {"score": scores}
    else:
        logits = rng.normal(size=(len(rows), num_classes)) + skill * np.eye(num_classes)[labels]
        scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        columns = {f"p{index}": scores[:, index] for index in range(num_classes)}
    base = rows[["path", "group", "source", "label"]]
    frame = base.assign(**columns, predicted=predicted_classes(scores))
    folder.mkdir(parents=True)
    both = [frame.assign(split=split) for split in ("test", "val")]
    pd.concat(both, ignore_index=True).to_parquet(folder / "predictions.parquet", index=False)
    epochs = np.arange(1, 5)
    history = pd.DataFrame({"epoch": epochs, "train_loss": 0.7 / epochs, "val_accuracy": 0.5, "lr": 1e-4})
    history["val_loss"] = 0.7 - 0.02 * epochs + 0.01 * rng.normal(size=4)
    history["val_auc"] = 0.5 + 0.08 * epochs + 0.01 * rng.normal(size=4)
    history.to_csv(folder / "history.csv", index=False)


def complete_trial(folder: Path, repeat: int, fold: int) -> None:
    run = {**ENVIRONMENT, "device": "cpu", "started": "2024-01-02T03:05:00+00:00", "phase": "phase1"}
    write_json(folder / "trial.json", {"format": 1, "repeat": repeat, "fold": fold, "run": run})
    write_json(
        folder / "metrics.json",
        {
            "best_epoch": 3, "epochs": 4, "n_train": 80, "n_val": 10, "n_test": 20, "parameters": 389153,
            "training_seconds": 9.0, "seconds": 12.5, "peak_mib": 100.0, "device": "cpu", "threads": 2,
        },
    )  # fmt: skip
    digest = hashlib.sha256((folder / "predictions.parquet").read_bytes()).hexdigest()
    write_json(folder / "done.json", {"format": 1, "best_epoch": 3, "predictions_sha256": digest})


def data_record(rows: pd.DataFrame, num_classes: int, excluded: int, text: str) -> Mapping[str, Any]:
    counts = rows.assign(split="").groupby(["source", "label", "split"]).size().reset_index(name="count")
    return {
        "root": "/data",
        "layout": "sources",
        "group_by": "basename",
        "classes": ["real", "fake"]
        if num_classes == 2
        else [f"class{index}" for index in range(num_classes)],
        "images": len(rows),
        "groups": len(rows),
        "counts": json.loads(counts.to_json(orient="records")),
        "formats": {"PNG": len(rows)},
        "width": [64, 64, 128],
        "height": [64, 64, 128],
        "bytes": 5_000_000,
        "identical_files": 0,
        "excluded": [
            {"path": f"bad{number}{text}.png", "reason": f"broken {text}"} for number in range(excluded)
        ],
    }


def render(store: Store) -> tuple[str, Path, Tables]:
    tables = collect(store, "phase1")
    page = write_report(store, tables)
    return page.read_text(encoding="utf-8"), page, tables


def plain(html: str) -> str:
    """The words of a page as they are read: no tags, no breaks inside words."""
    texts: list[str] = []
    parser = HTMLParser()
    parser.handle_data = texts.append  # type: ignore[method-assign]
    parser.feed(html.replace("<wbr>", ""))
    return " ".join(" ".join(texts).replace("\u00a0", " ").split())


def folder_of(store: Store, name: str, fold: int) -> Path:
    return next(store.trials.glob(f"{name}-r0f{fold}-*"))


@pytest.fixture(scope="module")
def two_classes(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """A complete phase; read it, don't change it."""
    store = write_results(tmp_path_factory.mktemp("two"))
    return store, *render(store)


@pytest.fixture(scope="module")
def five_classes(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """A complete phase of five classes; read it, don't change it."""
    store = write_results(tmp_path_factory.mktemp("five"), num_classes=5)
    return store, *render(store)


def test_complete_phase_says_its_verdict_and_its_numbers(two_classes: Rendered) -> None:
    """Catches a page that shows other numbers than the stored predictions give."""
    store, html, page, tables = two_classes
    assert page == store.report("phase1") / "index.html"
    words = plain(html)
    assert verdict(tables) in words
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


def test_files_beside_the_page_are_the_ones_it_lists(tmp_path: Path) -> None:
    """Catches a dead link, and a figure of an experiment that the phase has no more."""
    store = write_results(tmp_path, names=("p1_a",), compare=False)
    stale = store.report("phase1") / "figures" / "roc-09-dropped.svg"
    stale.parent.mkdir(parents=True)
    stale.write_text("<svg/>")
    html, page, _ = render(store)
    links = re.findall(r'href="((?:figures|tables)/[^"]*)"', html)
    beside = [path.relative_to(page.parent).as_posix() for path in page.parent.glob("*/*")]
    assert sorted(links) == sorted(beside)
    assert "tables/summary.csv" in links and any(link.startswith("figures/roc-") for link in links)
    assert not stale.exists()
    collected = (store.collected("phase1") / "summary.csv").read_bytes()
    assert (page.parent / "tables" / "summary.csv").read_bytes() == collected


@pytest.mark.parametrize("phase", ["two_classes", "five_classes"])
def test_page_needs_nothing_from_outside(request: pytest.FixtureRequest, phase: str) -> None:
    """Catches a script, an external address, and figures whose ids get into each other's way."""
    _, html, page, _ = request.getfixturevalue(phase)
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


def test_what_people_wrote_stays_text(tmp_path: Path) -> None:
    """Catches markup from names, paths, descriptions and errors, and mathematics made of dollar signs."""
    name = "p1_<b onclick=alert(2)>$x_{$"
    store = write_results(tmp_path, names=("p1_a", name), excluded=2, text=HOSTILE, without=[("p1_a", 1)])
    (folder := store.trials / "p1_a-r0f1-001aaaaaaaaa").mkdir()
    write_json(folder / "error.json", {"message": f"ValueError: {HOSTILE}"})
    html, page, _ = render(store)
    assert "<script" not in html and "<b onclick" not in html
    words = plain(html)
    for text in (
        f"Experiment {HOSTILE}",
        f"ValueError: {HOSTILE}",
        f"bad0{HOSTILE}.png",
        f"Phase 1 {HOSTILE}",
        name,
    ):
        assert text in words
    drawn = "".join(path.read_text(encoding="utf-8") for path in page.parent.glob("figures/*.svg"))
    assert "&lt;b onclick=alert(2)&gt;$x_{$" in drawn and "<b onclick" not in drawn
    for figure in page.parent.glob("figures/*.svg"):
        ElementTree.parse(figure)


def test_files_kept_out_are_counted_and_the_first_fifty_named(tmp_path: Path) -> None:
    words = plain(render(write_results(tmp_path, names=("p1_a",), compare=False, excluded=60))[0])
    assert "60 files kept out" in words and "The first 50 of 60" in words
    assert "bad49plain.png" in words and "bad50plain.png" not in words


def test_unfinished_trials_are_named_and_not_averaged(tmp_path: Path) -> None:
    """Catches a mean over some of the folds, and a page that a missing or damaged trial stops."""
    store = write_results(tmp_path, folds=4, without=[("p1_b", 1), ("p1_b", 2)])
    (folder := store.trials / "p1_b-r0f1-101aaaaaaaaa").mkdir()
    write_json(folder / "error.json", {"message": "TrainingError: the loss is nan"})
    (folder_of(store, "p1_b", 3) / "predictions.parquet").write_bytes(b"not parquet")
    (folder_of(store, "p1_a", 0) / "history.csv").write_text("")
    (folder_of(store, "p1_a", 1) / "trial.json").unlink()
    (tmp_path / "folds" / "f00000000001.csv").unlink()
    html, page, tables = render(store)
    words = plain(html)
    assert "3 of 8 planned trials are not finished: 1 failed, 1 unreadable, 1 missing" in words
    assert "TrainingError: the loss is nan" in words and "5 of 8 trials finished" in words
    assert "No verdict yet on p1_b against p1_a: only 1 of 4 fold pairs are complete." in words
    assert verdict(tables) in words and "1 of 4 folds" in words
    assert "This file is not in the results folder" in words
    assert not list(page.parent.glob("figures/difference-*"))
    assert list(page.parent.glob("figures/loss-*"))


def test_phase_without_one_finished_trial_has_a_page(tmp_path: Path) -> None:
    gone = [(name, fold) for name in ("p1_a", "p1_b") for fold in range(2)]
    words = plain(render(write_results(tmp_path, without=gone))[0])
    assert "4 of 4 planned trials are not finished: 4 missing" in words
    assert "0 of 4 trials finished" in words


def test_run_of_some_folds_says_so(tmp_path: Path) -> None:
    """Catches a page that looks complete because the run asked for less than the protocol."""
    words = plain(render(write_results(tmp_path, folds=4, asked_folds=(0, 2)))[0])
    assert "p1_a: this run asked for 2 of 4 folds only." in words
    assert "No verdict yet" in words


def test_experiments_on_different_folds_are_not_called_unfinished(tmp_path: Path) -> None:
    store = write_results(tmp_path)
    study = store.study("phase1")
    study["experiments"][1]["fold_files"] = ["other.csv"]
    write_json(store.study_file("phase1"), study)
    words = plain(render(store)[0])
    assert "No verdict yet on p1_b against p1_a: the two were not run on the same folds." in words


def test_five_classes(five_classes: Rendered) -> None:
    """Catches a ROC curve or rates by source made of scores that do not exist."""
    _, html, page, _ = five_classes
    words = plain(html)
    assert "there is none. The confusion matrices" in words
    assert "Rates by source need two classes" in words
    assert "class4" in words and "macro averages" in words
    assert not list(page.parent.glob("figures/roc-*"))
    assert len(list(page.parent.glob("figures/validation-*"))) == 2


def test_single_experiment_without_comparison(tmp_path: Path) -> None:
    html, page, tables = render(write_results(tmp_path, names=("p1_a",), compare=False))
    words = plain(html)
    assert "This phase declares no comparison." in words
    assert verdict(tables) in words and "p1_a: AUC 0." in verdict(tables)
    assert (page.parent / "figures" / "scores-auc.svg").is_file()


def test_repeats_are_told_apart(tmp_path: Path) -> None:
    html, page, _ = render(write_results(tmp_path, folds=2, repeats=2))
    difference = (page.parent / "figures" / "difference-01-accuracy.svg").read_text(encoding="utf-8")
    assert "r0f1" in difference and "r1f1" in difference
    assert "4 paired folds" in plain(html)


def test_confusion_matrix_sums_the_test_folds(two_classes: Rendered) -> None:
    """Catches validation rows that slip into the matrix."""
    store, html, _, _ = two_classes
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


def test_same_inputs_same_bytes(tmp_path: Path) -> None:
    """Catches a date, a random id or an order that changes from run to run."""
    store = write_results(tmp_path)
    _, page, _ = render(store)
    first = {path: path.read_bytes() for path in page.parent.rglob("*") if path.is_file()}
    page.unlink()
    render(store)
    assert {path: path.read_bytes() for path in page.parent.rglob("*") if path.is_file()} == first


def test_page_is_left_alone_until_an_input_changes(tmp_path: Path) -> None:
    """Catches work done again for nothing, and a page that is older than its trials."""
    store = write_results(tmp_path, names=("p1_a",), compare=False)
    html, page, _ = render(store)
    page.write_text(html + "<!-- kept -->", encoding="utf-8")
    assert "<!-- kept -->" in render(store)[0]
    with (folder_of(store, "p1_a", 0) / "history.csv").open("a") as history:
        history.write("5,0.1,0.5,0.0001,0.6,0.9\n")
    assert "<!-- kept -->" not in render(store)[0]
