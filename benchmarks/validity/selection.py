"""Choices among equals: how often one is announced as clearly better, and whether many noisy epochs win.

A study has FOLDS folds, each with an inner validation part of its own, half of each class. A candidate gives
every image a score: the class, how hard the image is for all (HARD), and what it is for this candidate. Of
this last part a share is drawn anew in every epoch, and the rest stays; the sum is the same for everybody, so
that all candidates have the same true AUC in all epochs. Decisions are taken by the project's own rule, on
the cross-fitted score, and beside it on the score of the best epoch, as an earlier version took them.

Clear: the rule calls it no tie. Chosen: of two equals without a count of costs, which makes the mean decide,
one trained for 25 epochs with much noise of the epoch and one for 5 with little. Beside them, what caution
costs: how often a candidate that is truly better is announced as such.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

from benchmarks.validity.case import Case, at_most, between, percent
from orchestrator.analysis.trial_scores import TrialScores
from orchestrator.decisions.decide import Candidate, choose
from orchestrator.store.records import ExperimentRecord, RecipeRecord, Rule
from trainables.evaluation.metrics import ROPE
from trainables.evaluation.selection import cross_fitted

FOLDS, VAL_SHARE = 5, 1 / 9
SIGNAL, HARD, OWN = 1.0, 0.7, 1.4
# Of equal candidates: how often an audit saw one of them announced as clear, and what the rule promises.
AUDIT = {2: (0.81, 0.05), 5: (0.67, 0.013), 10: (0.57, 0.006)}
CLEAR_IMAGES = 40
# Epochs, and the share of the candidate's own part that is drawn anew in each.
NOISY, STEADY = (25, 0.1), (5, 0.02)
IMAGES = (40, 80, 160)
# Signal of a candidate that is truly better, by so much AUC.
BETTER = {"0.10": 1.5, "0.18": 2.8}
RULE = Rule(choose="auc", among=("0", "1"))
TRIAL = TrialScores(
    scores=[], missing=[], confusion=[], num_classes=2, n_test=1, n_train=10, n_val=1, seconds=None,
    training_seconds=None, threads=1, device="cpu", parameters=None, flops_per_image=None, rows="",
    val_rows="", no_deciding="", num_groups={}, sha256="",
)  # fmt: skip


def cases(studies: int) -> Iterator[Case]:
    """Yield how often a choice among equals is clear, and how often the noisy one of two is chosen."""
    for number, (audit, limit) in AUDIT.items():
        found = [clear(number, seed) for seed in range(studies)]
        before, now = (float(share) for share in np.mean(found, axis=0))
        name = f"one of {number} equals announced as clear; means beyond rope alone: {percent(before)}"
        yield at_most(name, audit=percent(audit), share=now, limit=limit, studies=studies)
    for gain, signal in BETTER.items():
        told = [clear(2, seed, signal=signal)[1] for seed in range(max(1, studies // 4))]
        name = f"of two, {gain} of AUC apart, one announced as clear"
        yield Case(name, "-", percent(float(np.mean(told))), "limit none, what caution costs", True)
    for images in IMAGES:
        won = [noisy_wins(images, seed) for seed in range(max(1, studies // 2))]
        before, now = (float(share) for share in np.mean(won, axis=0))
        name = (
            f"25 noisy epochs chosen before 5 steady ones that are as good, {images} validation images; by "
            f"the best epoch: {percent(before)}"
        )
        yield between(name, audit="64 to 90 %", share=now, low=0.4, high=0.6, studies=len(won))


def clear(number: int, seed: int, *, signal: float = SIGNAL) -> tuple[bool, bool]:
    """Whether one of `number` candidates is called clear: by the means alone, and by the rule.

    All are equal, unless the first has another signal.
    """
    rng = np.random.default_rng((10, number, seed))
    signals = [signal, *[SIGNAL] * (number - 1)]
    scores = deciding(rng, [STEADY] * number, images=CLEAR_IMAGES, signals=signals)[1]
    second, first = np.sort(scores.mean(axis=1))[-2:]
    return bool(first - second > ROPE), not choose(candidates(scores), RULE).is_tie


def noisy_wins(images: int, seed: int) -> tuple[bool, bool]:
    """Whether the one with many noisy epochs is chosen: by the best epoch, and by the deciding score."""
    rng = np.random.default_rng((11, images, seed))
    # Which of the two comes first by its name must not decide.
    kinds = [NOISY, STEADY] if seed % 2 else [STEADY, NOISY]
    noisy = str(kinds.index(NOISY))
    of_best, scores = deciding(rng, kinds, images=images, signals=[SIGNAL] * 2)
    return int(of_best.mean(axis=1).argmax()) == int(noisy), choose(candidates(scores), RULE).chosen == noisy


def candidates(scores: np.ndarray) -> list[Candidate]:
    """Finished experiments with these scores, float [candidates, FOLDS], named by their number."""
    trials = {(0, fold): TRIAL for fold in range(FOLDS)}
    folders = dict.fromkeys(trials, Path())
    return [
        Candidate(
            str(number),
            ExperimentRecord(name=str(number), recipe=RecipeRecord(), fold_files=None, trials=()),
            trials,
            folders,
            val=each,
            test=np.array([]),
            taken_on="",
        )
        for number, each in enumerate(scores)
    ]


def deciding(
    rng: np.random.Generator, kinds: list[tuple[int, float]], *, images: int, signals: list[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Scores of each candidate in each fold, float [candidates, FOLDS]: of its best epoch, and cross-fitted.

    Args:
        rng: random numbers of the study.
        kinds: epochs, and the share that is drawn anew in each, of each candidate.
        images: of an inner validation part, a multiple of 4.
        signals: how well each candidate tells the classes apart.
    """
    labels = np.arange(images) % 2
    half = np.arange(images) // 2 % 2
    best, crossed = np.empty((2, len(kinds), FOLDS))
    for fold in range(FOLDS):
        shared = HARD * rng.normal(size=images)
        for number, (epochs, share) in enumerate(kinds):
            stays = np.sqrt(1.0 - share) * rng.normal(size=images)
            anew = np.sqrt(share) * rng.normal(size=(epochs, images))
            scores = signals[number] * (2 * labels - 1) + shared + OWN * (stays + anew)
            best[number, fold] = aucs(labels, scores).max()
            halves = [
                [{"auc": float(each)} for each in aucs(labels[half == side], scores[:, half == side])]
                for side in (0, 1)
            ]
            crossed[number, fold] = cross_fitted(halves, "auc").values["auc"]
    return best, crossed


def aucs(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """AUC of each epoch, float [epochs], from ranks (Mann & Whitney 1947)."""
    ranks = rankdata(scores, axis=1)
    fakes = int(labels.sum())
    above = ranks[:, labels == 1].sum(axis=1) - fakes * (fakes + 1) / 2
    return np.asarray(above / (fakes * (len(labels) - fakes)))
