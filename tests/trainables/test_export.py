"""Networks as files of other formats: the same logits, or no file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from trainables import export
from trainables.export import (
    ExportError,
    export_network,
    images_to_check,
    preprocessing_of,
    why_not_exported,
)
from trainables.trained import TrainedTrial, load_network, read_trained
from trainables.trial import run_trial


@pytest.fixture
def trained(make_recipe: Any, trial_data: Any, tmp_path: Path) -> TrainedTrial:
    folder, recipe = tmp_path / "t", make_recipe(epochs=1, normalization="real_norm")
    run_trial(recipe, trial_data.rows(), folder, device=torch.device("cpu"))
    (folder / "trial.json").write_text(json.dumps({"recipe": json.loads(recipe.model_dump_json())}))
    return read_trained(folder, num_classes=2)


@pytest.mark.filterwarnings("ignore:.*is deprecated:FutureWarning")
def test_a_script_gives_the_same_logits_for_any_number_of_images(
    trained: TrainedTrial, tmp_path: Path
) -> None:
    """Catches weights that are lost, a fixed batch, and a normalisation that is not the trial's."""
    pixels = images_to_check(trained, [], scratch=tmp_path)
    made = export_network(trained, tmp_path / "m.pt", wanted="torchscript", pixels=pixels)
    assert made.num_images == 32 and made.max_difference <= 1e-5
    said = preprocessing_of(trained)
    x_BCHW = torch.tensor(pixels[:5]).permute(0, 3, 1, 2).float() / 255
    x_BCHW = (x_BCHW - torch.tensor(said.mean).view(3, 1, 1)) / torch.tensor(said.std).view(3, 1, 1)
    jit: Any = torch.jit
    with torch.inference_mode():
        theirs = jit.load(str(tmp_path / "m.pt"))(x_BCHW)
        ours = load_network(trained, device=torch.device("cpu"))(x_BCHW)
    np.testing.assert_allclose(theirs, ours, atol=1e-5)
    assert ours.std() > 0


@pytest.mark.slow
def test_an_onnx_file_gives_the_same_logits_for_any_number_of_images(
    trained: TrainedTrial, tmp_path: Path
) -> None:
    pixels = images_to_check(trained, [], scratch=tmp_path)
    made = export_network(trained, tmp_path / "m.onnx", wanted="onnx", pixels=pixels)
    assert made.opset == 18 and made.checked_by == "onnxruntime" and made.max_difference <= 1e-4
    assert [path.name for path in tmp_path.glob("*.onnx*")] == ["m.onnx"]


class Sorted(nn.Module):
    """A layer whose operator no exporter knows."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.linalg.eigvals(x[:, 0]).real.sum(dim=1, keepdim=True)


def loads(monkeypatch: pytest.MonkeyPatch, model: nn.Module) -> None:
    monkeypatch.setattr(export, "load_network", lambda trained, *, device: model.eval())


@pytest.mark.slow
def test_an_operator_that_can_t_be_written_is_named(
    trained: TrainedTrial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads(monkeypatch, Sorted())
    pixels = images_to_check(trained, [], scratch=tmp_path)
    with pytest.raises(
        ExportError, match=r"simple_cnn can't be written as onnx \(operator aten.linalg_eig\)"
    ):
        export_network(trained, tmp_path / "m.onnx", wanted="onnx", pixels=pixels)
    assert not list(tmp_path.glob("*m.onnx*"))


class Forgetful(nn.Module):
    """Its branch is chosen by the first images that it sees, as a trace remembers it."""

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(dim=(1, 2, 3), keepdim=True)[:, :, 0, 0]
        return mean if len(x) == 2 else mean + 1


def test_a_file_that_computes_something_else_is_not_kept(
    trained: TrainedTrial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads(monkeypatch, Forgetful())
    pixels = images_to_check(trained, [], scratch=tmp_path)
    with pytest.raises(ExportError, match=r"m.pt gives logits that differ by up to 1 from .* was not kept"):
        export_network(trained, tmp_path / "m.pt", wanted="torchscript", pixels=pixels)
    assert not (tmp_path / "m.pt").exists()


def test_what_has_no_network_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert why_not_exported("svm_rbf", "onnx").startswith("svm_rbf is a kernel machine and no network")
    monkeypatch.setattr(export, "_is_installed", lambda name: name != "onnxscript")
    assert "--format onnx needs onnxscript; `pip install" in why_not_exported("resnet18", "onnx")
    assert why_not_exported("resnet18", "torchscript") == ""
