"""The training loop: epochs, inner validation, patience, best weights, checkpoints after and within epochs.

It sees the training and the inner validation rows and nothing else; test rows can't reach it. What an epoch
does depends on the recipe, the rows and the random state alone, and the random state is part of the
checkpoint, so a run that was interrupted ends with the numbers of one that was not.
"""

import functools
import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from trainables.evaluation.metrics import COMPARED
from trainables.evaluation.scoring import Metrics, all_metrics, compute_metrics, predicted_classes
from trainables.evaluation.selection import HALVES, half_column, selection_score
from trainables.models.layers import ConstrainedConv
from trainables.recipe import Recipe
from trainables.seeds import derived_seed
from trainables.training import checkpoint
from trainables.training.augmentation import Augmenter, Mixing
from trainables.training.batch_scores import batch_scores
from trainables.training.batches import Images, split_batch, training_batches
from trainables.training.checkpoint import Progress, TrainingParts
from trainables.training.epoch_report import EpochReport, OnEpoch, history_row
from trainables.training.optimisation import (
    LossFunction,
    build_loss,
    build_optimizer,
    build_scheduler,
    step_scheduler,
)
from trainables.training.precision import autocast, torch_memory_format
from trainables.training.stages import Freezer, HeadTraining
from trainables.trial_files import STATE

# Short epochs would be spent on writing: a kill costs at most this long and the epoch under way.
CHECKPOINT_EVERY_S = 20.0
# Within an epoch, so that a machine that is taken away costs at most two minutes, with inner validation.
WITHIN_EPOCH_EVERY_S = 90.0
# How often somebody hears within an epoch that training goes on, and may end it: soon enough for a machine
# that is taken away in half a minute.
SIGN_EVERY_S = 5.0


class TrainingError(RuntimeError):
    """A trial can't go on (its loss is no longer a number); other trials can."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Rows to train on or to score: their row numbers in the pixels and their labels, int64 [N] each.

    `halves` is the half of each inner validation row, 0 or 1, int64 [N]; None where they are not cut in two.
    """

    rows: np.ndarray
    labels: np.ndarray
    halves: np.ndarray | None = None


