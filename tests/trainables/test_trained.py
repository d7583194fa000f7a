"""Finished trials as models: they score images as they did when they were trained."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from trainables.data.pixels import ensure_pixels
from trainables.errors import InputError
from trainables.recipe import Recipe
from trainables.trained import read_trained, score_images
from trainables.trial import read_base, run_trial
from trainables.trial_inputs import ImageCaches

CPU = torch.device("cpu")
MakeRecipe = Callable[..., Recipe]


def nobody(missing: Sequence[tuple[str, Path]]) -> Iterator[list[Any]]:
    raise AssertionError("no face is asked for")


def run(recipe: Recipe, data: Any, folder: Path, *, bases: Sequence[Path] = ()) -> Path:
    run_trial(recipe, data.rows(), folder, bases=[read_base(base) for base in bases], device=CPU)
    (folder / "trial.json").write_text(f'{{"recipe": {recipe.model_dump_json()}}}')
    return folder


def scored(folder: Path, data: Any, caches: Path, *, bases: Sequence[Path] = ()) -> pd.DataFrame:
    """The test rows of a trial with the scores of today beside those of then."""
    table = data.table.assign(
        path=[data.files[digest].name for digest in data.table["sha256"]], called=data.table["path"]
    )
    rows = table[table["part"] == "test"].sample(frac=1.0, random_state=1)
    done = []
    values = score_images(
        read_trained(folder, num_classes=data.num_classes, bases=bases),
        rows,
        root=next(iter(data.files.values())).parent,
        caches=ImageCaches(faces=caches / "faces.parquet", pixels=caches / "pixels"),
        look=nobody,
        device=CPU,
        progress=lambda number, total: done.append((number, total)),
    )
    assert not done or done[-1] == (len(rows), len(rows))
    predictions = pd.read_parquet(folder / "predictions.parquet").set_index("path").loc[rows["called"]]
    names = ["score"] if values.ndim == 1 else [f"p{number}" for number in range(values.shape[1])]
    np.testing.assert_allclose(predictions[names].to_numpy().squeeze(), values, atol=1e-6)
    return predictions


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": 2, "normalization": "real_norm"},
        {"backbone": "svm_rbf", "cnn_preset": "medium", "dropout": 0.0},
        {"epochs": 1, "image_size": 40, "batch_size": 3},
    ],
    ids=["real_norm", "svm", "other size"],
)
def test_the_scores_are_those_of_the_trial(
    make_recipe: MakeRecipe, trial_data: Any, tmp_path: Path, changes: dict[str, Any]
) -> None:
    """Catches other pixels, another normalisation, weights of the last epoch, and rows in another order."""
    recipe = make_recipe(**changes)
    data = trial_data
    if recipe.image_size != 32:
        pixels = ensure_pixels(tmp_path / "own", data.files, size_px=recipe.image_size)
        rows = data.rows()
        run_trial(recipe, type(rows)(rows.table, pixels, 2, repeat=0, fold=1), tmp_path / "t", device=CPU)
        (tmp_path / "t" / "trial.json").write_text(f'{{"recipe": {recipe.model_dump_json()}}}')
    else:
        run(recipe, data, tmp_path / "t")
    assert scored(tmp_path / "t", data, tmp_path / "caches")["score"].nunique() > 5


@pytest.mark.slow
def test_an_ensemble_is_put_together_from_its_own_weights(
    make_recipe: MakeRecipe, five_class_data: Any, tmp_path: Path
) -> None:
    common = {"epochs": 1, "dropout": 0.0, "select_by": "accuracy"}
    bases = [
        run(make_recipe(backbone=name, **common), five_class_data, tmp_path / name)
        for name in ("simple_cnn", "three_cnn")
    ]
    recipe = make_recipe(backbone="ensemble_cnn", batch_size=4, **common)
    folder = run(recipe, five_class_data, tmp_path / "both", bases=bases)
    scored(folder, five_class_data, tmp_path / "caches", bases=bases)


def test_what_can_t_be_put_together_is_said(make_recipe: MakeRecipe, trial_data: Any, tmp_path: Path) -> None:
    folder = run(make_recipe(epochs=1, normalization="real_norm"), trial_data, tmp_path / "t")
    metrics = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(
        json.dumps({name: value for name, value in metrics.items() if name != "normalization"})
    )
    with pytest.raises(InputError, match="keeps no normalisation"):
        read_trained(folder, num_classes=2)
    (folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r"model.safetensors is gone; delete the folder of the trial"):
        read_trained(folder, num_classes=2)
    (folder / "done.json").unlink()
    with pytest.raises(InputError, match="is not finished"):
        read_trained(folder, num_classes=2)
