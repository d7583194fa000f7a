"""Probabilities of images, batch by batch, by a network that is being trained or by a finished one."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from trainables.progress import OnProgress
from trainables.recipe import Precision
from trainables.training.optimisation import probabilities
from trainables.training.precision import autocast, is_out_of_memory


def batch_scores(
    logits_of: Callable[[np.ndarray], Tensor],
    rows: np.ndarray,
    *,
    at_once: int,
    precision: Precision,
    device: torch.device,
    progress: OnProgress | None = None,
) -> np.ndarray:
    """Return probabilities of the images of `rows` in their order: float64 [N] of fake, or [N, C].

    Args:
        logits_of: gives the logits of the images of some rows, by a network in evaluation mode.
        rows: row numbers in the pixels, int64 [N].
        at_once: the most images in a batch; it is halved while memory runs out.
        precision: what the network computes in.
        device: where it lies.
        progress: called with (done, total) images.
    """
    parts: list[np.ndarray] = []
    with torch.inference_mode(), autocast(precision, device):
        done = 0
        while done < len(rows):
            batch = rows[done : done + at_once]
            try:
                parts.append(probabilities(logits_of(batch)).cpu().numpy())
            except RuntimeError as error:
                if at_once == 1 or not is_out_of_memory(error):
                    raise
                at_once = math.ceil(at_once / 2)
                continue
            done += len(batch)
            if progress is not None:
                progress(done, len(rows))
    return np.concatenate(parts)
