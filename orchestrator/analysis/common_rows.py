"""Scores of two experiments on the test rows that both have, fold by fold, from stored predictions.

Earlier versions of the program let `subsample` cut test folds too. Such an experiment and one on whole folds
were dealt alike, and share test rows; on these both are scored anew, and can be paired. Where an image is in
one fold here and in another there, they were dealt differently: a model may have learnt from what the other
one is tested on, and nothing is paired.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from orchestrator.analysis.experiment_scores import Gathered
from orchestrator.analysis.trial_scores import Place
from orchestrator.store.folder import claimed_hash
from orchestrator.store.predictions import DAMAGE, Part, read_predictions
from trainables.evaluation.scoring import all_metrics


@dataclass(frozen=True, slots=True, eq=False)
class CommonScores:
    """Scores of both sides on their common test rows, float [n folds], and how many rows these are."""

    baseline: np.ndarray
    treatment: np.ndarray
    num_rows: int


def common_scores(baseline: Gathered, treatment: Gathered, metric: str) -> CommonScores | None:
    """Score two experiments on the test rows that both have in the same fold.

    Returns:
        The scores, in the order of the folds; None where neither side is a subsample, one is incomplete,
        folds were dealt differently, an image has another label or group, or the common rows of a fold do not
        give the metric: it needs more than test rows, or both classes.
    """
    sides = (baseline, treatment)
    places = sorted(baseline.trials)
    if all(side.record.recipe.subsample == 1.0 for side in sides):
        return None
    if any(not side.is_complete or sorted(side.trials) != places for side in sides):
        return None
    try:
        tests = [_tests(side) for side in sides]
    except DAMAGE:
        return None
    if not _is_dealt_alike(*tests):
        return None
    values: tuple[list[float], list[float]] = ([], [])
    num_rows = 0
    for place in places:
        parts = [test[place] for test in tests]
        chosen = [
            np.flatnonzero(np.isin(_paths(part), _paths(other)))
            for part, other in zip(parts, reversed(parts), strict=True)
        ]
        # Rows are in the order of their paths, so that the chosen ones of both sides are the same, in order.
        num_rows += len(chosen[0])
        for part, rows, scores in zip(parts, chosen, values, strict=True):
            if not len(rows):
                return None
            found = all_metrics(part.labels[rows], part.probabilities[rows], part.predicted[rows])
            if metric not in found.values:
                return None
            scores.append(found.values[metric])
    return CommonScores(np.array(values[0]), np.array(values[1]), num_rows)


def _tests(side: Gathered) -> dict[Place, Part]:
    return {
        place: read_predictions(folder, sha256=claimed_hash(folder)).test
        for place, folder in side.folders.items()
    }


def _paths(part: Part) -> np.ndarray:
    return np.asarray(part.paths.to_pylist(), dtype=object)


def _is_dealt_alike(one: Mapping[Place, Part], other: Mapping[Place, Part]) -> bool:
    """Tell whether each image that both test is in the same fold, with the same label and group."""
    mine, theirs = _described(one), _described(other)
    return all(mine[key] == theirs[key] for key in mine.keys() & theirs.keys())


def _described(tests: Mapping[Place, Part]) -> dict[tuple[int, str], tuple[int, int, str]]:
    """Map repeat and path of every test row to its fold, label and group."""
    return {
        (repeat, path): (fold, int(label), group)
        for (repeat, fold), part in tests.items()
        for path, label, group in zip(
            part.paths.to_pylist(), part.labels, part.groups.to_pylist(), strict=True
        )
    }
