"""Deciding scores of finished trials: those of the inner validation part, cross-fitted between its halves.

Searches and decisions are taken on these; no test score is read here.
"""

from collections.abc import Mapping

import numpy as np

from orchestrator.analysis.trial_scores import ALL, DECIDING, Place, TrialScores


def deciding_scores(trials: Mapping[Place, TrialScores], metric: str) -> dict[Place, float]:
    """Return the deciding score of each trial that has one, by fold."""
    return {
        place: float(value)
        for place, trial in sorted(trials.items())
        for split, source, name, value in trial.scores
        if (split, source, name) == (DECIDING, ALL, metric)
    }


def deciding_mean(trials: Mapping[Place, TrialScores], metric: str, *, expected: int) -> float | None:
    """Return the mean deciding score over folds; None where a fold has none, or is not there."""
    found = deciding_scores(trials, metric)
    return float(np.mean(list(found.values()))) if len(found) == expected else None
