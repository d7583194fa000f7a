"""three_cnn: three convolutions, the last one dilated (Yu & Koltun 2016), for small images.

3-64 and pooling, 64-128 and pooling, 128-192 with dilation 2 and padding 1 (which takes two pixels off each
side) and pooling, dropout of whole maps, a 4x4 map, 3072-128-L.
"""

from typing import cast

from torch import Tensor, nn

from trainables.models.layers import conv_bn_relu, initialise
from trainables.recipe import RecipeKeys


class ThreeCNN(nn.Module):
    """The whole network; its own dropouts are 0.2 on maps and 0.3 before the last layer."""

    head_prefixes = ("classifier",)
    cam_layer = "features"

    def __init__(self, *, num_logits: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            conv_bn_relu(3, 64),
            nn.MaxPool2d(2),
            conv_bn_relu(64, 128),
            nn.MaxPool2d(2),
            conv_bn_relu(128, 192, dilation=2),
            nn.MaxPool2d(2),
        )
        self.pool = nn.Sequential(nn.Dropout2d(0.2), nn.AdaptiveAvgPool2d(4), nn.Flatten())
        self.classifier = nn.Sequential(
            nn.Linear(192 * 16, 128), nn.ReLU(inplace=True), nn.Dropout(0.3), nn.Linear(128, num_logits)
        )
        initialise(self)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Images [B, 3, S, S] to logits [B, L]."""
        return cast(Tensor, self.classifier(self.pool(self.features(x_BCHW))))


def build(recipe: RecipeKeys, num_logits: int) -> nn.Module:
    """Build the network; nothing in the recipe changes it."""
    return ThreeCNN(num_logits=num_logits)
