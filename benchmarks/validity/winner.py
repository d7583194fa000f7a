"""The winner's test score among equals: what choosing adds to it, and what the two estimates leave of that.

A study draws IMAGES images, deals them into FOLDS folds by class, and gives every candidate a score of each
image in each fold's model: the class, how hard the image is for all candidates (HARD), what it is for this
candidate in every fold (OWN), and chance of the training (TRAINING). All candidates have the same true AUC.
Each fold's inner validation part is VAL_SHARE of its other images, so it shares images with other test folds.
The candidate with the best mean validation AUC wins.

Excess: the mean test AUC that is reported, less the mean of all candidates' in the same study, whose
expectation is the truth.
"""

from collections.abc import Iterator

import numpy as np
from scipy.stats import rankdata

from benchmarks.validity.case import Case
from orchestrator.statistics.resampled import Groups, Sample, make_sample
from orchestrator.statistics.winner import bootstrap_corrected_mean, nested_mean

IMAGES, FOLDS, VAL_SHARE = 300, 5, 0.1
SIGNAL, HARD, OWN, TRAINING = 1.0, 0.7, 1.4, 0.5
# Of equal candidates: the excess that an audit measured.
AUDIT = {2: 0.006, 5: 0.011, 10: 0.014}
# Studies for one in which the bootstrap is made, and its draws.
BOOTSTRAPPED, DRAWS = 4, 100
# What an estimate may leave of the excess, beyond two standard errors.
LEFT = 0.002


def cases(studies: int) -> Iterator[Case]:
    """Yield the excess for each number of candidates, and what nested estimate and BBC-CV leave of it."""
    for number, audit in AUDIT.items():
        found = np.array([study(number, seed) for seed in range(studies)])
        few = np.array([bootstrapped(number, seed) for seed in range(max(5, studies // BOOTSTRAPPED))])
        said = f"{audit:.3f}"
        named = f"winner of {number} equals, test AUC above the truth"
        mean = found[:, 0].mean()
        # The fault that the estimates are for: it stays, and is said beside the score.
        yield Case(f"{named}: as it is", said, f"{mean:+.4f}", "limit none, it is corrected below", True)
        yield _left(f"{named}: nested estimate", found[:, 1])
        yield _left(f"{named}: BBC-CV", few)


def _left(name: str, excess: np.ndarray) -> Case:
    mean, error = float(excess.mean()), float(excess.std(ddof=1) / np.sqrt(len(excess)))
    return Case(name, "-", f"{mean:+.4f}", f"limit {LEFT} on both sides", abs(mean) <= LEFT + 2 * error)


def study(number: int, seed: int) -> tuple[float, float]:
    """Excess of the winner's mean test score, and of the nested estimate."""
    labels, fold, scores, rng = drawn(number, seed)
    test = np.array([aucs(labels[fold == f], scores[:, f, fold == f]) for f in range(FOLDS)]).T
    val = np.empty_like(test)
    for f in range(FOLDS):
        inner = validation_images(labels, fold, f, rng)
        val[:, f] = aucs(labels[inner], scores[:, f, inner])
    winner = int(val.mean(axis=1).argmax())
    return test[winner].mean() - test.mean(), nested_mean(val, test, lower_is_better=False) - test.mean()


def bootstrapped(number: int, seed: int) -> float:
    """Excess of BBC-CV."""
    labels, fold, scores, _ = drawn(number, seed)
    estimate = bootstrap_corrected_mean(
        (samples(labels[fold == f], scores[:, f, fold == f], key=f"{seed:08x}{f:08x}") for f in range(FOLDS)),
        "auc",
        lower_is_better=False,
        draws=DRAWS,
    )
    assert estimate is not None, "every fold has both classes"
    test = np.array([aucs(labels[fold == f], scores[:, f, fold == f]) for f in range(FOLDS)])
    return estimate - float(test.mean())


def drawn(number: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.random.Generator]:
    """Labels [N], folds [N] and scores [candidates, folds, N] of a study, and its random numbers."""
    rng = np.random.default_rng((3, number, seed))
    labels = np.arange(IMAGES) % 2
    fold = np.empty(IMAGES, dtype=int)
    for label in (0, 1):
        members = rng.permutation(np.flatnonzero(labels == label))
        fold[members] = np.arange(len(members)) % FOLDS
    shared = SIGNAL * (2 * labels - 1) + HARD * rng.normal(size=IMAGES)
    own = OWN * rng.normal(size=(number, 1, IMAGES))
    training = TRAINING * rng.normal(size=(number, FOLDS, IMAGES))
    return labels, fold, shared + own + training, rng


def validation_images(
    labels: np.ndarray, fold: np.ndarray, outer: int, rng: np.random.Generator
) -> np.ndarray:
    """Row numbers of a fold's inner validation part, equally many of each class."""
    parts = [rng.permutation(np.flatnonzero((labels == label) & (fold != outer))) for label in (0, 1)]
    return np.concatenate([part[: round(VAL_SHARE * len(part))] for part in parts])


def aucs(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """AUC of each candidate, float [candidates], from ranks (Mann & Whitney 1947)."""
    ranks = rankdata(scores, axis=1)
    fakes = int(labels.sum())
    above = ranks[:, labels == 1].sum(axis=1) - fakes * (fakes + 1) / 2
    return np.asarray(above / (fakes * (len(labels) - fakes)))


def samples(labels: np.ndarray, scores: np.ndarray, *, key: str) -> list[Sample]:
    """One fold's test rows of every candidate; each image is its own group."""
    groups = Groups.of(np.arange(len(labels)), labels)
    chances = 1.0 / (1.0 + np.exp(-scores))
    return [make_sample(key, labels, each, (each >= 0.5).astype(int), groups) for each in chances]
