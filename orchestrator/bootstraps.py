"""Bootstrap intervals of complete experiments, kept for each repeat by the hashes of its predictions.

So one new trial costs the draws of one repeat of one experiment. What is not known yet waits and is drawn
together, which takes little longer than one alone: experiments that were tested on the same rows share draws.
"""

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from orchestrator import predictions
from orchestrator.statistics import bootstrap, delong, resampled
from orchestrator.statistics.bootstrap import Bounds
from orchestrator.statistics.resampled import Groups, Sample, make_sample
from orchestrator.store.folder import read_record
from orchestrator.trial_scores import Place, Reader, TrialScores, keep
from trainables.evaluation import detection

# Repeats whose rows are held in memory at once, and how much they may take.
MOST_AT_ONCE, MOST_BYTES = 250, 2**28


class Bootstraps:
    """The intervals of some experiments: asked for one by one, computed together, then given out."""

    def __init__(self, cache: Path) -> None:
        """Keep intervals in the folder `cache`."""
        self._cache = cache
        self._asked: dict[str, list[Path]] = {}
        self._known: dict[Path, Bounds] = {}
        self._waiting: dict[Path, list[Sample]] = {}
        self._groups: dict[str, Groups] = {}

    def ask(
        self, name: str, trials: Mapping[Place, TrialScores], folders: Mapping[Place, Path], reader: Reader
    ) -> None:
        """Take on an experiment, of which every trial is there.

        Raises:
            One of `predictions.DAMAGE`: a trial can't be read any more. The experiment has no intervals then.
        """
        paths = []
        for repeat in sorted({repeat for repeat, _ in trials}):
            places = sorted(place for place in trials if place[0] == repeat)
            path = self._cache / f"bounds-{_key(trials[place].sha256 for place in places)}.json"
            paths.append(path)
            if path in self._known or path in self._waiting:
                continue
            kept = _read(path)
            if kept is not None:
                self._known[path] = kept
            else:
                members = [(trials[place], folders[place]) for place in places]
                self._waiting[path] = self._samples(members, reader)
        self._asked[name] = paths

    def compute(self) -> None:
        """Draw what waits, and keep what was found."""
        for path, bounds in zip(
            self._waiting, bootstrap.bootstrap(list(self._waiting.values())), strict=True
        ):
            self._known[path] = bounds
            keep(path, {"bounds": bounds})
        self._waiting.clear()
        self._groups.clear()

    def compute_many(self) -> None:
        """Draw what waits if its rows take much memory."""
        taken = sum(sample.num_bytes for samples in self._waiting.values() for sample in samples)
        if len(self._waiting) >= MOST_AT_ONCE or taken > MOST_BYTES:
            self.compute()

    def bounds(self, name: str) -> Bounds:
        """Return the intervals of an experiment by metric; none where it was not asked for."""
        paths = self._asked.get(name)
        return bootstrap.mean_bounds([self._known[path] for path in paths]) if paths else {}

    def _samples(self, members: Sequence[tuple[TrialScores, Path]], reader: Reader) -> list[Sample]:
        """Sum the test rows of every fold by group; nothing where a fold lacks a class."""
        found = []
        for trial, folder in members:
            test = reader.predictions(folder).test
            if len(np.unique(test.labels)) < test.num_classes:
                return []
            if trial.rows not in self._groups:
                self._groups[trial.rows] = test.grouped()
            groups = self._groups[trial.rows]
            found.append(make_sample(trial.rows, test.labels, test.probabilities, test.predicted, groups))
        return found


def _read(path: Path) -> Bounds | None:
    """Read intervals; None where there are none, or they are damaged."""
    try:
        kept: dict[str, Any] = (read_record(path) or {})["bounds"]
        return {str(name): (float(low), float(high)) for name, (low, high) in kept.items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _key(hashes: Iterable[str]) -> str:
    return hashlib.sha256(json.dumps([_code(), *hashes]).encode()).hexdigest()[:24]


@functools.cache
def _code() -> str:
    digest = hashlib.sha256(np.__version__.encode())
    for module in (bootstrap, resampled, delong, detection, predictions):
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()
