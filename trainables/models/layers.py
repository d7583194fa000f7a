"""Layers that several of our own networks share, how their weights start, and the names of their layers."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.models.resampling import mirror_pad


def conv_bn_relu(channels_in: int, channels_out: int, *, kernel: int = 3, dilation: int = 1) -> nn.Sequential:
    """Convolution with bias and padding kernel // 2, batch normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2, dilation=dilation),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


def dense_bn(size_in: int, size_out: int, activation: nn.Module, dropout: float) -> nn.Sequential:
    """Linear layer, batch normalisation, activation, dropout."""
    return nn.Sequential(
        nn.Linear(size_in, size_out), nn.BatchNorm1d(size_out), activation, nn.Dropout(dropout)
    )


class Stack(nn.Module):
    """Features, pooling to a vector, classifier, one after the other: what the plain networks have in common.

    Args:
        features: images [B, 3, S, S] to maps.
        pool: maps to [B, D].
        classifier: [B, D] to logits [B, L].
    """

    head_name = "classifier"
    cam_layer = "features"

    def __init__(self, features: nn.Module, pool: nn.Module, classifier: nn.Module) -> None:
        super().__init__()
        self.features, self.pool, self.classifier = features, pool, classifier
        initialise(self)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Images [B, 3, S, S] to logits [B, L]."""
        return cast(Tensor, self.classifier(self.pool(self.features(x_BCHW))))


class ConstrainedConv(nn.Module):
    """A learnable prediction error filter: in every kernel the centre is -1 and the rest sums to 1."""

    def __init__(self, channels_in: int, channels_out: int, *, kernel: int = 5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(channels_out, channels_in, kernel, kernel))
        self.project()

    @torch.no_grad()
    def project(self) -> None:
        """Bring the weights back to the constraint; the training loop calls it after every step."""
        middle = self.weight.shape[-1] // 2
        weight = self.weight.double()
        weight[..., middle, middle] = 0.0
        total = weight.sum(dim=(2, 3), keepdim=True)
        # Weights that sum to nearly nothing can't be scaled to 1: what lacks is spread over them.
        others = weight.shape[-1] ** 2 - 1
        spread = weight + (1.0 - total) / others
        weight = torch.where(total.abs() > 1e-3, weight / total, spread)
        weight[..., middle, middle] = -1.0
        self.weight.copy_(weight)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """[B, C_in, H, W] to [B, C_out, H, W]."""
        padding = self.weight.shape[-1] // 2
        return functional.conv2d(mirror_pad(x_BCHW, padding), self.weight)


def initialise(model: nn.Module) -> None:
    """Start convolutions as He et al. (2015) do, linear layers at N(0, 0.01), biases at 0."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def head_of(model: nn.Module) -> str:
    """Return the name of the one module behind a model's features: its own word, or timm's.

    Empty where timm names none, or several.
    """
    named = getattr(model, "head_name", None)
    if isinstance(named, str):
        return named
    classifier = getattr(model, "pretrained_cfg", {}).get("classifier", "")
    return classifier if isinstance(classifier, str) else ""
