"""Bootstrap intervals of complete experiments, kept for each repeat by the hashes of its predictions.

So one new trial costs the draws of one repeat of one experiment. What is not known yet waits and is drawn
together, which takes little longer than one alone: experiments that were tested on the same rows share draws.
Of experiments that are compared the first draws are kept too, so that any two of them can be paired.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from orchestrator.analysis.trial_scores import Place, Reader, TrialScores
from orchestrator.statistics import bootstrap
from orchestrator.statistics.bootstrap import Bounds, Deviations
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
        self._deviations: dict[str, Deviations] = {}
        self._waiting: dict[str, list[Sample]] = {}
        self._compared: set[str] = set()
        self._groups: dict[str, Groups] = {}

    def ask(
        self,
        name: str,
        trials: Mapping[Place, TrialScores],
        folders: Mapping[Place, Path],
        reader: Reader,
        *,
        is_compared: bool = False,
    ) -> None:
        """Take on an experiment, of which every trial is there; keep draws of one that is compared.

        Raises:
            One of `predictions.DAMAGE`: a trial can't be read any more. The experiment has no intervals then.
        """
        keys = []
        for repeat in sorted({repeat for repeat, _ in trials}):
            places = sorted(place for place in trials if place[0] == repeat)
            hashes = [trials[place].sha256 for place in places]
            key = memo.key(hashes, code=__name__, libraries=("numpy",))
            keys.append(key)
            if is_compared:
                self._compared.add(key)
            if key in self._waiting or self._recall(key):
                continue
            members = [(trials[place], folders[place]) for place in places]
            self._waiting[key] = self._samples(members, reader)
        self._asked[name] = keys

    def compute(self) -> None:
        """Draw what waits, and keep what was found."""
        for key, drawn in zip(self._waiting, bootstrap.bootstrap(list(self._waiting.values())), strict=True):
            self._known[key] = drawn.bounds
            bounds = {metric: list(each) for metric, each in drawn.bounds.items()}
            memo.write(self._file("bounds", key), key, bounds)
            if key in self._compared:
                self._deviations[key] = drawn.deviations
                memo.write_table(self._file("draws", key), key, pd.DataFrame(drawn.deviations))
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

    def deviations(self, name: str) -> list[Deviations]:
        """Return the draws of each repeat of a compared experiment; none of another one."""
        return [self._deviations[key] for key in self._asked.get(name, ()) if key in self._deviations]

    def _recall(self, key: str) -> bool:
        """Take what was kept; tell whether that is all that is asked for."""
        is_drawn = key in self._deviations or key not in self._compared
        if key in self._known and is_drawn:
            return True
        kept = memo.read(self._file("bounds", key), key)
        if kept is None:
            return False
        if not is_drawn:
            table = memo.read_table(self._file("draws", key), key)
            if table is None:
                return False
            self._deviations[key] = {str(name): table[name].to_numpy() for name in table}
        self._known[key] = {metric: (low, high) for metric, (low, high) in kept.items()}
        return True

    def _file(self, kind: str, key: str) -> Path:
        return self._cache / f"{kind}-{key[:24]}.memo"

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
