"""Files of weights and timm's own: what a network takes from them, and what is refused before training."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from trainables.errors import InputError
from trainables.models.building import build_model, check_backbone
from trainables.models.pretrained import read_weights
from trainables.recipe import RecipeKeys
from trainables.starting_weights import StartingWeights, weights_of_file

TINY = "test_efficientnet"


def recipe(**changes: Any) -> RecipeKeys:
    return RecipeKeys.model_validate({"backbone": TINY, "image_size": 32, "normalization": "half", **changes})


def weights(name: str = TINY, *, seed: int = 0, **options: Any) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    return dict(timm.create_model(name, **options).state_dict())


def written(path: Path, tensors: Mapping[str, Tensor]) -> str:
    if path.suffix == ".safetensors":
        save_file(dict(tensors), path)
    else:
        torch.save(dict(tensors), path)
    return str(path)


def taken(model: nn.Module, tensors: Mapping[str, Tensor]) -> set[str]:
    """The names under which a model holds just these tensors."""
    return {
        name for name, value in model.state_dict().items() if name in tensors and value.equal(tensors[name])
    }


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth", "w.pt", "w.bin"])
def test_a_file_of_other_classes_gives_all_but_the_classifier(tmp_path: Path, name: str) -> None:
    given = weights()
    asked = recipe(pretrained=written(tmp_path / name, given))
    torch.manual_seed(1)
    model = build_model(asked, num_classes=2)
    assert set(model.state_dict()) - taken(model, given) == {"classifier.weight", "classifier.bias"}
    # The new classifier is the one that the random state gives without weights.
    torch.manual_seed(1)
    scratch = build_model(recipe(), num_classes=2)
    assert model.get_parameter("classifier.weight").equal(scratch.get_parameter("classifier.weight"))
    (said, *_) = check_backbone(asked, num_classes=2).notes
    assert f"{name}: {len(given) - 2} tensors are taken over" in said
    assert "the classifier starts anew (classifier.weight, classifier.bias)" in said


def test_a_file_of_the_same_classes_gives_everything(tmp_path: Path) -> None:
    given = weights(num_classes=5)
    asked = recipe(pretrained=written(tmp_path / "w.safetensors", given))
    assert taken(build_model(asked, num_classes=5), given) == set(given)
    assert f"all {len(given)} tensors are taken over" in check_backbone(asked, num_classes=5).notes[0]


def test_a_file_without_a_classifier_does(tmp_path: Path) -> None:
    given = {name: value for name, value in weights().items() if not name.startswith("classifier")}
    asked = recipe(pretrained=written(tmp_path / "w.safetensors", given))
    assert taken(build_model(asked, num_classes=2), given) == set(given)


@pytest.mark.parametrize("wrapper", ["state_dict", "model", "model_state_dict"])
def test_what_training_scripts_put_around_tensors_is_taken_off(tmp_path: Path, wrapper: str) -> None:
    given = weights()
    path = tmp_path / "w.pth"
    torch.save({"epoch": 3, wrapper: {f"module.{name}": value for name, value in given.items()}}, path)
    model = build_model(recipe(pretrained=str(path)), num_classes=2)
    assert len(taken(model, given)) == len(given) - 2


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    """Catches a network that is trained from noise, since most of its file was passed over."""
    given = weights()
    (first, second, *_) = given
    del given[first]
    given["stranger"] = torch.zeros(3)
    given[second] = torch.zeros(7)
    path = written(tmp_path / "w.safetensors", given)
    with pytest.raises(InputError) as raised:
        check_backbone(recipe(pretrained=path), num_classes=2)
    said = str(raised.value)
    assert f"w.safetensors does not fit {TINY}: 1 missing: {first}; 1 unexpected: stranger" in said
    assert f"1 of another shape: {second} (7 in the file, " in said and "\n" not in said


def test_the_file_of_another_network_is_refused_in_one_line(tmp_path: Path) -> None:
    path = written(tmp_path / "w.safetensors", weights("test_resnet"))
    with pytest.raises(InputError, match=r"missing: .* and \d+ more; .*set pretrained to false$"):
        check_backbone(recipe(pretrained=path), num_classes=2)


def test_a_strange_file_does_not_break_what_timm_adapts_its_own_with(tmp_path: Path) -> None:
    """Catches a traceback out of timm's converters, which know the names of their own models alone."""
    path = written(tmp_path / "w.safetensors", {"patch_embed.proj.weight": torch.zeros(3, 3)})
    for backbone in ("test_vit", "test_convnext"):
        with pytest.raises(InputError, match=f"does not fit {backbone}"):
            check_backbone(recipe(backbone=backbone, image_size=64, pretrained=path), num_classes=2)


