"""The training loop: epochs, inner validation, patience, best weights, a checkpoint after an epoch.

It sees the training and the inner validation rows and nothing else; test rows can't reach it. What an epoch
does depends on the recipe, the rows and the random state alone, and the random state is part of the
checkpoint, so a run that was interrupted ends with the numbers of one that was not.
"""

import functools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trainables.errors import InputError
from trainables.evaluation.metrics import LOWER_IS_BETTER, Metrics, compute_metrics
from trainables.models.building import build_model
from trainables.models.layers import ConstrainedConv
from trainables.recipe import Recipe, SelectWeights
from trainables.seeds import derived_seed
from trainables.training import checkpoint
from trainables.training.augmentation import Augmenter, Mixing
from trainables.training.batches import Images, training_batches
from trainables.training.checkpoint import Progress
from trainables.training.optimisation import (
    LossFunction,
    build_loss,
    build_optimizer,
    build_scheduler,
    probabilities,
    step_scheduler,
)
from trainables.training.precision import autocast, torch_memory_format

# Short epochs would be spent on writing: a kill costs at most this long and the epoch under way.
CHECKPOINT_EVERY_S = 20.0


class TrainingError(RuntimeError):
    """A trial can't go on (its loss is no longer a number); other trials can."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Rows to train on or to score: their row numbers in the pixels and their labels, int64 [N] each."""

    rows: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True, slots=True)
class EpochReport:
    """What an epoch gave. `epoch` counts from 1; `score` is the selection metric on inner validation rows."""

    epoch: int
    epochs: int
    train_loss: float
    val_loss: float
    score: float
    best_score: float
    best_epoch: int
    lr: float
    seconds: float
    images_per_s: float
    val: Metrics


OnEpoch = Callable[[EpochReport], None]


