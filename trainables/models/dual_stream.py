"""dual_stream: what an image shows, gated by the noise that it was made with.

Stream A: the features of a MobileNetV2 (Sandler et al. 2018), recalibrated by squeeze-and-excitation (Hu et
al. 2018). Stream B: residual filters of steganalysis (Fridrich & Kodovsky 2012) and a learnable constrained
convolution (Bayar & Stamm 2016) suppress what the image shows; a small network on them gives a gate for each
feature. The head sees the features with and without the gate.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.models.layers import ConstrainedConv, conv_bn_relu, dense_bn, initialise
from trainables.models.resampling import mirror_pad
from trainables.recipe import RecipeKeys

FEATURES = 1280
REDUCTION = 16
CHANNELS = 3


def fixed_filters() -> dict[str, Tensor]:
    """Return the five residual filters by name, float32 [5, 5]; each sums to 0: flat patches give nothing."""
    return {
        # Ker & Boehme's second-order kernel, as the rich models have it.
        "kv": _filter(
            [
                [-1, 2, -2, 2, -1],
                [2, -6, 8, -6, 2],
                [-2, 8, -12, 8, -2],
                [2, -6, 8, -6, 2],
                [-1, 2, -2, 2, -1],
            ],
            12,
        ),
        # The 3x3 edge kernel: second order towards one side.
        "spam_edge": _filter([[-1, 2, -1], [2, -4, 2], [0, 0, 0]], 4),
        # A pixel against the mean of its eight neighbours.
        "minmax": _filter([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], 8),
        # What a constrained convolution is before it has learned: the centre against all 24 others.
        "bayar": _filter([[1, 1, 1, 1, 1], [1] * 5, [1, 1, -24, 1, 1], [1] * 5, [1] * 5], 24),
        "laplacian": _filter([[0, 1, 0], [1, -4, 1], [0, 1, 0]], 1),
    }


class ResidualFilters(nn.Module):
    """The five fixed filters on every channel: [B, 3, H, W] to [B, 15, H, W]."""

    weight: Tensor

    def __init__(self) -> None:
        super().__init__()
        filters = torch.stack(list(fixed_filters().values()))
        self.register_buffer("weight", filters.repeat(CHANNELS, 1, 1).unsqueeze(1))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Maps of the same size; outside the image is its mirror, so that borders are no edges."""
        padded = mirror_pad(x_BCHW, 2)
        return functional.conv2d(padded, self.weight.to(padded.dtype), groups=CHANNELS)


class SqueezeExcitation(nn.Module):
    """Scales each channel by what all of them are on average.

    What follows is the mean over all places, which the scale has no part in: so pooled features go in.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Sequential(
            nn.Linear(channels, channels // REDUCTION),
            nn.ReLU(inplace=True),
            nn.Linear(channels // REDUCTION, channels),
            nn.Sigmoid(),
        )

    def forward(self, pooled_BD: Tensor) -> Tensor:
        """[B, D] to the same shape."""
        return cast(Tensor, pooled_BD * self.scale(pooled_BD))


class DualStreamHead(nn.Module):
    """All that is new around the trunk: recalibration, the noise stream with its gate, the classifier."""

    def __init__(self, *, num_logits: int) -> None:
        super().__init__()
        self.recalibrate = SqueezeExcitation(FEATURES)
        self.filters = ResidualFilters()
        self.constrained = ConstrainedConv(CHANNELS, CHANNELS)
        self.noise = nn.Sequential(
            conv_bn_relu(6 * CHANNELS, 32),
            nn.MaxPool2d(2),
            conv_bn_relu(32, 64),
            nn.MaxPool2d(2),
            conv_bn_relu(64, 128),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.gate = nn.Sequential(nn.Linear(128, FEATURES), nn.Sigmoid())
        self.classifier = nn.Sequential(
            *dense_bn(2 * FEATURES, 512, nn.ReLU(inplace=True), 0.3),
            *dense_bn(512, 256, nn.ReLU(inplace=True), 0.3),
            nn.Linear(256, num_logits),
        )
        initialise(self)

    def forward(self, pooled_BD: Tensor, x_BCHW: Tensor) -> Tensor:
        """Pooled features [B, 1280] and the images [B, 3, S, S] to logits [B, L]."""
        shown_BD = self.recalibrate(pooled_BD)
        residuals = torch.cat([self.filters(x_BCHW), self.constrained(x_BCHW)], dim=1)
        gated_BD = shown_BD * self.gate(self.noise(residuals))
        return cast(Tensor, self.classifier(torch.cat([shown_BD, gated_BD], dim=1)))


class DualStream(nn.Module):
    """The whole network. `trunk` keeps the weights that it comes with; all else starts anew.

    Args:
        num_logits: L, 1 for two classes.
        trunk: a timm MobileNetV2 without its classifier.
    """

    head_name = "head"
    trunk: Any
    cam_layer = "trunk.bn2"

    def __init__(self, *, num_logits: int, trunk: Any) -> None:
        super().__init__()
        self.head = DualStreamHead(num_logits=num_logits)
        self.trunk = trunk

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Images [B, 3, S, S] to logits [B, L]."""
        pooled_BD = self.trunk.forward_features(x_BCHW).mean(dim=(2, 3))
        return cast(Tensor, self.head(pooled_BD, x_BCHW))


def build_dual_stream(recipe: RecipeKeys, num_logits: int, trunk: nn.Module) -> nn.Module:
    """Build the network around a MobileNetV2."""
    return DualStream(num_logits=num_logits, trunk=trunk)


def _filter(rows: list[list[int]], divisor: float) -> Tensor:
    """A kernel in the middle of 5x5."""
    kernel = torch.tensor(rows, dtype=torch.float32) / divisor
    border = (5 - len(rows)) // 2
    return functional.pad(kernel, (border,) * 4)
