"""One trial by the command `python -m trainables`, without Ray and MLflow, with the same numbers."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from trainables.__main__ import trial_command
from trainables.data.dataset.manifest import scan
from trainables.data.pixels import ensure_pixels
from trainables.data.splits.trial_rows import experiment_rows, trial_table
from trainables.recipe import Recipe
from trainables.trial import run_trial
from trainables.trial_inputs import TrialRows

KEYS = {"image_size": 16, "cnn_preset": "micro", "epochs": 1, "batch_size": 8, "precision": "float32"}

Command = Callable[..., int]


@pytest.fixture
def root(fill: Callable[..., Path]) -> Path:
    return fill(*(f"{source}/{face:02d}.png" for source in ("wiki", "text2img") for face in range(20)))


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, root: Path) -> Command:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr("trainables.__main__.device_type", lambda: "cpu")

    def run(content: object, *, out: str = "out", fold: int = 0, data: Path = root) -> int:
        recipe = tmp_path / "recipe.json"
        recipe.write_text(content if isinstance(content, str) else json.dumps(content))
        words = [str(recipe), "--data", str(data), "--fold", str(fold), "--out", str(tmp_path / out)]
        monkeypatch.setattr(sys, "argv", ["trainables", *words])
        return trial_command()

    return run


def test_the_command_gives_the_numbers_of_run_trial(
    command: Command, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(KEYS, fold=2) == 0
    said = json.loads(capsys.readouterr().out)
    resolved = {**KEYS, "layout": "sources", "group_by": "basename", "memory_format": "contiguous"}
    recipe = Recipe.model_validate(resolved)
    rows = experiment_rows(scan(root), recipe, repeat=0)
    files = {digest: root / path for digest, path in zip(rows["sha256"], rows["path"], strict=True)}
    pixels = ensure_pixels(tmp_path / "cache", files, size_px=16)
    table = trial_table(rows, recipe, repeat=0, fold=2)
    trial = TrialRows(table, pixels, 2, repeat=0, fold=2)
    metrics: dict[str, Any] = run_trial(recipe, trial, tmp_path / "here", device=torch.device("cpu"))
    assert said["test"] == metrics["test"] and said["val"] == metrics["val"]
    one, other = (pd.read_parquet(tmp_path / name / "predictions.parquet") for name in ("out", "here"))
    assert one.equals(other)


def test_a_trial_starts_from_another_ones_weights(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a file of weights that is checked, hashed, and not trained from."""
    assert command(KEYS, out="first") == 0
    # With a step of next to nothing the weights that are kept are those that training started from.
    still = {**KEYS, "optimizer": {"lr": 1e-12, "weight_decay": 0.0}, "seed": 7}
    weights = str(tmp_path / "first" / "model.safetensors")
    assert command({**still, "pretrained": weights}, out="second") == 0
    assert command(still, out="scratch") == 0
    first, second, scratch = (
        load_file(tmp_path / name / "model.safetensors")["features.0.weight"]
        for name in ("first", "second", "scratch")
    )
    assert torch.allclose(first, second, atol=1e-6) and not torch.allclose(first, scratch, atol=1e-2)
    capsys.readouterr()
    # A record of a trial says which weights it had.
    assert command({**still, "pretrained": weights, "weights": {"sha256": "a" * 64}}) == 2
    assert "is not what it was" in capsys.readouterr().err
    assert command({**still, "pretrained": str(tmp_path / "gone.pth")}) == 2
    assert "gone.pth can't be read" in capsys.readouterr().err


def test_the_record_of_a_trial_is_a_recipe_too(command: Command, tmp_path: Path) -> None:
    assert command(KEYS, out="first") == 0
    resolved = {**KEYS, "layout": "sources", "group_by": "basename", "memory_format": "contiguous"}
    record = {"format": 1, "key": "k", "recipe": Recipe.model_validate(resolved).model_dump(mode="json")}
    assert command(record, out="second") == 0
    one, other = (pd.read_parquet(tmp_path / name / "predictions.parquet") for name in ("first", "second"))
    assert one.equals(other)


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (KEYS, {"fold": 5}, "--fold 5: the recipe has the folds 0 to 4"),
        (KEYS, {"data": Path("/nowhere")}, "no such data folder: /nowhere"),
        ({**KEYS, "epoch": 3}, {}, "epoch"),
        ({**KEYS, "precision": "float16"}, {}, "precision"),
        ("[1]", {}, "a JSON object is needed"),
        ("{", {}, "can't be read as JSON"),
    ],
)
def test_what_cannot_be_used_is_one_message_and_exit_code_2(
    command: Command,
    capsys: pytest.CaptureFixture[str],
    content: object,
    options: dict[str, Any],
    message: str,
) -> None:
    assert command(content, **options) == 2
    said = capsys.readouterr()
    assert "Error: " in said.err and message in said.err and said.out == ""
    assert "Traceback" not in said.err
