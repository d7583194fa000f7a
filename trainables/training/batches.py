"""Batches of normalised images straight from the pixel cache: no image file, no loader process.

A batch is a gather of uint8 rows followed by one multiplication and one addition. Rows are stored with the
channels last, so for models in that memory format the batch needs no reordering at all. On a GPU the whole
cache is kept in device memory where that was planned for, and else sent batch by batch.
"""

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from trainables.recipe import MemoryFormat
from trainables.seeds import derived_seed
from trainables.training.normalization import NORMALIZATIONS, Normalization

# Of a card's whole memory, for who is alone on it and has planned nothing.
RESIDENT_SHARE = 0.25


class Images:
    """Gives batches of normalised images by row number.

    Args:
        array: uint8 [N, S, S, 3], in memory or memory-mapped.
        normalization: mean and std, or a key of NORMALIZATIONS.
        memory_format: of the batches.
        device: where the batches go.
        resident_mib: memory of a GPU that the images may be kept in; default: RESIDENT_SHARE of it.
    """

    def __init__(
        self,
        array: np.ndarray,
        *,
        normalization: Normalization | str,
        memory_format: MemoryFormat,
        device: torch.device,
        resident_mib: float | None = None,
    ) -> None:
        if isinstance(normalization, str):
            normalization = Normalization(*NORMALIZATIONS[normalization])
        mean, std = (
            torch.tensor(values, device=device).view(1, 3, 1, 1)
            for values in (normalization.mean, normalization.std)
        )
        self._scale = 1.0 / (255.0 * std)
        self._shift = -mean / std
        self._std = std
        self._channels_last = memory_format == "channels_last"
        self._device = device
        self._array = array
        self._resident = _kept(array, device) if _fits(array, device, resident_mib) else None

    def __len__(self) -> int:
        """Return how many images there are."""
        return len(self._array)

    def batch(self, rows: np.ndarray, change: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """Return the images of `rows`, float32 [len(rows), 3, S, S] on the device.

        `change` is given the images in 0..1, before they are normalised.
        """
        if self._resident is not None:
            pixels_BHWC = self._resident[torch.from_numpy(rows).to(self._device)]
        else:
            pixels_BHWC = torch.from_numpy(self._array[rows])
            if self._device.type == "cuda":
                pixels_BHWC = pixels_BHWC.pin_memory().to(self._device, non_blocking=True)
        x_BCHW = pixels_BHWC.permute(0, 3, 1, 2).float()
        if change is None:
            x_BCHW = x_BCHW.mul_(self._scale).add_(self._shift)
        else:
            x_BCHW = change(x_BCHW.div_(255.0)).div(self._std).add_(self._shift)
            if self._channels_last:
                x_BCHW = x_BCHW.contiguous(memory_format=torch.channels_last)
        return x_BCHW if self._channels_last else x_BCHW.contiguous()


def training_batches(
    num_rows: int, *, batch_size: int, seed: int, epoch: int, labels: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """Yield the positions 0 .. num_rows - 1 in the order of this epoch, int64 [B].

    The order depends on seed and epoch alone. A single image left over joins the batch before it, since batch
    normalisation can't work on one. With `labels`, int64 [num_rows], positions are drawn with replacement
    instead, so that every class is as likely as any other.
    """
    rng = np.random.default_rng(derived_seed(seed, epoch, "order"))
    if labels is None:
        order = rng.permutation(num_rows)
    else:
        weights = 1.0 / np.bincount(labels)[labels]
        order = rng.choice(num_rows, size=num_rows, p=weights / weights.sum())
    starts = list(range(0, num_rows, batch_size))
    if len(starts) > 1 and num_rows - starts[-1] == 1:
        starts.pop()
    for start, end in zip(starts, [*starts[1:], num_rows], strict=True):
        yield order[start:end]


def split_batch(size: int, micro_batch: int | None) -> list[slice]:
    """Cut a batch of `size` images into even parts of at most `micro_batch` (None: one part).

    A part of one image is avoided, at the cost of one image more in another: batch normalisation can't work
    on one.
    """
    count = 1 if micro_batch is None else -(-size // micro_batch)
    if micro_batch != 1 and size // count < 2:
        count = max(1, size // 2)
    edges = [round(size * number / count) for number in range(count + 1)]
    return [slice(start, end) for start, end in itertools.pairwise(edges)]


def _fits(array: np.ndarray, device: torch.device, resident_mib: float | None) -> bool:
    if device.type != "cuda":
        return False
    if resident_mib is None:
        resident_mib = RESIDENT_SHARE * torch.cuda.get_device_properties(device).total_memory / 2**20
    return array.nbytes <= resident_mib * 2**20


def _kept(array: np.ndarray, device: torch.device) -> Tensor | None:
    """Return images on a device; None where somebody else has taken the memory that was planned for them."""
    try:
        return torch.from_numpy(np.array(array)).to(device)
    except torch.OutOfMemoryError:
        return None
