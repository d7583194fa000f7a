"""The contract of every backbone of the registry; none is named here, so a new one is tested by its line."""

import copy
import itertools
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from trainables.backbones import BACKBONES, KERNEL_MACHINES, canonical
from trainables.models.building import backbone_facts, build_model, num_logits
from trainables.models.layers import head_of
from trainables.recipe import RecipeKeys
from trainables.training.batches import Images
from trainables.training.checkpoint import load_weights, save_weights
from trainables.training.optimisation import build_loss, build_optimizer
from trainables.training.stages import HeadTraining

LARGE, SLOW = 50_000_000, 10_000_000
# Only its last layers learn, in many steps.
SLOW_TO_FIT = ("ensemble_cnn",)
NAMES = list(dict.fromkeys(canonical(name) for name in BACKBONES))
SIZES = {each.name: each.parameters or 0 for each in backbone_facts()}
# By module, so that the tests of one network run one after the other and build it once.
every_backbone = pytest.mark.parametrize("name", NAMES, scope="module")
# The largest take seconds for each test that moves all their weights: `make check-all` runs those.
IN_DEPTH = [pytest.param(name, marks=pytest.mark.slow if SIZES.get(name, 0) > SLOW else ()) for name in NAMES]
every_backbone_in_depth = pytest.mark.parametrize("name", IN_DEPTH, scope="module")


def build(name: str, *, num_classes: int = 2, size_px: int = 0, seed: int = 0) -> nn.Module:
    size_px = size_px or smallest_px(name)
    torch.manual_seed(seed)
    return build_model(RecipeKeys(backbone=name, image_size=size_px), num_classes=num_classes)


def smallest_px(name: str) -> int:
    return max(32, BACKBONES[name].min_px if name in BACKBONES else 32)


def images(count: int, size_px: int) -> Tensor:
    """Plain colours, all different, with some noise."""
    rng = torch.Generator().manual_seed(1)
    colours = torch.randn(count, 3, 1, 1, generator=rng)
    return 2 * colours + 0.2 * torch.randn(count, 3, size_px, size_px, generator=rng)


@pytest.fixture(scope="module")
def built(name: str) -> nn.Module:
    """The network of a name as it is built with seed 0, in evaluation mode: look at it, and change a copy."""
    return build(name).eval()


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if SIZES.get(name, 0) > SLOW else ()) for name in NAMES],
    scope="module",
)
def test_shapes_for_two_and_for_several_classes_at_two_sizes(name: str, built: nn.Module) -> None:
    models = {5: build(name, num_classes=5).eval(), 2: built}
    for num_classes, model in models.items():
        for size_px in (smallest_px(name), smallest_px(name) + 32):
            with torch.inference_mode():
                logits = model(images(2, size_px))
            assert logits.shape == (2, num_logits(num_classes)), (num_classes, size_px)
            assert torch.isfinite(logits).all()


@every_backbone_in_depth
def test_backward_reaches_every_weight_that_trains_and_no_other(name: str, built: nn.Module) -> None:
    model = copy.deepcopy(built).train()
    # Weights that start at zero hide what lies behind them for one step.
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad and not parameter.any():
                parameter.fill_(0.1)
    model(images(4, smallest_px(name))).sum().backward()
    for weight, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), weight
        else:
            assert parameter.grad is None, weight


@every_backbone_in_depth
def test_the_same_seed_gives_the_same_weights_and_the_state_is_loaded_into_others_bit_for_bit(
    name: str, built: nn.Module, tmp_path: Path
) -> None:
    state, again = built.state_dict(), build(name).state_dict()
    assert all(torch.equal(value, again[key]) for key, value in state.items())
    other = build(name, seed=1).eval()
    assert any(not torch.equal(value, other.state_dict()[key]) for key, value in state.items())
    path = tmp_path / "model.safetensors"
    save_weights(path, state)
    load_weights(path, other)
    x_BCHW = images(2, smallest_px(name))
    with torch.inference_mode():
        assert torch.equal(built(x_BCHW), other(x_BCHW))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if SIZES.get(name, 0) > SLOW or name in SLOW_TO_FIT else ())
        for name in NAMES
    ],
)
def test_one_batch_is_overfitted(name: str) -> None:
    """Catches a head that is not connected, a frozen part that should learn, a loss of the wrong sign."""
    model = build(name, num_classes=3)
    for module in model.modules():
        # What is frozen stands for something trained: its answers differ from image to image.
        if isinstance(module, nn.Linear) and not module.weight.requires_grad:
            nn.init.normal_(module.weight, std=2 * module.in_features**-0.5)
    frozen = any(not parameter.requires_grad for parameter in model.parameters())
    # The wider the layers, the further a step of Adam's takes the logits.
    lr = 1e-2 if frozen else 2e-4 if SIZES.get(name, 0) > LARGE else 2e-3
    recipe = RecipeKeys.model_validate({"optimizer": {"lr": lr, "weight_decay": 0.0}})
    labels = torch.arange(6) % 3
    loss_of = build_loss(recipe.loss, labels=labels.numpy(), num_classes=3, device=torch.device("cpu"))
    optimizer = build_optimizer(model, recipe.optimizer)
    x_BCHW = images(6, smallest_px(name))
    model.train()
    first = 0.0
    for step in itertools.count():
        loss = loss_of(model(x_BCHW), labels)
        first = first or loss.item()
        # On top of what can't learn there is only so much to gain.
        if loss < (0.85 * first if frozen else 0.5):
            break
        assert step < 400, f"the loss is still {loss:.2f}"
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


@every_backbone_in_depth
def test_half_precision_gives_no_nan(name: str, built: nn.Module) -> None:
    model = copy.deepcopy(built).train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(images(4, smallest_px(name)))
    logits.float().sum().backward()
    assert torch.isfinite(logits).all()
    assert all(
        torch.isfinite(parameter.grad).all() for parameter in model.parameters() if parameter.grad is not None
    )


@every_backbone_in_depth
def test_its_head_is_some_of_its_weights_and_not_all(name: str, built: nn.Module) -> None:
    inside = [key.startswith(f"{head_of(built)}.") for key, _ in built.named_parameters()]
    assert any(inside) and not all(inside)


@every_backbone_in_depth
def test_its_features_and_its_head_are_the_whole_of_it(name: str, built: nn.Module, tmp_path: Path) -> None:
    """A head that is trained alone, on features that are kept, must be the head of this network."""
    size_px = smallest_px(name)
    pixels = np.random.default_rng(0).integers(0, 256, (5, size_px, size_px, 3), dtype=np.uint8)
    model, cpu = copy.deepcopy(built), torch.device("cpu")
    images = Images(pixels, normalization="imagenet", memory_format="contiguous", device=cpu)
    head = HeadTraining(model, images=images, precision="float32", device=cpu, batch_size=2, folder=tmp_path)
    rows = np.array([3, 0, 4])
    head.keep(rows)
    with torch.inference_mode():
        expected = model(images.batch(rows))
        torch.testing.assert_close(head.of_images(images.batch(rows)), expected, rtol=1e-4, atol=1e-5)
        assert head.keeps(rows) and not head.keeps(np.array([1, 3]))
        torch.testing.assert_close(head.of_rows(rows), expected, rtol=1e-4, atol=1e-5)


def test_every_entry_is_described() -> None:
    rows = {each.name: asdict(each) for each in backbone_facts()}
    assert list(rows) == [*BACKBONES, *KERNEL_MACHINES]
    assert all(0 < rows[name]["trainable_parameters"] <= rows[name]["parameters"] for name in BACKBONES)
    assert all(row["source"] and row["input_px"] >= 32 for row in rows.values())
