"""fingerprint_net: a ResNet-34 beside a spectrum, fused, and asked for the traces that a generator leaves.

Three depths of a ResNet-34 (He et al. 2016) and a small network on the log amplitude spectrum (periodic
upsampling leaves peaks there: Frank et al. 2020) meet at the resolution of the deepest map. Self-attention
(Zhang et al. 2019) and a block that looks at the map and at its high-pass residual with the same weights (Yu
et al. 2019: fingerprints live in residuals) precede a residual classifier.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.models.layers import conv_bn_relu, dense_bn, initialise
from trainables.models.resampling import adaptive_pool, resize
from trainables.recipe import RecipeKeys

LOW, MID, HIGH = 64, 128, 512
BRANCH, SPECTRUM, FUSED = 128, 256, 256
LOG_FLOOR = 1e-10


class Spectrum(nn.Module):
    """Three convolution blocks on the log amplitude of each channel's spectrum."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            conv_bn_relu(3, 64),
            conv_bn_relu(64, 128),
            nn.MaxPool2d(2),
            conv_bn_relu(128, SPECTRUM),
            nn.MaxPool2d(2),
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Images [B, 3, S, S] to maps [B, 256, S / 4, about S / 8]."""
        # Half precision has no transform on every device, and would lose the small amplitudes.
        with torch.autocast(x_BCHW.device.type, enabled=False):
            amplitude = torch.fft.rfft2(x_BCHW.float(), norm="ortho").abs()
            log_amplitude = torch.log(amplitude + LOG_FLOOR)
        return cast(Tensor, self.blocks(log_amplitude))


class SelfAttention(nn.Module):
    """Every place of a map looks at every other; what it sees is added with a weight that starts at 0."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = nn.Conv2d(channels, channels // 8, 1)
        self.key = nn.Conv2d(channels, channels // 8, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """[B, C, H, W] to the same shape."""
        query_BNK = self.query(x_BCHW).flatten(2).transpose(1, 2)
        key_BKN = self.key(x_BCHW).flatten(2)
        attention_BNN = torch.softmax(query_BNK @ key_BKN, dim=2)
        seen_BCN = self.value(x_BCHW).flatten(2) @ attention_BNN.transpose(1, 2)
        return cast(Tensor, x_BCHW + self.weight * seen_BCN.view_as(x_BCHW))


class Fingerprint(nn.Module):
    """The same two convolutions on a map and on its high-pass residual; where they matter is learned."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.shared = nn.Sequential(conv_bn_relu(channels, channels), conv_bn_relu(channels, channels))
        self.place = nn.Conv2d(channels, 1, 1)
        self.dropout = nn.Dropout2d(0.1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """[B, C, H, W] to the same shape."""
        residual = x_BCHW - functional.avg_pool2d(x_BCHW, 3, stride=1, padding=1)
        both = self.shared(x_BCHW) + self.shared(residual)
        return cast(Tensor, self.dropout(both * torch.sigmoid(self.place(both))))


class Classifier(nn.Module):
    """512-512-256-128-L with a linear shortcut 512-256 around the first two layers."""

    def __init__(self, num_logits: int) -> None:
        super().__init__()
        self.first = dense_bn(512, 512, nn.LeakyReLU(0.1), 0.4)
        self.second = dense_bn(512, 256, nn.LeakyReLU(0.1), 0.4)
        self.shortcut = nn.Linear(512, 256)
        self.third = dense_bn(256, 128, nn.LeakyReLU(0.1), 0.32)
        self.last = nn.Linear(128, num_logits)

    def forward(self, x_BD: Tensor) -> Tensor:
        """[B, 512] to logits [B, L]."""
        return cast(Tensor, self.last(self.third(self.second(self.first(x_BD)) + self.shortcut(x_BD))))


class FingerprintHead(nn.Module):
    """All that is new around the trunk: fusion with the spectrum, attention, fingerprint, classifier."""

    def __init__(self, *, num_logits: int) -> None:
        super().__init__()
        self.from_low = conv_bn_relu(LOW, BRANCH, kernel=1)
        self.from_mid = conv_bn_relu(MID, BRANCH, kernel=1)
        self.from_high = conv_bn_relu(HIGH, BRANCH, kernel=1)
        self.spectrum = Spectrum()
        self.fusion = conv_bn_relu(3 * BRANCH + SPECTRUM, FUSED)
        self.attention = SelfAttention(FUSED)
        self.fingerprint = Fingerprint(FUSED)
        self.embedding = dense_bn(FUSED, 512, nn.ReLU(), 0.4)
        self.classifier = Classifier(num_logits)
        initialise(self)

    def forward(self, maps_BCHW: Tensor, x_BCHW: Tensor) -> Tensor:
        """Maps of three depths, [B, 704, H, W], and the images [B, 3, S, S] to logits [B, L]."""
        low, mid, high = torch.split(maps_BCHW, [LOW, MID, HIGH], dim=1)
        size = (maps_BCHW.shape[-2], maps_BCHW.shape[-1])
        maps = [
            self.from_low(low),
            self.from_mid(mid),
            self.from_high(high),
            resize(self.spectrum(x_BCHW), size),
        ]
        traces = self.fingerprint(self.attention(self.fusion(torch.cat(maps, dim=1))))
        pooled = functional.adaptive_avg_pool2d(traces, 1).flatten(1)
        return cast(Tensor, self.classifier(self.embedding(pooled)))


class FingerprintNet(nn.Module):
    """The whole network. `trunk` keeps the weights that it comes with; all else starts anew.

    Args:
        num_logits: L, 1 for two classes.
        trunk: a timm ResNet-34 without its classifier.
    """

    head_name = "head"
    trunk: Any
    cam_layer = "head.fingerprint"

    def __init__(self, *, num_logits: int, trunk: Any) -> None:
        super().__init__()
        self.head = FingerprintHead(num_logits=num_logits)
        self.trunk = trunk

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Images [B, 3, S, S] to logits [B, L]."""
        trunk = self.trunk
        low = trunk.layer1(trunk.maxpool(trunk.act1(trunk.bn1(trunk.conv1(x_BCHW)))))
        mid = trunk.layer2(low)
        high = trunk.layer4(trunk.layer3(mid))
        size = (high.shape[-2], high.shape[-1])
        pooled = [adaptive_pool(maps, size) for maps in (low, mid)]
        return cast(Tensor, self.head(torch.cat([*pooled, high], dim=1), x_BCHW))


def build_fingerprint_net(recipe: RecipeKeys, num_logits: int, trunk: nn.Module) -> nn.Module:
    """Build the network around a ResNet-34."""
    return FingerprintNet(num_logits=num_logits, trunk=trunk)
