"""`final`: which phase is meant, what is refused before a model is loaded, and how final scores are told."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.analysis.collect import collect
from orchestrator.report.page import write_report
from orchestrator.store.decision_file import TakenBy
from orchestrator.store.final_file import FinalMetric, FinalModel, FinalRecord, Opening, final_file
from orchestrator.store.folder import Store
from orchestrator.store.run_record import Environment
from orchestrator.wording.final_text import final_sentences

Call = Callable[..., tuple[int, str, str]]
FILE = "0.15-seed42-abc.csv"


@pytest.fixture
def decided(results: Any, call: Call) -> Any:
    """A phase whose decision chose b; it holds nothing out."""
    for name, good in (("a", 0.0), ("b", 2.0)):
        results.add(name)
        results.separate(name, "val", good)
    results.decide("a", "b")
    results.write()
    assert call("decide", "phase1", "--results", results.root)[0] == 0
    return results


def hold_out(results: Any, rows: str = "h/1.jpg,x,h1,0,wiki\nh/2.jpg,y,h2,1,text2img\n") -> Path:
    """Let every experiment of the results hold images out."""
    path: Path = results.root / "holdout" / FILE
    path.parent.mkdir(exist_ok=True)
    path.write_text("path,sha256,group,label,source\n" + rows)
    for experiment in results.experiments:
        experiment["held_out_file"] = FILE
    results.write()
    return path


def record(**changes: Any) -> FinalRecord:
    metrics = (
        FinalMetric(metric="auc", value=0.9, ci_low=0.85, ci_high=0.95, single_mean=0.88, single_std=0.01),
        FinalMetric(metric="ece", value=0.1),
    )
    models = tuple(
        FinalModel(repeat=0, fold=fold, folder="trials/b", key="k", weights_sha256="w") for fold in range(5)
    )
    found = FinalRecord(
        phase="phase1", decision_version=1, chosen="b", metric="auc", held_out_file=FILE, images=45,
        groups=20, by_class=(20, 25), models=models, metrics=metrics, predictions_sha256="p", rests_on="r",
        made=TakenBy(command="c", time="2026-01-02T03:04:05+00:00", environment=Environment()),
    )  # fmt: skip
    return found.model_copy(update=changes)


def test_a_rule_that_chose_by_another_name_has_its_number() -> None:
    """Catches an AUC of several classes, auc_ovr to the rule, that is said not to exist."""
    said = final_sentences(record(metric="auc_ovr"))[0]
    assert "AUC one-vs-rest 0.900 (95 % interval 0.850 to 0.950), by" in said


def test_nothing_held_out_is_said_with_the_option(decided: Any, call: Call) -> None:
    code, _, said = call("final", "phase1", "--results", decided.root)
    assert code == 2
    assert "phase1 holds no images out" in said
    assert "`python -m orchestrator phase1 --set holdout_final=0.15 --results ANOTHER`" in said


@pytest.mark.slow
def test_without_a_phase_the_last_decision_is_meant(decided: Any, call: Call) -> None:
    """Catches the first of two phases opened where the second builds on it."""
    study = json.loads((decided.root / "studies" / "phase1.json").read_text())
    decision = json.loads((decided.root / "decisions" / "phase1.json").read_text())
    for name, builds_on in (("phase2", ["phase1"]), ("other", [])):
        study["phase"] |= {"name": name, "builds_on": builds_on}
        as_of_before = {key: value for key, value in decision.items() if key != "digest"} | {"phase": name}
        (decided.root / "studies" / f"{name}.json").write_text(json.dumps(study))
        (decided.root / "decisions" / f"{name}.json").write_text(json.dumps(as_of_before))
        code, _, said = call("final", "--results", decided.root)
        assert code == 2
        if name == "phase2":
            assert "phase2 holds no images out" in said
    assert "other, phase2 have a decision each" in said
    assert "`python -m orchestrator final phase2`" in said


def test_without_a_decision_nothing_is_opened(results: Any, call: Call) -> None:
    results.add("a")
    results.write()
    code, _, said = call("final", "--results", results.root)
    assert code == 2 and "holds no decision" in said
    code, _, said = call("final", "phase1", "--results", results.root)
    assert code == 2 and "`python -m orchestrator decide phase1` takes it" in said
    code, _, said = call("final", "phase1", "--results", results.root / "none")
    assert code == 2 and "there is no results folder" in said


@pytest.mark.slow
def test_a_decision_on_keys_chooses_no_model(results: Any, call: Call) -> None:
    for name, size in (("a", 64), ("b", 128)):
        results.add(name, image_size=size)
    results.decision = {"choose": "auc", "factors": [{"key": "image_size", "pairs": [["a", "b"]]}]}
    results.write()
    assert call("decide", "phase1", "--results", results.root)[0] == 0
    code, _, said = call("final", "phase1", "--results", results.root)
    assert code == 2
    assert "the decision of phase1 is on keys (image_size) and chooses no experiment" in said


@pytest.mark.slow
def test_images_that_are_gone_are_said_before_a_model_is_loaded(decided: Any, call: Call) -> None:
    path = hold_out(decided)
    folds = decided.root / "folds" / "0123456789ab.csv"
    code, _, said = call("final", "phase1", "--results", decided.root)
    assert code == 2 and "0123456789ab.csv can't be read" in said
    folds.parent.mkdir()
    folds.write_text("path,group,label,source,fold\nwiki/1.jpg,h1,0,wiki,0\n")
    code, _, said = call("final", "phase1", "--results", decided.root)
    assert code == 2 and "1 of the held-out images are in a fold of b" in said
    folds.write_text("path,group,label,source,fold\nwiki/1.jpg,g1,0,wiki,0\n")
    code, _, said = call("final", "phase1", "--results", decided.root)
    assert code == 2 and "there is no folder of images /data/faces; name it with --data" in said
    path.unlink()
    code, _, said = call("final", "phase1", "--results", decided.root)
    assert code == 2 and "bring it back" in said


@pytest.mark.slow
def test_a_damaged_record_is_no_new_look(decided: Any, call: Call) -> None:
    """Catches a look that is forgotten with its record."""
    hold_out(decided)
    path = final_file(Store.look(decided.root), "phase1")
    path.parent.mkdir()
    path.write_text("{}")
    code, _, said = call("final", "phase1", "--again", "--results", decided.root)
    assert code == 2 and "it says that the held-out images were opened" in said


@pytest.mark.slow
def test_another_phase_that_opened_them_counts(decided: Any, call: Call) -> None:
    """Catches a set that each phase may look at once."""
    hold_out(decided)
    path = final_file(Store.look(decided.root), "before")
    path.parent.mkdir()
    path.write_text(json.dumps(record(phase="before").plain()))
    code, _, said = call("final", "phase1", "--results", decided.root)
    assert code == 2
    assert "were opened before, for b of before" in said and "final phase1 --again`" in said


def test_final_scores_in_sentences() -> None:
    said = " ".join(final_sentences(record()))
    assert "phase1: b on 45 images that no fold holds (20 real and 25 fake, 20 groups)" in said
    assert "AUC 0.900 (95 % interval 0.850 to 0.950), by the mean of its 5 models" in said
    assert "A single one of them has 0.880 ± 0.010" in said
    assert "opened once" in said and "no longer free of selection" not in said
    look = Opening(
        phase="p", version=1, chosen="a", time="2026-01-01T00:00:00+00:00", metric="auc", value=0.8
    )
    said = " ".join(final_sentences(record(earlier=(look,), notes=("phase0 knew them",))))
    assert "opened 2 times" in said and "no longer free of selection" in said
    assert "a of p" in said and "AUC 0.800" in said and said.endswith("phase0 knew them.")
    one = record(models=record().models[:1], by_class=(5, 5, 5), metric="f1")
    said = " ".join(final_sentences(one))
    assert "F1 does not exist on them, by its one model" in said and "5 of class 2" in said


@pytest.mark.slow
def test_the_page_shows_them_or_that_nobody_has_looked(decided: Any) -> None:
    store = Store.open(decided.root)
    page = store.report("phase1") / "index.html"
    write_report(store, collect(store, "phase1"))
    assert "Held-out images" not in page.read_text()
    hold_out(decided)
    write_report(store, collect(store, "phase1"))
    said = page.read_text()
    assert "2 images in 2 groups are in no fold" in said
    words = re.sub(r"<[^>]*>", "", said)
    assert "The held-out set has not been opened: python -m orchestrator final phase1." in words
    path = final_file(store, "phase1")
    path.parent.mkdir()
    path.write_text(json.dumps(record().plain()))
    write_report(store, collect(store, "phase1"))
    text = page.read_text()
    assert "has not been opened" not in text
    assert "b on 45 images that no fold holds" in text and "0.850 to 0.950" in text
    answer = text[text.index('id="answer"') : text.index('id="final"')]
    assert "no fold holds were opened for version 1: AUC 0.900 (95" in answer
