"""A training run's state on disk: everything comes back, and what is damaged counts as nothing."""

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from trainables.models.simple_cnn import SimpleCNN
from trainables.recipe import Optimizer, Scheduler
from trainables.training.checkpoint import (
    STATE,
    Progress,
    TrainingParts,
    best_weights,
    checksum,
    load_checkpoint,
    load_weights,
    save_checkpoint,
    save_weights,
)
from trainables.training.optimisation import build_optimizer, build_scheduler

Parts = tuple[nn.Module, torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]
SCALER = torch.amp.GradScaler("cpu", enabled=False)
OPTIMIZERS = [
    Optimizer(type="adamw", lr=0.01),
    Optimizer(type="adam", lr=0.01),
    Optimizer(type="sgd", lr=0.01),
    Optimizer(type="sgd", lr=0.01, momentum=0.0),
]


def parts(
    settings: Optimizer = OPTIMIZERS[0],
    *,
    schedule: Scheduler | None = None,
    layout: torch.memory_format = torch.contiguous_format,
    widths: tuple[int, ...] = (4, 8),
) -> Parts:
    model = SimpleCNN(num_logits=1, widths=widths, dropout=0.5).to(memory_format=layout)
    optimizer = build_optimizer(model, settings)
    return model, optimizer, build_scheduler(optimizer, schedule or Scheduler(), epochs=10)


def train(
    model: nn.Module, optimizer: torch.optim.Optimizer, scheduler: object, *, steps: int
) -> list[float]:
    """Steps whose images and dropout come from torch's random state; returns the losses."""
    losses = []
    for _ in range(steps):
        loss = model.train()(torch.randn(4, 3, 8, 8)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()  # type: ignore[attr-defined]
        losses.append(float(loss.detach()))
    return losses


def save(folder: Path, progress: Progress, made: Parts) -> None:
    save_checkpoint(folder, progress, TrainingParts(*made, SCALER))


def load(folder: Path, made: Parts) -> Progress | None:
    return load_checkpoint(folder, TrainingParts(*made, SCALER))


@pytest.mark.parametrize("settings", OPTIMIZERS, ids=lambda settings: f"{settings.type}-{settings.momentum}")
@pytest.mark.parametrize("schedule", ["cosine_annealing", "none"])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)
def test_training_goes_on_bit_for_bit_from_a_checkpoint(
    tmp_path: Path, settings: Optimizer, schedule: str, layout: torch.memory_format
) -> None:
    """Weights, moments, the place in the schedule, and the random state of dropout all come back."""
    torch.manual_seed(0)
    kind = Scheduler(type=schedule)  # type: ignore[arg-type]
    first = parts(settings, schedule=kind, layout=layout)
    train(*first, steps=4)
    save(tmp_path, Progress(epochs_done=4), first)
    expected = train(*first, steps=3)

    torch.manual_seed(99)
    second = parts(settings, schedule=kind, layout=layout)
    assert load(tmp_path, second) is not None
    assert train(*second, steps=3) == expected
    weights = second[0].state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in first[0].state_dict().items())
    assert first[1].param_groups[0]["lr"] == second[1].param_groups[0]["lr"]
    one, other = first[1].state_dict()["state"], second[1].state_dict()["state"]
    assert one.keys() == other.keys()
    for number, state in one.items():
        assert state.keys() == other[number].keys()
        for name, value in state.items():
            back = other[number][name]
            assert (value is back is None) or (torch.equal(value, back) and value.stride() == back.stride())


def test_progress_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    made = parts()
    for score in (float("-inf"), 0.1 + 0.2, -1e-300):
        progress = Progress(3, -1, score, 1.5, [{"epoch": 1, "val_auc": None, "train_loss": 1 / 3}])
        save(tmp_path, progress, made)
        assert load(tmp_path, parts()) == progress


def test_best_weights_that_the_state_no_longer_names_are_dropped(tmp_path: Path) -> None:
    made = parts()
    for epoch in (0, 2):
        progress = Progress(epochs_done=epoch + 1, best_epoch=epoch, best_score=0.5)
        progress.best_checksum = checksum(made[0].state_dict())
        save_weights(best_weights(tmp_path, progress), made[0].state_dict())
        save(tmp_path, progress, made)
        assert [path.name for path in tmp_path.glob("best-*")] == [best_weights(tmp_path, progress).name]
    assert load(tmp_path, parts()) is not None


