"""One trial: one fold from pixels to a committed result, with files and tensors only.

Out, in `out_dir`: history.csv (one row per epoch: losses, metrics of the inner validation rows and of each
half of them), predictions.parquet (inner validation and test rows with scores), submission.csv (image_id and
label of an unlabelled test split, if there is one), metrics.json, model.safetensors (best weights),
done.json. done.json is written last: a trial is finished if and only if it can be read. While running there
is also checkpoint/, from which an interrupted trial goes on. Test rows are scored once, after training, with
the weights that were best on the inner validation rows.
"""

import contextlib
import dataclasses
import gc
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from trainables import backbones
from trainables.backbones import is_kernel_machine
from trainables.data.pixels import Pixels, open_pixels
from trainables.data.splits.halves import validation_halves
from trainables.done_record import DoneRecord, read_done, write_done
from trainables.errors import InputError
from trainables.evaluation.scoring import compute_metrics, predicted_classes
from trainables.files import file_sha256, read_json, replace_file, write_json
from trainables.models.building import build_model
from trainables.models.flops import flops_per_image
from trainables.recipe import Recipe
from trainables.removal import remove_file, remove_folder
from trainables.seeds import derived_seed
from trainables.training import checkpoint
from trainables.training.batches import Images
from trainables.training.epoch_report import EpochReport, OnEpoch
from trainables.training.kernel_machine import KernelMachine
from trainables.training.loop import Samples, Trainer
from trainables.training.normalization import normalization_of
from trainables.training.precision import peak_mib
from trainables.training.repeatable import make_repeatable
from trainables.training.shortage import fit_in_memory, largest_part
from trainables.trial_files import (
    CHECKPOINT,
    ERROR,
    HISTORY,
    METRICS,
    PREDICTIONS,
    SUBMISSION,
    TRIAL,
    WEIGHTS,
)
from trainables.trial_inputs import TrialRows

SCORED = ("val", "test", "unlabelled")
OnSmallerParts = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Base:
    """A network that an ensemble combines: how it was trained, and its best weights (safetensors)."""

    recipe: Recipe
    weights: Path


def read_base(folder: Path) -> Base:
    """Read a finished trial as a base.

    Raises:
        InputError: there is no finished trial at `folder`.
    """
    if read_done(folder) is None:
        raise InputError(f"the base {folder.name} has not finished; run it first, or see why it failed")
    return Base(Recipe.model_validate_json(json.dumps(read_json(folder / TRIAL)["recipe"])), folder / WEIGHTS)


def run_trial(
    recipe: Recipe,
    rows: TrialRows,
    out_dir: Path,
    *,
    bases: Sequence[Base] = (),
    on_epoch: OnEpoch | None = None,
    on_smaller_parts: OnSmallerParts | None = None,
    on_checkpoint: Callable[[], None] | None = None,
    on_sign: Callable[[], None] | None = None,
    resume: bool = True,
    device: torch.device | None = None,
    threads: int = 1,
    pixels_mib: int | None = None,
) -> dict[str, Any]:
    """Train, score and commit one trial; return what metrics.json holds.

    Args:
        recipe: everything that decides the numbers.
        rows: the images of the fold.
        out_dir: the trial's folder.
        bases: what an ensemble combines, trained on the same fold.
        on_epoch: called after each epoch that this call trains.
        on_smaller_parts: called before the trial is committed, where memory ran out and training went on with
            smaller parts of a batch, with the most images of one.
        on_checkpoint: called when a checkpoint was written within an epoch.
        on_sign: called every few seconds within an epoch. SystemExit from one of these leaves a checkpoint.
        resume: go on from out_dir/checkpoint when there is one.
        device: default: the first CUDA device, else the CPU.
        threads: CPU threads; on the CPU the last bits of a result depend on it.
        pixels_mib: memory of the GPU that images may be kept in; default: as `Images` has it.

    Raises:
        TrainingError: the loss or the scores are no longer finite.
        InputError: an ensemble without its bases.
    """
    started = time.perf_counter()
    device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
    _fresh_process(device, threads)
    table = _ordered(rows.table)
    if is_kernel_machine(recipe.backbone):
        # It has nothing to select, so it learns from the inner validation rows too.
        table["part"] = table["part"].replace("val", "train")
    pixels = open_pixels(rows.pixels)
    parts = _parts(table, pixels, recipe, rows)
    if is_kernel_machine(recipe.backbone):
        outcome = _train_machine(pixels, parts)
    else:
        course = _Course(device, pixels_mib, resume, on_epoch, on_checkpoint, on_sign, on_smaller_parts)
        outcome = _train_network(recipe, rows, pixels, parts, out_dir, bases, course)
    metrics = {
        **_scored(outcome, parts),
        "seconds": round(time.perf_counter() - started, 3),
        "peak_mib": round(peak_mib(device), 1),
        "device": device.type,
        "threads": threads,
    }
    _write_csv(out_dir / HISTORY, pd.DataFrame(outcome.history))
    _commit(out_dir, outcome.save, _predictions(table, outcome, rows), metrics)
    return metrics


