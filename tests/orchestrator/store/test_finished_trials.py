"""Finished trials as files that models are loaded from."""

import shutil
from pathlib import Path

import pytest

from orchestrator.store.find_experiment import find_experiment
from orchestrator.store.finished_trials import finished_trials
from orchestrator.store.folder import Store
from trainables.errors import InputError


def test_trials_come_in_order_and_the_others_with_the_reason(trained_study: Path, tmp_path: Path) -> None:
    """Catches a model without weights that is counted as one, and an ensemble of whatever there is."""
    results = Path(shutil.copytree(trained_study, tmp_path / "results"))
    store = Store.look(results)
    record = find_experiment(store, "wide")
    whole = finished_trials(store, record)
    assert [trial.place for trial in whole.trials] == [(0, 0), (0, 1)] and whole.problems == ()
    assert all((trial.folder / "done.json").is_file() for trial in whole.trials)
    (whole.trials[0].folder / "model.safetensors").unlink()
    part = finished_trials(store, record)
    assert [trial.place for trial in part.trials] == [(0, 1)]
    assert "has no model.safetensors any more; delete its folder and run it again" in part.problems[0]
    (whole.trials[1].folder / "done.json").unlink()
    with pytest.raises(InputError, match="no trial of wide has a model: wide-r0f0"):
        finished_trials(store, record)
