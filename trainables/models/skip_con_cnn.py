"""skip_con_cnn: a wide convolutional network with one residual block, for small images of several generators.

3-128, 128-256 and pooling, a residual block 256-512 (two 3x3 convolutions and a 1x1 shortcut) and pooling,
512-512, dropout, a 6x6 map, 18432-128-L. The residual block follows He et al. (2016).
"""

from typing import cast

from torch import Tensor, nn

from trainables.models.layers import Stack, conv_bn_relu
from trainables.models.resampling import AdaptivePool
from trainables.recipe import RecipeKeys


class Residual(nn.Module):
    """Two 3x3 convolutions beside a 1x1 one."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv_bn_relu(channels_in, channels_out),
            nn.Conv2d(channels_out, channels_out, 3, padding=1),
            nn.BatchNorm2d(channels_out),
        )
        self.shortcut = nn.Sequential(nn.Conv2d(channels_in, channels_out, 1), nn.BatchNorm2d(channels_out))
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """[B, C_in, H, W] to [B, C_out, H, W]."""
        return cast(Tensor, self.activation(self.body(x_BCHW) + self.shortcut(x_BCHW)))


class SkipConCNN(Stack):
    """The whole network; its own dropouts are 0.3 on maps and 0.5 before the last layer."""

    def __init__(self, *, num_logits: int) -> None:
        features = nn.Sequential(
            conv_bn_relu(3, 128),
            conv_bn_relu(128, 256),
            nn.MaxPool2d(2),
            Residual(256, 512),
            nn.MaxPool2d(2),
            conv_bn_relu(512, 512),
        )
        pool = nn.Sequential(nn.Dropout2d(0.3), AdaptivePool(6), nn.Flatten())
        classifier = nn.Sequential(
            nn.Linear(512 * 36, 128), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(128, num_logits)
        )
        super().__init__(features, pool, classifier)


def build_skip_con_cnn(recipe: RecipeKeys, num_logits: int) -> nn.Module:
    """Build the network; nothing in the recipe changes it."""
    return SkipConCNN(num_logits=num_logits)
