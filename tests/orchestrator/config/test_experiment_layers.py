"""The layers of an experiment, put together: which one wins, key by key."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.config.experiment import Experiment, load_experiments
from orchestrator.config.library import Library
from trainables.errors import InputError

Write = Callable[..., Path]


def load(folder: Path, name: str = "a", **options: Any) -> Experiment:
    (experiment,) = load_experiments(Library((folder,)), [name], **options)
    return experiment


def test_each_layer_beats_the_one_below_it(write_experiments: Write) -> None:
    """Catches a wrong order of precedence: epochs is set by one layer more in each step."""
    folder = write_experiments(
        {
            "p/bottom.json": {"batch_size": 5, "image_size": 20},
            "p/middle.json": {"extends": "bottom", "image_size": 30, "dropout": 0.1},
            "p/a.json": {"extends": "middle", "dropout": 0.2, "cv_folds": 3},
            "presets/quick.json": {"cv_folds": 4, "seed": 5},
        },
        shared={"epochs": 1, "batch_size": 2, "image_size": 16},
    )
    found = load(folder, preset="quick", settings=["seed=6"])
    assert (found.epochs, found.batch_size, found.image_size) == (1, 5, 30)
    assert (found.dropout, found.cv_folds, found.seed) == (0.2, 4, 6)


def test_a_later_setting_beats_an_earlier_one(write_experiments: Write) -> None:
    folder = write_experiments({"p/a.json": {}})
    assert load(folder, settings=["epochs=3", "epochs=4"]).epochs == 4


def test_an_inner_object_is_merged_and_not_replaced(write_experiments: Write) -> None:
    """Catches a file's optimizer that throws away what shared.json says of it."""
    folder = write_experiments({"p/a.json": {"optimizer": {"type": "sgd"}}})
    optimizer = load(folder, settings=["optimizer.momentum=0.5"]).optimizer
    assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == ("sgd", 1e-4, 1e-4)
    assert optimizer.momentum == 0.5


def test_a_list_is_replaced_and_not_merged(write_experiments: Write) -> None:
    folder = write_experiments({"p/a.json": {"real_sources": ["b"]}}, shared={"real_sources": ["x", "y"]})
    assert load(folder).real_sources == ("b",)


LEAVES: dict[tuple[str, ...], st.SearchStrategy[Any]] = {
    ("epochs",): st.integers(1, 99),
    ("dropout",): st.floats(0, 0.9),
    ("optimizer", "lr"): st.floats(1e-6, 1),
    ("optimizer", "type"): st.sampled_from(["adam", "adamw", "sgd"]),
    ("optimizer", "momentum"): st.floats(0, 0.9),
    ("scheduler", "T_max"): st.integers(1, 99),
    ("loss", "label_smoothing"): st.floats(0, 0.9),
}
LAYER = st.fixed_dictionaries({}, optional=LEAVES)


