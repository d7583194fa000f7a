"""The page of a phase that is not finished: what is missing is named, nothing is a mean over some folds."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from orchestrator.store.folder import Store
from orchestrator.wording.verdict import verdict
from trainables.files import write_json


def folder_of(store: Store, name: str, fold: int) -> Path:
    return next(store.trials.glob(f"{name}-r0f{fold}-*"))


def test_unfinished_trials_are_named_and_not_averaged(
    tmp_path: Path, write_results: Any, render: Any
) -> None:
    """Catches a mean over some of the folds, and a page that a missing or damaged trial stops."""
    store = write_results(tmp_path, folds=4, without=[("p1_b", 1), ("p1_b", 2)])
    (folder := store.trials / "p1_b-r0f1-101aaaaaaaaa").mkdir()
    write_json(folder / "error.json", {"message": "TrainingError: the loss is nan"})
    (folder_of(store, "p1_b", 3) / "predictions.parquet").write_bytes(b"not parquet")
    (folder_of(store, "p1_a", 0) / "history.csv").write_text("")
    (folder_of(store, "p1_a", 1) / "trial.json").unlink()
    (tmp_path / "folds" / "f00000000001.csv").unlink()
    found = render(store)
    page, tables, words = found.page, found.tables, found.words
    assert "3 of 8 planned trials are not finished: 1 failed, 1 unreadable, 1 missing" in words
    assert "TrainingError: the loss is nan" in words and "5 of 8 trials finished" in words
    assert "No verdict yet on p1_b against p1_a: only 1 of 4 fold pairs are complete (p1_b: " in words
    assert verdict(tables) in words and "1 of 4 folds" in words
    assert "This file is not in the results folder" in words
    assert not list(page.parent.glob("figures/difference-*"))
    assert list(page.parent.glob("figures/loss-*"))


@pytest.mark.slow
def test_phase_without_one_finished_trial_has_a_page(tmp_path: Path, write_results: Any, render: Any) -> None:
    gone = [(name, fold) for name in ("p1_a", "p1_b") for fold in range(2)]
    store = write_results(tmp_path, without=gone)
    words = render(store).words
    assert "No trial has finished yet." in words
    assert "4 of 4 planned trials are not finished: 4 missing" in words
    assert "0 of 4 trials finished · planned on" in words
    store.write_study(store.study("phase1").model_copy(update={"preset": "smoke"}))
    assert "0 of 4 trials finished · preset smoke · planned on" in render(store).words


@pytest.mark.slow
def test_an_experiment_without_a_finished_trial_says_so_in_each_cell(
    tmp_path: Path, write_results: Any, render: Any
) -> None:
    found = render(write_results(tmp_path, without=[("p1_b", 0), ("p1_b", 1)]))
    scores = pd.read_csv(found.page.parent / "tables" / "paper" / "scores.csv").set_index("Experiment")
    assert set(scores.loc["p1_b"]) == {"– (0 of 2 folds)"}
    assert not scores.loc["p1_a"].str.contains("of 2 folds").any()


@pytest.mark.slow
def test_run_of_some_folds_says_so(tmp_path: Path, write_results: Any, render: Any) -> None:
    """Catches a page that looks complete because the run asked for less than the protocol."""
    words = render(write_results(tmp_path, folds=4, asked_folds=(0, 2))).words
    assert "p1_a: this run asked for 2 of 4 folds only." in words
    assert "No verdict yet" in words


@pytest.mark.slow
def test_experiments_on_different_folds_are_not_called_unfinished(
    tmp_path: Path, write_results: Any, render: Any
) -> None:
    store = write_results(tmp_path)
    study = store.study("phase1").plain()
    study["experiments"][1]["fold_files"] = ["other.csv"]
    write_json(store.study_file("phase1"), study)
    words = render(store).words
    assert "No verdict yet on p1_b against p1_a: the two were not split by the same fold files." in words


@pytest.mark.slow
def test_what_lacks_a_fold_has_no_mean_anywhere(tmp_path: Path, write_results: Any, render: Any) -> None:
    """Catches a calibration error or a best curve that is averaged over some of the folds."""
    found = render(write_results(tmp_path, folds=3, without=[("p1_b", 1)]))
    paper = found.page.parent / "tables" / "paper"
    calibration = pd.read_csv(paper / "calibration.csv").set_index("Experiment")
    assert set(calibration.loc["p1_b", "ECE before ↓"]) == {"–"}
    assert set(calibration.loc["p1_b", "Fitted in"]) == {"2 of 3 folds"}
    assert calibration.loc["p1_a", "ECE before ↓"].astype(float).between(0, 1).all()
    scores = pd.read_csv(paper / "scores.csv").set_index("Experiment")
    assert set(scores.loc["p1_b"]) == {"– (2 of 3 folds)"}
    drawn = (found.page.parent / "figures" / "roc-02-p1_b.svg").read_text(encoding="utf-8")
    assert "p1_b (2 of 3 folds)" in drawn
    for figure, told in (
        ("roc", "2 test folds."),
        ("precision", "2 test folds;"),
        ("confidence", "on 2 of 3"),
    ):
        assert re.search(rf'aria-label="[^"]* of p1_b[:, ]*{re.escape(told)}', found.html), figure
        # The thick line is the mean.
        thick = [
            "stroke-width: 2" in (found.page.parent / "figures" / f"{figure}-{name}.svg").read_text()
            for name in ("01-p1_a", "02-p1_b")
        ]
        assert thick == ([True, False] if figure != "confidence" else [False, False]), figure
    losses = (found.page.parent / "figures" / "loss-02-p1_b.svg").read_text(encoding="utf-8")
    assert "stroke-width: 2" not in losses and "has the largest AUC" not in found.words
