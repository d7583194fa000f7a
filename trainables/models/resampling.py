"""Pooling, resizing and padding of maps whose gradients are the same bits each time, on a GPU too.

torch's own backward passes of these add up on a GPU in the order in which threads come. All three are linear
along each side of a map, so that the whole is a product with two small matrices, whose backward pass is one
too; where every window of a pool has the same size, it is a mean. The matrices are torch's own answers on the
CPU to the columns of the identity. On the CPU torch's operations are used: trials there keep their numbers.
"""

import functools
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Kind = Literal["pool", "resize"]
# Height and width.
Size = tuple[int, int]


class AdaptivePool(nn.Module):
    """Average pooling to maps of size_px x size_px: [B, C, H, W] to [B, C, size_px, size_px]."""

    def __init__(self, size_px: int) -> None:
        super().__init__()
        self.size_px = size_px

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """See the class."""
        return adaptive_pool(x_BCHW, (self.size_px, self.size_px))


def adaptive_pool(x_BCHW: Tensor, size: Size) -> Tensor:
    """Average over `size` windows: [B, C, H, W] to [B, C, *size], as torch's adaptive_avg_pool2d does."""
    return pool_repeatably(x_BCHW, size) if x_BCHW.is_cuda else functional.adaptive_avg_pool2d(x_BCHW, size)


def resize(x_BCHW: Tensor, size: Size) -> Tensor:
    """Resize bilinearly, corners not aligned: [B, C, H, W] to [B, C, *size]."""
    if x_BCHW.is_cuda:
        return resize_repeatably(x_BCHW, size)
    return functional.interpolate(x_BCHW, size=size, mode="bilinear", align_corners=False)


def mirror_pad(x_BCHW: Tensor, width: int) -> Tensor:
    """Put `width` pixels around maps, their mirror without the edge itself."""
    if x_BCHW.is_cuda:
        return mirror_pad_repeatably(x_BCHW, width)
    return functional.pad(x_BCHW, (width,) * 4, mode="reflect")


def pool_repeatably(x_BCHW: Tensor, size: Size) -> Tensor:
    """`adaptive_pool` by means or by matrices, on any device."""
    height, width = x_BCHW.shape[-2:]
    if height % size[0] or width % size[1]:
        return _by_matrices(x_BCHW, size, "pool")
    windows = (size[0], height // size[0], size[1], width // size[1])
    return x_BCHW.reshape(*x_BCHW.shape[:2], *windows).mean(dim=(3, 5))


def resize_repeatably(x_BCHW: Tensor, size: Size) -> Tensor:
    """`resize` by matrices, on any device."""
    return _by_matrices(x_BCHW, size, "resize")


def mirror_pad_repeatably(x_BCHW: Tensor, width: int) -> Tensor:
    """`mirror_pad` by slices, on any device."""
    for side in (2, 3):
        length = x_BCHW.shape[side]
        before = x_BCHW.narrow(side, 1, width).flip(side)
        after = x_BCHW.narrow(side, length - 1 - width, width).flip(side)
        x_BCHW = torch.cat([before, x_BCHW, after], dim=side)
    return x_BCHW


def _by_matrices(x_BCHW: Tensor, size: Size, kind: Kind) -> Tensor:
    rows, columns = (
        _matrix(length, wanted, kind, x_BCHW.device)
        for length, wanted in zip(x_BCHW.shape[-2:], size, strict=True)
    )
    # Half precision would round the weights.
    with torch.autocast(x_BCHW.device.type, enabled=False):
        out = rows @ x_BCHW.float() @ columns.T
    return out.to(x_BCHW.dtype)


@functools.lru_cache(maxsize=64)
def _matrix(length: int, wanted: int, kind: Kind, device: torch.device) -> Tensor:
    """What each of `wanted` places takes of `length` places, float32 [wanted, length]."""
    # It is kept, and what is made while scoring could not be used for training.
    with torch.inference_mode(False), torch.no_grad():
        identity = torch.eye(length)[None]
        if kind == "pool":
            weights = functional.adaptive_avg_pool1d(identity, wanted)
        else:
            weights = functional.interpolate(identity, size=wanted, mode="linear", align_corners=False)
        return weights[0].T.contiguous().to(device)
