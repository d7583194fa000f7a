"""Test rows of several experiments side by side, fold by fold, ready to be drawn by group."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from orchestrator.analysis.trial_scores import Place
from orchestrator.statistics.resampled import Sample, make_sample
from orchestrator.store.folder import claimed_hash
from orchestrator.store.predictions import read_predictions
from trainables.errors import InputError


def fold_samples(
    experiments: Sequence[Mapping[Place, Path]], places: Sequence[Place]
) -> Iterator[list[Sample]]:
    """Yield the test rows of every experiment at each place: one fold is held in memory at a time.

    Args:
        experiments: the folder of each finished trial, by (repeat, fold).
        places: which of them.

    Raises:
        InputError: the experiments were not tested on the same images there, or a test fold lacks a class.
        One of `predictions.DAMAGE`: a trial can't be read any more.
    """
    for place in places:
        tests = [
            read_predictions(folders[place], sha256=claimed_hash(folders[place])).test
            for folders in experiments
        ]
        key, groups = tests[0].key(), tests[0].grouped()
        if any(test.key() != key for test in tests):
            raise InputError("the candidates were not tested on the same images")
        if len(np.unique(tests[0].labels)) < tests[0].num_classes:
            raise InputError("a test fold lacks a class")
        yield [make_sample(key, test.labels, test.probabilities, test.predicted, groups) for test in tests]
