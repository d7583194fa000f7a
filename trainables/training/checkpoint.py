"""A training run's state in one safetensors file, so that it can go on as if it had never stopped.

Tensors: the model, the optimiser's state by parameter number, the random states. Metadata: one JSON text with
the epoch, the history, the best epoch, the optimiser's groups and the schedule. Both are plain data: nothing
that is read back can run code. The file is replaced in one step, so a kill leaves the previous state.

The best weights so far lie beside it as best-<epoch>.safetensors, named by the state, so that state and best
weights always belong together. The state has a checksum of all that it holds, and of the best weights: one
that is damaged counts as none, since a trial would go on from other numbers.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from trainables.files import replace_file
from trainables.removal import keep_only
from trainables.trial_files import BEST, STATE


@dataclass(slots=True)
class Progress:
    """How far training has come: epochs done, what each gave, and the best of them (-1 = none yet).

    `stage` is the one that the last epoch belonged to, `stage_began` the epochs done before it; patience
    looks at the best epoch of the stage. Of an epoch under way, `batches_done` are behind it, whose losses
    over images add up to `loss_sum`, after `epoch_seconds`. `micro_batch` is the largest part of a batch;
    None = the whole. `best_checksum` is that of the best weights that were written; None = none were.
    """

    epochs_done: int = 0
    best_epoch: int = -1
    best_score: float = float("-inf")
    seconds: float = 0.0
    history: list[dict[str, float | int | None]] = field(default_factory=list)
    stage: int = 0
    stage_began: int = 0
    stage_best_epoch: int = -1
    stage_best_score: float = float("-inf")
    batches_done: int = 0
    loss_sum: float = 0.0
    epoch_seconds: float = 0.0
    micro_batch: int | None = None
    best_checksum: int | None = None

    def record(self, score: float) -> None:
        """Count an epoch whose selection score, higher is better, is `score`."""
        if score > self.best_score:
            self.best_score, self.best_epoch = score, self.epochs_done
        if score > self.stage_best_score:
            self.stage_best_score, self.stage_best_epoch = score, self.epochs_done
        self.epochs_done += 1

    def limit(self, micro_batch: int | None) -> None:
        """Take no larger parts of a batch than this."""
        sizes = [size for size in (self.micro_batch, micro_batch) if size is not None]
        self.micro_batch = min(sizes, default=None)

    def next_epoch(self) -> None:
        """Leave the batches of an epoch behind, all of which are done."""
        self.batches_done, self.loss_sum, self.epoch_seconds = 0, 0.0, 0.0

    def next_stage(self) -> None:
        """Begin the next stage."""
        self.stage, self.stage_began = self.stage + 1, self.epochs_done
        self.stage_best_epoch, self.stage_best_score = -1, float("-inf")

    def stage_ended(self, epochs: int, patience: int | None) -> bool:
        """Tell whether a stage of `epochs` is over, or has not got better for `patience` epochs."""
        done = self.epochs_done
        waited = done - 1 - self.stage_best_epoch if self.stage_best_epoch >= 0 else 0
        return done - self.stage_began >= epochs or (patience is not None and waited >= patience)


@dataclass(frozen=True, slots=True)
class TrainingParts:
    """What has a state while a network is trained, beside the random generators."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    scheduler: torch.optim.lr_scheduler.LRScheduler
    scaler: torch.amp.GradScaler


def save_weights(path: Path, state: Mapping[str, Tensor]) -> None:
    """Write a model's state as safetensors, atomically."""
    with replace_file(path, lasting=True) as partial:
        save_file({name: _plain(tensor) for name, tensor in state.items()}, partial)


def load_weights(path: Path, model: nn.Module) -> None:
    """Load what `save_weights` wrote into a model of the same shape."""
    model.load_state_dict(load_file(path))


def best_weights(folder: Path, progress: Progress) -> Path:
    """Return the file of the best weights that `progress` speaks of."""
    return folder / BEST.format(epoch=progress.best_epoch)


