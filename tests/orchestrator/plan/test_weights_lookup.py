"""Pretrained weights in the keys of trials: by tag and content, never by a path."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config.experiment import Experiment, load_experiments
from orchestrator.config.library import Library
from orchestrator.config.phase import phase_of
from orchestrator.execution.probe import keep, questions
from orchestrator.plan import record
from orchestrator.plan.data_sets import DataSets
from orchestrator.plan.identity import difference, trial_ingredients, trial_key
from orchestrator.plan.plan import Options, StudyPlan, plan_study
from orchestrator.plan.resources import Machine
from orchestrator.store.folder import Store
from orchestrator.store.known_weights import read_known_weights, write_known_weights
from trainables.errors import InputError
from trainables.measurement import ModelAnswer
from trainables.starting_weights import StartingWeights, weights_of_file

RESOLVED: dict[str, Any] = {"layout": "sources", "precision": "float32", "memory_format": "contiguous"}
A1 = StartingWeights(tag="resnet18.a1_in1k", revision="1" * 40, sha256="a" * 64)
PRETRAINED = {"backbone": "resnet18", "pretrained": True}

Plan = Callable[..., StudyPlan]


def ingredients(pretrained: bool | str, weights: StartingWeights | None) -> dict[str, Any]:
    experiment = Experiment(name="a", backbone="resnet18", pretrained=pretrained)
    recipe = experiment.recipe(weights=weights and weights.model_dump(), **RESOLVED)
    return trial_ingredients(recipe, repeat=0, fold=0, rows="r" * 64)


def key(pretrained: bool | str, weights: StartingWeights | None) -> str:
    return trial_key(ingredients(pretrained, weights))


def test_a_file_counts_by_its_content(tmp_path: Path) -> None:
    for name, content in (("one.pth", b"1"), ("copy.safetensors", b"1"), ("other.pth", b"2")):
        (tmp_path / name).write_bytes(content)
    one, copy, other = (
        key(str(tmp_path / name), weights_of_file(tmp_path / name))
        for name in ("one.pth", "copy.safetensors", "other.pth")
    )
    assert one == copy != other
    assert str(tmp_path) not in str(
        ingredients(str(tmp_path / "one.pth"), weights_of_file(tmp_path / "one.pth"))
    )


def test_a_replaced_file_is_another_one(tmp_path: Path) -> None:
    """Catches a hash that is remembered by the path alone."""
    path = tmp_path / "w.pth"
    path.write_bytes(b"1")
    before = weights_of_file(path)
    path.write_bytes(b"22")
    assert weights_of_file(path) != before


def test_timms_weights_count_by_tag_and_content_and_not_by_the_hubs_commit() -> None:
    def changed(**values: str) -> str:
        return key(True, A1.model_copy(update=values))

    assert changed(revision="2" * 40) == key(True, A1)
    assert (
        len({key(True, A1), changed(tag="resnet18.tv_in1k"), changed(sha256="b" * 64), key(False, None)}) == 4
    )
    said = difference(ingredients(True, A1), ingredients(True, A1.model_copy(update={"sha256": "b" * 64})))
    assert said == ["recipe.weights.sha256: aaaaaaaaaaaa... here, bbbbbbbbbbbb... there"]


def test_a_trial_from_scratch_has_nothing_of_weights_in_its_key() -> None:
    """Catches new keys for all finished trials that start from scratch."""
    assert "weights" not in ingredients(False, None)["recipe"]
    assert ingredients(False, None)["recipe"]["pretrained"] is False


@pytest.fixture
def plan(
    write_experiments: Callable[..., Path], faces: Path, scanned: Path, tmp_path: Path
) -> Callable[..., StudyPlan]:
    results = Path(shutil.copytree(scanned, tmp_path / "results"))

    def planned(experiments: dict[str, Any], *names: str, only: str | None = None) -> StudyPlan:
        folder = write_experiments({f"p/{name}.json": values for name, values in experiments.items()})
        loaded = load_experiments(Library((folder,)), names or tuple(experiments))
        asked = Options(results=results, data=faces, only=only)
        data = DataSets(Store.look(results), override=faces)
        phase = phase_of(tuple(each.name for each in loaded))
        return plan_study(phase, loaded, asked, data=data, machine=Machine(4, 16_000), device="cpu")

    return planned


def test_without_having_asked_timm_there_is_no_key(plan: Plan) -> None:
    study = plan({"a": PRETRAINED})
    assert {(trial.key, trial.why) for trial in study.trials} == {
        ("", "pretrained weights not looked up yet")
    }
    (asked,) = questions(study, "cpu")
    assert asked.question.check and not asked.question.time
    assert keep(study.store, [asked], [ModelAnswer(weights=A1, notes=("said",))]) == ["said"]
    known = plan({"a": PRETRAINED})
    assert all(trial.key for trial in known.trials)
    # Asked again, it has to be these.
    assert [each.question.weights for each in questions(known, "cpu")] == [A1]


def test_what_was_looked_up_once_stays_in_force(plan: Plan) -> None:
    """Catches a finished study that runs again, or wants the network, for another default of timm's."""
    study = plan({"a": PRETRAINED})
    write_known_weights(study.store, "resnet18", A1)
    assert read_known_weights(study.store, "resnet18") == A1
    keys = [trial.key for trial in plan({"a": PRETRAINED}).trials]
    assert keys == [trial.key for trial in plan({"a": PRETRAINED}).trials] and all(keys)
    study.store.weights_file("resnet18").write_text("{")
    assert read_known_weights(study.store, "resnet18") is None


