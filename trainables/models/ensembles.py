"""Two frozen networks and a small one that learns whom to believe.

`ensemble_cnn` weighs the probabilities of both by a network of its own, asks a meta classifier for a second
opinion, and blends the two by how confident the weighted one is (stacking: Wolpert 1992).
`deepfake_vgg_ensemble` feeds the logits of both to a small classifier.

The bases are built from their own recipes and get the weights of finished trials; they stay frozen and in
evaluation mode whatever is done to the ensemble.
"""

from collections.abc import Sequence
from typing import Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.recipe import RecipeKeys

SMALLEST = 1e-7


class FrozenNetworks(nn.Module):
    """Networks that don't learn: no gradients, and batch normalisation and dropout as in evaluation."""

    def __init__(self, models: Sequence[nn.Module]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """Stay in evaluation mode."""
        return super().train(False)

    def forward(self, x_BCHW: Tensor) -> list[Tensor]:
        """Images to the logits [B, L] of each."""
        # Without a weight that learns there is no gradient to keep, except one that an explanation asks for.
        return [model(x_BCHW).float() for model in self.models]


class Blend(nn.Module):
    """Weights net 2C-16-2, meta classifier 2C-32-L with dropout, blended by confidence."""

    def __init__(self, *, num_logits: int) -> None:
        super().__init__()
        self.num_logits = num_logits
        inputs = 2 * max(2, num_logits)
        self.weights = nn.Sequential(nn.Linear(inputs, 16), nn.ReLU(), nn.Linear(16, 2))
        self.meta = nn.Sequential(
            nn.Linear(inputs, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, num_logits)
        )

    def forward(self, base_logits: Tensor) -> Tensor:
        """Logits of both, [B, 2L], to logits [B, L]: the logarithm of the blended probabilities."""
        first, second = (_probabilities(logits.float()) for logits in base_logits.chunk(2, dim=1))
        together = torch.cat([first, second], dim=1)
        weight_B2 = torch.softmax(self.weights(together), dim=1).float()
        weighted_BC = weight_B2[:, :1] * first + weight_B2[:, 1:] * second
        meta_BC = _probabilities(self.meta(together).float())
        confidence_B1 = weighted_BC.max(dim=1, keepdim=True).values
        blended_BC = confidence_B1 * weighted_BC + (1 - confidence_B1) * meta_BC
        log_BC = blended_BC.clamp(SMALLEST, 1.0).log()
        return log_BC if self.num_logits > 1 else log_BC[:, 1:] - log_BC[:, :1]


class Ensemble(nn.Module):
    """Two frozen networks in front of a head that learns: [B, 3, S, S] to logits [B, L].

    Args:
        bases: the networks, with L logits each.
        head: the logits of both, [B, 2L], to logits [B, L].
    """

    head_name = "head"

    def __init__(self, bases: Sequence[nn.Module], head: nn.Module) -> None:
        super().__init__()
        self.head = head
        self.bases = FrozenNetworks(bases)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Images to logits."""
        return cast(Tensor, self.head(torch.cat(self.bases(x_BCHW), dim=1)))


def build_ensembles(recipe: RecipeKeys, num_logits: int, bases: Sequence[nn.Module]) -> nn.Module:
    """Build the one of the two that the recipe names on top of `bases`."""
    if recipe.backbone == "ensemble_cnn":
        return Ensemble(bases, Blend(num_logits=num_logits))
    # A small classifier 2L-64-L with dropout.
    head = nn.Sequential(nn.Linear(2 * num_logits, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, num_logits))
    return Ensemble(bases, head)


def _probabilities(logits: Tensor) -> Tensor:
    """[B, 1] or [B, C] to one column per class, [B, C]."""
    if logits.shape[1] == 1:
        fake = torch.sigmoid(logits)
        return torch.cat([1 - fake, fake], dim=1)
    return functional.softmax(logits, dim=1)
