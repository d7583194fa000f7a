"""A trial that was interrupted anywhere ends with the numbers, bit for bit, of one that was not."""

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from tests.cases import fast_first
from trainables.recipe import Augment, Loss, Mix, Optimizer, Recipe, Scheduler, SelectWeights, Stage
from trainables.training.batches import Images, split_batch
from trainables.training.checkpoint import save_weights
from trainables.training.epoch_report import EpochReport
from trainables.trial import run_trial

CPU = torch.device("cpu")
EPOCHS = 4
ALLOWED = {".safetensors", ".json", ".csv", ".parquet"}
SETTINGS: dict[str, dict[str, Any]] = {
    "adamw": {},
    "adamw channels last": {"memory_format": "channels_last"},
    "sgd bf16": {
        "optimizer": Optimizer(type="sgd", lr=0.02),
        "precision": "bf16",
        "memory_format": "channels_last",
    },
    "everything random": {
        "augment": Augment(
            hflip_p=0.5, rotation_degrees=20.0, random_resized_crop=(0.6, 1.0), brightness=0.2, contrast=0.2,
            saturation=0.2, hue=0.1, grayscale_p=0.3, blur_p=0.3, jpeg_p=0.3, quantise_p=0.3, noise_p=0.3,
            erase_p=0.3, cutout_p=0.3,
        ),
        "mix": Mix(mixup=0.4, cutmix=1.0),
        "sampler": "weighted",
        "scheduler": Scheduler(type="reduce_on_plateau", patience=0, factor=0.3),
        "select_by": SelectWeights(accuracy=0.3, recall=0.7),
        "loss": Loss(type="focal", label_smoothing=0.1, class_weights="balanced"),
    },
    "fp16 warm-up": {
        "precision": "fp16",
        "memory_format": "channels_last",
        "scheduler": Scheduler(type="warmup_cosine", warmup_epochs=2),
    },
    "stages": {
        "stages": (
            Stage(epochs=1, trainable="head", lr=1e-2),
            Stage(epochs=2, trainable="last:0.5"),
            Stage(epochs=1),
        ),
        "optimizer": Optimizer(type="adam", lr=3e-3),
    },
    "patience": {"early_stopping_patience": 1, "select_by": "accuracy", "epochs": 8},
}  # fmt: skip

FOREIGN_SEEDS = itertools.count(1000)

MakeRecipe = Callable[..., Recipe]
Outcome = tuple[bytes, bytes, pd.DataFrame]


class Interrupted(BaseException):
    """Like a KeyboardInterrupt: no `except Exception` may swallow it."""


def run(recipe: Recipe, data: Any, folder: Path, **options: Any) -> Outcome:
    """Run from a random state that another program left behind; return what must not differ."""
    torch.manual_seed(next(FOREIGN_SEEDS))
    run_trial(recipe, data.rows(), folder, device=CPU, **options)
    history = pd.read_csv(folder / "history.csv").drop(columns=["seconds", "images_per_s"])
    return (
        (folder / "predictions.parquet").read_bytes(),
        (folder / "model.safetensors").read_bytes(),
        history,
    )


def assert_same(one: Outcome, other: Outcome) -> None:
    assert one[0] == other[0], "predictions"
    assert one[1] == other[1], "weights"
    pd.testing.assert_frame_equal(one[2], other[2], check_exact=True)


def stop_after(epoch: int) -> Callable[[EpochReport], None]:
    def on_epoch(report: EpochReport) -> None:
        if report.epoch == epoch:
            raise Interrupted

    return on_epoch


def interrupt(recipe: Recipe, data: Any, folder: Path, *, after: int) -> None:
    with pytest.raises(Interrupted):
        run(recipe, data, folder, on_epoch=stop_after(after))
    assert not (folder / "done.json").exists()
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} <= ALLOWED


@pytest.fixture(scope="module")
def whole(
    make_recipe: MakeRecipe, trial_data: Any, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Outcome]:
    return {
        name: run(make_recipe(**changes), trial_data, tmp_path_factory.mktemp("whole"))
        for name, changes in SETTINGS.items()
    }


# Where one epoch is like another, the second stands for all. In half precision a CPU takes long.
INTERRUPTED: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(SETTINGS, tuple(range(1, EPOCHS + 1))),
    "adamw channels last": (2,),
    "everything random": (1, 3),
    "sgd bf16": (2,),
    "fp16 warm-up": (2,),
    "patience": (),
}


