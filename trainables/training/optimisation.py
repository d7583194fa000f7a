"""Loss, optimiser and schedule from a recipe. Label 1 = fake; losses are means over the batch."""

import functools
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.errors import InputError
from trainables.recipe import Loss, Optimizer, Scheduler


@dataclass(frozen=True, slots=True)
class LossFunction:
    """The loss on (logits [B, L], labels int64 [B]): the mean over the batch, by class weight.

    A batch that is worked on in parts has each part's sum divided by the weight of the whole (`total`), so
    that the parts' losses and gradients add up to the batch's.
    """

    settings: Loss
    weights: Tensor

    def weight(self, target: Tensor) -> Tensor:
        """Return the summed class weights of `target`: what a mean over it divides by."""
        return self.weights[target].sum()

    def __call__(self, logits: Tensor, target: Tensor, total: Tensor | None = None) -> Tensor:
        """Return the loss; `total` is `weight` of the batch that these rows are a part of."""
        total = self.weight(target) if total is None else total
        each = self._binary(logits, target) if len(self.weights) == 2 else self._several(logits, target)
        return each.sum() / total

    def _binary(self, logits: Tensor, target: Tensor) -> Tensor:
        smoothing = self.settings.label_smoothing
        smooth = target.float() * (1.0 - smoothing) + smoothing / 2
        each = functional.binary_cross_entropy_with_logits(logits[:, 0], smooth, reduction="none")
        if self.settings.type == "focal":
            right = torch.sigmoid(torch.where(target == 1, logits[:, 0], -logits[:, 0]))
            each = self._focused(each, right)
        return each * self.weights[target]

    def _several(self, logits: Tensor, target: Tensor) -> Tensor:
        smoothing = self.settings.label_smoothing
        if self.settings.type != "focal":
            return functional.cross_entropy(
                logits, target, weight=self.weights, label_smoothing=smoothing, reduction="none"
            )
        each = functional.cross_entropy(logits, target, label_smoothing=smoothing, reduction="none")
        right = torch.softmax(logits, dim=1).gather(1, target[:, None])[:, 0]
        return self._focused(each, right) * self.weights[target]

    def _focused(self, each: Tensor, right: Tensor) -> Tensor:
        gamma = 2.0 if self.settings.gamma is None else self.settings.gamma
        return each * (1 - right) ** gamma


def build_optimizer(model: nn.Module, settings: Optimizer) -> torch.optim.Optimizer:
    """Build the optimiser over the parameters that train."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    # fused: one pass over the weights instead of several, which halves an AdamW step on the CPU.
    lr, weight_decay = settings.lr, settings.weight_decay
    if settings.type == "sgd":
        return torch.optim.SGD(
            parameters, lr=lr, weight_decay=weight_decay, momentum=settings.momentum, fused=True
        )
    kind = torch.optim.AdamW if settings.type == "adamw" else torch.optim.Adam
    return kind(parameters, lr=lr, weight_decay=weight_decay, fused=True)


def build_scheduler(
    optimizer: torch.optim.Optimizer, settings: Scheduler, *, epochs: int
) -> torch.optim.lr_scheduler.LRScheduler:
    """Build the schedule; `step_scheduler` moves it on after an epoch."""
    if settings.type == "none":
        return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    if settings.type == "reduce_on_plateau":
        return torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer,
            mode=settings.mode or "max",
            factor=0.5 if settings.factor is None else settings.factor,
            patience=5 if settings.patience is None else settings.patience,
        )
    if settings.type == "warmup_cosine":
        warmup = min(settings.warmup_epochs or 0, epochs - 1)
        return torch.optim.lr_scheduler.LambdaLR(optimizer, functools.partial(_warmup_cosine, warmup, epochs))
    return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=settings.T_max or epochs)


def step_scheduler(scheduler: torch.optim.lr_scheduler.LRScheduler, *, score: float, val_loss: float) -> None:
    """Move the schedule on by an epoch, whose selection score (higher is better) and loss are given."""
    if isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
        scheduler.step(score if scheduler.mode == "max" else val_loss)
    else:
        scheduler.step()


def _warmup_cosine(warmup: int, epochs: int, epoch: int) -> float:
    if epoch < warmup:
        return (epoch + 1) / (warmup + 1)
    return 0.5 * (1 + math.cos(math.pi * (epoch - warmup) / (epochs - warmup)))


def build_loss(settings: Loss, *, labels: np.ndarray, num_classes: int, device: torch.device) -> LossFunction:
    """Build the loss.

    Args:
        settings: kind, smoothing and class weights.
        labels: training labels, for balanced weights (n / (C x n_class), as scikit-learn has them).
        num_classes: C; two classes have one logit, L = 1, else L = C.
        device: where the batches are.

    Raises:
        InputError: bce with more than two classes.
    """
    if settings.type == "bce" and num_classes != 2:
        raise InputError(f"loss.type bce is for two classes, the data has {num_classes}; use cross_entropy")
    return LossFunction(settings, _class_weights(settings, labels, num_classes).to(device))


def probabilities(logits: Tensor) -> Tensor:
    """Turn logits [B, 1] into P(fake) [B], or [B, C] into class probabilities [B, C]; float64."""
    exact = logits.double()
    return torch.sigmoid(exact[:, 0]) if logits.shape[1] == 1 else torch.softmax(exact, dim=1)


def _class_weights(settings: Loss, labels: np.ndarray, num_classes: int) -> Tensor:
    if settings.class_weights is None:
        return torch.ones(num_classes)
    if settings.class_weights == "balanced":
        counts = np.bincount(labels, minlength=num_classes)
        return torch.tensor(len(labels) / (num_classes * np.maximum(counts, 1)), dtype=torch.float32)
    return torch.tensor(settings.class_weights, dtype=torch.float32)
