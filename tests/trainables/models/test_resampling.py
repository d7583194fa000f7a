"""Repeatable pooling, resizing and padding against torch's own, forwards and backwards."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from trainables.models.resampling import mirror_pad_repeatably, pool_repeatably, resize_repeatably

Form = Callable[[Tensor], Tensor]
CASES: dict[str, tuple[Form, Form]] = {
    "pool, even windows": (
        lambda x: pool_repeatably(x, (4, 3)),
        lambda x: functional.adaptive_avg_pool2d(x, (4, 3)),
    ),
    "pool, uneven windows": (
        lambda x: pool_repeatably(x, (5, 7)),
        lambda x: functional.adaptive_avg_pool2d(x, (5, 7)),
    ),
    "pool, larger than the map": (
        lambda x: pool_repeatably(x, (17, 12)),
        lambda x: functional.adaptive_avg_pool2d(x, (17, 12)),
    ),
    "resize, smaller": (
        lambda x: resize_repeatably(x, (5, 7)),
        lambda x: functional.interpolate(x, size=(5, 7), mode="bilinear", align_corners=False),
    ),
    "resize, larger": (
        lambda x: resize_repeatably(x, (19, 13)),
        lambda x: functional.interpolate(x, size=(19, 13), mode="bilinear", align_corners=False),
    ),
    "mirror": (
        lambda x: mirror_pad_repeatably(x, 3),
        lambda x: functional.pad(x, (3, 3, 3, 3), mode="reflect"),
    ),
}


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_those_of_torch(name: str, layout: torch.memory_format) -> None:
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(2, 3, 16, 12, generator=generator).contiguous(memory_format=layout)
    found, expected = (values.clone().requires_grad_(), values.clone().requires_grad_())
    ours, theirs = CASES[name][0](found), CASES[name][1](expected)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    weights = torch.randn(theirs.shape, generator=generator)
    (ours * weights).sum().backward()
    (theirs * weights).sum().backward()
    torch.testing.assert_close(found.grad, expected.grad, rtol=1e-5, atol=1e-6)


def test_what_was_made_while_scoring_can_be_trained_with() -> None:
    """Catches a kept matrix that belongs to inference mode, which no gradient can go through."""
    with torch.inference_mode():
        resize_repeatably(torch.zeros(1, 1, 9, 9), (4, 4))
    x = torch.zeros(1, 1, 9, 9, requires_grad=True)
    resize_repeatably(x, (4, 4)).sum().backward()
    assert x.grad is not None and float(x.grad.sum()) == pytest.approx(16.0)


def test_half_precision_keeps_its_type_and_float32_weights() -> None:
    x = torch.randn(1, 2, 9, 9, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = resize_repeatably(x.bfloat16(), (5, 5))
    assert found.dtype == torch.bfloat16
    expected = resize_repeatably(x.bfloat16().float(), (5, 5))
    torch.testing.assert_close(found.float(), expected, rtol=1e-2, atol=1e-2)