@pytest.mark.parametrize(
    ("name", "epoch"),
    [case for name, epochs in INTERRUPTED.items() for case in fast_first([(name, e) for e in epochs], 1)]
    + [pytest.param("fp16 warm-up", epoch, marks=pytest.mark.slow) for epoch in (1, 3, 4)]
    + [pytest.param("everything random", epoch, marks=pytest.mark.slow) for epoch in (2, 4)],
)
def test_interrupted_after_any_epoch(
    make_recipe: MakeRecipe, trial_data: Any, whole: dict[str, Outcome], tmp_path: Path, name: str, epoch: int
) -> None:
    recipe = make_recipe(**SETTINGS[name])
    interrupt(recipe, trial_data, tmp_path, after=epoch)
    seen: list[int] = []
    resumed = run(recipe, trial_data, tmp_path, on_epoch=lambda report: seen.append(report.epoch))
    assert seen == list(range(epoch + 1, EPOCHS + 1))
    assert_same(resumed, whole[name])


def test_interrupted_again_and_again(
    make_recipe: MakeRecipe, trial_data: Any, whole: dict[str, Outcome], tmp_path: Path
) -> None:
    for epoch in range(1, EPOCHS + 1):
        interrupt(make_recipe(), trial_data, tmp_path, after=epoch)
    assert_same(run(make_recipe(), trial_data, tmp_path), whole["adamw"])


@pytest.mark.parametrize("batch", [1, 8, 13])
def test_interrupted_in_the_middle_of_an_epoch(
    make_recipe: MakeRecipe,
    trial_data: Any,
    whole: dict[str, Outcome],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    batch: int,
) -> None:
    """Five training batches and one of validation an epoch; the epoch begun is done again from its start."""
    given, left = Images.batch, [batch]

    def batch_or_stop(self: Images, rows: np.ndarray, change: Any = None) -> torch.Tensor:
        left[0] -= 1
        if left[0] < 0:
            raise Interrupted
        return given(self, rows)

    with monkeypatch.context() as patch:
        patch.setattr(Images, "batch", batch_or_stop)
        with pytest.raises(Interrupted):
            run(make_recipe(), trial_data, tmp_path)
    assert_same(run(make_recipe(), trial_data, tmp_path), whole["adamw"])


@pytest.mark.parametrize(
    ("name", "steps"),
    # Five batches an epoch: within the first epoch, after its last batch, within later ones and stages.
    fast_first([("adamw", 5), ("stages", 7), ("adamw", 2), ("stages", 13), ("patience", 8)], 2)
    + [pytest.param("everything random", steps, marks=pytest.mark.slow) for steps in (3, 12)]
    + [pytest.param("fp16 warm-up", 8, marks=pytest.mark.slow)],
)
def test_killed_within_an_epoch_it_goes_on_from_a_checkpoint_within_it(
    make_recipe: MakeRecipe,
    trial_data: Any,
    whole: dict[str, Outcome],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    steps: int,
) -> None:
    """Catches long epochs done again from their start, and batches, losses or random states that differ."""
    monkeypatch.setattr("trainables.training.loop.WITHIN_EPOCH_EVERY_S", 0.0)
    recipe, done = make_recipe(**SETTINGS[name]), [0]

    def counted(size: int, micro_batch: int | None) -> list[slice]:
        """Take the place of what is called once per step; the first run ends after `steps`."""
        if done == [steps]:
            raise Interrupted
        done[-1] += 1
        return split_batch(size, micro_batch)

    monkeypatch.setattr("trainables.training.loop.split_batch", counted)
    with pytest.raises(Interrupted):
        run(recipe, trial_data, tmp_path)
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} <= ALLOWED
    done.append(0)
    assert_same(run(recipe, trial_data, tmp_path), whole[name])
    assert sum(done) == 5 * len(whole[name][2])


# Five batches an epoch, and a sign between any two of them.
@pytest.mark.slow
@pytest.mark.parametrize(("signs", "steps"), [(3, 3), (4, 4), (5, 6)])
def test_ended_where_it_gives_a_sign_it_goes_on_from_that_step(
    make_recipe: MakeRecipe,
    trial_data: Any,
    whole: dict[str, Outcome],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    signs: int,
    steps: int,
) -> None:
    """Catches steps that are done again though there was time to write a checkpoint."""
    monkeypatch.setattr("trainables.training.loop.SIGN_EVERY_S", 0.0)
    left, done = [signs], [0]

    def on_sign() -> None:
        left[0] -= 1
        if left[0] == 0:
            raise SystemExit

    def counted(size: int, micro_batch: int | None) -> list[slice]:
        done[-1] += 1
        return split_batch(size, micro_batch)

    monkeypatch.setattr("trainables.training.loop.split_batch", counted)
    with pytest.raises(SystemExit):
        run(make_recipe(**SETTINGS["adamw"]), trial_data, tmp_path, on_sign=on_sign)
    assert done == [steps]
    done.append(0)
    assert_same(run(make_recipe(**SETTINGS["adamw"]), trial_data, tmp_path), whole["adamw"])
    assert sum(done) == 5 * len(whole["adamw"][2])


