"""A source that is evaluated and not trained on, from the folder to the stored predictions."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from trainables.data.dataset.manifest import scan
from trainables.data.pixels import ensure_pixels, open_pixels
from trainables.data.splits.trial_rows import experiment_rows, image_files, trial_table
from trainables.trial import run_trial
from trainables.trial_files import PREDICTIONS
from trainables.trial_inputs import TrialRows


def test_a_held_out_source_is_in_the_predictions_under_its_name(
    fill: Callable[..., Path], make_recipe: Callable[..., Any], tmp_path: Path
) -> None:
    """Catches a hold-out whose rows are lost, renamed, or trained on after all."""
    sources = ("wiki", "text2img", "insight")
    root = fill(*(f"{source}/{number:02d}.png" for source in sources for number in range(12)))
    recipe = make_recipe(
        train_sources=("wiki", "text2img"), eval_sources=("wiki", "text2img", "insight"), cv_folds=3, epochs=1
    )
    manifest = scan(root)
    rows = experiment_rows(manifest, recipe, repeat=0)
    table = trial_table(rows, recipe, repeat=0, fold=1)
    cache = ensure_pixels(tmp_path / "cache", image_files(rows, root), size_px=recipe.image_size)
    trial = TrialRows(table, cache, len(manifest.classes), 0, 1)
    run_trial(
        recipe, trial, tmp_path / "trial", on_epoch=lambda epoch: None, device=torch.device("cpu"), threads=1
    )
    found = pd.read_parquet(tmp_path / "trial" / PREDICTIONS)
    assert len(open_pixels(cache).array) == 36
    test = found[found["split"] == "test"]
    assert test["source"].value_counts().to_dict() == dict.fromkeys(sources, 4)
    assert all(
        path.startswith(f"{source}/") for path, source in zip(test["path"], test["source"], strict=True)
    )
    assert set(found["source"][found["split"] == "val"]) == {"wiki", "text2img"}
    trained = table[table["part"] == "train"]
    assert set(trained["source"]) == {"wiki", "text2img"}
    assert not set(trained["group"]) & set(test["group"])
