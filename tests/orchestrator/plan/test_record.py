"""The files that a run leaves before it starts: fold files named by content, and the record of its plan."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from orchestrator.config.experiment import load_experiments
from orchestrator.config.library import Library
from orchestrator.config.phase import Phase
from orchestrator.plan import record
from orchestrator.plan.data_sets import DataSets
from orchestrator.plan.plan import Options, StudyPlan, plan_study
from orchestrator.plan.resources import Machine
from orchestrator.store.folder import Store
from orchestrator.store.run_record import Environment

Plan = Callable[..., StudyPlan]


@pytest.fixture
def plan(write_experiments: Callable[..., Path], faces: Path, scanned: Path, tmp_path: Path) -> Plan:
    folder = write_experiments(
        {"p/a.json": {"description": "About a.", "tags": ["x"]}, "p/b.json": {"image_size": 48}}
    )
    phase = Phase.model_validate(
        {
            "name": "p",
            "title": "P",
            "experiments": ("a", "b"),
            "comparisons": ({"question": "Q", "baseline": "a", "treatment": "b", "metrics": ("auc",)},),
        }
    )

    results = Path(shutil.copytree(scanned, tmp_path / "results"))

    def make(*settings: str, data: Path = faces, **options: Any) -> StudyPlan:
        loaded = load_experiments(Library((folder,)), phase.experiments, settings=settings)
        sets = DataSets(Store.open(results), override=data)
        asked = Options(results=results, data=data, **options)
        return plan_study(phase, loaded, asked, data=sets, machine=Machine(4, 16_000), device="cpu")

    return make


def test_experiments_on_the_same_rows_share_one_fold_file(plan: Plan) -> None:
    study = plan()
    record.write_rows(study)
    (path,) = (study.store.root / "folds").iterdir()
    assert path == record.fold_file(study.store, study.experiments[1].rows[0])
    table = pd.read_csv(path)
    assert list(table.columns) == ["path", "group", "label", "source", "fold"]
    assert table.equals(study.experiments[0].rows[0][table.columns.to_list()].astype(table.dtypes))
    assert b"\r" not in path.read_bytes()


@pytest.mark.slow
def test_the_fold_file_is_named_by_its_content(plan: Plan) -> None:
    """Catches two partitions under one name, and one partition under two."""
    names = {
        record.fold_file(study.store, study.experiments[0].rows[0]).name
        for study in (plan(), plan("epochs=1", "lr=0.5"), plan("val_ratio=0.2"))
    }
    assert len(names) == 1
    for setting in ("seed=1", "cv_folds=3"):
        study = plan(setting)
        names.add(record.fold_file(study.store, study.experiments[0].rows[0]).name)
    assert len(names) == 3


def test_each_repeat_has_a_fold_file(plan: Plan) -> None:
    study = plan("cv_repeats=2")
    files = record.write_rows(study)
    assert len(files["a"]) == 2
    assert len(list((study.store.root / "folds").iterdir())) == 2


def test_the_workers_rows_are_those_of_the_plan(plan: Plan) -> None:
    study = plan()
    files = record.write_rows(study)
    expected = study.experiments[0].rows[0]
    found = pd.read_parquet(files["a"][0])
    assert list(found.columns) == list(expected.columns)
    assert found.astype(str).equals(expected.astype(str))


def test_writing_twice_leaves_the_files_as_they_are(plan: Plan) -> None:
    study = plan()
    record.write_rows(study)
    before = {path: path.stat().st_mtime_ns for path in study.store.root.rglob("*") if path.is_file()}
    record.write_rows(study)
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_the_record_comes_back_as_it_was_written(plan: Plan) -> None:
    """Catches values that JSON changes, so that every second run would seem to plan something else."""
    study = plan()
    record.write_study(study)
    found = study.store.study("p")
    now = record.study_record(study)
    assert found.asks_the_same(now)
    assert found.model_copy(update={"started": now.started}) == now
    assert found.phase.comparisons[0].metrics == ("auc",)


def test_the_record_says_what_collect_and_status_need(plan: Plan, faces: Path) -> None:
    study = plan()
    record.write_study(study)
    found = study.store.study("p")
    one = found.experiments[0]
    assert (one.name, one.description, one.tags) == ("a", "About a.", ("x",))
    assert one.recipe.cv_folds == 5
    assert one.num_classes == 2
    assert [trial.fold for trial in one.trials] == list(range(5))
    for trial, planned in zip(one.trials, study.trials, strict=False):
        assert study.store.trial(trial.folder) == planned.folder
        assert (trial.key, trial.sizes) == (planned.key, dict(planned.sizes))
    (data,) = found.data
    assert (data.root, data.images, data.groups) == (str(faces.resolve()), 36, 12)
    assert (data.classes, data.formats) == (("real", "fake"), {"JPEG": 36})
    assert {(row.source, row.label, row.count) for row in data.counts} == {
        ("wiki", 0, 12), ("text2img", 1, 12), ("inpainting", 1, 12),
    }  # fmt: skip
    assert 32 <= data.width[0] <= data.width[1] <= data.width[2] <= 48
    assert data.excluded == ()


def test_results_may_be_moved(plan: Plan) -> None:
    """Catches absolute paths of trials, which make a copied results folder useless."""
    study = plan()
    record.write_study(study)
    moved = study.store.root.rename(study.store.root.with_name("moved"))
    trial = Store.look(moved).study("p").experiments[0].trials[0]
    assert not Path(trial.folder).is_absolute()


def test_command_and_time_do_not_make_another_plan(plan: Plan) -> None:
    one = record.study_record(plan())
    other = one.model_copy(update={"command": "other", "started": "1999", "environment": Environment()})
    assert other != one and other.asks_the_same(one)


@pytest.mark.parametrize("settings", [("epochs=1",), ("seed=1",), ("precision=bf16",)])
def test_another_recipe_or_data_makes_another_plan(plan: Plan, settings: tuple[str, ...]) -> None:
    assert not record.study_record(plan()).asks_the_same(record.study_record(plan(*settings)))


def test_running_some_folds_leaves_the_record_of_all(plan: Plan) -> None:
    """Catches tables that forget finished trials because the last command was about a few folds."""
    assert record.study_record(plan()).asks_the_same(record.study_record(plan(folds=(0,))))
    assert [trial.fold for trial in plan(folds=(0,)).missing()] == [0, 0]


def test_another_image_makes_another_plan(plan: Plan, own_faces: Path) -> None:
    before = record.study_record(plan(data=own_faces))
    (own_faces / "wiki" / "face_0.jpg").unlink()
    assert not before.asks_the_same(record.study_record(plan(data=own_faces)))
