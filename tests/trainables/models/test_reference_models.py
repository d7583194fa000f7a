"""The networks of the reference systems: their parameter counts, and what makes each of them special."""

from dataclasses import asdict

import pytest
import timm
import torch
from torch import nn
from torch.nn import functional

from trainables.models import dual_stream, ensembles, fingerprint_net, layers, three_cnn
from trainables.models.building import backbone_facts, build_model
from trainables.recipe import RecipeKeys


@pytest.mark.parametrize(
    ("name", "classes", "parameters", "trainable"),
    [
        ("fingerprint_net", 2, 25_179_395, 25_179_395),
        ("skip_con_cnn", 5, 8_695_045, 8_695_045),
        ("three_cnn", 5, 691_781, 691_781),
        ("ensemble_cnn", 5, 9_387_553, 727),
    ],
)
def test_parameter_counts(name: str, classes: int, parameters: int, trainable: int) -> None:
    (row,) = [asdict(each) for each in backbone_facts() if each.name == name]
    assert (row["num_classes"], row["parameters"], row["trainable_parameters"]) == (
        classes,
        parameters,
        trainable,
    )


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("skip_con_cnn", (3584, 295_168, 1_180_160, 2_359_808, 131_584, 2_359_808, 2_359_424, 645)),
        ("three_cnn", (1792, 73_856, 221_376, 393_344, 645)),
        ("ensemble_cnn", (176, 34, 352, 165)),
        # Channels 3-32-32-64-64-128-128 by 3x3 convolutions with bias, and 128-5.
        ("deepfake_net", (896, 9248, 18_496, 36_928, 73_856, 147_584, 645)),
        ("deepfake_net2", (896, 9248, 18_496, 36_928, 73_856, 147_584, 645)),
    ],
)
def test_parameters_of_each_layer(name: str, layers: tuple[int, ...]) -> None:
    """Catches a width that is made up for elsewhere, so that the total is right."""
    model = build_model(RecipeKeys(backbone=name), num_classes=5)
    own = model.head if name == "ensemble_cnn" else model
    found = [
        sum(parameter.numel() for parameter in layer.parameters())
        for layer in own.modules()
        if isinstance(layer, nn.Conv2d | nn.Linear)
    ]
    assert tuple(found) == layers


@pytest.mark.parametrize("build", [fingerprint_net.FingerprintNet, dual_stream.DualStream])
def test_a_pretrained_trunk_keeps_its_weights(build: type[nn.Module]) -> None:
    """Starting the new layers must not start the trunk again."""
    name = "resnet34" if build is fingerprint_net.FingerprintNet else "mobilenetv2_100"
    trunk = timm.create_model(name, num_classes=0)
    before = {key: value.clone() for key, value in trunk.state_dict().items()}
    model = build(num_logits=1, trunk=trunk)
    assert all(torch.equal(model.trunk.state_dict()[key], value) for key, value in before.items())


def test_attention_starts_as_nothing_and_then_looks_everywhere() -> None:
    attention = fingerprint_net.SelfAttention(16)
    x_BCHW = torch.randn(2, 16, 4, 4)
    assert torch.equal(attention(x_BCHW), x_BCHW)
    nn.init.ones_(attention.weight)
    changed = x_BCHW.clone()
    changed[:, :, 0, 0] += 1.0
    assert not torch.allclose(attention(x_BCHW)[:, :, 3, 3], attention(changed)[:, :, 3, 3])


def test_the_spectrum_branch_sees_a_period_that_upsampling_leaves() -> None:
    """A weak grid of period 2 stands out of the spectrum by orders of magnitude."""
    flat = 0.01 * torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    grid = flat.clone()
    grid[..., ::2, ::2] += 0.1

    def peak(x_BCHW: torch.Tensor) -> torch.Tensor:
        return torch.fft.rfft2(x_BCHW, norm="ortho").abs()[0, 0, 32, 32]

    assert peak(grid) > 20 * peak(flat)
    spectrum = fingerprint_net.Spectrum().eval()
    with torch.inference_mode():
        assert not torch.allclose(spectrum(grid), spectrum(flat))


def test_a_dilated_convolution_takes_two_pixels_off() -> None:
    model = three_cnn.ThreeCNN(num_logits=5).eval()
    with torch.inference_mode():
        assert model.features[:5](torch.zeros(1, 3, 100, 100)).shape[-2:] == (23, 23)


def answers(name: str, image_HW: torch.Tensor) -> torch.Tensor:
    return functional.conv2d(image_HW[None, None], dual_stream.fixed_filters()[name][None, None])[0, 0]


