"""simple_cnn: a plain convolutional network, the baseline that a pretrained backbone has to beat.

Blocks of 3x3 convolution, batch normalisation, ReLU and 2x2 max pooling; global average pooling, dropout, one
linear layer. A preset is the list of block widths. Weights start from He initialisation (He et al. 2015).
"""

from typing import cast

from torch import Tensor, nn

from trainables.recipe import RecipeKeys

PRESETS: dict[str, tuple[int, ...]] = {
    "micro": (8, 16, 32),
    "small": (16, 32, 64),
    "medium": (32, 64, 128, 256),
    "large": (64, 128, 256, 512),
}


class SimpleCNN(nn.Module):
    """A stack of convolution blocks and a linear head.

    Args:
        num_logits: outputs; 1 for two classes.
        widths: channels of each block; every block halves the image.
        dropout: probability before the linear layer.
    """

    head_name = "head"
    cam_layer = "features"

    def __init__(self, *, num_logits: int, widths: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for channels_in, channels_out in zip((3, *widths[:-1]), widths, strict=True):
            blocks += [
                nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
                nn.BatchNorm2d(channels_out),
                nn.ReLU(inplace=True),
                nn.MaxPool2d(2),
            ]
        self.features = nn.Sequential(*blocks)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(widths[-1], num_logits))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Images [B, 3, S, S] to logits [B, num_logits]."""
        return cast(Tensor, self.head(self.pool(self.features(x_BCHW))))


def build_simple_cnn(recipe: RecipeKeys, num_logits: int) -> nn.Module:
    """Build the preset that the recipe names."""
    return SimpleCNN(num_logits=num_logits, widths=PRESETS[recipe.cnn_preset], dropout=recipe.dropout)
