"""Refusals of a plan and of a run before an image is opened: backbones, weights, classes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., tuple[int, str, str]]
Write = Callable[..., Path]
both = pytest.mark.parametrize("command", ["run", "plan"])


@pytest.fixture
def unread(own_faces: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of which no image may be opened."""

    def opened(*arguments: object, **options: object) -> None:
        raise AssertionError("an image was opened")

    monkeypatch.setattr("trainables.data.dataset.manifest.inspect_files", opened)
    return own_faces


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without a network, and the folder of the weights that it has fetched before: none yet."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.fixture
def ask(call: Call, write_experiments: Write, tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    """Run a command on an experiment with some keys and a data folder."""

    def asked(command: str, data: Path, **keys: Any) -> tuple[int, str, str]:
        folder = write_experiments({"p/a.json": keys})
        return call(command, "a", "--experiments", folder, "--data", data, "--results", tmp_path / "results")

    return asked


@both
def test_a_mistyped_backbone_is_said_before_an_image_is_opened(ask: Call, unread: Path, command: str) -> None:
    code, out, err = ask(command, unread, backbone="resnt18")
    assert code == 2 and not out
    assert "backbone 'resnt18' is neither one of `models` nor a timm model; nearest: resnet18" in err


@both
def test_weights_that_can_t_be_had_are_said_before_an_image_is_opened(
    ask: Call, unread: Path, no_hub: Path, command: str
) -> None:
    code, _, err = ask(command, unread, backbone="resnet18", pretrained=True)
    assert code == 2 and err.count("\n") == 1
    assert (
        "the pretrained weights of resnet18 can't be had (timm/resnet18.a1_in1k is not on this machine" in err
    )
    assert "--set pretrained=false" in err


@both
def test_a_model_without_weights_is_said_before_an_image_is_opened(
    ask: Call, unread: Path, no_hub: Path, command: str
) -> None:
    """Catches a name that is known, and weights of it that nobody has."""
    code, _, err = ask(command, unread, backbone="resnet18.imagenet99", pretrained=True)
    assert code == 2 and "resnet18.imagenet99" in err


@both
@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"loss": {"type": "bce"}}, "--set loss.type=cross_entropy"),
        ({"loss": {"class_weights": [1.0, 2.0]}}, "loss.class_weights has 2 values, the data has 3 classes"),
        ({"normalization": "real_norm"}, "use imagenet, half or none"),
    ],
)
def test_keys_that_do_not_fit_the_classes_are_said_before_an_image_is_opened(
    ask: Call, unread: Path, tmp_path: Path, command: str, keys: dict[str, Any], said: str
) -> None:
    (tmp_path / "three" / "train").mkdir(parents=True)
    for name, source in (("a", "wiki"), ("b", "text2img"), ("c", "inpainting")):
        (unread / source).rename(tmp_path / "three" / "train" / name)
    code, _, err = ask(command, tmp_path / "three", **keys)
    assert code == 2 and said in err


@both
def test_all_that_is_wrong_is_said_at_once(
    call: Call, write_experiments: Write, own_faces: Path, command: str
) -> None:
    folder = write_experiments({"p/a.json": {"backbone": "resnt18"}, "p/b.json": {"backbone": "simplecnn"}})
    for path in (own_faces / "wiki").iterdir():
        path.unlink()
    code, _, err = call(command, "a", "b", "--experiments", folder, "--data", own_faces)
    assert code == 2
    assert [part in err for part in ("'resnt18'", "'simplecnn'", "one class only")] == [True] * 3


def test_weights_that_were_fetched_before_are_enough(ask: Call, own_faces: Path, no_hub: Path) -> None:
    """Catches a laptop without a network on which nothing can be planned."""
    folder = no_hub / "models--timm--resnet18.a1_in1k"
    (folder / "snapshots" / "0123").mkdir(parents=True)
    (folder / "snapshots" / "0123" / "model.safetensors").touch()
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0123")
    code, out, err = ask("plan", own_faces, backbone="resnet18", pretrained=True)
    assert (code, err) == (0, "") and "5 to run" in out


def test_what_is_finished_needs_no_weights(
    ask: Call, own_faces: Path, no_hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches results that can't be looked at again on a machine without the weights."""
    (tmp_path / "results" / "trials" / "b-r0f0-0123456789ab").mkdir(parents=True)
    (tmp_path / "results" / "trials" / "b-r0f0-0123456789ab" / "done.json").write_text("{}")
    code, _, err = ask("plan", own_faces, backbone="resnet18", pretrained=True)
    assert code == 2 and "can't be had" in err
    monkeypatch.setattr("orchestrator.plan.plan.StudyPlan.missing", lambda study: [])
    assert ask("plan", own_faces, backbone="resnet18", pretrained=True)[0] == 0
