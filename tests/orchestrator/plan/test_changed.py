"""A phase after a changed earlier decision: what is said of it, and that just what is missing runs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config.library import Library
from orchestrator.config.load import load
from orchestrator.execution.run import plan_question
from orchestrator.plan.changed import changed_since
from orchestrator.plan.data_sets import DataSets
from orchestrator.plan.plan import Options, StudyPlan
from orchestrator.plan.record import write_study
from orchestrator.store.folder import Store
from orchestrator.wording.changed_text import changed_sentences

Write = Callable[..., Path]
FILES: dict[str, Any] = {
    "phase1/phase.json": {"title": "One", "experiments": ["a", "b"], "decision": {"choose": "auc"}},
    "phase1/a.json": {}, "phase1/b.json": {"dropout": 0.1},
    "phase2/phase.json": {"title": "Two", "builds_on": "phase1", "experiments": ["c", "d"]},
    "phase2/c.json": {"cv_folds": 2}, "phase2/d.json": {"cv_folds": 2, "cnn_preset": "small"},
}  # fmt: skip
VALUES: dict[str, Any] = {"image_size": 64, "optimizer": {"lr": 0.001}}


@pytest.fixture
def plan(write_experiments: Write, scanned: Path, faces: Path, results: Any) -> Callable[..., StudyPlan]:
    """Plan phase 2 on a decision of phase 1 that hands these values over."""
    folder = write_experiments(FILES)
    (results.root / "cache" / "scans").symlink_to(scanned / "cache" / "scans", target_is_directory=True)

    def planned(values: dict[str, Any], version: int, **more: Any) -> StudyPlan:
        record = {
            "format": 1, "phase": "phase1", "version": version, "chosen": "b", "rule": {"choose": "auc"},
            "trials": [], "evidence": {"metric": "auc", "better_is": "higher", "candidates": []},
            "handed_over": values, **more,
        }  # fmt: skip
        path = results.root / "decisions" / "phase1.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record))
        question = load(["phase2"], Library((folder,)), results=results.root, preset=None, settings=())
        data = DataSets(Store.open(results.root), override=faces)
        return plan_question(question, Options(results=results.root, data=faces), data)

    return planned


def ran(study: StudyPlan, results: Any) -> None:
    """Leave what a run of the study would leave."""
    write_study(study)
    for trial in study.missing():
        recipe = study.experiment(trial.experiment).recipe
        assert recipe is not None
        results.trial(trial.folder, trial.experiment, trial.fold, trial.key, recipe.model_dump(mode="json"))


def said(study: StudyPlan) -> list[str]:
    return changed_sentences(changed_since(study), phase="phase2", results="results")


@pytest.mark.slow
def test_a_changed_decision_is_said_with_what_runs_again(
    plan: Callable[..., StudyPlan], results: Any
) -> None:
    first = plan(VALUES, 1)
    assert said(first) == []
    ran(first, results)
    assert said(plan(VALUES, 2)) == [] and not plan(VALUES, 2).missing()
    changed = plan({**VALUES, "image_size": 48}, 3)
    assert said(changed) == [
        "The decision of phase1 changed since phase2 was last run: image_size was 64, is 48 (version 3): "
        "2 experiments change, 0 of their 4 trials can be kept; results of before stay in results."
    ]
    assert len(changed.missing()) == 4
    ran(changed, results)
    back = plan({**VALUES, "optimizer": {"lr": 0.001}}, 4)
    assert said(back) == [
        "The decision of phase1 changed since phase2 was last run: image_size was 48, is 64 (version 4): "
        "2 experiments change, 4 of their 4 trials can be kept; results of before stay in results."
    ]
    assert not back.missing()


def test_a_change_that_has_no_effect_runs_nothing(plan: Callable[..., StudyPlan], results: Any) -> None:
    """Catches a margin of a crop that nobody makes, and a value that a file has anyway."""
    ran(plan({**VALUES, "face_crop_margin": 0.6}, 1), results)
    changed = plan({**VALUES, "face_crop_margin": 0.2}, 2)
    (line,) = said(changed)
    assert "face_crop_margin was 0.6, is 0.2 (version 2): no experiment changes by that" in line
    gone = plan(VALUES, 3)
    assert "face_crop_margin was 0.6, is as its files have it (version 3)" in said(gone)[0]
    assert not changed.missing() and not gone.missing()


def test_where_the_model_is_not_measured_yet_recipes_tell_what_changes(
    plan: Callable[..., StudyPlan], results: Any
) -> None:
    ran(plan(VALUES, 1), results)
    changed = plan({**VALUES, "precision": "auto", "optimizer": {"lr": 0.01}}, 2)
    assert all(not trial.key for trial in changed.trials)
    (line,) = said(changed)
    assert "optimizer.lr was 0.001, is 0.01" in line and "2 experiments change, 0 of their 4" in line


def test_another_selection_is_a_change(plan: Callable[..., StudyPlan], results: Any) -> None:
    ran(plan(VALUES, 1, selected=["a", "b"]), results)
    (line,) = said(plan(VALUES, 2, selected=["b", "a"]))
    assert "selected was a and b, is b and a (version 2): no experiment changes" in line
