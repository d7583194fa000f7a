"""Layers that learn by stages, kept features against computed ones, and batches worked on in parts."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import nn

from tests.cases import fast_first
from trainables.data.pixels import open_pixels
from trainables.errors import InputError
from trainables.models.building import build_model
from trainables.recipe import Augment, Loss, Mix, Optimizer, Recipe, RecipeKeys, Stage, share_epochs
from trainables.seeds import derived_seed
from trainables.training.batches import Images, split_batch
from trainables.training.epoch_report import EpochReport
from trainables.training.loop import Samples, Trainer
from trainables.training.stages import Freezer, HeadTraining
from trainables.trial import run_trial

CPU = torch.device("cpu")
MakeRecipe = Callable[..., Recipe]


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(1, 200))
def test_epochs_are_shared_out_in_proportion(wanted: list[int], epochs: int) -> None:
    used = [count for count in wanted if count]
    if not used or epochs < len(used):
        with pytest.raises(ValueError, match="stages"):
            share_epochs(epochs, tuple(wanted))
        return
    shares = share_epochs(epochs, tuple(wanted))
    assert sum(shares) == epochs
    assert all(share >= 1 if count else share == 0 for share, count in zip(shares, wanted, strict=True))
    if epochs == sum(wanted):
        assert list(shares) == wanted
    if min(epochs * count / sum(wanted) for count in used) >= 1:
        exact = [epochs * count / sum(wanted) for count in wanted]
        assert all(abs(share - value) < 1 for share, value in zip(shares, exact, strict=True))


@pytest.mark.parametrize("trainable", ["last:0", "last:1.5", "last:", "last:x", "top", "", "last:-1"])
def test_what_learns_is_said_in_one_of_three_ways(trainable: str) -> None:
    with pytest.raises(ValueError, match="give head, all, or last:"):
        Stage(epochs=1, trainable=trainable)


def learning(model: nn.Module) -> list[str]:
    return [name for name, parameter in model.named_parameters() if parameter.requires_grad]


def test_a_stage_frees_the_last_layers_and_the_next_frees_more() -> None:
    """Three convolutions, each with its normalisation, are six layers; 30 % of them are the last two."""
    model = build_model(RecipeKeys(cnn_preset="micro", image_size=32), num_classes=2)
    everything = learning(model)
    freezer = Freezer(model)
    freezer.apply(Stage(epochs=1, trainable="head"))
    head = [name for name in everything if name.startswith("head.")]
    assert learning(model) == head and freezer.head_alone()
    freezer.apply(Stage(epochs=1, trainable="last:0.3"))
    assert learning(model) == ["features.8.weight", "features.9.weight", "features.9.bias", *head]
    assert not freezer.head_alone()
    freezer.apply(Stage(epochs=1, trainable="all"))
    assert learning(model) == everything


def test_what_a_model_freezes_itself_is_never_freed() -> None:
    model = build_model(RecipeKeys(backbone="ensemble_cnn", image_size=32), num_classes=2)
    freezer, before = Freezer(model), learning(model)
    for trainable in ("head", "last:1.0", "all"):
        freezer.apply(Stage(epochs=1, trainable=trainable))
        assert learning(model) == before and freezer.head_alone()


def test_a_model_without_one_head_says_so() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    Freezer(model).apply(Stage(epochs=1))
    with pytest.raises(InputError, match="needs a network with one head"):
        Freezer(model).apply(Stage(epochs=1, trainable="head"))


def run(recipe: Recipe, data: Any, folder: Path, **options: Any) -> dict[str, torch.Tensor]:
    run_trial(recipe, data.rows(), folder, device=CPU, **options)
    return load_file(folder / "model.safetensors")


@pytest.mark.parametrize("augment", [False, Augment(hflip_p=0.5)], ids=["kept", "computed"])
@pytest.mark.parametrize("trainable", ["head", "last:0.3"])
def test_frozen_layers_keep_weights_and_statistics(
    make_recipe: MakeRecipe, trial_data: Any, tmp_path: Path, trainable: str, augment: Any
) -> None:
    """Catches batch normalisation that goes on averaging in a layer that is called frozen."""
    recipe = make_recipe(stages=(Stage(epochs=4, trainable=trainable),), augment=augment)
    trained = run(recipe, trial_data, tmp_path)
    layers = {"head": (), "last:0.3": ("features.8.", "features.9.")}[trainable]
    free = ("head.", *layers)
    first = first_weights(recipe, trial_data, tmp_path / "again")
    for name, value in trained.items():
        moved = not torch.equal(value, first[name])
        assert moved == name.startswith(free), name


def first_weights(recipe: Recipe, data: Any, folder: Path) -> dict[str, torch.Tensor]:
    return {
        name: value.clone() for name, value in trainer_of(recipe, data, folder).model.state_dict().items()
    }


def trainer_of(
    recipe: Recipe, data: Any, folder: Path, build: Callable[[], nn.Module] | None = None
) -> Trainer:
    rows = data.rows()
    pixels = open_pixels(rows.pixels)
    table = rows.table.sort_values("sha256", ignore_index=True)

    def samples(part: str) -> Samples:
        chosen = table[table["part"] == part]
        return Samples(pixels.rows(chosen["sha256"].tolist()), chosen["label"].to_numpy(np.int64, copy=True))

    return Trainer(
        recipe,
        build=build or (lambda: build_model(recipe, num_classes=rows.num_classes)),
        images=Images(pixels.array, normalization="imagenet", memory_format=recipe.memory_format, device=CPU),
        num_classes=rows.num_classes,
        train=samples("train"),
        val=samples("val"),
        seed=derived_seed(recipe.seed, rows.repeat, rows.fold, "trial"),
        device=CPU,
        folder=folder,
    )


@pytest.mark.parametrize("backbone", fast_first(["simple_cnn", "dual_stream", "resnet18"], 1))
def test_kept_features_train_the_head_that_computed_ones_do(
    make_recipe: MakeRecipe,
    trial_data: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    backbone: str,
) -> None:
    """A full disk means no kept features; the weights differ by rounding alone."""
    recipe = make_recipe(
        backbone=backbone,
        stages=(Stage(epochs=3, trainable="head"),),
        epochs=3,
        dropout=0.0,
        optimizer=Optimizer(type="sgd", lr=0.01),
    )
    calls: list[int] = []
    given_batch = Images.batch

    def count(self: Images, rows: np.ndarray, change: Any = None) -> torch.Tensor:
        calls.append(len(rows))
        return given_batch(self, rows, change)

    monkeypatch.setattr(Images, "batch", count)
    kept = run(recipe, trial_data, tmp_path / "kept")
    images_kept, calls[:] = sum(calls), []
    monkeypatch.setattr("trainables.training.stages.SPARE_DISK", 1e30)
    computed = run(recipe, trial_data, tmp_path / "computed")
    assert kept.keys() == computed.keys()
    for name, value in kept.items():
        torch.testing.assert_close(value, computed[name], rtol=1e-3, atol=1e-4, msg=name)
    if backbone == "dual_stream":
        # Its head sees the images too.
        assert images_kept >= sum(calls)
    else:
        # 52 images once and a first batch of 16, then 12 + 12 to be scored at the end, not 3 x 52.
        assert images_kept < 100 < 3 * 52 < sum(calls)


@pytest.mark.parametrize("changing", [{"augment": Augment(hflip_p=0.5)}, {"mix": Mix(mixup=0.4)}])
def test_images_that_change_are_never_kept(
    make_recipe: MakeRecipe,
    trial_data: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changing: dict[str, Any],
) -> None:
    recipe = make_recipe(stages=(Stage(epochs=2, trainable="head"),), epochs=2, **changing)
    trainer = trainer_of(recipe, trial_data, tmp_path)
    kept: list[int] = []
    keep = HeadTraining.keep

    def remember(self: HeadTraining, rows: np.ndarray) -> None:
        kept.extend(rows.tolist())
        keep(self, rows)

    monkeypatch.setattr(HeadTraining, "keep", remember)
    trainer.fit(on_epoch=lambda report: None, resume=False)
    assert kept == trainer.val.rows.tolist()


def test_the_best_weights_of_an_earlier_stage_are_scored_with_their_own_features(
    make_recipe: MakeRecipe, trial_data: Any, tmp_path: Path
) -> None:
    """A good first stage, then a head that learns far too fast: the best weights are of the first."""
    recipe = make_recipe(
        stages=(Stage(epochs=2, lr=3e-3), Stage(epochs=2, trainable="head", lr=10.0)),
        optimizer=Optimizer(type="sgd"),
        select_by="log_loss",
    )
    trainer = trainer_of(recipe, trial_data, tmp_path)
    progress = trainer.fit(on_epoch=lambda report: None, resume=False)
    assert progress.best_epoch < 2, "the case needs a best epoch of the first stage"
    model = trainer.model.eval()
    with torch.inference_mode():
        expected = torch.sigmoid(model(trainer.images.batch(trainer.val.rows)).double())[:, 0]
    np.testing.assert_allclose(trainer.score(trainer.val), expected.numpy(), rtol=1e-5)


def test_dropout_in_front_of_a_timm_head_is_at_work_on_kept_features(trial_data: Any, tmp_path: Path) -> None:
    """timm drops out outside of its classifier, where kept features would pass it by."""
    keys = RecipeKeys(backbone="resnet18", image_size=32, dropout=0.5)
    pixels = open_pixels(trial_data.rows().pixels)
    images = Images(pixels.array, normalization="imagenet", memory_format="contiguous", device=CPU)
    model = build_model(keys, num_classes=2).eval()
    head = HeadTraining(model, images=images, precision="float32", device=CPU, batch_size=8, folder=tmp_path)
    rows = np.arange(6)
    head.keep(rows)
    with torch.no_grad():
        assert torch.allclose(head.of_rows(rows), model(images.batch(rows)), atol=1e-5)
        head.train()
        assert not torch.equal(head.of_rows(rows), head.of_rows(rows))
    assert list(tmp_path.iterdir()) == []


def test_a_stage_goes_on_from_the_best_weights_with_a_rate_of_its_own(
    make_recipe: MakeRecipe, trial_data: Any, tmp_path: Path
) -> None:
    """Patience ends a stage, not the training; the next stage has its own schedule."""
    recipe = make_recipe(
        stages=(Stage(epochs=6, trainable="head", lr=0.02), Stage(epochs=3, lr=0.001)),
        epochs=9,
        early_stopping_patience=1,
        select_by="accuracy",
    )
    seen: list[EpochReport] = []
    run(recipe, trial_data, tmp_path, on_epoch=seen.append)
    rates = [report.lr for report in seen]
    first = [rate for rate in rates if rate > 0.001]
    assert rates[0] == 0.02 and rates[len(first)] == 0.001
    assert 1 < len(first) < 6, "the case needs a first stage that patience ends"


class Plain(nn.Module):
    """A network without batch normalisation: parts of a batch give its gradient exactly."""

    head_name = "last"

    def __init__(self, num_logits: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, stride=2)
        self.last = nn.Sequential(nn.Flatten(), nn.Linear(4 * 15 * 15, num_logits))

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        return self.last(torch.relu(self.first(x_BCHW)))


@pytest.mark.parametrize("micro_batch", [1, 3, 7])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"loss": Loss(class_weights=(1.0, 5.0), label_smoothing=0.1)},
        {"loss": Loss(type="focal", class_weights="balanced"), "mix": Mix(mixup=0.4, cutmix=1.0)},
    ],
    ids=["plain", "class weights", "mixed"],
)
def test_a_batch_in_parts_takes_the_step_of_the_whole_batch(
    make_recipe: MakeRecipe, trial_data: Any, tmp_path: Path, micro_batch: int, changes: dict[str, Any]
) -> None:
    """Catches parts that are averaged without their weight: class weights, mixing, an uneven last part."""
    outcomes = []
    for size in (None, micro_batch):
        recipe = make_recipe(micro_batch=size, optimizer=Optimizer(type="sgd", lr=0.05), **changes)
        trainer = trainer_of(recipe, trial_data, tmp_path, build=lambda: Plain(1))
        loss = trainer.train_one_epoch(0)
        outcomes.append((loss, copy.deepcopy(trainer.model.state_dict())))
    assert outcomes[0][0] == pytest.approx(outcomes[1][0], rel=1e-5)
    for name, value in outcomes[0][1].items():
        torch.testing.assert_close(value, outcomes[1][1][name], rtol=1e-4, atol=1e-6, msg=name)


@given(st.integers(1, 300), st.none() | st.integers(1, 64))
def test_parts_cover_a_batch_evenly(size: int, micro_batch: int | None) -> None:
    parts = split_batch(size, micro_batch)
    lengths = [part.stop - part.start for part in parts]
    assert [part.start for part in parts] == [sum(lengths[:number]) for number in range(len(parts))]
    assert sum(lengths) == size and max(lengths) - min(lengths) <= 1
    if micro_batch is None:
        assert len(parts) == 1
    else:
        assert max(lengths) <= max(micro_batch, 3)
        # One image alone is what batch normalisation can't work on.
        assert min(lengths) > 1 or micro_batch == 1 or size == 1
