"""Trials that run out of memory; the allocator's error is the one thing that is made up."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from trainables.recipe import Recipe
from trainables.training import loop
from trainables.training.batch_scores import batch_scores
from trainables.training.epoch_report import EpochReport
from trainables.training.loop import Trainer, TrainingError
from trainables.trial import run_trial

CPU = torch.device("cpu")
Limit = Callable[..., list[int]]


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Limit:
    """Let training steps fail from the `after`-th on that take more than `most` images; what each took."""

    def limited(most: int, *, after: int = 0, error: Exception | None = None) -> list[int]:
        taken: list[int] = []
        logits = Trainer._logits

        def short(trainer: Trainer, rows: np.ndarray, x_BCHW: Tensor | None) -> Tensor:
            taken.append(len(rows))
            if len(rows) > most and len(taken) > after:
                raise error or torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            return logits(trainer, rows, x_BCHW)

        monkeypatch.setattr(Trainer, "_logits", short)
        return taken

    return limited


def train(recipe: Recipe, data: Any, folder: Path, **options: Any) -> pd.DataFrame:
    run_trial(recipe, data.rows(), folder, device=CPU, **options)
    return pd.read_parquet(folder / "predictions.parquet")


@pytest.mark.slow
def test_a_trial_goes_on_from_its_checkpoint_with_half_of_the_part(
    make_recipe: Callable[..., Recipe],
    trial_data: Any,
    tmp_path: Path,
    limit: Limit,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Catches a trial that fails, that starts anew, that steps after each part, or that hides what it did."""
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 0.0)
    recipe = make_recipe(batch_size=8, epochs=3, dropout=0.0)
    whole = train(recipe, trial_data, tmp_path / "whole")
    steps = -(-len(trial_data.rows().table.query("part == 'train'")) // 8)
    taken = limit(3, after=steps)
    epochs: list[int] = []
    told: list[int] = []

    def on_epoch(report: EpochReport) -> None:
        epochs.append(report.epoch)

    found = train(recipe, trial_data, tmp_path / "short", on_epoch=on_epoch, on_smaller_parts=told.append)
    assert epochs == [1, 2, 3] and told == [2]
    assert taken[steps : steps + 3] == [8, 4, 2] and max(taken[steps + 2 :]) <= 3
    assert json.loads((tmp_path / "short" / "metrics.json").read_text())["micro_batch"] == 2
    np.testing.assert_allclose(found["score"], whole["score"], atol=1e-4)


def test_what_was_found_out_outlives_the_process(
    make_recipe: Callable[..., Recipe],
    trial_data: Any,
    tmp_path: Path,
    limit: Limit,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Catches a resumed trial that goes back to whole batches, and one that no longer says what it did."""
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 0.0)
    recipe = make_recipe(batch_size=8, epochs=3)

    def kill(report: EpochReport) -> None:
        if report.epoch == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as context:
        limit(4)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, trial_data, tmp_path, on_epoch=kill)
        context.undo()
    taken = limit(99)
    told: list[int] = []
    train(recipe, trial_data, tmp_path, on_smaller_parts=told.append)
    assert max(taken) == 4 and told == [4]


def test_not_even_the_smallest_part_fits(
    make_recipe: Callable[..., Recipe], trial_data: Any, tmp_path: Path, limit: Limit
) -> None:
    """Catches endless halving, and one image for batch normalisation."""
    taken = limit(0)
    with pytest.raises(TrainingError, match=r"memory ran out with \d images? at a time: lower image_size"):
        train(make_recipe(batch_size=8, epochs=1), trial_data, tmp_path)
    assert taken[0] == 8 and taken[-1] in (1, 2) and taken == sorted(set(taken), reverse=True)


def test_other_errors_are_no_shortage(
    make_recipe: Callable[..., Recipe], trial_data: Any, tmp_path: Path, limit: Limit
) -> None:
    taken = limit(0, error=RuntimeError("shape mismatch"))
    with pytest.raises(RuntimeError, match="shape mismatch"):
        train(make_recipe(batch_size=8, epochs=1), trial_data, tmp_path)
    assert taken == [8]


def test_scores_come_in_smaller_batches_where_memory_runs_out() -> None:
    """Catches images that are scored twice or left out after a failure, and an error that is swallowed."""
    sizes: list[int] = []

    def logits(rows: np.ndarray) -> Tensor:
        sizes.append(len(rows))
        if len(rows) > 3:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
        return torch.from_numpy(rows[:, None].astype(np.float32))

    found = batch_scores(logits, np.arange(7), at_once=8, precision="float32", device=CPU)
    assert sizes == [7, 4, 2, 2, 2, 1]
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-np.arange(7.0))), rtol=1e-6)
    with pytest.raises(RuntimeError, match="allocate"):
        batch_scores(
            lambda rows: logits(np.arange(9)), np.arange(2), at_once=2, precision="float32", device=CPU
        )
