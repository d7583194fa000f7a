"""three_cnn: three convolutions, the last one dilated (Yu & Koltun 2016), for small images.

3-64 and pooling, 64-128 and pooling, 128-192 with dilation 2 and padding 1 (which takes two pixels off each
side) and pooling, dropout of whole maps, a 4x4 map, 3072-128-L.
"""

from torch import nn

from trainables.models.layers import Stack, conv_bn_relu
from trainables.models.resampling import AdaptivePool
from trainables.recipe import RecipeKeys


class ThreeCNN(Stack):
    """The whole network; its own dropouts are 0.2 on maps and 0.3 before the last layer."""

    def __init__(self, *, num_logits: int) -> None:
        features = nn.Sequential(
            conv_bn_relu(3, 64),
            nn.MaxPool2d(2),
            conv_bn_relu(64, 128),
            nn.MaxPool2d(2),
            conv_bn_relu(128, 192, dilation=2),
            nn.MaxPool2d(2),
        )
        pool = nn.Sequential(nn.Dropout2d(0.2), AdaptivePool(4), nn.Flatten())
        classifier = nn.Sequential(
            nn.Linear(192 * 16, 128), nn.ReLU(inplace=True), nn.Dropout(0.3), nn.Linear(128, num_logits)
        )
        super().__init__(features, pool, classifier)


def build_three_cnn(recipe: RecipeKeys, num_logits: int) -> nn.Module:
    """Build the network; nothing in the recipe changes it."""
    return ThreeCNN(num_logits=num_logits)
