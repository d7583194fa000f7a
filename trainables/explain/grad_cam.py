"""Grad-CAM: which places of an image speak for the class that a network sees in it (Selvaraju et al., 2017).

Channels of the target layer are weighed by the mean gradient of the explained class's logit, summed, cut off
below 0 and enlarged to the size of the image (bilinear). Of two classes with one logit that is the logit
itself for fake, its negative for real. captum computes it, at a module that changes nothing: it is put behind
the target layer, whose output is turned into maps for it and back, so that tokens and channels that come last
go the same way.

An ensemble's map is the sum of its networks' maps of the ensemble's logit: the gradient runs through the
head, so that a network that the head does not listen to adds nothing. Each is multiplied by its number of
places, since the mean gradient of a finer grid is smaller by that factor.
"""

import contextlib
from collections.abc import Iterator, Sequence

import torch
from captum.attr import LayerGradCam
from torch import Tensor, nn
from torch.nn import functional

from trainables.explain.target_layers import TargetLayer


def grad_cam(model: nn.Module, layers: Sequence[TargetLayer], x_BCHW: Tensor, classes_B: Tensor) -> Tensor:
    """Return unscaled maps, float32 [B, S, S], at least 0.

    Args:
        model: in evaluation mode.
        layers: its target layers.
        x_BCHW: normalised images.
        classes_B: the class explained of each image, int64.
    """

    def logits_of(x_BCHW: Tensor, classes_B: Tensor) -> Tensor:
        return class_logits(model(x_BCHW), classes_B)

    total = torch.zeros((len(x_BCHW), 1, *x_BCHW.shape[2:]), device=x_BCHW.device)
    with _tapped(model, layers) as taps:
        for layer, tap in zip(layers, taps, strict=True):
            small = LayerGradCam(logits_of, tap).attribute(
                x_BCHW, additional_forward_args=classes_B, relu_attributions=True
            )
            assert isinstance(small, Tensor)
            weight = layer.grid[0] * layer.grid[1] if len(layers) > 1 else 1
            total += weight * enlarged(small.detach().float(), size_px=x_BCHW.shape[-1])
    return total[:, 0]


def class_logits(logits_BL: Tensor, classes_B: Tensor) -> Tensor:
    """Return the logit of a class of each image, [B]; for class 0 of a single logit, its negative."""
    if logits_BL.shape[1] == 1:
        return logits_BL[:, 0] * (2 * classes_B - 1)
    return logits_BL.gather(1, classes_B[:, None])[:, 0]


def enlarged(small_B1HW: Tensor, *, size_px: int) -> Tensor:
    """Enlarge maps to the size of the image, bilinear: [B, 1, S, S]."""
    return functional.interpolate(small_B1HW, size=(size_px, size_px), mode="bilinear", align_corners=False)


@contextlib.contextmanager
def _tapped(model: nn.Module, layers: Sequence[TargetLayer]) -> Iterator[list[nn.Module]]:
    """Let the output of each layer pass through a module as maps."""
    taps: list[nn.Module] = [nn.Identity() for _ in layers]
    handles = [
        model.get_submodule(layer.name).register_forward_hook(
            lambda _, given, made, layer=layer, tap=tap: layer.put_back(tap(layer.as_maps(made)), made)
        )
        for layer, tap in zip(layers, taps, strict=True)
    ]
    try:
        yield taps
    finally:
        for handle in handles:
            handle.remove()