class Code:
    """What a pickle can do when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_a_file_that_holds_code_is_refused_and_not_run(tmp_path: Path) -> None:
    path, touched = tmp_path / "w.pth", tmp_path / "touched"
    torch.save({"state_dict": weights(), "hook": Code(touched)}, path)
    with pytest.raises(InputError, match="more than tensors, and reading that could run code"):
        read_weights(path)
    assert not touched.exists()


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_a_broken_file_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"no weights")
    with pytest.raises(InputError, match=rf"{name} can't be read as weights"):
        read_weights(path)


def test_a_file_of_something_else_is_refused_with_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save({"optimizer": {"lr": 0.1}, "epoch": 3}, path)
    with pytest.raises(InputError, match="no table of tensors but optimizer, epoch"):
        read_weights(path)


@pytest.mark.slow
def test_a_network_around_a_trunk_takes_a_file_of_the_trunk_or_of_the_whole(tmp_path: Path) -> None:
    trunk = weights("mobilenetv2_100", num_classes=10)
    asked = recipe(backbone="dual_stream", pretrained=written(tmp_path / "trunk.safetensors", trunk))
    model = build_model(asked, num_classes=2)
    assert len(taken(model.get_submodule("trunk"), trunk)) == len(trunk) - 2
    assert (
        "left in the file: classifier.bias, classifier.weight"
        in check_backbone(asked, num_classes=2).notes[0]
    )
    whole = written(tmp_path / "whole.safetensors", model.state_dict())
    again = build_model(recipe(backbone="dual_stream", pretrained=whole), num_classes=2)
    assert taken(again, model.state_dict()) == set(model.state_dict())


def test_a_network_of_our_own_goes_on_from_a_trial_on_other_classes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    first = build_model(recipe(backbone="deepfake_net"), num_classes=5)
    path = written(tmp_path / "model.safetensors", first.state_dict())
    second = build_model(recipe(backbone="deepfake_net", pretrained=path), num_classes=2)
    left = set(second.state_dict()) - taken(second, first.state_dict())
    assert left == {"classifier.weight", "classifier.bias"}


def test_a_transformers_positions_are_brought_to_the_image_size(tmp_path: Path) -> None:
    """Catches weights that only fit the image size that they were trained at."""
    given = weights("test_vit")
    asked = recipe(backbone="test_vit", image_size=64, pretrained=written(tmp_path / "w.safetensors", given))
    model = build_model(asked, num_classes=2)
    assert model.state_dict()["pos_embed"].shape != given["pos_embed"].shape
    assert len(taken(model, given)) == len(given) - 3


def test_weights_that_are_others_by_now_are_refused(tmp_path: Path) -> None:
    """Catches a file that was replaced between plan and trial: its key would say the old one."""
    path = tmp_path / "w.safetensors"
    asked = recipe(pretrained=written(path, weights()))
    planned = check_backbone(asked, num_classes=2).weights
    assert planned == StartingWeights(sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    build_model(asked, num_classes=2, weights=planned)
    written(path, weights(seed=1))
    with pytest.raises(InputError, match="is not what it was when its trials were planned"):
        build_model(asked, num_classes=2, weights=planned)


@pytest.mark.parametrize(("normalization", "said"), [("half", 0), ("imagenet", 1), ("real_norm", 0)])
def test_another_scale_than_the_weights_were_trained_at_is_said(
    tmp_path: Path, normalization: str, said: int
) -> None:
    path = written(tmp_path / "w.safetensors", weights("test_resnet"))
    asked = recipe(backbone="test_resnet", pretrained=path, normalization=normalization)
    notes = check_backbone(asked, num_classes=2).notes[1:]
    assert len(notes) == said
    assert all("normalization: half is theirs" in note and "mean 0.5, 0.5, 0.5" in note for note in notes)


OLD, NEW = "1" * 40, "2" * 40


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's local cache as downloads leave it, with two commits of timm's weights; no network."""
    cache = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    folder = cache / f"models--timm--{TINY}.r160_in1k"
    for seed, commit in enumerate((OLD, NEW)):
        (folder / "snapshots" / commit).mkdir(parents=True)
        written(folder / "snapshots" / commit / "model.safetensors", weights(seed=seed))
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(OLD)
    return folder


def test_timms_default_is_known_by_tag_commit_and_hash(hub: Path) -> None:
    found = check_backbone(recipe(pretrained=True), num_classes=2).weights
    file = hub / "snapshots" / OLD / "model.safetensors"
    assert found == StartingWeights(
        tag=f"{TINY}.r160_in1k", revision=OLD, sha256=hashlib.sha256(file.read_bytes()).hexdigest()
    )
    given = weights()
    assert len(taken(build_model(recipe(pretrained=True), num_classes=2), given)) == len(given) - 2


def test_a_newer_commit_of_the_hub_does_not_change_what_was_planned(hub: Path) -> None:
    planned = check_backbone(recipe(pretrained=True), num_classes=2).weights
    (hub / "refs" / "main").write_text(NEW)
    pinned = build_model(recipe(pretrained=True), num_classes=2, weights=planned)
    assert len(taken(pinned, weights())) == len(weights()) - 2
    newest = check_backbone(recipe(pretrained=True), num_classes=2).weights
    assert newest is not None and newest.revision == NEW and newest != planned


def test_another_default_of_timms_does_not_change_what_was_planned(hub: Path) -> None:
    """Catches weights that are looked up by the model alone, of which a later timm has others."""
    tag = "mobilenetv4_conv_small.e1200_r224_in1k"
    assert timm.get_pretrained_cfg("mobilenetv4_conv_small").tag != tag.partition(".")[2]
    snapshot = hub.parent / f"models--timm--{tag}" / "snapshots" / OLD
    snapshot.mkdir(parents=True)
    given = weights("mobilenetv4_conv_small")
    path = Path(written(snapshot / "model.safetensors", given))
    planned = StartingWeights(tag=tag, revision=OLD, sha256=weights_of_file(path).sha256)
    asked = recipe(backbone="mobilenetv4_conv_small", pretrained=True)
    assert len(taken(build_model(asked, num_classes=2, weights=planned), given)) == len(given) - 2


def test_a_damaged_download_is_refused_with_the_way_out(hub: Path) -> None:
    (hub / "snapshots" / OLD / "model.safetensors").write_bytes(b"half of it")
    with pytest.raises(InputError, match=rf"weights of {TINY} can't be had .*--set pretrained=false"):
        build_model(recipe(pretrained=True), num_classes=2)
