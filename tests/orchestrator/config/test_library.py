"""Folders of experiment files, a user's on top of the shipped one: which file a name leads to."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config.experiment import load_experiments
from orchestrator.config.library import Library, find_library
from orchestrator.config.load import load
from orchestrator.config.phase import load_phase, phases_in_order
from trainables.errors import InputError

Write = Callable[..., Path]
PHASE = {"title": "Shipped", "experiments": ["a", "b"], "decision": {"choose": "auc"}}
SHIPPED: dict[str, Any] = {
    "presets/quick.json": {"epochs": 1},
    "phase1/phase.json": PHASE,
    "phase1/presets/quick.json": {"image_size": 40},
    "phase1/a.json": {"dropout": 0.1},
    "phase1/b.json": {"extends": "a", "image_size": 48},
}


@pytest.fixture
def shipped_folder(write_experiments: Write, tmp_path: Path) -> Path:
    return write_experiments(SHIPPED, folder=tmp_path / "shipped")


@pytest.fixture
def layers(shipped_folder: Path, tmp_path: Path) -> Callable[..., Library]:
    """Write a user's folder, which has no shared.json; return both folders."""

    def write(files: dict[str, Any]) -> Library:
        mine = tmp_path / "mine"
        mine.mkdir()
        for name, content in files.items():
            path = mine / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content), encoding="utf-8")
        return Library((mine, shipped_folder))

    return write


def test_a_users_experiment_extends_a_shipped_one(layers: Callable[..., Library]) -> None:
    library = layers({"own/c.json": {"extends": "b", "batch_size": 4}})
    (found,) = load_experiments(library, ["c"])
    assert (found.dropout, found.image_size, found.batch_size, found.seed) == (0.1, 48, 4, 42)


def test_a_users_file_takes_the_place_of_the_shipped_one(layers: Callable[..., Library]) -> None:
    """Catches "two experiments are called a", and a shipped child that does not see it."""
    library = layers({"own/a.json": {"dropout": 0.5}, "presets/quick.json": {"epochs": 7}})
    (found,) = load_experiments(library, ["b"], preset="quick")
    # The preset beside the shipped b is on top of the user's.
    assert (found.dropout, found.epochs, found.image_size) == (0.5, 7, 40)
    assert sorted(library.experiments()) == ["a", "b"]


def test_shared_json_of_the_user_takes_the_place_of_the_shipped_one(layers: Callable[..., Library]) -> None:
    library = layers({"shared.json": {"seed": 1, "image_size": 64}})
    (found,) = load_experiments(library, ["a"])
    assert (found.seed, found.image_size, found.epochs) == (1, 64, 15)


def test_two_experiments_of_one_name_in_one_folder_are_refused(layers: Callable[..., Library]) -> None:
    library = layers({"one/c.json": {}, "two/c.json": {}})
    with pytest.raises(InputError, match=r"mine/one/c\.json and .*mine/two/c\.json; rename one"):
        library.experiment("c")


def test_a_doubled_name_is_in_the_way_of_nothing_but_itself(
    layers: Callable[..., Library], tmp_path: Path
) -> None:
    """Catches one copied file that keeps the shipped phases from being planned."""
    library = layers({"one/c.json": {}, "two/c.json": {}})
    found = load(["phase1"], library, results=tmp_path / "results", preset=None, settings=())
    assert [each.name for each in found.experiments] == ["a", "b"]


def test_hidden_folders_hold_no_experiments(layers: Callable[..., Library], tmp_path: Path) -> None:
    """Catches an editor's copy of a file that is taken for a second experiment, or for a phase."""
    hidden = {".checkpoints/c.json": {}, "own/.checkpoints/c.json": {}, ".checkpoints/phase.json": PHASE}
    library = layers({**hidden, "own/c.json": {}})
    assert library.experiment("c") == tmp_path / "mine" / "own" / "c.json"
    assert library.phases() == ["phase1"]


def test_an_experiment_extends_the_shipped_one_that_it_replaces(layers: Callable[..., Library]) -> None:
    library = layers({"own/a.json": {"extends": "a", "image_size": 32}})
    mine, theirs = load_experiments(library, ["a", "b"])
    assert (mine.dropout, mine.image_size) == (0.1, 32)
    assert (theirs.dropout, theirs.image_size) == (0.1, 48)