def nested(leaves: dict[tuple[str, ...], Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for path, value in leaves.items():
        into = values
        for part in path[:-1]:
            into = into.setdefault(part, {})
        into[path[-1]] = value
    return values


@settings(max_examples=40)
@given(layers=st.lists(LAYER, min_size=5, max_size=5))
def test_the_last_writer_of_each_leaf_wins(layers: list[dict[tuple[str, ...], Any]]) -> None:
    """Catches any mixture of layers but: per leaf, the highest layer that says something."""
    shared, parent, own, preset, top = layers
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {"shared": shared, "p/parent": parent, "p/a": own, "presets/x": preset}
        for stem, leaves in files.items():
            (folder / stem).parent.mkdir(exist_ok=True)
            extra = {"extends": "parent"} if stem == "p/a" else {}
            (folder / f"{stem}.json").write_text(json.dumps({**extra, **nested(leaves)}))
        given_top = [f"{'.'.join(path)}={json.dumps(value)}" for path, value in top.items()]
        found = load(folder, preset="x", settings=given_top)
    expected = {path: value for layer in layers for path, value in layer.items()}
    plain = Experiment(name="a")
    for path in LEAVES:
        value: Any = found
        default: Any = plain
        for part in path:
            value, default = getattr(value, part), getattr(default, part)
        assert value == expected.get(path, default), path


@pytest.mark.parametrize("layer", ["shared", "parent", "own", "preset", "set"])
@pytest.mark.parametrize(("key", "inner"), [("lr", "lr"), ("weight_decay", "weight_decay")])
def test_the_shorthands_work_in_every_layer(
    write_experiments: Write, layer: str, key: str, inner: str
) -> None:
    """Catches a top-level lr that a layer ignores, or that a lower layer's optimizer.lr beats."""
    low = {"optimizer": {inner: 0.25}}

    def said(name: str) -> dict[str, Any]:
        return {key: 0.5} if name == layer else {}

    folder = write_experiments(
        {
            "p/parent.json": said("parent"),
            "p/a.json": {"extends": "parent", **said("own")},
            "presets/x.json": said("preset"),
        },
        shared=said("shared") or low,
    )
    given = [f"{name}={value}" for name, value in said("set").items()]
    found = load(folder, preset="x", settings=given).optimizer
    assert getattr(found, inner) == 0.5
    assert found.type == "adamw"


def test_optimizer_lr_of_a_higher_layer_beats_the_shorthand_of_a_lower_one(write_experiments: Write) -> None:
    folder = write_experiments({"p/a.json": {"optimizer": {"lr": 0.25}}}, shared={"lr": 0.5})
    assert load(folder).optimizer.lr == 0.25


def test_lr_and_optimizer_lr_of_one_file_must_agree(write_experiments: Write) -> None:
    """Catches one of two contradicting values being dropped without a word."""
    folder = write_experiments({"p/a.json": {"lr": 0.5, "optimizer": {"lr": 0.25}}})
    with pytest.raises(InputError, match=r"a\.json: lr is 0\.5 and optimizer\.lr is 0\.25"):
        load(folder)
    write_experiments({"p/a.json": {"lr": 0.5, "optimizer": {"lr": 0.5}}})
    assert load(folder).optimizer.lr == 0.5


@pytest.mark.parametrize("extends", ["parent", "deep/parent.json", "../q/deep/parent.json"])
def test_extends_takes_a_name_or_a_path_beside_the_file(write_experiments: Write, extends: str) -> None:
    folder = write_experiments(
        {"q/deep/parent.json": {"epochs": 7}, "q/a.json": {"extends": extends, "batch_size": 3}}
    )
    found = load(folder)
    assert (found.epochs, found.batch_size, found.name) == (7, 3, "a")


def test_description_and_tags_are_a_files_own(write_experiments: Write) -> None:
    """Catches an experiment that is described by its parent or by the preset it ran with."""
    folder = write_experiments(
        {
            "p/parent.json": {"description": "parent", "tags": ["parent"]},
            "p/a.json": {"extends": "parent"},
            "p/b.json": {"extends": "parent", "description": "mine", "tags": ["b"]},
            "presets/x.json": {"description": "preset", "tags": ["preset"], "epochs": 1},
        }
    )
    bare, own = load_experiments(Library((folder,)), ["a", "b"], preset="x")
    assert (bare.description, bare.tags, bare.epochs) == ("", (), 1)
    assert (own.description, own.tags, own.epochs) == ("mine", ("b",), 1)


def test_an_experiment_is_found_by_its_path_too(write_experiments: Write) -> None:
    folder = write_experiments({"p/a.json": {"epochs": 9}})
    assert load(folder, str(folder / "p" / "a.json")).epochs == 9


def test_the_order_asked_for_is_kept(write_experiments: Write) -> None:
    folder = write_experiments({"p/a.json": {}, "p/b.json": {}})
    assert [found.name for found in load_experiments(Library((folder,)), ["b", "a"])] == ["b", "a"]


def test_a_setting_that_is_no_json_is_text(write_experiments: Write) -> None:
    folder = write_experiments({"p/a.json": {}})
    found = load(folder, settings=["backbone=resnet18", "pretrained=true", 'train_sources=["wiki","b"]'])
    assert (found.backbone, found.pretrained, found.train_sources) == ("resnet18", True, ("wiki", "b"))


def test_loading_leaves_nothing_behind_for_the_next_experiment(write_experiments: Write) -> None:
    """Catches layers that are changed while they are merged."""
    folder = write_experiments({"p/a.json": {"optimizer": {"lr": 0.5}}, "p/b.json": {}})
    _, second = load_experiments(Library((folder,)), ["a", "b"])
    assert second.optimizer.lr == 1e-4


def test_the_recipe_holds_every_key_of_the_experiment(write_experiments: Write) -> None:
    """Catches a key that is read from the file and lost on the way to the trial."""
    folder = write_experiments({"p/a.json": {"epochs": 7, "optimizer": {"lr": 0.5}, "val_ratio": 0.25}})
    found = load(folder)
    recipe = found.recipe(layout="sources", memory_format="contiguous")
    kept = recipe.model_dump(exclude={"layout", "memory_format", "micro_batch", "weights"})
    assert kept == {name: found.model_dump()[name] for name in kept}
    assert (recipe.epochs, recipe.optimizer.lr, recipe.val_ratio) == (7, 0.5, 0.25)


def test_stages_bring_their_epochs_and_a_preset_shares_its_own_out(write_experiments: Write) -> None:
    """Catches 15 shared epochs that cut 30 staged ones short, and a smoke run that is never short."""
    stages = [{"epochs": 20, "trainable": "head"}, {"epochs": 10}]
    folder = write_experiments({"p/a.json": {"stages": stages}, "presets/quick.json": {"epochs": 3}})
    assert load(folder).epochs == 30
    (quick,) = load_experiments(Library((folder,)), ["a"], preset="quick")
    assert [stage.epochs for stage in quick.training_stages] == [2, 1]
    assert [stage.epochs for stage in load(folder, settings=["epochs=60"]).training_stages] == [40, 20]


def test_the_preset_beside_an_experiment_goes_on_top_of_everybodys(write_experiments: Write) -> None:
    folder = write_experiments(
        {
            "p/a.json": {},
            "q/a2.json": {"epochs": 50},
            "presets/quick.json": {"epochs": 3, "batch_size": 4},
            "q/presets/quick.json": {"epochs": 5},
        }
    )
    first, second = load_experiments(Library((folder,)), ["a", "a2"], preset="quick")
    assert (first.epochs, second.epochs, second.batch_size) == (3, 5, 4)
    assert load_experiments(Library((folder,)), ["a2"], preset="quick", settings=["epochs=6"])[0].epochs == 6
    assert list(Library((folder,)).experiments()) == ["a", "a2"]
