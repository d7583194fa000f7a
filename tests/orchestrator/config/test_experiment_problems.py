"""All problems of experiment files at once, each with file, key, what was given and the way out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config.experiment import load_experiments
from orchestrator.config.library import Library
from trainables.errors import InputError

Write = Callable[..., Path]


def problem(folder: Path, *names: str, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        load_experiments(Library((folder,)), names or ("a",), **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"epohcs": 3}, ["unknown key 'epohcs'", "epochs"]),
        ({"learning_rate": 3}, ["unknown key 'learning_rate'"]),
        ({"weight_deacy": 1}, ["unknown key 'weight_deacy'", "nearest: weight_decay"]),
        ({"augment": {"hflp_p": 0.5}}, ["unknown key 'augment.hflp_p'", "nearest: hflip_p"]),
        ({"augment": {"hflip_p": 1.5}}, ["augment.hflip_p is 1.5", "less than or equal to 1"]),
        ({"augment": 3}, ["augment is 3"]),
        ({"select_by": {"recal": 1.0}}, ["unknown key 'select_by.recal'", "nearest: recall"]),
        ({"select_by": "acuracy"}, ['select_by is "acuracy"', "nearest: accuracy"]),
        ({"optimizer": {"momentun": 0.5}}, ["unknown key 'optimizer.momentun'", "nearest: momentum"]),
        ({"epochs": "3"}, ['epochs is "3"', "integer"]),
        ({"epochs": 3.5}, ["epochs is 3.5", "integer"]),
        ({"epochs": True}, ["epochs is true", "integer"]),
        ({"pretrained": 1}, ["pretrained is 1", "bool"]),
        ({"optimizer": "adamw"}, ['optimizer is "adamw"']),
        ({"real_sources": "wiki"}, ['real_sources is "wiki"']),
        ({"epochs": 0}, ["epochs is 0", "greater than or equal to 1"]),
        ({"dropout": 1.0}, ["dropout is 1.0", "less than 1"]),
        ({"lr": -1}, ["optimizer.lr is -1"]),
        ({"optimizer": {"lr": 0}}, ["optimizer.lr is 0", "greater than 0"]),
        ({"cv_folds": 1}, ["cv_folds is 1"]),
        ({"subsample": 1.5}, ["subsample is 1.5"]),
        ({"seed": -1}, ["seed is -1"]),
        ({"optimizer": {"type": "adamwx"}}, ['optimizer.type is "adamwx"', "nearest: adamw"]),
        ({"cnn_preset": "huge"}, ['cnn_preset is "huge"', "'large'"]),
        ({"face_crop": 1}, ["face_crop is 1"]),
        ({"pretrained": True, "backbone": "simple_cnn"}, ["pretrained", "simple_cnn"]),
        ({"resources": {"cpus": 0}}, ["resources.cpus is 0"]),
        ({"resources": {"gpus": 2}}, ["resources.gpus is 2", "trains on one GPU; give 1"]),
        ({"batch_size": 1}, ["batch_size is 1", "batch normalisation", "at least 2"]),
        ({"stages": [{"epochs": 0}]}, ["stages: they sum to 0 epochs"]),
        ({"stages": [{"epochs": 0}, {"epochs": 0, "trainable": "head"}]}, ["stages: they sum to 0 epochs"]),
        ({"stages": []}, ["stages: they sum to 0 epochs"]),
        (
            {"stages": [{"epochs": 2}], "epochs": 3},
            ["epochs is 3, but the stages sum to 2", "leave epochs out"],
        ),
        ({"stages": [{"epochs": 2, "trainable": "tail"}]}, ["tail", "give head, all, or last:"]),
        (
            {"stages": [{"epochs": 2, "trainabel": "all"}]},
            ["unknown key 'stages.0.trainabel'", "nearest: trainable"],
        ),
        ({"backbone": "svm_rbf", "stages": [{"epochs": 2}]}, ["stages", "sees each image once"]),
        ({"backbone": "ensemble_cnn"}, ["bases: ensemble_cnn combines 2 trained networks, 0 are named"]),
        (
            {"backbone": "fingerprint_net", "image_size": 16},
            ["image_size is 16, too small for fingerprint_net"],
        ),
        ({"resources": {"gpu": 1}}, ["unknown key 'resources.gpu'", "nearest: gpus"]),
        ({"scheduler": {"Tmax": 3}}, ["unknown key 'scheduler.Tmax'", "nearest: T_max"]),
        ({"optimizer": {"LR": 3}}, ["unknown key 'optimizer.LR'", "nearest: lr"]),
        ({"loss": {"Gamma": 3}}, ["unknown key 'loss.Gamma'", "nearest: gamma"]),
        ({"resources": {"GPUs": 1}}, ["unknown key 'resources.GPUs'", "nearest: gpus"]),
        ({"augment": {"Hflip": 3}}, ["unknown key 'augment.Hflip'", "nearest: hflip_p"]),
        ({"stages": [{"epochs": 2, "LR": 1}]}, ["unknown key 'stages.0.LR'", "nearest: lr"]),
        ({"extends": 3}, ["extends", "3"]),
        ({"extends": "nowhere"}, ["extends 'nowhere'"]),
        ({"extends": "nowhere.json"}, ["extends 'nowhere.json'"]),
    ],
)
def test_a_wrong_value_is_named_with_file_and_way_out(
    write_experiments: Write, values: dict[str, Any], said: list[str]
) -> None:
    folder = write_experiments({"p/a.json": values})
    text = problem(folder)
    for part in ["a.json", *said]:
        assert part in text
    assert len(text.splitlines()) == 1


def test_a_wrong_value_is_blamed_on_the_layer_that_gave_it(write_experiments: Write) -> None:
    """Catches a message that sends the reader to the wrong file."""
    files = {
        "p/parent.json": {"epochs": 0},
        "p/a.json": {"extends": "parent", "dropout": 2.0},
        "presets/x.json": {"batch_size": 1},
    }
    folder = write_experiments(files, shared={"image_size": 1})
    lines = problem(folder, preset="x", settings=["seed=-1"]).splitlines()
    blamed = {key: line for line in lines for key in line.split(": ")[1].split(" is ")[:1]}
    assert "parent.json" in blamed["epochs"]
    assert "a.json" in blamed["dropout"]
    assert "x.json" in blamed["batch_size"]
    assert "shared.json" in blamed["image_size"]
    assert blamed["seed"].startswith("--set")
    assert len(lines) == 5


def test_all_problems_of_all_files_come_at_once(write_experiments: Write) -> None:
    """Catches a loader that stops at the first file, or at the first problem of a file."""
    folder = write_experiments(
        {
            "p/a.json": {"epohcs": 3, "dropout": 2.0, "optimizer": {"type": "adagrad"}},
            "p/b.json": '{"epochs": 3,\n "seed" 4}',
            "p/c.json": {"name": "other"},
            "p/good.json": {},
        }
    )
    text = problem(folder, "a", "good", "b", "c", "missing")
    assert sum("a.json" in line for line in text.splitlines()) == 3
    assert "b.json, line 2" in text
    assert "c.json: name is 'other'" in text
    assert "no experiment 'missing'" in text
    assert "good.json" not in text


def test_a_problem_of_a_shared_parent_is_said_once(write_experiments: Write) -> None:
    parent = {"epochs": 0}
    folder = write_experiments(
        {"p/parent.json": parent, "p/a.json": {"extends": "parent"}, "p/b.json": {"extends": "parent"}}
    )
    assert len(problem(folder, "a", "b").splitlines()) == 1


@pytest.mark.parametrize(
    ("files", "start"),
    [
        ({"p/a.json": {"extends": "a"}}, "a"),
        (
            {"p/a.json": {"extends": "b"}, "p/b.json": {"extends": "c.json"}, "p/c.json": {"extends": "a"}},
            "a",
        ),
        ({"p/a.json": {"extends": "b"}, "p/b.json": {"extends": "c"}, "p/c.json": {"extends": "b"}}, "b"),
    ],
)
def test_a_circle_of_extends_is_an_error(write_experiments: Write, files: dict[str, Any], start: str) -> None:
    """Catches endless recursion, also where the first file is not on the circle."""
    text = problem(write_experiments(files))
    assert "circle" in text
    assert f"{start}.json -> " in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{\n "epochs": 3\n "seed": 1}', "line 3"),
        ('{"dropout": NaN}', "NaN"),
        ('{"lr": Infinity}', "Infinity"),
        ('{"lr": 1e999}', "lr"),
        ('{"resources": {"gpus": 1e999}}', "gpus"),
        ("[1, 2]", "a JSON object is needed, not list"),
        ("", "line 1"),
    ],
)
def test_what_is_not_a_json_object_is_refused(write_experiments: Write, text: str, said: str) -> None:
    found = problem(write_experiments({"p/a.json": text}))
    assert "a.json" in found
    assert said in found


def test_a_file_that_is_not_utf_8_is_refused_with_its_name(write_experiments: Write) -> None:
    folder = write_experiments({"p/a.json": {}})
    (folder / "p" / "a.json").write_bytes(b'{"description": "\xff\xfe"}')
    assert "a.json" in problem(folder)


def test_nan_is_refused_in_a_setting_too(write_experiments: Write) -> None:
    folder = write_experiments({"p/a.json": {}})
    assert "dropout" in problem(folder, settings=["dropout=NaN"])


@pytest.mark.parametrize("setting", ["epochs", "=3", ""])
def test_a_setting_without_key_or_value_is_refused(write_experiments: Write, setting: str) -> None:
    folder = write_experiments({"p/a.json": {}})
    text = problem(folder, settings=[setting])
    assert "--set" in text
    assert "key=value" in text


@pytest.mark.parametrize("setting", ["name=other", "extends=b"])
def test_a_setting_that_can_have_no_effect_is_refused(write_experiments: Write, setting: str) -> None:
    """Catches a key that is taken and then silently ignored."""
    folder = write_experiments({"p/a.json": {}, "p/b.json": {"epochs": 9}})
    assert setting.split("=")[0] in problem(folder, settings=[setting])


def test_an_unknown_preset_is_refused_with_those_that_are_there(write_experiments: Write) -> None:
    folder = write_experiments({"p/a.json": {}, "presets/quick.json": {}, "presets/slow.json": {}})
    text = problem(folder, preset="fast")
    assert "no preset 'fast'" in text
    assert "quick, slow" in text


def test_an_unknown_experiment_is_refused_with_the_nearest_names(write_experiments: Write) -> None:
    folder = write_experiments({"p/p1_resnet18_baseline.json": {}, "p/other.json": {}})
    text = problem(folder, "p1_resnet_baseline")
    assert "no experiment 'p1_resnet_baseline'" in text
    assert "nearest: p1_resnet18_baseline" in text
    assert "no such experiment file" in problem(folder, "p/none.json")


def test_two_files_of_one_name_are_refused(write_experiments: Write) -> None:
    """Catches that the one found first is run without a word."""
    folder = write_experiments({"p/a.json": {"epochs": 1}, "q/a.json": {"epochs": 2}})
    text = problem(folder)
    assert "two experiments are called a" in text
    assert str(Path("p/a.json")) in text
    assert str(Path("q/a.json")) in text


def test_no_shared_file_is_refused_with_the_way_out(tmp_path: Path) -> None:
    assert "shared.json" in problem(tmp_path)
    assert "--experiments" in problem(tmp_path)


@pytest.mark.parametrize("wrong", ["shared.json", "presets/x.json"])
def test_a_broken_lower_file_does_not_hide_what_is_wrong_with_the_others(
    write_experiments: Write, wrong: str
) -> None:
    """Catches a run that is refused, mended and refused again: all problems of all files come at once."""
    folder = write_experiments({"p/a.json": "{", "presets/x.json": {}, wrong: '{"epochs": }'})
    text = problem(folder, preset="x")
    assert f"{Path(wrong).name}, line 1" in text
    assert "a.json, line 1" in text
