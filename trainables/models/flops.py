"""Floating-point operations that a network takes for one image: a property of the model and the image size.

Counted by torch.utils.flop_counter, which knows matrix products, convolutions and attention: a multiplication
and an addition are two operations. What it does not know (norms, activations, pooling, Fourier transforms) is
not counted.
"""

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


def flops_per_image(model: nn.Module, x_BCHW: Tensor) -> int:
    """Count the operations of one forward pass in evaluation; the random state stays as it is.

    Args:
        model: the network, on the device of the image. It is left in evaluation mode.
        x_BCHW: one image as the network gets it, float32 [1, 3, S, S].
    """
    model.eval()
    devices = [x_BCHW.device] if x_BCHW.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(x_BCHW)
    return int(counter.get_total_flops())