@pytest.mark.slow
def test_patience_counts_the_epochs_before_the_interruption(
    make_recipe: MakeRecipe, trial_data: Any, whole: dict[str, Outcome], tmp_path: Path
) -> None:
    epochs = len(whole["patience"][2])
    assert 1 < epochs < 8, "the case needs a run that patience ends"
    recipe = make_recipe(**SETTINGS["patience"])
    for epoch in (epochs - 1, epochs):
        folder = tmp_path / str(epoch)
        interrupt(recipe, trial_data, folder, after=epoch)
        assert_same(run(recipe, trial_data, folder), whole["patience"])


@pytest.mark.parametrize("what", ["write_json", "checkpoint.save_weights", "pd.DataFrame.to_parquet"])
def test_done_is_written_last_and_a_failure_before_it_is_made_good(
    make_recipe: MakeRecipe,
    trial_data: Any,
    whole: dict[str, Outcome],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    """A trial that fails while it commits is not done; the next run commits and trains no epoch again."""

    def fail(*arguments: object, **options: object) -> None:
        if what != "checkpoint.save_weights" or arguments[0] == tmp_path / "model.safetensors":
            raise Interrupted
        save_weights(*arguments, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(f"trainables.trial.{what}", fail)
        with pytest.raises(Interrupted):
            run(make_recipe(), trial_data, tmp_path)
    assert not (tmp_path / "done.json").exists() and (tmp_path / "checkpoint").is_dir()
    seen: list[EpochReport] = []
    assert_same(run(make_recipe(), trial_data, tmp_path, on_epoch=seen.append), whole["adamw"])
    assert seen == [] and (tmp_path / "done.json").exists() and not (tmp_path / "checkpoint").exists()


def test_a_run_after_done_gives_the_same_again(
    make_recipe: MakeRecipe, trial_data: Any, whole: dict[str, Outcome], tmp_path: Path
) -> None:
    """Also with the checkpoint of a process that was killed between done.json and its removal."""
    interrupt(make_recipe(), trial_data, tmp_path, after=EPOCHS)
    shutil.copytree(tmp_path / "checkpoint", tmp_path / "copy")
    assert_same(run(make_recipe(), trial_data, tmp_path), whole["adamw"])
    (tmp_path / "copy").rename(tmp_path / "checkpoint")
    assert_same(run(make_recipe(), trial_data, tmp_path), whole["adamw"])
    assert_same(run(make_recipe(), trial_data, tmp_path), whole["adamw"])


@pytest.mark.slow
def test_without_resume_it_starts_anew_whatever_lies_there(
    make_recipe: MakeRecipe, trial_data: Any, whole: dict[str, Outcome], tmp_path: Path
) -> None:
    interrupt(make_recipe(epochs=8), trial_data, tmp_path, after=3)
    seen: list[int] = []
    outcome = run(
        make_recipe(), trial_data, tmp_path, resume=False, on_epoch=lambda report: seen.append(report.epoch)
    )
    assert seen == [1, 2, 3, 4]
    assert_same(outcome, whole["adamw"])


@pytest.mark.parametrize("name", fast_first(["state.safetensors", "best-*.safetensors"], 1))
@pytest.mark.parametrize("damage", ["cut off", "empty", "garbage", "gone"])
def test_a_damaged_checkpoint_means_starting_anew_never_failing(
    make_recipe: MakeRecipe,
    trial_data: Any,
    whole: dict[str, Outcome],
    tmp_path: Path,
    name: str,
    damage: str,
) -> None:
    interrupt(make_recipe(), trial_data, tmp_path, after=EPOCHS)
    [path] = (tmp_path / "checkpoint").glob(name)
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes({"cut off": content[:-50], "empty": b"", "garbage": b"x" * len(content)}[damage])
    assert_same(run(make_recipe(), trial_data, tmp_path), whole["adamw"])


@pytest.mark.slow
def test_the_checkpoint_of_another_model_leaves_nothing_of_it_in_the_weights(
    make_recipe: MakeRecipe, trial_data: Any, whole: dict[str, Outcome], tmp_path: Path
) -> None:
    """Same names, other shapes: what fits has been copied into the model before the loading fails."""
    interrupt(make_recipe(cnn_preset="small"), trial_data, tmp_path, after=2)
    assert_same(run(make_recipe(), trial_data, tmp_path), whole["adamw"])


def test_a_checkpoint_some_epochs_old_gives_the_same_numbers(
    make_recipe: MakeRecipe,
    trial_data: Any,
    whole: dict[str, Outcome],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Catches best weights that are forgotten between checkpoints: only the first epoch leaves one here."""
    monkeypatch.setattr("trainables.training.loop.CHECKPOINT_EVERY_S", 1e9)
    interrupt(make_recipe(), trial_data, tmp_path, after=3)
    assert_same(run(make_recipe(), trial_data, tmp_path), whole["adamw"])