class Trainer:
    """One trial's model with all that trains it.

    Args:
        recipe: the trial's settings.
        images: where batches come from.
        num_classes: C.
        train: training rows.
        val: inner validation rows.
        seed: the trial's seed; decides weights, order and dropout.
        device: where to train.
        folder: where checkpoints go.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        images: Images,
        num_classes: int,
        train: Samples,
        val: Samples,
        seed: int,
        device: torch.device,
        folder: Path,
    ) -> None:
        self.recipe, self.images, self.train, self.val = recipe, images, train, val
        self.num_classes, self.seed, self.device, self.folder = num_classes, seed, device, folder
        self.loss: LossFunction = build_loss(
            recipe.loss, labels=train.labels, num_classes=num_classes, device=device
        )
        mix = recipe.mix
        self._augmenter = Augmenter(recipe.augment, seed=seed) if recipe.augment else None
        self._mixing = Mixing(mixup=mix.mixup, cutmix=mix.cutmix, seed=seed) if mix else None
        self._build()

    def _build(self) -> None:
        recipe = self.recipe
        torch.manual_seed(derived_seed(self.seed, "weights"))
        self.model: nn.Module = build_model(recipe, num_classes=self.num_classes).to(self.device)
        self.model.to(memory_format=torch_memory_format(recipe.memory_format))
        self._constrained = [each for each in self.model.modules() if isinstance(each, ConstrainedConv)]
        self.optimizer = build_optimizer(self.model, recipe.optimizer)
        self.scheduler = build_scheduler(self.optimizer, recipe.scheduler, epochs=recipe.epochs)
        # fp16 loses small gradients unless the loss is scaled; for other precisions this does nothing.
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=recipe.precision == "fp16")
        self._parts: dict[str, Any] = {
            "model": self.model,
            "optimizer": self.optimizer,
            "scheduler": self.scheduler,
            "scaler": self.scaler,
        }
        self.progress = Progress()
        self._best: dict[str, Tensor] = {}
        self._best_is_saved = True
        self._last_checkpoint = float("-inf")

    def fit(self, *, on_epoch: OnEpoch, resume: bool) -> Progress:
        """Train to the last epoch or until patience ends; leave the best weights in the model."""
        if resume and (self.folder / checkpoint.STATE).exists():
            self._resume()
        while not self._finished():
            report = self._epoch()
            self._keep(report)
            on_epoch(report)
        self._use_best()
        return self.progress

    def score(self, samples: Samples) -> np.ndarray:
        """Return probabilities for `samples` in their order: float64 [N] of fake, or [N, C]."""
        self.model.eval()
        size = 2 * self.recipe.batch_size
        parts: list[np.ndarray] = []
        with torch.inference_mode(), autocast(self.recipe.precision, self.device):
            for start in range(0, len(samples.rows), size):
                logits = self.model(self.images.batch(samples.rows[start : start + size]))
                parts.append(probabilities(logits).cpu().numpy())
        return np.concatenate(parts)

    def _resume(self) -> None:
        found = checkpoint.load_checkpoint(self.folder, **self._parts)
        if found is None:
            # Whatever a damaged checkpoint has already put into the model must go.
            self._build()
        else:
            self.progress = found

    def _finished(self) -> bool:
        done, patience = self.progress.epochs_done, self.recipe.early_stopping_patience
        waited = done - 1 - self.progress.best_epoch if self.progress.best_epoch >= 0 else 0
        return done >= self.recipe.epochs or (patience is not None and waited >= patience)

    def _epoch(self) -> EpochReport:
        epoch = self.progress.epochs_done
        start = time.perf_counter()
        lr = float(self.optimizer.param_groups[0]["lr"])
        train_loss = self.train_one_epoch(epoch)
        train_s = time.perf_counter() - start
        scores = self.score(self.val)
        if not np.isfinite(scores).all():
            raise TrainingError(
                f"scores are not finite in epoch {epoch + 1}: lower lr, or use precision float32"
            )
        val = compute_metrics(self.val.labels, scores)
        val_loss = val["log_loss"]
        assert val_loss is not None, "the log loss exists for any rows"
        score = selection_score(val, self.recipe.select_by)
        step_scheduler(self.scheduler, score=score, val_loss=val_loss)
        if score > self.progress.best_score:
            self.progress.best_score, self.progress.best_epoch = score, epoch
        self.progress.epochs_done = epoch + 1
        seconds = time.perf_counter() - start
        self.progress.seconds += seconds
        return EpochReport(
            epoch=epoch + 1,
            epochs=self.recipe.epochs,
            train_loss=train_loss,
            val_loss=val_loss,
            score=abs(score),
            best_score=abs(self.progress.best_score),
            best_epoch=self.progress.best_epoch + 1,
            lr=lr,
            seconds=round(seconds, 3),
            images_per_s=round(len(self.train.rows) / train_s, 1),
            val=val,
        )

    def train_one_epoch(self, epoch: int) -> float:
        """Train on every training row once; return the mean loss."""
        self.model.train()
        total = torch.zeros((), device=self.device)
        labels = torch.from_numpy(self.train.labels).to(self.device)
        batches = training_batches(
            len(self.train.rows),
            batch_size=self.recipe.batch_size,
            seed=self.seed,
            epoch=epoch,
            labels=self.train.labels if self.recipe.sampler == "weighted" else None,
        )
        for number, positions in enumerate(batches):
            x_BCHW = self.images.batch(self.train.rows[positions], self._change(positions, epoch))
            target = labels[torch.from_numpy(positions).to(self.device)]
            mixed = None if self._mixing is None else self._mixing(x_BCHW, epoch=epoch, batch=number)
            with autocast(self.recipe.precision, self.device):
                logits = self.model(x_BCHW if mixed is None else mixed.images)
            loss = self.loss(logits.float(), target)
            if mixed is not None:
                other = self.loss(logits.float(), target[mixed.partner])
                loss = mixed.share * loss + (1 - mixed.share) * other
            self.optimizer.zero_grad(set_to_none=True)
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            self.scaler.step(self.optimizer)
            self.scaler.update()
            for layer in self._constrained:
                layer.project()
            total += loss.detach() * len(positions)
        mean = float(total) / len(self.train.rows)
        if not math.isfinite(mean):
            raise TrainingError(
                f"the training loss is {mean} in epoch {epoch + 1}: lower lr, or use precision float32"
            )
        return mean

    def _change(self, positions: np.ndarray, epoch: int) -> Callable[[Tensor], Tensor] | None:
        if self._augmenter is None:
            return None
        return functools.partial(self._augmenter, positions=positions, epoch=epoch)

    def _keep(self, report: EpochReport) -> None:
        self.progress.history.append(history_row(report))
        if report.best_epoch == report.epoch:
            state = self.model.state_dict()
            self._best = {name: tensor.to("cpu", copy=True) for name, tensor in state.items()}
            self._best_is_saved = False
        if time.monotonic() - self._last_checkpoint < CHECKPOINT_EVERY_S:
            return
        if not self._best_is_saved:
            checkpoint.save_weights(checkpoint.best_weights(self.folder, self.progress), self._best)
            self._best_is_saved = True
        checkpoint.save_checkpoint(self.folder, self.progress, **self._parts)
        self._last_checkpoint = time.monotonic()

    def _use_best(self) -> None:
        """Put the best weights into the model: from memory, or from the checkpoint that was gone on from."""
        if self._best:
            self.model.load_state_dict(self._best)
        else:
            checkpoint.load_weights(checkpoint.best_weights(self.folder, self.progress), self.model)


def history_row(report: EpochReport) -> dict[str, Any]:
    """Return the row of history.csv that belongs to a report."""
    return {
        "epoch": report.epoch,
        "train_loss": report.train_loss,
        "val_loss": report.val_loss,
        "score": report.score,
        **{f"val_{name}": value for name, value in report.val.items() if name != "log_loss"},
        "lr": report.lr,
        "seconds": report.seconds,
        "images_per_s": report.images_per_s,
    }


def selection_score(val: Metrics, select_by: str | SelectWeights) -> float:
    """Return what the best epoch is chosen by, higher is better: a metric, or a weighted sum of several.

    Raises:
        InputError: one of them does not exist on these rows.
    """
    if isinstance(select_by, str):
        value = _existing(val, select_by)
        return -value if select_by in LOWER_IS_BETTER else value
    weights = select_by.model_dump().items()
    return float(sum(weight * _existing(val, name) for name, weight in weights if weight))


def _existing(val: Metrics, metric: str) -> float:
    value = val[metric]
    if value is None and metric == "precision":
        # Nothing was called fake, so nothing was called fake rightly.
        return 0.0
    if value is None:
        raise InputError(
            f"{metric} does not exist on the inner validation part: it needs every class; raise val_ratio"
        )
    return value
