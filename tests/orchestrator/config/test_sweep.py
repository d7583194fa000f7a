"""Sweeps of phase files: which experiments they make, under which names, and what is refused beforehand."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config.generated import DataFacts
from orchestrator.config.library import Library
from orchestrator.config.load import ResolvedPhase, complete, load
from orchestrator.config.swept import Proposed
from trainables.errors import InputError

Write = Callable[..., Path]
GRID = {"lr": [1e-4, 3e-4], "dropout": [0, 0.3]}
SPACE = {"lr": {"low": 1e-5, "high": 1e-2, "log": True}, "backbone": ["simple_cnn", "resnet18"]}
BASE: dict[str, Any] = {"phase1/base.json": {"cnn_preset": "small"}, "phase1/other.json": {"dropout": 0.2}}


def swept(folder: Path, *, results: str = "results", **more: Any) -> ResolvedPhase:
    options: dict[str, Any] = {"preset": None, "settings": (), **more}
    return load(["mine"], Library((folder,)), results=folder.parent / results, **options)


@pytest.fixture
def phase(write_experiments: Write) -> Callable[..., Path]:
    """Write a phase with these keys beside two experiments."""

    def write(**keys: Any) -> Path:
        return write_experiments({**BASE, "mine/phase.json": {"title": "Mine", **keys}})

    return write


def test_a_grid_is_every_combination_in_order_named_by_what_differs(phase: Callable[..., Path]) -> None:
    found = swept(phase(extends="base", grid=GRID))
    names = ["base", "base-lr=0.0001-dropout=0.3", "base-lr=0.0003-dropout=0", "base-lr=0.0003-dropout=0.3"]
    assert [each.name for each in found.experiments] == names == [*found.phase.experiments]
    by_name = {each.name: each for each in found.experiments}
    last = by_name[names[-1]]
    assert (last.optimizer.lr, last.dropout, last.cnn_preset) == (3e-4, 0.3, "small")
    assert last.description == "base with lr 0.0003 and dropout 0.3."
    (record,) = found.made.sweeps
    # The first setting is the experiment as it is, which is not made a second time.
    assert [(each.number, each.experiment) for each in record.settings] == [
        (number, name) for number, name in enumerate(names, start=1)
    ]
    assert record.settings[0].values == {"lr": 1e-4, "dropout": 0}


def test_each_setting_of_a_small_grid_is_compared_with_what_it_lies_on(phase: Callable[..., Path]) -> None:
    found = swept(phase(extends="base", grid=GRID))
    assert [(each.baseline, each.treatment, each.differs) for each in found.phase.comparisons] == [
        ("base", name, ("optimizer", "dropout")) for name in found.phase.experiments[1:]
    ]
    assert found.phase.comparisons[0].question == "Is base better with lr 0.0001 and dropout 0.3?"


def test_a_large_grid_is_not_compared_unless_it_says_so(phase: Callable[..., Path]) -> None:
    many = {"dropout": [number / 100 for number in range(1, 12)]}
    plain = swept(phase(extends="base", grid=many))
    assert plain.phase.comparisons == () and "base" not in plain.phase.experiments
    asked = swept(phase(extends="base", grid=many, compare=True, metrics=["f1"]))
    assert len(asked.phase.comparisons) == 11 and asked.phase.comparisons[0].metrics == ("f1",)
    left = swept(phase(extends="base", grid=GRID, compare=False))
    assert left.phase.comparisons == ()


def test_the_long_form_lies_beside_experiments_and_their_decision(phase: Callable[..., Path]) -> None:
    found = swept(
        phase(
            experiments=["other"],
            sweeps=[
                {"extends": "base", "grid": {"image_size": [48, 64]}},
                {"extends": "other", "name": "o", "grid": {"optimizer.weight_decay": [1e-5]}},
            ],
            comparisons=[{"question": "?", "baseline": "other", "treatment": "base-image_size=48"}],
            decision={"choose": "auc", "among": ["base*"]},
        )
    )
    assert found.phase.experiments == (
        "other", "base", "base-image_size=48", "base-image_size=64", "o-weight_decay=1e-5"
    )  # fmt: skip
    assert found.phase.decision is not None
    assert found.phase.decision.among == ("base", "base-image_size=48", "base-image_size=64")
    assert len(found.phase.comparisons) == 4


def test_objects_are_numbered_and_told_in_the_description(phase: Callable[..., Path]) -> None:
    found = swept(phase(extends="base", grid={"augment": [False, {"hflip_p": 0.5}], "face_crop": [True]}))
    assert [each.name for each in found.experiments] == [
        "base", "base-augment=off-face_crop=on", "base-augment=v2-face_crop=on"
    ]  # fmt: skip
    assert found.experiments[2].description == 'base with augment {"hflip_p": 0.5} and face_crop on.'


def test_names_are_those_of_plain_files(phase: Callable[..., Path]) -> None:
    """Catches a model's name with a slash, two that would look alike, and a name longer than a file's."""
    grid = {"backbone": ["hub/a b", "hub_a_b", "resnet18"]}
    names = [each.name for each in swept(phase(extends="base", grid=grid)).experiments]
    assert names == ["base", "base-backbone=v1", "base-backbone=v2", "base-backbone=resnet18"]
    keys = ("hflip_p", "brightness", "contrast", "saturation", "grayscale_p", "blur_p", "jpeg_p", "noise_p")
    long = {f"augment.{key}": [0.125] for key in keys}
    files = {"extends": "base", "grid": {**long, "augment.rotation_degrees": [3.5, 4.5]}, "compare": False}
    names = [each.name for each in swept(phase(**files)).experiments]
    assert len(set(names)) == 2 and all(len(name) < 100 for name in names)


def test_a_preset_leaves_the_settings_apart_and_may_make_one_of_them_the_base(
    phase: Callable[..., Path], write_experiments: Write
) -> None:
    folder = phase(extends="base", grid={"lr": [1e-4, 3e-4]})
    write_experiments({"presets/quick.json": {"lr": 3e-4, "epochs": 1}}, folder=folder)
    found = swept(folder, preset="quick")
    assert [each.name for each in found.experiments] == ["base", "base-lr=0.0001"]
    assert [(each.optimizer.lr, each.epochs) for each in found.experiments] == [(3e-4, 1), (1e-4, 1)]


def test_a_sweep_keeps_its_key_from_what_was_decided_and_says_so(
    phase: Callable[..., Path], write_experiments: Write, tmp_path: Path
) -> None:
    folder = phase(extends="base", grid={"lr": [1e-3, 3e-3]}, builds_on="one")
    one = {"title": "One", "experiments": ["base", "other"], "decision": {"choose": "auc"}}
    write_experiments({"one/phase.json": one}, folder=folder)
    record = {
        "format": 1, "phase": "one", "version": 2, "chosen": "base", "rule": {"choose": "auc"}, "trials": [],
        "evidence": {"metric": "auc", "better_is": "higher", "candidates": []},
        "handed_over": {"optimizer": {"lr": 0.5, "weight_decay": 0.25}},
    }  # fmt: skip
    path = tmp_path / "results" / "decisions" / "one.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(record))
    found = swept(folder)
    assert [each.optimizer.lr for each in found.experiments] == [1e-4, 1e-3, 3e-3]
    assert {each.optimizer.weight_decay for each in found.experiments} == {0.25}
    assert found.handed_over[0].own == ("optimizer.lr",)


def proposed(folder: Path, *settings: dict[str, Any]) -> ResolvedPhase:
    data = DataFacts("/faces", "f", 2, ("wiki", "a"), ("a",))
    return complete(swept(folder), lambda _: data, {0: [Proposed(each) for each in settings]})


def test_a_search_has_what_was_proposed_and_what_it_began_from(phase: Callable[..., Path]) -> None:
    folder = phase(extends="base", search={"trials": 5, "space": SPACE}, decision={"choose": "auc"})
    setting = {"lr": 0.0005612, "backbone": "resnet18"}
    found = proposed(folder, setting, {"lr": 1e-3, "backbone": "simple_cnn"}, setting)
    assert found.phase.experiments == (
        "base", "base-lr=0.0005612-backbone=resnet18", "base-lr=0.001-backbone=simple_cnn"
    )  # fmt: skip
    (record,) = found.made.sweeps
    assert (record.num_planned, len(record.settings), record.is_search) == (5, 3, True)
    # A setting that is proposed again is the same experiment.
    assert record.settings[2].experiment == record.settings[0].experiment
    assert found.phase.decision is not None and found.phase.decision.among == found.phase.experiments


def test_a_decision_may_wait_for_what_a_search_will_propose(phase: Callable[..., Path]) -> None:
    """Catches a search of one setting at a time that is refused for its single candidate so far."""
    rule = {"choose": "auc", "among": ["base-*"]}
    folder = phase(extends="base", search={"trials": 5, "parallel": 1, "space": SPACE}, decision=rule)
    found = proposed(folder, {"lr": 1e-3, "backbone": "resnet18"})
    assert found.phase.decision is not None and len(found.phase.decision.among) == 1
    with pytest.raises(InputError, match="a decision is between two or more"):
        swept(phase(extends="base", grid={"dropout": [0.4]}, decision=rule))


def test_a_grid_of_ten_thousand_is_refused_with_its_cost_before_it_is_made(
    phase: Callable[..., Path], tmp_path: Path
) -> None:
    values = [number / 1000 for number in range(10)]
    grid = {"dropout": values, "mix.mixup": [1 + each for each in values], "loss.label_smoothing": values}
    folder = phase(extends="base", grid={**grid, "optimizer.momentum": values})
    started = time.perf_counter()
    with pytest.raises(InputError, match=r"10,000 experiments of 50,000 trials; .*--accept-trials 50000"):
        swept(folder)
    assert time.perf_counter() - started < 2
    few = phase(extends="base", grid={"dropout": [number / 100 for number in range(65)]})
    with pytest.raises(InputError, match=r"65 experiments of 130 trials"):
        swept(few, settings=("cv_folds=2",), accepted=129)
    assert len(swept(few, settings=("cv_folds=2",), accepted=130).experiments) == 65


SEARCH = {"trials": 4, "space": {"dropout": {"low": 0, "high": 0.5}}}


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"grid": {"dorpout": [0.1]}}, "'dorpout' is no key that decides numbers; nearest: dropout"),
        ({"grid": {"optimizer.lrr": [0.1]}}, "nearest: optimizer.lr"),
        ({"grid": {"dropout": []}}, "grid.dropout is an empty list"),
        ({"grid": {}}, "grid is {}"),
        ({"grid": {"dropout": 0.1}}, "grid.dropout is 0.1"),
        ({"grid": {"dropout": ["much"]}}, 'dropout is "much": input should be a valid number'),
        ({"grid": {"dropout": [0.1, 0.1]}}, "grid.dropout has 0.1 twice"),
        ({"grid": {"lr": [0.1], "optimizer.lr": [0.2]}}, "lr and optimizer.lr set the same value"),
        ({"grid": {"seed": [1, 2]}}, "every seed deals other folds"),
        ({"grid": {"cv_folds": [3, 5]}}, "on the same images"),
        ({"grid": {"num_workers": [1, 2]}}, "is no key that decides numbers"),
        ({"grid": {"dropout": [0.1]}, "search": SEARCH}, "both grid and search"),
        ({}, "neither grid nor search"),
        ({"grdi": {"dropout": [0.1]}}, "nearest: grid"),
        ({"search": {**SEARCH, "trials": 0}}, "search.trials is 0"),
        ({"search": {**SEARCH, "parallel": 0}}, "search.parallel is 0"),
        ({"search": {**SEARCH, "sampler": "tpee"}}, "nearest: tpe"),
        ({"search": {**SEARCH, "trails": 3}}, "search.trails'; nearest: trials"),
        ({"search": {"trials": 3, "space": {}}}, "search.space is {}"),
        ({"search": {"trials": 3, "space": {"lr": {"low": 1, "high": 0.1}}}}, "low has to be less than high"),
        ({"search": {"trials": 3, "space": {"lr": {"low": 0, "high": 1, "log": True}}}}, "above 0 alone"),
        ({"search": {"trials": 3, "space": {"lr": {"low": 0.1, "hihg": 1}}}}, "lr.hihg'; nearest: high"),
        ({"search": {"trials": 3, "space": {"backbone": {"low": 0, "high": 1}}}}, "takes no numbers"),
        ({"search": {"trials": 3, "space": {"dropout": {"low": 0, "high": 2}}}}, "dropout is 2"),
        ({"search": {"trials": 3, "space": {"epochs": []}}}, "empty list"),
        ({"search": {"trials": 3, "space": {"epochs": {"low": 1.5, "high": 9}}}}, "takes whole numbers"),
        ({"search": {"trials": 3, "space": {"scheduler.T_max": {"low": 0, "high": 9}}}}, "T_max is 0"),
        ({"search": {"space": {"dropout": [0, 0.5]}}}, "search.trials is missing"),
        ({"search": {"trials": 9, "space": {"dropout": [0, 0.5], "epochs": [1, 2]}}}, "has 4 settings"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_sweep_is_said_before_anything_starts(
    phase: Callable[..., Path], keys: dict[str, Any], said: str
) -> None:
    for folder in (phase(extends="base", **keys), phase(sweeps=[{"extends": "base", **keys}])):
        with pytest.raises(InputError) as problem:
            swept(folder)
        assert said in str(problem.value) and "phase.json" in str(problem.value)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"grid": GRID}, 'name it with "extends"'),
        ({"extends": "base", "grid": GRID, "sweeps": []}, 'extends stands beside "sweeps"'),
        ({"extends": "base.json", "grid": GRID}, 'extends is "base.json": give the name of an experiment'),
        ({"extends": "bass", "grid": GRID}, r"phase\.json: .*extends 'bass'.*nearest: base"),
        ({"extends": "base", "grid": {"dropout": [0.4]}, "name": "other"}, "name is 'other'"),
        ({"sweeps": [{"extends": "base", "grid": {"dropout": [0.4]}}] * 2}, "two of its sweeps make"),
        ({"extends": "base", "grid": {"backbone": ["resnet18"], "epochs": ["x"]}}, "epochs"),
    ],
)  # fmt: skip
def test_what_can_not_be_made_is_refused(phase: Callable[..., Path], keys: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        swept(phase(**keys))


def test_a_setting_that_is_called_as_an_experiment_is_refused(
    phase: Callable[..., Path], write_experiments: Write
) -> None:
    folder = phase(extends="base", grid={"dropout": [0.4]})
    write_experiments({"phase1/base-dropout=0.4.json": {}}, folder=folder)
    with pytest.raises(InputError, match=r'makes base-dropout=0.4, which .* already.*"name".*"sweeps"'):
        swept(folder)
    # The way out that it names, which the short form does not have.
    sweep = {"extends": "base", "grid": {"dropout": [0.4]}, "name": "other"}
    write_experiments({"mine/phase.json": {"title": "Mine", "sweeps": [sweep]}}, folder=folder)
    assert [each.name for each in swept(folder).experiments] == ["base", "other-dropout=0.4"]


def test_a_set_of_a_key_that_is_swept_is_refused(phase: Callable[..., Path]) -> None:
    folder = phase(extends="base", grid={"lr": [1e-3, 3e-3]})
    for setting in ("lr=0.5", "optimizer.lr=0.5", 'optimizer={"lr": 0.5}'):
        with pytest.raises(InputError, match="leave out that --set"):
            swept(folder, settings=(setting,))
    assert len(swept(folder, settings=("optimizer.weight_decay=0",)).experiments) == 3


def test_a_space_with_settings_that_can_not_be_is_refused(phase: Callable[..., Path]) -> None:
    """Catches a search that stops after hours at a model that is too large for its images."""
    space = {"image_size": [16, 64], "backbone": ["simple_cnn", "vgg16"]}
    with pytest.raises(InputError, match="image_size is 16, too small for vgg16"):
        swept(phase(extends="base", search={"trials": 3, "space": space}))


def test_a_setting_that_is_asked_for_by_name_says_who_makes_it(
    phase: Callable[..., Path], write_experiments: Write
) -> None:
    """Catches the first phase with a sweep of the same experiment, whatever it varies."""
    folder = phase(extends="base", grid=GRID)
    other = {"title": "A", "extends": "base", "grid": {"lr": [0.5], "dropout": [0.5]}}
    search = {"title": "S", "extends": "base", "search": {"trials": 2, "space": SPACE}}
    write_experiments({"a/phase.json": other, "s/phase.json": search}, folder=folder)
    for name, maker in (("lr=0.0003-dropout=0", "mine"), ("lr=0.007-backbone=resnet18", "s")):
        with pytest.raises(InputError, match=rf"{maker} makes it, .* {maker} --only base-{name}"):
            load([f"base-{name}"], Library((folder,)), results=folder, preset=None, settings=())
    with pytest.raises(InputError, match=r"no experiment 'base-lr=0.7-dropout=0'"):
        load(["base-lr=0.7-dropout=0"], Library((folder,)), results=folder, preset=None, settings=())