@pytest.mark.parametrize("name", ["c", "mine/phase1/c.json", "mine/../mine/phase1/c.json", "{here}/c.json"])
def test_an_experiment_is_the_same_however_its_path_is_written(
    layers: Callable[..., Library], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    """Catches a trial's key that hangs on an absolute path, which misses the preset of the lower folder."""
    library = layers({"phase1/c.json": {}})
    monkeypatch.chdir(tmp_path)
    relative = Library((Path("mine"), *library.folders[1:]))
    asked = name.format(here=tmp_path / "mine" / "phase1")
    assert load_experiments(relative, [asked], preset="quick")[0].image_size == 40


def test_an_error_names_the_users_file(layers: Callable[..., Library], tmp_path: Path) -> None:
    library = layers({"own/c.json": {"extends": "b", "epohcs": 4}})
    with pytest.raises(InputError) as caught:
        load_experiments(library, ["c"])
    assert str(caught.value).startswith(f"{tmp_path / 'mine' / 'own' / 'c.json'}: unknown key 'epohcs'")


@pytest.mark.parametrize("preset", [None, "quick"])
def test_an_experiment_is_the_same_whichever_folder_holds_its_file(
    layers: Callable[..., Library], shipped_folder: Path, preset: str | None
) -> None:
    """Catches a trial's key that hangs on the place of a file, by the presets that lie beside it."""
    library = layers({"phase1/c.json": SHIPPED["phase1/b.json"]})
    (mine,) = load_experiments(library, ["c"], preset=preset)
    (theirs,) = load_experiments(Library((shipped_folder,)), ["b"], preset=preset)
    assert mine.recipe_keys() == theirs.recipe_keys()


def test_a_users_phase_takes_the_place_of_the_shipped_one_and_that_is_said(
    layers: Callable[..., Library], tmp_path: Path
) -> None:
    library = layers({"phase1/phase.json": {"title": "Mine", "experiments": ["b"]}})
    assert library.phases() == ["phase1"] and load_phase(library, "phase1").title == "Mine"
    found = load(["phase1"], library, results=tmp_path / "results", preset=None, settings=())
    mine = tmp_path / "mine" / "phase1" / "phase.json"
    assert found.notes == (f"{mine} takes the place of the shipped phase phase1",)


def test_a_replaced_experiment_is_said_unless_it_is_the_same(
    layers: Callable[..., Library], tmp_path: Path
) -> None:
    library = layers({"phase1/a.json": {"dropout": 0.2}, "phase1/b.json": SHIPPED["phase1/b.json"]})
    found = load(["phase1"], library, results=tmp_path / "results", preset=None, settings=())
    mine = tmp_path / "mine" / "phase1" / "a.json"
    assert found.notes == (f"{mine} takes the place of the shipped experiment a",)


@pytest.mark.parametrize("names", [["phase1"], ["a", "both"]])
def test_every_replaced_file_that_is_read_is_said(
    layers: Callable[..., Library], tmp_path: Path, names: list[str]
) -> None:
    """Catches a shipped experiment that silently takes its values from a file of the user."""
    pair = {"backbone": "ensemble_cnn", "bases": ["one", "two"]}
    shipped = {"one": {"backbone": "skip_con_cnn"}, "two": {"backbone": "three_cnn"}, "both": pair}
    for name, content in shipped.items():
        (tmp_path / "shipped" / "phase1" / f"{name}.json").write_text(json.dumps(content))
    (tmp_path / "shipped" / "phase1" / "a.json").write_text(json.dumps({"extends": "below"}))
    (tmp_path / "shipped" / "phase1" / "below.json").write_text("{}")
    phase = json.dumps({**PHASE, "experiments": ["a", "both"]})
    (tmp_path / "shipped" / "phase1" / "phase.json").write_text(phase)
    shared = json.loads((tmp_path / "shipped" / "shared.json").read_text())
    library = layers(
        {
            "shared.json": {**shared, "seed": 7},
            "presets/quick.json": {"epochs": 2},
            "phase1/presets/quick.json": {"image_size": 32},
            "own/below.json": {"dropout": 0.3},
            "phase1/one.json": {"backbone": "skip_con_cnn", "batch_size": 4},
        }
    )
    mine = tmp_path / "mine"
    found = load(names, library, results=tmp_path / "results", preset="quick", settings=())
    assert {(each.seed, each.image_size) for each in found.experiments} == {(7, 32)}
    assert sorted(found.notes) == [
        f"{mine}/own/below.json takes the place of the shipped experiment below",
        f"{mine}/phase1/one.json takes the place of the shipped experiment one",
        f"{mine}/phase1/presets/quick.json takes the place of the shipped phase1/presets/quick.json",
        f"{mine}/presets/quick.json takes the place of the shipped presets/quick.json",
        f"{mine}/shared.json takes the place of the shipped shared.json",
    ]


def test_an_experiment_may_be_called_like_a_phase(layers: Callable[..., Library], tmp_path: Path) -> None:
    library = layers({"own/phase_shift.json": {}})
    found = load(["phase_shift"], library, results=tmp_path, preset=None, settings=())
    assert [each.name for each in found.experiments] == ["phase_shift"]
    with pytest.raises(InputError, match=r"no phase 'phase7'"):
        load(["phase7"], library, results=tmp_path, preset=None, settings=())


def test_a_phase_among_other_names_is_said_to_be_named_alone(
    layers: Callable[..., Library], tmp_path: Path
) -> None:
    """Catches "no experiment 'phase1', and no phase", of a phase that there is."""
    with pytest.raises(InputError, match=r"^phase1 is a phase, which is named alone; leave out"):
        load(["a", "phase1"], layers({}), results=tmp_path, preset=None, settings=())


def test_a_users_phase_may_build_on_a_shipped_one(layers: Callable[..., Library]) -> None:
    second = {"title": "Two", "experiments": ["b"], "builds_on": "phase1"}
    library = layers({"own/phase.json": second})
    assert library.own_phases() == ["own"]
    assert phases_in_order(library, library.own_phases()) == ["phase1", "own"]


def test_a_folder_without_phases_leaves_the_shipped_ones(layers: Callable[..., Library]) -> None:
    assert layers({"own/c.json": {}}).own_phases() == ["phase1"]


def test_a_phase_called_like_a_command_is_refused(layers: Callable[..., Library]) -> None:
    library = layers({"plan/phase.json": PHASE})
    with pytest.raises(InputError, match=r"mine/plan/phase\.json: plan is a command; give the folder"):
        load_phase(library, "plan")


def test_presets_of_both_folders_are_known(layers: Callable[..., Library]) -> None:
    library = layers({"presets/night.json": {"epochs": 90}})
    assert library.presets() == ["night", "quick"]
    assert load_experiments(library, ["a"], preset="night")[0].epochs == 90
    with pytest.raises(InputError, match=r"no preset 'nigth'; the presets are night, quick"):
        load_experiments(library, ["a"], preset="nigth")


def test_the_folder_that_is_named_counts_before_the_one_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shipped: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_library(None).folders == (shipped,)
    Path("experiments").mkdir()
    assert find_library(None).folders == (Path("experiments"), shipped)
    Path("other").mkdir()
    assert find_library(Path("other")).folders == (Path("other"), shipped)
    with pytest.raises(InputError, match=r"no folder of experiments mistyped; .*init"):
        find_library(Path("mistyped"))


def test_a_checkout_has_one_folder(monkeypatch: pytest.MonkeyPatch, shipped: Path) -> None:
    """Catches every experiment of a checkout being found twice."""
    monkeypatch.chdir(shipped.parent)
    assert find_library(None).folders == (Path("experiments"),)


def test_a_copy_of_the_shipped_folder_replaces_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shipped: Path
) -> None:
    shutil.copytree(shipped, tmp_path / "experiments")
    monkeypatch.chdir(tmp_path)
    found = load(["phase1"], find_library(None), results=Path("results"), preset="smoke", settings=())
    assert len(found.experiments) == 2 and found.notes == ()