def test_weights_that_can_not_be_had_stop_no_run_of_the_others(plan: Plan) -> None:
    """Catches --only with a network from scratch, refused for want of a network that it does not need."""
    study = plan({"a": PRETRAINED, "b": {}}, only="b")
    (asked,) = questions(study, "cpu")
    assert not asked.is_needed
    assert keep(study.store, [asked], [ModelAnswer(problem="can't be had")]) == []
    planned = record.study_record(plan({"a": PRETRAINED, "b": {}}, only="b"))
    assert [len(each.trials) for each in planned.experiments] == [5, 5]
    assert len({trial.folder for _, trial in planned.trials()}) == 10
    (asked,) = questions(plan({"a": PRETRAINED, "b": {}}, only="a"), "cpu")
    with pytest.raises(InputError, match="can't be had"):
        keep(study.store, [asked], [ModelAnswer(problem="can't be had")])


def test_a_file_is_found_beside_the_experiments_file_or_in_the_current_folder(
    plan: Plan, write_experiments: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = write_experiments({"p/w/here.pth": "1", "q/beside.json": {"extends": "named"}})
    (tmp_path / "there.pth").write_bytes(b"2")
    files = {
        "named": {"backbone": "resnet18", "pretrained": "w/here.pth"},
        "current": {"backbone": "resnet18", "pretrained": "there.pth"},
    }
    study = plan(files)
    assert [planned.experiment.pretrained for planned in study.experiments] == [
        str(folder / "p" / "w" / "here.pth"),
        str(tmp_path / "there.pth"),
    ]
    assert all(trial.key for trial in study.trials)
    # What extends it from another folder has the same file.
    (beside,) = load_experiments(Library((folder,)), ["beside"])
    assert beside.pretrained == study.experiments[0].experiment.pretrained
    (chosen,) = load_experiments(Library((folder,)), ["named"], settings=["pretrained=there.pth"])
    assert chosen.pretrained == str(tmp_path / "there.pth")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("gone.pth", "there is no file gone.pth beside the experiment's file or in the current folder"),
        ("weights.zip", "give true, false, or a file of weights (.safetensors, .pth, .pt, .bin)"),
    ],
)
def test_a_file_that_is_none_is_refused_before_anything_is_read(
    write_experiments: Callable[..., Path], given: str, said: str
) -> None:
    folder = write_experiments({"p/a.json": {"backbone": "resnet18", "pretrained": given}})
    with pytest.raises(InputError) as raised:
        load_experiments(Library((folder,)), ["a"])
    assert said in str(raised.value) and "a.json" in str(raised.value) and "\n" not in str(raised.value)