def save_checkpoint(folder: Path, progress: Progress, parts: TrainingParts) -> None:
    """Write the whole state, then drop best weights that it no longer names."""
    tensors = {f"model.{name}": _plain(tensor) for name, tensor in parts.model.state_dict().items()}
    optimizer_state = parts.optimizer.state_dict()
    scalars: dict[str, dict[str, object]] = {}
    for number, state in optimizer_state["state"].items():
        for name, value in state.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{number}.{name}"] = _plain(value)
            else:
                scalars.setdefault(str(number), {})[name] = value
    tensors["random.cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    record = {
        "progress": {
            **asdict(progress),
            "best_score": repr(progress.best_score),
            "stage_best_score": repr(progress.stage_best_score),
        },
        "optimizer_groups": optimizer_state["param_groups"],
        "optimizer_scalars": scalars,
        "scheduler": parts.scheduler.state_dict(),
        "scaler": parts.scaler.state_dict(),
    }
    text = json.dumps(record)
    metadata = {"state": text, "checksum": str(checksum(tensors, text))}
    with replace_file(folder / STATE, lasting=True) as partial:
        save_file(tensors, partial, metadata=metadata)
    kept = best_weights(folder, progress).name
    keep_only(folder, {kept}, patterns=[BEST.format(epoch="*")], below=folder)


def checksum(tensors: Mapping[str, Tensor], text: str = "") -> int:
    """Return the CRC-32 of tensors with their names and of a text."""
    total = zlib.crc32(text.encode())
    for name, tensor in sorted(tensors.items()):
        content = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data
        total = zlib.crc32(content, zlib.crc32(name.encode(), total))
    return total


def saved_stage(folder: Path) -> int:
    """Return the stage that a checkpoint was made in: its optimiser has that stage's parameters."""
    try:
        with _opened(folder / STATE) as file:
            return int(json.loads(file.metadata()["state"])["progress"]["stage"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        # Damaged: loading it says so.
        return 0


def load_checkpoint(folder: Path, parts: TrainingParts) -> Progress | None:
    """Restore everything that `save_checkpoint` wrote; None when there is no complete checkpoint.

    A file that is damaged or of another model counts as none: the trial then starts from the beginning.
    """
    try:
        with _opened(folder / STATE) as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        if metadata["checksum"] != str(checksum(tensors, metadata["state"])):
            return None
        record = json.loads(metadata["state"])
        progress = Progress(**record["progress"])
        progress.best_score = float(record["progress"]["best_score"])
        progress.stage_best_score = float(record["progress"]["stage_best_score"])
        if progress.best_epoch >= 0:
            # A state is worth nothing without its best weights.
            with _opened(best_weights(folder, progress)) as file:
                best = {name: file.get_tensor(name) for name in file.keys()}
            if checksum(best) != progress.best_checksum:
                return None
        parts.model.load_state_dict(_below(tensors, "model."))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError):
        return None
    state = _optimizer_state(tensors, record["optimizer_scalars"], parts.optimizer)
    parts.optimizer.load_state_dict({"state": state, "param_groups": record["optimizer_groups"]})
    parts.scheduler.load_state_dict(record["scheduler"])
    parts.scaler.load_state_dict(record["scaler"])
    torch.set_rng_state(tensors["random.cpu"])
    if "random.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random.cuda"])
    return progress


def _opened(path: Path) -> safe_open:
    """Open a file of tensors; of a pipe in its place nobody would ever hear again."""
    if not path.is_file():
        raise FileNotFoundError(path)
    return safe_open(path, framework="pt")


def _optimizer_state(
    tensors: dict[str, Tensor], scalars: Mapping[str, Mapping[str, object]], optimizer: torch.optim.Optimizer
) -> dict[int, dict[str, object]]:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, object]] = {int(number): dict(values) for number, values in scalars.items()}
    for name, tensor in _below(tensors, "optimizer.").items():
        number, key = name.split(".", 1)
        parameter = parameters[int(number)]
        # Moments lie in memory as their parameter does; a file can't say so.
        if tensor.shape == parameter.shape:
            tensor = torch.empty_like(parameter).copy_(tensor)
        state.setdefault(int(number), {})[key] = tensor
    return state


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _plain(tensor: Tensor) -> Tensor:
    # A copy of its own: safetensors refuses shared and strided memory.
    return tensor.detach().to("cpu", copy=True).contiguous()
