"""Grad-CAM: against captum at the layer itself, and against maps that are known by hand."""

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam
from torch import Tensor, nn
from torch.nn import functional

from trainables.explain.grad_cam import class_logits, grad_cam
from trainables.explain.target_layers import target_layers
from trainables.models.building import build_model
from trainables.models.ensembles import Ensemble
from trainables.recipe import RecipeKeys


def noise(size_px: int, *, count: int = 2) -> Tensor:
    return torch.randn(count, 3, size_px, size_px, generator=torch.Generator().manual_seed(1))


def explained(model: nn.Module, x_BCHW: Tensor, classes: list[int]) -> np.ndarray:
    layers = target_layers(model, size_px=x_BCHW.shape[-1])
    return grad_cam(model, layers, x_BCHW, torch.tensor(classes)).numpy()


@pytest.mark.parametrize("num_classes", [2, 3])
def test_a_resnet_s_maps_are_captum_s(num_classes: int) -> None:
    torch.manual_seed(0)
    recipe = RecipeKeys(backbone="resnet18", image_size=128)
    model = build_model(recipe, num_classes=num_classes).eval()
    x_BCHW, classes = noise(128), [num_classes - 1] * 2
    expected = LayerGradCam(model, model.layer4).attribute(
        x_BCHW, 0 if num_classes == 2 else classes[0], relu_attributions=True
    )
    expected = functional.interpolate(expected, (128, 128), mode="bilinear").detach()
    assert expected.any()
    np.testing.assert_allclose(explained(model, x_BCHW, classes), expected[:, 0], rtol=1e-4, atol=1e-7)


class Corner(nn.Module):
    """One channel that is the image's red, and a logit that is its mean times `slope`."""

    cam_layer = "red"

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.red = nn.Conv2d(3, 1, 1, bias=False)
        self.red.weight.data = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
        self.slope = slope

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return self.slope * self.red(x_BCHW).mean(dim=(2, 3))


def test_a_map_shows_what_speaks_for_the_class_that_is_explained() -> None:
    """By hand: the gradient is slope / 16 at each place, so the map is the red above 0 times that."""
    x_BCHW = torch.zeros(1, 3, 4, 4)
    x_BCHW[0, 0, 0, 0], x_BCHW[0, 0, 3, 3] = 2.0, -3.0
    fake, real = np.zeros((4, 4)), np.zeros((4, 4))
    fake[0, 0], real[3, 3] = 2 * 8 / 16, 3 * 8 / 16
    np.testing.assert_allclose(explained(Corner(8.0), x_BCHW, [1])[0], fake, rtol=1e-6)
    np.testing.assert_allclose(explained(Corner(8.0), x_BCHW, [0])[0], real, rtol=1e-6)


def test_a_network_that_an_ensemble_does_not_listen_to_has_no_part_in_its_map() -> None:
    x_BCHW = torch.zeros(1, 3, 4, 4)
    x_BCHW[0, 0, 0, 0], x_BCHW[0, 0, 3, 3] = 2.0, -3.0
    head = nn.Linear(2, 1)
    # The second network's map is that of the other corner.
    for weights, corner in (((1.0, 0.0), (0, 0)), ((0.0, 1.0), (3, 3))):
        head.weight.data = torch.tensor([weights])
        (map_SS,) = explained(Ensemble([Corner(8.0), Corner(-8.0)], head).eval(), x_BCHW, [1])
        assert np.argwhere(map_SS).tolist() == [list(corner)]
    head.weight.data = torch.tensor([[1.0, 1.0]])
    (map_SS,) = explained(Ensemble([Corner(8.0), Corner(-8.0)], head).eval(), x_BCHW, [1])
    assert map_SS[3, 3] == pytest.approx(1.5 * map_SS[0, 0])


def test_the_network_works_as_before_once_it_was_explained() -> None:
    model = build_model(RecipeKeys(backbone="vit_tiny_patch16_224", image_size=64), num_classes=2).eval()
    before = model(noise(64))
    explained(model, noise(64), [0, 1])
    assert torch.equal(before, model(noise(64)))
    assert not any(module._forward_hooks for module in model.modules())


def test_the_logit_of_a_class() -> None:
    one, several = torch.tensor([[2.0], [2.0]]), torch.tensor([[1.0, 5.0, 3.0]])
    assert class_logits(one, torch.tensor([0, 1])).tolist() == [-2.0, 2.0]
    assert class_logits(several, torch.tensor([2])).tolist() == [3.0]
