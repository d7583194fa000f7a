"""Finished trials as workers load them: the model, where its images lie, and what becomes of an error.

A call crosses to a worker as it is; images come as a table in results/cache/rows, which is named by what it
holds and written once. Nothing here imports torch before a worker asks for it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from orchestrator.execution.worker import one_line
from orchestrator.store.fingerprint import SHORT, fingerprint
from orchestrator.store.finished_trials import FinishedTrial
from orchestrator.store.fold_files import write_once
from orchestrator.store.folder import Store
from trainables.data.faces import Look, local_detector
from trainables.device import DeviceType
from trainables.errors import InputError
from trainables.trial_inputs import ImageCaches

if TYPE_CHECKING:
    import torch

    from trainables.trained import TrainedTrial


@dataclass(frozen=True, slots=True)
class TrialCall:
    """A finished trial, the folder that its images are below, their caches, and where to compute."""

    trial: FinishedTrial
    root: Path
    caches: ImageCaches
    device: DeviceType

    def trained(self) -> "TrainedTrial":
        """Read the trial, whose weights are loaded when it is asked for scores.

        Raises:
            InputError: as `read_trained` does.
        """
        from trainables.trained import read_trained

        return read_trained(self.trial.folder, num_classes=self.trial.num_classes, bases=self.trial.bases)

    def torch_device(self) -> "torch.device":
        """Return the device as torch has it."""
        import torch

        return torch.device(self.device)

    def look(self) -> Look:
        """Return the detector of faces of the worker's own machine."""
        return local_detector(self.device)

    def problem(self, error: Exception) -> str:
        """Say why the trial gave nothing: whatever it raised is its own, and no other trial's concern."""
        return str(error) if isinstance(error, InputError) else f"{self.trial.folder.name}: {one_line(error)}"


def keep_rows(store: Store, rows: pd.DataFrame) -> Path:
    """Write a table of images for workers, unless it is there; return its file (parquet)."""
    digest = fingerprint([list(rows.columns), rows.astype(str).to_numpy().tolist()])[:SHORT]
    path = store.cached("rows", f"images-{digest}.parquet")
    write_once(path, rows)
    return path
