"""Tasks as workers get them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.config.experiment import load_experiments
from orchestrator.config.library import Library
from orchestrator.config.phase import phase_of
from orchestrator.execution.executor import Task
from orchestrator.execution.trial_runs import _task
from orchestrator.plan.data_sets import DataSets
from orchestrator.plan.plan import Options, plan_study
from orchestrator.plan.record import write_rows
from orchestrator.plan.resources import Machine
from orchestrator.store.folder import Store

SETTINGS = ("epochs=1", "cnn_preset=micro", "image_size=32", "cv_folds=3")


@pytest.fixture
def tasks(write_experiments: Callable[..., Path], faces: Path, tmp_path: Path) -> list[Task]:
    """The tasks of an experiment of three folds, as the executor hands them to workers."""
    folder = write_experiments({"p/a.json": {"backbone": "simple_cnn"}})
    experiments = load_experiments(Library((folder,)), ["a"], settings=SETTINGS)
    store = Store.open(tmp_path / "results")
    data = DataSets(store, override=faces)
    options = Options(results=store.root)
    study = plan_study(
        phase_of(("a",)), experiments, options, data=data, machine=Machine(2, 8000), device="cpu"
    )
    files = write_rows(study)
    tasks = [_task(study, trial, files) for trial in study.missing()]
    return [replace(task, share=replace(task.share, threads=1)) for task in tasks]