def step(size: int, *, along: str) -> torch.Tensor:
    """0 and then 1 along the rows ("x"), the columns ("y"), or in one corner ("xy")."""
    high = (torch.arange(size) >= size // 2).float()
    return {"x": high.repeat(size, 1), "y": high.repeat(size, 1).T, "xy": torch.outer(high, high)}[along]


@pytest.mark.parametrize("name", dual_stream.fixed_filters())
def test_a_residual_filter_is_silent_on_a_flat_patch_and_not_at_a_corner(name: str) -> None:
    assert answers(name, torch.full((14, 14), 0.7)).abs().max() < 1e-5
    corner = answers(name, step(14, along="xy"))
    assert corner.abs().max() > 0.1
    # Far from every edge there is nothing to answer to.
    assert corner[:2, :2].abs().max() < 1e-6 and corner[-2:, -2:].abs().max() < 1e-6


@pytest.mark.parametrize(
    ("name", "x", "y"),
    [("kv", False, False), ("spam_edge", True, False), ("minmax", True, True), ("bayar", True, True),
     ("laplacian", True, True)],
)  # fmt: skip
def test_which_straight_edges_a_filter_answers(name: str, x: bool, y: bool) -> None:
    """KV takes second differences both ways and so cancels straight edges; the edge kernel sees one way."""
    assert bool(answers(name, step(14, along="x")).abs().max() > 0.1) == x
    assert bool(answers(name, step(14, along="y")).abs().max() > 0.1) == y


@pytest.mark.parametrize("name", ["kv", "laplacian"])
def test_a_second_order_filter_is_silent_on_a_ramp(name: str) -> None:
    """A linear slope has no second derivative."""
    assert answers(name, torch.arange(12.0).repeat(12, 1)).abs().max() < 1e-4


def test_the_laplacian_answers_a_step_with_a_rise_and_a_fall() -> None:
    assert answers("laplacian", step(9, along="x"))[0].tolist() == [0.0, 1.0, -1.0, 0.0, 0.0]


def constraint_holds(weight: torch.Tensor) -> bool:
    middle = weight[..., 2, 2]
    others = weight.sum(dim=(2, 3)) - middle
    return bool((middle == -1).all() and (others - 1).abs().max() < 1e-4)


@pytest.mark.parametrize("wild", [1.0, 100.0, 0.0])
def test_projection_brings_any_weights_to_the_constraint(wild: float) -> None:
    layer = layers.ConstrainedConv(3, 3)
    assert constraint_holds(layer.weight)
    with torch.no_grad():
        layer.weight.copy_(wild * torch.randn_like(layer.weight))
    assert not constraint_holds(layer.weight)
    layer.project()
    assert constraint_holds(layer.weight) and torch.isfinite(layer.weight).all()


def ensemble(name: str, num_logits: int) -> nn.Module:
    pair = [three_cnn.ThreeCNN(num_logits=num_logits) for _ in range(2)]
    return ensembles.build_ensembles(RecipeKeys(backbone=name), num_logits, pair)


@pytest.mark.parametrize("num_logits", [1, 5])
@pytest.mark.parametrize("kind", ["ensemble_cnn", "deepfake_vgg_ensemble"])
def test_bases_stay_frozen_and_in_evaluation_mode(kind: str, num_logits: int) -> None:
    model = ensemble(kind, num_logits).train()
    before = {key: value.clone() for key, value in model.bases.state_dict().items()}
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.randn(4, 3, 32, 32)).square().sum().backward()
        optimizer.step()
    assert all(torch.equal(model.bases.state_dict()[key], value) for key, value in before.items())
    assert not any(module.training for module in model.bases.modules())


def test_an_ensemble_blends_by_the_confidence_of_the_weighted_answer() -> None:
    """A sure pair decides alone; the answer is a distribution."""
    model = ensemble("ensemble_cnn", 5).eval()
    with torch.no_grad():
        for base in model.bases.models:
            base.classifier[-1].weight.zero_()
            base.classifier[-1].bias.copy_(torch.tensor([0.0, 0.0, 40.0, 0.0, 0.0]))
        probabilities = torch.softmax(model(torch.randn(3, 3, 32, 32)), dim=1)
    assert (probabilities[:, 2] > 0.999).all()
    assert torch.allclose(probabilities.sum(dim=1), torch.ones(3), atol=1e-5)


def test_an_alias_is_the_timm_model_that_it_names() -> None:
    torch.manual_seed(0)
    alias = build_model(RecipeKeys(backbone="mobilenetv3_small", image_size=64), num_classes=2)
    torch.manual_seed(0)
    named = timm.create_model("mobilenetv3_small_100", num_classes=1)
    assert all(
        torch.equal(mine, theirs)
        for mine, theirs in zip(alias.state_dict().values(), named.state_dict().values(), strict=True)
    )
