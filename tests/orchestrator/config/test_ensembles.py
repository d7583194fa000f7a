"""Ensembles in a study: their bases come along and come first, share the folds, and decide their keys."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from orchestrator.config import load
from orchestrator.config.ensembles import check_rows, with_bases
from orchestrator.config.experiment import Experiment, load_experiments
from orchestrator.config.library import Library
from orchestrator.config.phase import phase_of
from orchestrator.plan.data_sets import DataSets
from orchestrator.plan.plan import Options, StudyPlan, plan_study
from orchestrator.plan.resources import Machine
from orchestrator.store.folder import Store
from trainables.errors import InputError

Write = Callable[..., Path]
FILES: dict[str, Any] = {
    "p/one.json": {"backbone": "skip_con_cnn"},
    "p/two.json": {"backbone": "three_cnn"},
    "p/both.json": {"backbone": "ensemble_cnn", "bases": ["one", "two"]},
    "p/alone.json": {},
}


def loaded(folder: Path, *names: str, settings: tuple[str, ...] = ()) -> tuple[Experiment, ...]:
    return with_bases(
        Library((folder,)), load_experiments(Library((folder,)), names, settings=settings), settings=settings
    )


def names_of(experiments: tuple[Experiment, ...]) -> list[str]:
    return [experiment.name for experiment in experiments]


@pytest.fixture
def folder(write_experiments: Write) -> Path:
    return write_experiments(FILES)


def plan(folder: Path, data: Path, results: Path, *names: str, **options: Any) -> StudyPlan:
    settings = options.pop("settings", ())
    experiments = loaded(folder, *names, settings=settings)
    return plan_study(
        phase_of(tuple(names_of(experiments))),
        experiments,
        Options(results=results, data=data, **options),
        data=DataSets(Store.look(results), override=data),
        machine=Machine(2, 16_000),
        device="cpu",
    )


def test_bases_come_along_and_come_first(folder: Path) -> None:
    assert names_of(loaded(folder, "both")) == ["one", "two", "both"]
    assert names_of(loaded(folder, "both", "alone", "two")) == ["one", "two", "both", "alone"]
    assert names_of(loaded(folder, "alone")) == ["alone"]


def test_a_run_is_called_by_what_was_asked_for(folder: Path, tmp_path: Path) -> None:
    """Catches results of `run both` that lie under another name, since its bases ran too."""
    asked = {"results": tmp_path, "preset": None, "settings": ()}
    path = next(folder.rglob("both.json"))
    for name in ("both", str(path)):
        question = load.load([name], Library((folder,)), **asked)
        assert question.phase.name == "both" and question.phase.experiments == ("one", "two", "both")
    assert load.load(["both", "alone"], Library((folder,)), **asked).phase.name == "both+alone"


def test_settings_reach_the_bases_too_but_not_the_backbone(folder: Path) -> None:
    """Catches bases on other folds than the ensemble, and an ensemble of ensembles by --set backbone."""
    settings = ("protocol=holdout", "backbone=ensemble_cnn", 'bases=["two", "one"]')
    two, one, both = loaded(folder, "both", settings=settings)
    assert {experiment.protocol for experiment in (one, two, both)} == {"holdout"}
    assert (one.backbone, two.backbone) == ("skip_con_cnn", "three_cnn")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"bases": []}, "combines 2 trained networks, 0 are named"),
        ({"bases": ["one"]}, "combines 2 trained networks, 1 are named"),
        ({"backbone": "three_cnn"}, "three_cnn combines no other networks"),
        ({"bases": ["one", "tow"]}, "no experiment 'tow'.*nearest: two"),
        ({"bases": ["one", "vote"]}, "vote is a ensemble_cnn, which can't be combined"),
        ({"bases": ["one", "machine"]}, "machine is a svm_rbf, which can't be combined"),
        ({"bases": ["one", "folds"]}, "folds has cv_folds 3, the ensemble has 5; both need the same folds"),
        ({"bases": ["one", "seeds"]}, "seeds has seed 1, the ensemble has 42"),
        ({"bases": ["one", "split"]}, "split has protocol 'holdout', the ensemble has 'cv'"),
        ({"bases": ["one", "sizes"]}, "sizes has image_size 64"),
        ({"bases": ["one", "half"]}, r"half has subsample 0.5.*\(normalization differ too\)"),
    ],
)
def test_bases_that_can_t_be_combined_are_refused(
    write_experiments: Write, values: dict[str, Any], said: str
) -> None:
    folder = write_experiments(
        {
            **FILES,
            "p/both.json": {**FILES["p/both.json"], **values},
            "p/vote.json": FILES["p/both.json"],
            "p/machine.json": {"backbone": "svm_rbf"},
            "p/folds.json": {"backbone": "three_cnn", "cv_folds": 3},
            "p/seeds.json": {"backbone": "three_cnn", "seed": 1},
            "p/split.json": {"backbone": "three_cnn", "protocol": "holdout"},
            "p/sizes.json": {"backbone": "three_cnn", "image_size": 64},
            "p/half.json": {"backbone": "three_cnn", "subsample": 0.5, "normalization": "half"},
        }
    )
    with pytest.raises(InputError, match=said):
        loaded(folder, "both")


def test_a_trial_has_the_trials_of_its_bases_on_the_same_fold(
    folder: Path, faces: Path, tmp_path: Path
) -> None:
    study = plan(folder, faces, tmp_path, "both")
    assert len(study.trials) == 15
    for trial in study.trials:
        expected = [("one", trial.fold), ("two", trial.fold)] if trial.experiment == "both" else []
        assert [(base.experiment, base.fold) for base in trial.bases] == expected
        assert trial.ingredients.get("bases") == ([base.key for base in trial.bases] or None)


def test_bases_run_before_what_combines_them(folder: Path, faces: Path, tmp_path: Path) -> None:
    first, second = plan(folder, faces, tmp_path, "both", "alone").waves()
    assert {trial.experiment for trial in first} == {"one", "two", "alone"}
    assert {trial.experiment for trial in second} == {"both"}
    assert len(plan(folder, faces, tmp_path, "alone").waves()) == 1


@pytest.mark.slow
def test_a_base_that_is_trained_otherwise_makes_another_ensemble(
    write_experiments: Write, faces: Path, tmp_path: Path
) -> None:
    """Catches an ensemble of old weights that is taken for finished."""
    before = plan(write_experiments(FILES), faces, tmp_path, "both")
    changed = {**FILES, "p/two.json": {"backbone": "three_cnn", "epochs": 3}}
    after = plan(write_experiments(changed), faces, tmp_path, "both")
    keys = [{t.key for t in study.trials if t.experiment == "both"} for study in (before, after)]
    assert keys[0].isdisjoint(keys[1])


def test_without_its_bases_precision_an_ensemble_has_no_key(
    folder: Path, faces: Path, tmp_path: Path, write_experiments: Write
) -> None:
    write_experiments({"p/two.json": {"backbone": "three_cnn", "precision": "auto"}})
    study = plan(folder, faces, tmp_path, "both")
    assert {trial.experiment: bool(trial.key) for trial in study.trials} == {
        "one": True,
        "two": False,
        "both": False,
    }


def test_only_an_ensemble_means_its_bases_too(folder: Path, faces: Path, tmp_path: Path) -> None:
    """Catches --only both, which could never run without them."""
    chosen = plan(folder, faces, tmp_path, "both", "alone", only="both", folds=(1,)).selected()
    assert [trial.name for trial in chosen] == ["one-r0f1", "two-r0f1", "both-r0f1"]


def table(*rows: tuple[str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["sha256", "group", "part"])


@pytest.mark.parametrize("part", ["train", "val"])
@pytest.mark.parametrize("side", ["ensemble", "base"])
@pytest.mark.parametrize("by", ["image", "group"])
def test_neither_learns_from_what_the_other_is_tested_on(part: str, side: str, by: str) -> None:
    """The rows themselves are looked at: the same keys need not mean the same folds for ever."""
    learner = table(("a", "g1", part), ("x", "g9", "test"))
    shared = ("a", "g5", "test") if by == "image" else ("b", "g1", "test")
    tester = table(("c", "g3", "train"), shared)
    one, other = (learner, tester) if side == "ensemble" else (tester, learner)
    with pytest.raises(InputError, match=rf"{side} would learn from 1 images of the fold"):
        check_rows("ensemble", one, "base", other)
    check_rows("ensemble", learner, "base", learner)
