"""deepfake_net and deepfake_net2: three double convolutions, as VGG stacks them (Simonyan & Zisserman 2015).

Blocks of two 3x3 convolutions (32, 64, 128; batch normalisation, ReLU), 2x2 max pooling and dropout; global
average pooling and one linear layer. The two differ in their dropouts alone.
"""

from torch import nn

from trainables.models.layers import Stack, conv_bn_relu
from trainables.recipe import RecipeKeys

WIDTHS = (32, 64, 128)
DROPOUTS = {"deepfake_net": (0.25, 0.3, 0.4), "deepfake_net2": (0.25, 0.2, 0.2)}


class DeepfakeNet(Stack):
    """The whole network.

    Args:
        num_logits: L, 1 for two classes.
        dropouts: probability after each of the three blocks.
    """

    def __init__(self, *, num_logits: int, dropouts: tuple[float, float, float]) -> None:
        blocks: list[nn.Module] = []
        for channels_in, channels_out, dropout in zip((3, *WIDTHS[:-1]), WIDTHS, dropouts, strict=True):
            blocks += [
                conv_bn_relu(channels_in, channels_out),
                conv_bn_relu(channels_out, channels_out),
                nn.MaxPool2d(2),
                nn.Dropout(dropout),
            ]
        features = nn.Sequential(*blocks)
        pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        classifier = nn.Linear(WIDTHS[-1], num_logits)
        super().__init__(features, pool, classifier)


def build_deepfake_net(recipe: RecipeKeys, num_logits: int) -> nn.Module:
    """Build the one of the two that the recipe names."""
    return DeepfakeNet(num_logits=num_logits, dropouts=DROPOUTS[recipe.backbone])
