"""A trial of remote results on the node of its worker: what it needs is fetched, what it leaves is pushed.

The worker's paths are those of this node's copy. A checkpoint is pushed at most every KEEP_S, and when the
trial is stopped: no more than that is lost with the node. What says that the trial is done is pushed last.
"""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from orchestrator.execution.executor import TrialJob
from orchestrator.store.remote.local_copy import LocalCopy, copy_of
from orchestrator.store.remote.node_pixels import node_pixels
from orchestrator.store.remote.remote_folder import RemoteError
from orchestrator.store.remote.shared_names import is_pulled
from trainables.done_record import read_done
from trainables.trial_files import BEST, CHECKPOINT, DONE, ERROR, HISTORY, STATE, TRIAL

# Shorter than the time between two checkpoints of a long epoch, so that none of those is left out.
KEEP_S = 60.0


@dataclass(slots=True)
class RemoteTrial:
    """A trial of remote results; `job` is what it is on this node."""

    job: TrialJob
    copy: LocalCopy
    pixels: str
    _kept: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, job: TrialJob) -> "RemoteTrial | None":
        """Return the trial as it is on this node; None where results are local."""
        place = job.remote
        if place is None:
            return None
        copy = copy_of(place.uri)

        def here(path: Path) -> Path:
            return copy.root / path.relative_to(place.root)

        moved = replace(
            job,
            folder=here(job.folder),
            rows=here(job.rows),
            cache=here(job.cache),
            faces=here(job.faces),
            bases=tuple(map(here, job.bases)),
        )
        return cls(moved, copy, place.pixels)

    @property
    def name(self) -> str:
        """The trial's folder in the results."""
        return self.copy.name_of(self.job.folder)

    def fetch(self) -> TrialJob:
        """Fetch what the trial reads: rows, faces, bases, pixels, and how far it has come on another node.

        Returns:
            The trial with the folder in which its pixels are.

        Raises:
            RemoteError: the place can't be used.
        """
        if f"{self.name}/{DONE}" in self.copy.folder.stamps([f"{self.name}/{DONE}"]):
            self.copy.fetch(self.name, wanted=is_pulled)
            if read_done(self.job.folder) is not None:
                return self.job
        needed = [self.job.faces, *self.job.bases, self.job.folder]
        if not self.job.rows.is_file():
            needed.append(self.job.rows)
        self.copy.fetch("bits", *map(self.copy.name_of, needed))
        return replace(self.job, cache=node_pixels(self.copy, self.pixels))

    @contextlib.contextmanager
    def kept_when_stopped(self) -> Iterator[None]:
        """Push the checkpoint where the block is ended from outside."""
        try:
            yield
        except (KeyboardInterrupt, SystemExit):
            self.keep(now=True)
            raise

    def keep(self, *, now: bool = False) -> None:
        """Push the checkpoint, if the last push is KEEP_S ago or it has to be `now`."""
        if not now and time.monotonic() - self._kept < KEEP_S:
            return
        # A push that fails costs nothing yet: the next epoch tries again, and the end of the trial says why.
        with contextlib.suppress(RemoteError):
            self._send_checkpoint()
            self._kept = time.monotonic()

    def _send_checkpoint(self) -> None:
        folder = self.job.folder / CHECKPOINT
        best = [self.copy.name_of(path) for path in folder.glob(BEST.format(epoch="*"))]
        # The state last: it names the best weights, and those that it named before are there until then.
        self.copy.send(*best, *(f"{self.name}/{file}" for file in (TRIAL, HISTORY)))
        self.copy.send(f"{self.name}/{CHECKPOINT}/{STATE}")
        there = self.copy.folder.list(f"{self.name}/{CHECKPOINT}")
        self.copy.remove(*(name for name in there if not name.endswith(f"/{STATE}") and name not in best))

    def commit(self) -> None:
        """Push the finished trial, and drop what only an unfinished one has."""
        self.copy.send(self.name)
        self.copy.remove(f"{self.name}/{ERROR}", f"{self.name}/{CHECKPOINT}")

    def fail(self) -> None:
        """Push why the trial failed."""
        self.copy.send(*(f"{self.name}/{file}" for file in (TRIAL, HISTORY, ERROR)))