def _parts(table: pd.DataFrame, pixels: Pixels, recipe: Recipe, rows: TrialRows) -> dict[str, Samples]:
    found = {name: _samples(table, name, pixels.rows) for name in ("train", "val", "test", "unlabelled")}
    found["val"] = _halved(found["val"], table, recipe, rows)
    return found


@dataclass(frozen=True, slots=True)
class _Course:
    """Where training runs, whether it goes on from a checkpoint, and who hears of it; see `run_trial`."""

    device: torch.device
    pixels_mib: int | None
    resume: bool
    on_epoch: OnEpoch | None
    on_checkpoint: Callable[[], None] | None
    on_sign: Callable[[], None] | None
    on_smaller_parts: OnSmallerParts | None


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What training leaves: scores and predicted classes by part, facts for metrics.json, and the model."""

    scores: dict[str, np.ndarray]
    votes: dict[str, np.ndarray]
    facts: Mapping[str, object]
    history: list[dict[str, Any]]
    save: Callable[[Path], None]


def _train_network(
    recipe: Recipe,
    rows: TrialRows,
    pixels: Pixels,
    parts: dict[str, Samples],
    out_dir: Path,
    bases: Sequence[Base],
    course: _Course,
) -> _Outcome:
    train = parts["train"]
    normalization = normalization_of(
        recipe.normalization,
        pixels.array,
        rows=train.rows,
        labels=train.labels,
        num_classes=rows.num_classes,
    )
    images = Images(
        pixels.array,
        normalization=normalization,
        memory_format=recipe.memory_format,
        device=course.device,
        resident_mib=course.pixels_mib,
    )
    trainer = Trainer(
        recipe,
        build=lambda: first_network(recipe, bases, num_classes=rows.num_classes),
        images=images,
        num_classes=rows.num_classes,
        train=parts["train"],
        val=parts["val"],
        seed=derived_seed(recipe.seed, rows.repeat, rows.fold, "trial"),
        device=course.device,
        folder=out_dir / CHECKPOINT,
    )

    def report(epoch: EpochReport) -> None:
        _write_csv(out_dir / HISTORY, pd.DataFrame(trainer.progress.history))
        if course.on_epoch:
            course.on_epoch(epoch)

    progress = fit_in_memory(
        trainer,
        on_epoch=report,
        on_checkpoint=course.on_checkpoint,
        on_sign=course.on_sign,
        resume=course.resume,
    )
    if course.on_smaller_parts and progress.micro_batch not in (None, recipe.micro_batch):
        course.on_smaller_parts(largest_part(trainer))
    scores = {name: trainer.score(parts[name]) for name in SCORED if len(parts[name].rows)}
    return _Outcome(
        scores,
        {name: predicted_classes(values) for name, values in scores.items()},
        {**_network_facts(trainer), "normalization": normalization.to_json()},
        progress.history,
        lambda path: checkpoint.save_weights(path, trainer.model.state_dict()),
    )


def _network_facts(trainer: Trainer) -> Mapping[str, object]:
    """Return what metrics.json holds of training."""
    progress = trainer.progress
    return {
        "score": abs(progress.best_score),
        "best_epoch": progress.best_epoch + 1,
        "epochs": progress.epochs_done,
        "parameters": sum(parameter.numel() for parameter in trainer.model.parameters()),
        "flops_per_image": flops_per_image(trainer.model, trainer.images.batch(trainer.train.rows[:1])),
        "n_val_halves": [] if trainer.val.halves is None else np.bincount(trainer.val.halves).tolist(),
        "micro_batch": progress.micro_batch,
        "training_seconds": round(progress.seconds, 3),
    }


def _scored(outcome: _Outcome, parts: dict[str, Samples]) -> Mapping[str, object]:
    """Return what metrics.json holds of scores and rows."""
    metrics = {
        name: compute_metrics(parts[name].labels, outcome.scores[name], predicted=outcome.votes[name])
        if name in outcome.scores
        else {}
        for name in ("val", "test")
    }
    return {**metrics, **outcome.facts, **{f"n_{name}": len(part.rows) for name, part in parts.items()}}


def first_network(recipe: Recipe, bases: Sequence[Base], *, num_classes: int) -> nn.Module:
    """Build the network that training starts from; an ensemble gets the weights of its trained bases.

    Raises:
        InputError: an ensemble without its bases, or pretrained weights that can't be had.
    """
    entry = backbones.own(recipe.backbone)
    wanted = len(entry.bases) if entry is not None else 0
    if len(bases) != wanted:
        raise InputError(f"{recipe.backbone} combines {wanted} trained networks, {len(bases)} were given")
    if not wanted:
        return build_model(recipe, num_classes=num_classes, weights=recipe.weights)
    networks = []
    for base in bases:
        network = build_model(base.recipe.model_copy(update={"pretrained": False}), num_classes=num_classes)
        checkpoint.load_weights(base.weights, network)
        networks.append(network)
    return build_model(recipe, num_classes=num_classes, bases=networks)


def _train_machine(pixels: Pixels, parts: dict[str, Samples]) -> _Outcome:
    start = time.perf_counter()
    machine = KernelMachine(pixels.array)
    machine.fit(parts["train"].rows, parts["train"].labels)
    seconds = round(time.perf_counter() - start, 3)
    answers = {name: machine.predict(parts[name].rows) for name in SCORED if len(parts[name].rows)}
    facts = {
        "score": None,
        "best_epoch": 1,
        "epochs": 1,
        "parameters": machine.num_support,
        "training_seconds": seconds,
    }
    return _Outcome(
        {name: scores for name, (scores, _) in answers.items()},
        {name: votes for name, (_, votes) in answers.items()},
        facts,
        [{"epoch": 1, "seconds": seconds}],
        machine.save,
    )


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    """Order rows by content: neither file names nor the order of a scan can change a result."""
    return table.sort_values(["sha256", "label", "source", "group"], ignore_index=True)


def _fresh_process(device: torch.device, threads: int) -> None:
    """Undo what an earlier trial in the same process could have left."""
    gc.collect()
    torch.set_num_threads(threads)
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        make_repeatable(device)


def _samples(table: pd.DataFrame, part: str, rows_of: Any) -> Samples:
    chosen = table[table["part"] == part]
    return Samples(rows_of(chosen["sha256"].tolist()), chosen["label"].to_numpy(dtype=np.int64, copy=True))


def _halved(val: Samples, table: pd.DataFrame, recipe: Recipe, rows: TrialRows) -> Samples:
    """Return the inner validation rows with the half of each, where they can be cut in two."""
    mine = table[table["part"] == "val"]
    halves = validation_halves(mine, seed=recipe.seed, repeat=rows.repeat, fold=rows.fold)
    return dataclasses.replace(val, halves=halves)


def _predictions(table: pd.DataFrame, outcome: _Outcome, rows: TrialRows) -> pd.DataFrame:
    frames = []
    for part, values in outcome.scores.items():
        frame = table.loc[table["part"] == part, ["path", "group", "source", "label"]].assign(split=part)
        if values.ndim == 1:
            frame["score"] = values
        else:
            for column in range(values.shape[1]):
                frame[f"p{column}"] = values[:, column]
        frame["predicted"] = outcome.votes[part]
        frames.append(frame)
    together = pd.concat(frames).sort_values(["split", "path"], ignore_index=True)
    return together.assign(fold=rows.fold, repeat=rows.repeat)


def _commit(
    out_dir: Path, save: Callable[[Path], None], predictions: pd.DataFrame, metrics: dict[str, Any]
) -> None:
    with replace_file(out_dir / PREDICTIONS, lasting=True) as partial:
        predictions.to_parquet(partial, index=False)
    unlabelled = predictions[predictions["split"] == "unlabelled"]
    if len(unlabelled):
        ids = unlabelled["path"].map(lambda path: PurePosixPath(path).stem)
        _write_csv(out_dir / SUBMISSION, pd.DataFrame({"image_id": ids, "label": unlabelled["predicted"]}))
    write_json(out_dir / METRICS, metrics)
    save(out_dir / WEIGHTS)
    remove_file(out_dir / ERROR, below=out_dir)
    write_done(
        out_dir,
        DoneRecord(
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            best_epoch=metrics["best_epoch"],
            predictions_sha256=file_sha256(out_dir / PREDICTIONS),
            metrics_sha256=file_sha256(out_dir / METRICS),
            history_sha256=file_sha256(out_dir / HISTORY),
            trial_sha256=file_sha256(out_dir / TRIAL) if (out_dir / TRIAL).is_file() else None,
            weights_sha256=file_sha256(out_dir / WEIGHTS),
            weights_bytes=(out_dir / WEIGHTS).stat().st_size,
        ),
    )
    with contextlib.suppress(OSError):
        remove_folder(out_dir / CHECKPOINT, below=out_dir)


def _write_csv(path: Path, table: pd.DataFrame) -> None:
    with replace_file(path, lasting=True) as partial:
        table.to_csv(partial, index=False, lineterminator="\n")
