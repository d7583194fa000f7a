"""Scores of images by finished trials: those that the trials gave, and reasons where there are none."""

import io
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from orchestrator.execution.in_process_executor import InProcessExecutor
from orchestrator.execution.scoring import ScoredImages, score_trials
from orchestrator.store.find_experiment import find_experiment
from orchestrator.store.finished_trials import finished_trials
from orchestrator.store.folder import Store
from trainables.data.dataset.manifest import scan


def scored(results: Path, faces: Path, perturbation: str = "") -> tuple[pd.DataFrame, list[ScoredImages]]:
    store = Store.open(results)
    trials = [
        trial
        for name in ("wide", "plain")
        for trial in finished_trials(store, find_experiment(store, name)).trials
    ]
    rows = scan(faces, group_by="auto").rows
    console = Console(file=io.StringIO())
    return rows, score_trials(
        store,
        trials,
        rows,
        root=faces,
        executor=InProcessExecutor(),
        console=console,
        quiet=True,
        perturbation=perturbation,
    )


def test_each_trial_gives_its_own_scores(trained_study: Path, faces: Path, tmp_path: Path) -> None:
    """Catches scores in another order than the trials or the rows, and a trial that ends all others."""
    results = Path(shutil.copytree(trained_study, tmp_path / "results"))
    broken = next((results / "trials").glob("wide-r0f1-*"))
    shutil.copy(next((results / "trials").glob("plain-r0f1-*")) / "model.safetensors", broken)
    # As an earlier version left it, which kept no hash of weights.
    (broken / "done.json").write_text("{}")
    rows, found = scored(results, faces)
    assert [(each.trial.experiment, each.trial.place) for each in found] == [
        ("wide", (0, 0)), ("wide", (0, 1)), ("plain", (0, 0)), ("plain", (0, 1)),
    ]  # fmt: skip
    for each in found[:1] + found[2:]:
        then = pd.read_parquet(each.trial.folder / "predictions.parquet").query("split == 'test'")
        assert each.scores is not None and len(then) == 18
        now = pd.Series(each.scores, index=rows["path"])
        np.testing.assert_allclose(now[then["path"]], then["score"], atol=1e-6)
    assert found[1].scores is None
    assert "does not hold the weights of a simple_cnn for 2 classes" in found[1].problem


@pytest.mark.slow
def test_scores_under_a_perturbation_are_others_and_leave_the_clean_ones(
    trained_study: Path, faces: Path, tmp_path: Path
) -> None:
    """Catches scores of clean images under a condition's name, and pixels of a condition taken for clean."""
    results = Path(shutil.copytree(trained_study, tmp_path / "results"))
    _, noisy = scored(results, faces, "noise:60")
    rows, clean = scored(results, faces)
    for under, before in zip(noisy, clean, strict=True):
        assert under.scores is not None and before.scores is not None
        assert np.abs(under.scores - before.scores).max() > 1e-3
        then = pd.read_parquet(before.trial.folder / "predictions.parquet").query("split == 'test'")
        now = pd.Series(before.scores, index=rows["path"])
        np.testing.assert_allclose(now[then["path"]], then["score"], atol=1e-6)