@pytest.mark.parametrize("name", ["state", "best"])
@pytest.mark.parametrize("damage", ["a bit of the last weight", "a bit of the record", "a pipe"])
def test_what_is_damaged_counts_as_no_checkpoint(tmp_path: Path, name: str, damage: str) -> None:
    """Catches a trial that goes on from other numbers, and one that waits for ever."""
    made = parts()
    progress = Progress(epochs_done=3, best_epoch=2, best_checksum=checksum(made[0].state_dict()))
    save_weights(best_weights(tmp_path, progress), made[0].state_dict())
    save(tmp_path, progress, made)
    assert load(tmp_path, parts()) == progress
    path = tmp_path / STATE if name == "state" else best_weights(tmp_path, progress)
    content = bytearray(path.read_bytes())
    if damage == "a pipe":
        path.unlink()
        os.mkfifo(path)
    elif damage == "a bit of the last weight":
        content[-1] ^= 1
        path.write_bytes(content)
    else:
        # Of a digit of a shape or of the epochs done.
        content[content.index(b"3")] ^= 1
        path.write_bytes(content)
    assert load(tmp_path, parts()) is None


def test_weights_come_back_into_another_model_and_the_file_holds_nothing_else(tmp_path: Path) -> None:
    model = parts(layout=torch.channels_last)[0]
    save_weights(tmp_path / "model.safetensors", model.state_dict())
    other = parts()[0]
    load_weights(tmp_path / "model.safetensors", other)
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in model.state_dict().items())
    assert load_file(tmp_path / "model.safetensors").keys() == model.state_dict().keys()


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert load(tmp_path / "nowhere", parts()) is None


@pytest.mark.parametrize("kept", [0, 4, 8, 200, -1])
def test_a_state_cut_off_anywhere_is_none(tmp_path: Path, kept: int) -> None:
    save(tmp_path, Progress(epochs_done=1), parts())
    content = (tmp_path / STATE).read_bytes()
    (tmp_path / STATE).write_bytes(content[:kept])
    assert load(tmp_path, parts()) is None


@pytest.mark.parametrize("content", [b"garbage" * 9, b"\xff" * 64, bytes(64)])
def test_a_state_of_other_bytes_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / STATE).write_bytes(content)
    assert load(tmp_path, parts()) is None


def test_the_state_of_another_model_and_plain_weights_are_none(tmp_path: Path) -> None:
    save(tmp_path, Progress(epochs_done=1), parts(widths=(4, 8, 16)))
    assert load(tmp_path, parts()) is None
    save_weights(tmp_path / STATE, parts()[0].state_dict())
    assert load(tmp_path, parts()) is None


def test_a_state_without_its_best_weights_is_none(tmp_path: Path) -> None:
    """Else the trial would train to its end and then have no best weights to load."""
    save(tmp_path, Progress(epochs_done=3, best_epoch=1, best_score=0.7), parts())
    assert load(tmp_path, parts()) is None


def test_a_state_whose_best_weights_were_cut_off_is_none(tmp_path: Path) -> None:
    """Else the trial fails at its end, and fails again there each time it is resumed."""
    made, progress = parts(), Progress(epochs_done=3, best_epoch=1, best_score=0.7)
    path = best_weights(tmp_path, progress)
    save_weights(path, made[0].state_dict())
    save(tmp_path, progress, made)
    path.write_bytes(path.read_bytes()[:-100])
    assert load(tmp_path, parts()) is None


def test_a_failure_while_saving_keeps_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = parts()
    save(tmp_path, Progress(epochs_done=1), made)

    def fail(*arguments: object, **options: object) -> None:
        Path(str(arguments[1])).write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr("trainables.training.checkpoint.save_file", fail)
    with pytest.raises(OSError, match="no space"):
        save(tmp_path, Progress(epochs_done=2), made)
    found = load(tmp_path, parts())
    assert found is not None and found.epochs_done == 1
    assert [path.name for path in tmp_path.iterdir()] == [STATE]