class Trainer:
    """One trial's model with all that trains it.

    Args:
        recipe: the trial's settings.
        build: gives the model with the weights that it starts from, by torch's random state.
        images: where batches come from.
        num_classes: C, for the loss.
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
        build: Callable[[], nn.Module],
        images: Images,
        num_classes: int,
        train: Samples,
        val: Samples,
        seed: int,
        device: torch.device,
        folder: Path,
    ) -> None:
        self.recipe, self.images, self.train, self.val = recipe, images, train, val
        self.seed, self.device, self.folder = seed, device, folder
        self._build_model, self._stages = build, recipe.training_stages
        self.loss: LossFunction = build_loss(
            recipe.loss, labels=train.labels, num_classes=num_classes, device=device
        )
        mix = recipe.mix
        self._augmenter = Augmenter(recipe.augment, seed=seed) if recipe.augment else None
        self._mixing = Mixing(mixup=mix.mixup, cutmix=mix.cutmix, seed=seed) if mix else None
        self._on_checkpoint: Callable[[], None] | None = None
        self._on_sign: Callable[[], None] | None = None
        self.begin_again(micro_batch=recipe.micro_batch)

    def begin_again(self, *, micro_batch: int | None) -> None:
        """Start from the beginning, with parts of a batch of this size: first weights, first stage."""
        torch.manual_seed(derived_seed(self.seed, "weights"))
        self.model: nn.Module = self._build_model().to(self.device)
        self.model.to(memory_format=torch_memory_format(self.recipe.memory_format))
        self._constrained = [each for each in self.model.modules() if isinstance(each, ConstrainedConv)]
        self._freezer = Freezer(self.model)
        self.progress = Progress(micro_batch=micro_batch)
        self._best: dict[str, Tensor] = {}
        self._best_is_saved = True
        self._last_checkpoint = float("-inf")
        self._began = self._last_sign = time.monotonic()
        self._epoch_began = time.perf_counter()
        self._begin_stage(0)

    def _begin_stage(self, number: int) -> None:
        """Say which layers learn, with an optimiser and a schedule of their own."""
        recipe, stage = self.recipe, self._stages[number]
        self._freezer.apply(stage)
        settings = recipe.optimizer
        if stage.lr is not None:
            settings = settings.model_copy(update={"lr": stage.lr})
        self.optimizer = build_optimizer(self.model, settings)
        self.scheduler = build_scheduler(self.optimizer, recipe.scheduler, epochs=stage.epochs)
        # fp16 loses small gradients unless the loss is scaled; for other precisions this does nothing.
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=recipe.precision == "fp16")
        self._parts = TrainingParts(self.model, self.optimizer, self.scheduler, self.scaler)
        self._head: HeadTraining | None = None
        self._head_is_ready = False

    def _prepare_head(self) -> None:
        """Where the head alone learns, keep the features of the images that are always the same.

        Not when the stage begins: a checkpoint may have other weights to put in first.
        """
        self._head_is_ready = True
        if not self._freezer.head_alone():
            return
        self._head = HeadTraining(
            self.model,
            images=self.images,
            precision=self.recipe.precision,
            device=self.device,
            batch_size=self._scored_at_once,
            folder=self.folder,
        )
        changing = self._augmenter is not None or self._mixing is not None
        self.model.eval()
        self._head.keep(self.val.rows if changing else np.concatenate([self.train.rows, self.val.rows]))

    def fit(
        self,
        *,
        on_epoch: OnEpoch,
        resume: bool,
        on_checkpoint: Callable[[], None] | None = None,
        on_sign: Callable[[], None] | None = None,
    ) -> Progress:
        """Train each stage to its last epoch or until patience ends it; leave the best weights in the model.

        A stage goes on from the best weights so far. `on_checkpoint` hears of those written within an epoch,
        and `on_sign`, every SIGN_EVERY_S, that training goes on. Where one raises SystemExit, all that was
        done is in a checkpoint.
        """
        self._on_checkpoint, self._on_sign = on_checkpoint, on_sign
        if resume and (self.folder / STATE).exists():
            self._resume()
        for number, stage in enumerate(self._stages):
            if number < self.progress.stage:
                continue
            if number > self.progress.stage:
                self.progress.next_stage()
                self._use_best()
                self._begin_stage(number)
            while not self.progress.stage_ended(stage.epochs, self.recipe.early_stopping_patience):
                report = self._epoch()
                self._keep(report)
                self._tell(functools.partial(on_epoch, report))
        self._use_best()
        # The best weights may be those of another stage, to whose trunk kept features do not belong.
        self._head = None
        return self.progress

    @property
    def _scored_at_once(self) -> int:
        """Twice the images that training takes: without gradients they need far less memory."""
        return 2 * (self.progress.micro_batch or self.recipe.batch_size)

    def score(self, samples: Samples) -> np.ndarray:
        """Return probabilities for `samples` in their order: float64 [N] of fake, or [N, C]."""
        self.model.eval()
        return batch_scores(
            self._logits_of,
            samples.rows,
            at_once=self._scored_at_once,
            precision=self.recipe.precision,
            device=self.device,
        )

    def _logits_of(self, rows: np.ndarray) -> Tensor:
        if self._head is not None and self._head.keeps(rows):
            return self._head.of_rows(rows)
        return cast(Tensor, self.model(self.images.batch(rows)))

    def _resume(self) -> None:
        self._begin_stage(min(checkpoint.saved_stage(self.folder), len(self._stages) - 1))
        found = checkpoint.load_checkpoint(self.folder, self._parts)
        if found is None:
            # Whatever a damaged checkpoint has already put into the model must go.
            self.begin_again(micro_batch=self.progress.micro_batch)
        else:
            found.limit(self.progress.micro_batch)
            self.progress = found

    def _epoch(self) -> EpochReport:
        epoch = self.progress.epochs_done
        start = self._epoch_began = time.perf_counter() - self.progress.epoch_seconds
        if not self._head_is_ready:
            self._prepare_head()
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
        self.progress.record(score)
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
            halves=self._half_metrics(scores),
        )

    def _half_metrics(self, scores: np.ndarray) -> Metrics:
        """What the scores of the inner validation rows say on each half of them, by column of history.csv."""
        found: Metrics = {}
        if self.val.halves is None:
            return found
        for number, half in enumerate(HALVES):
            mine = self.val.halves == number
            metrics = all_metrics(self.val.labels[mine], scores[mine], predicted_classes(scores[mine]))
            for name in COMPARED:
                if name in metrics.values or name in metrics.reasons:
                    found[half_column(name, half)] = metrics.values.get(name)
        return found

    def train_one_epoch(self, epoch: int) -> float:
        """Train on every training row once, but for batches that are behind it; return the mean loss."""
        if self._head is None:
            self._freezer.train()
        else:
            self._head.train()
        progress = self.progress
        total = torch.tensor(progress.loss_sum, device=self.device)
        batches = training_batches(
            len(self.train.rows),
            batch_size=self.recipe.batch_size,
            seed=self.seed,
            epoch=epoch,
            labels=self.train.labels if self.recipe.sampler == "weighted" else None,
        )
        first = progress.batches_done
        for number, positions in itertools.islice(enumerate(batches), first, None):
            now = time.monotonic()
            is_late = now - max(self._began, self._last_checkpoint) >= WITHIN_EPOCH_EVERY_S
            if number > first and (is_late or now - self._last_sign >= SIGN_EVERY_S):
                progress.batches_done, progress.loss_sum = number, _finite(total, epoch)
                progress.epoch_seconds = time.perf_counter() - self._epoch_began
                if is_late:
                    self._save()
                    self._tell(self._on_checkpoint)
                self._tell(self._on_sign)
                self._last_sign = time.monotonic()
            total += self._step(positions, epoch=epoch, number=number) * len(positions)
        progress.next_epoch()
        return _finite(total, epoch) / len(self.train.rows)

    def _step(self, positions: np.ndarray, *, epoch: int, number: int) -> Tensor:
        """Train on one batch, in parts where it does not fit into memory as a whole; return its loss."""
        rows = self.train.rows[positions]
        target = torch.from_numpy(self.train.labels[positions]).to(self.device)
        kept = self._head is not None and self._head.keeps(rows)
        x_BCHW = None if kept else self.images.batch(rows, self._change(positions, epoch))
        mixed = None
        if x_BCHW is not None and self._mixing is not None:
            mixed = self._mixing(x_BCHW, epoch=epoch, batch=number)
            x_BCHW = mixed.images
        self.optimizer.zero_grad(set_to_none=True)
        loss = torch.zeros((), device=self.device)
        for part in split_batch(len(positions), self.progress.micro_batch):
            logits = self._logits(rows[part], None if x_BCHW is None else x_BCHW[part]).float()
            some = self.loss(logits, target[part], self.loss.weight(target))
            if mixed is not None:
                partner = target[mixed.partner]
                other = self.loss(logits, partner[part], self.loss.weight(partner))
                some = mixed.share * some + (1 - mixed.share) * other
            self.scaler.scale(some).backward()  # type: ignore[no-untyped-call]
            loss += some.detach()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        for layer in self._constrained:
            layer.project()
        return loss

    def _logits(self, rows: np.ndarray, x_BCHW: Tensor | None) -> Tensor:
        if self._head is not None:
            return self._head.of_rows(rows) if x_BCHW is None else self._head.of_images(x_BCHW)
        with autocast(self.recipe.precision, self.device):
            return cast(Tensor, self.model(x_BCHW))

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
        if time.monotonic() - self._last_checkpoint >= CHECKPOINT_EVERY_S:
            self._save()

    def _tell(self, listener: Callable[[], None] | None) -> None:
        """Call a listener; one that ends training leaves a checkpoint of this moment."""
        try:
            if listener:
                listener()
        except SystemExit:
            self._save()
            raise

    def _save(self) -> None:
        """Write a checkpoint, with the best weights before the state that names them."""
        if not self._best_is_saved:
            checkpoint.save_weights(checkpoint.best_weights(self.folder, self.progress), self._best)
            self.progress.best_checksum, self._best_is_saved = checkpoint.checksum(self._best), True
        checkpoint.save_checkpoint(self.folder, self.progress, self._parts)
        self._last_checkpoint = time.monotonic()

    def _use_best(self) -> None:
        """Put the best weights into the model: from memory, or from the checkpoint that was gone on from."""
        if self._best:
            self.model.load_state_dict(self._best)
        else:
            checkpoint.load_weights(checkpoint.best_weights(self.folder, self.progress), self.model)


def _finite(total: Tensor, epoch: int) -> float:
    """Return the sum of losses, unless training can't go on from it."""
    value = float(total)
    if not math.isfinite(value):
        raise TrainingError(
            f"the training loss is {value} in epoch {epoch + 1}: lower lr, or use precision float32"
        )
    return value
