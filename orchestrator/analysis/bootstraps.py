"""Bootstrap intervals of complete experiments, kept for each repeat by the hashes of its predictions.

So one new trial costs the draws of one repeat of one experiment. What is not known yet waits and is drawn
together, which takes little longer than one alone: experiments that were tested on the same rows share draws.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from orchestrator.analysis.trial_scores import Place, Reader, TrialScores
from orchestrator.statistics import bootstrap
from orchestrator.statistics.bootstrap import Bounds
from orchestrator.statistics.resampled import Groups, Sample, make_sample
from trainables import memo

# Repeats whose rows are held in memory at once, and how much they may take.
MOST_AT_ONCE, MOST_BYTES = 250, 2**28


class Bootstraps:
    """The intervals of some experiments: asked for one by one, computed together, then given out."""

    def __init__(self, cache: Path) -> None:
        """Keep intervals in the folder `cache`."""
        self._cache = cache
        self._asked: dict[str, list[str]] = {}
        self._known: dict[str, Bounds] = {}
        self._waiting: dict[str, list[Sample]] = {}
        self._groups: dict[str, Groups] = {}

    def ask(
        self, name: str, trials: Mapping[Place, TrialScores], folders: Mapping[Place, Path], reader: Reader
    ) -> None:
        """Take on an experiment, of which every trial is there.

        Raises:
            One of `predictions.DAMAGE`: a trial can't be read any more. The experiment has no intervals then.
        """
        keys = []
        for repeat in sorted({repeat for repeat, _ in trials}):
            places = sorted(place for place in trials if place[0] == repeat)
            hashes = [trials[place].sha256 for place in places]
            key = memo.key(hashes, code=__name__, libraries=("numpy",))
            keys.append(key)
            if key in self._known or key in self._waiting:
                continue
            kept = memo.read(self._file(key), key)
            if kept is not None:
                self._known[key] = {metric: (low, high) for metric, (low, high) in kept.items()}
            else:
                members = [(trials[place], folders[place]) for place in places]
                self._waiting[key] = self._samples(members, reader)
        self._asked[name] = keys

    def compute(self) -> None:
        """Draw what waits, and keep what was found."""
        for key, bounds in zip(self._waiting, bootstrap.bootstrap(list(self._waiting.values())), strict=True):
            self._known[key] = bounds
            memo.write(self._file(key), key, {metric: list(each) for metric, each in bounds.items()})
        self._waiting.clear()
        self._groups.clear()

    def compute_many(self) -> None:
        """Draw what waits if its rows take much memory."""
        taken = sum(sample.num_bytes for samples in self._waiting.values() for sample in samples)
        if len(self._waiting) >= MOST_AT_ONCE or taken > MOST_BYTES:
            self.compute()

    def bounds(self, name: str) -> Bounds:
        """Return the intervals of an experiment by metric; none where it was not asked for."""
        keys = self._asked.get(name)
        return bootstrap.mean_bounds([self._known[key] for key in keys]) if keys else {}

    def _file(self, key: str) -> Path:
        return self._cache / f"bounds-{key[:24]}.memo"

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
