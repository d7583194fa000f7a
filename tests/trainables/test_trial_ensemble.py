"""An ensemble as a trial: the weights of its bases come from finished trials and stay what they are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from tests.cases import fast_first
from trainables.errors import InputError
from trainables.recipe import Augment, Optimizer, Recipe
from trainables.training.epoch_report import EpochReport
from trainables.trial import Base, read_base, run_trial

CPU = torch.device("cpu")
BASES = ("simple_cnn", "three_cnn")
MakeRecipe = Callable[..., Recipe]


class Interrupted(BaseException):
    """Like a KeyboardInterrupt: no `except Exception` may swallow it."""


@pytest.fixture(scope="module")
def trained(
    make_recipe: MakeRecipe, five_class_data: Any, tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    """The folders of the two finished bases."""
    folders = []
    for backbone in BASES:
        folder = tmp_path_factory.mktemp(backbone)
        recipe = make_recipe(backbone=backbone, epochs=1, dropout=0.0, select_by="accuracy")
        run_trial(recipe, five_class_data.rows(), folder, device=CPU)
        (folder / "trial.json").write_text(f'{{"recipe": {recipe.model_dump_json()}}}')
        folders.append(folder)
    return folders


def ensemble(make_recipe: MakeRecipe, **changes: Any) -> Recipe:
    settings = {"backbone": "ensemble_cnn", "dropout": 0.0, "optimizer": Optimizer(type="adam", lr=0.02)}
    return make_recipe(**{**settings, "select_by": "accuracy", "batch_size": 4, **changes})


def run(
    recipe: Recipe, data: Any, bases: list[Path], folder: Path, **options: Any
) -> dict[str, torch.Tensor]:
    run_trial(recipe, data.rows(), folder, bases=[read_base(base) for base in bases], device=CPU, **options)
    return load_file(folder / "model.safetensors")


@pytest.mark.parametrize("augment", fast_first([False, Augment(hflip_p=0.5)], 1), ids=["kept", "computed"])
def test_the_bases_are_the_finished_trials_bit_for_bit_and_the_rest_has_learned(
    make_recipe: MakeRecipe, five_class_data: Any, trained: list[Path], tmp_path: Path, augment: Any
) -> None:
    """Catches an ensemble of untrained networks, and one that goes on training its bases."""
    weights = run(ensemble(make_recipe, augment=augment), five_class_data, trained, tmp_path)
    for number, folder in enumerate(trained):
        for name, value in load_file(folder / "model.safetensors").items():
            assert torch.equal(weights[f"bases.models.{number}.{name}"], value), name
    history = pd.read_csv(tmp_path / "history.csv")
    assert history["train_loss"].iloc[-1] < history["train_loss"].iloc[0]


@pytest.mark.slow
def test_an_interrupted_ensemble_ends_with_the_same_numbers(
    make_recipe: MakeRecipe, five_class_data: Any, trained: list[Path], tmp_path: Path
) -> None:
    recipe = ensemble(make_recipe)
    whole = run(recipe, five_class_data, trained, tmp_path / "whole")

    def stop(report: EpochReport) -> None:
        if report.epoch == 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        run(recipe, five_class_data, trained, tmp_path / "other", on_epoch=stop)
    resumed = run(recipe, five_class_data, trained, tmp_path / "other")
    assert all(torch.equal(whole[name], value) for name, value in resumed.items())
    one, other = ((tmp_path / name / "predictions.parquet").read_bytes() for name in ("whole", "other"))
    assert one == other


@pytest.mark.parametrize("count", [0, 1, 3])
def test_an_ensemble_without_its_bases_is_refused(
    make_recipe: MakeRecipe, five_class_data: Any, trained: list[Path], tmp_path: Path, count: int
) -> None:
    bases = (trained * 2)[:count]
    with pytest.raises(InputError, match=rf"combines 2 trained networks, {count} were given"):
        run(ensemble(make_recipe), five_class_data, bases, tmp_path)
    assert not (tmp_path / "done.json").exists()


def test_a_base_that_has_not_finished_is_named(trained: list[Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the base none-r0f0-abc has not finished"):
        read_base(tmp_path / "none-r0f0-abc")
    found = read_base(trained[0])
    assert isinstance(found, Base) and found.recipe.backbone == BASES[0] and found.weights.is_file()
