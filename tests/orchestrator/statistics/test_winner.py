"""The winner's score without what choosing adds: against hand-made cases and a bootstrap that copies rows."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from benchmarks.validity import winner as simulated
from orchestrator.statistics import resampled
from orchestrator.statistics.resampled import Groups, Sample, make_sample
from orchestrator.statistics.winner import bootstrap_corrected_mean, nested_mean

FOLDS, ROWS = 3, 60


def test_each_fold_scores_the_candidate_that_its_own_deciding_score_names() -> None:
    deciding = np.array([[0.9, 0.5, 0.7], [0.8, 0.6, 0.7]])
    test = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.7]])
    # Fold 0 names the first, fold 1 the second; of equals in fold 2 neither comes first by its place.
    assert nested_mean(deciding, test, lower_is_better=False) == pytest.approx((0.1 + 0.5 + 0.5) / 3)
    assert nested_mean(deciding, test, lower_is_better=True) == pytest.approx((0.4 + 0.2 + 0.5) / 3)


def candidates(seed: int, number: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels [F, N], groups of two images [F, N], scores [candidates, F, N] of equal candidates."""
    rng = np.random.default_rng(seed)
    labels = np.tile(np.arange(ROWS) % 2, (FOLDS, 1))
    codes = np.tile(np.arange(ROWS) // 2, (FOLDS, 1))
    noise = rng.normal(size=(number, FOLDS, ROWS))
    return labels, codes, 1 / (1 + np.exp(-(noise + labels - 0.5)))


def folds(labels: np.ndarray, codes: np.ndarray, scores: np.ndarray) -> list[list[Sample]]:
    found = []
    for fold, (truth, code) in enumerate(zip(labels, codes, strict=True)):
        groups = Groups.of(code, truth)
        found.append(
            [
                make_sample(f"{fold:016x}", truth, each[fold], (each[fold] >= 0.5).astype(int), groups)
                for each in scores
            ]
        )
    return found


def plain(labels: np.ndarray, codes: np.ndarray, scores: np.ndarray, *, draws: int) -> float:
    """BBC-CV by copying the rows of drawn groups, fold by fold, with AUCs from ranks."""
    rng = np.random.default_rng(5)
    members = [[np.flatnonzero(code == group) for group in range(code.max() + 1)] for code in codes]
    found = []
    for _ in range(draws):
        sides: list[list[np.ndarray]] = [[], []]
        for fold, groups in enumerate(members):
            drawn = rng.integers(0, len(groups), len(groups))
            left = sorted(set(range(len(groups))) - set(drawn.tolist()))
            for side, chosen in zip(sides, (drawn, left), strict=True):
                rows = np.concatenate([groups[place] for place in chosen])
                side.append(simulated.aucs(labels[fold, rows], scores[:, fold, rows]))
        inside, outside = (np.mean(side, axis=0) for side in sides)
        found.append(outside[inside.argmax()])
    return float(np.mean(found))


@pytest.mark.parametrize("exact_rows", [1000, 0])
def test_bbc_cv_is_what_copied_rows_give(exact_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches groups that are on both sides, and an AUC of many rows that does not fit what is left out."""
    monkeypatch.setattr(resampled, "EXACT_ROWS", exact_rows)
    found = candidates(1)
    estimate = bootstrap_corrected_mean(folds(*found), "auc", lower_is_better=False, draws=500)
    assert estimate == pytest.approx(plain(*found, draws=500), abs=0.006)
    aucs = [[roc_auc_score(found[0][f], each[f]) for f in range(FOLDS)] for each in found[2]]
    assert estimate is not None and estimate < np.mean(aucs, axis=1).max() - 0.01


def test_of_one_candidate_nothing_is_corrected() -> None:
    """Catches an estimate that is low because groups are left out, not because a choice was made."""
    labels, codes, scores = candidates(2, number=1)
    estimate = bootstrap_corrected_mean(folds(labels, codes, scores), "auc", lower_is_better=False)
    mean = np.mean([roc_auc_score(labels[f], scores[0, f]) for f in range(FOLDS)])
    assert estimate == pytest.approx(mean, abs=0.006)


def test_losses_are_chosen_by_the_lowest() -> None:
    found = candidates(3)
    losses = [np.mean([sample.points[1] for sample in fold]) for fold in zip(*folds(*found), strict=True)]
    low = bootstrap_corrected_mean(folds(*found), "log_loss", lower_is_better=True)
    high = bootstrap_corrected_mean(folds(*found), "log_loss", lower_is_better=False)
    assert low is not None and high is not None
    assert min(losses) < low < high < max(losses)


def test_a_metric_that_is_no_function_of_sums_has_no_estimate() -> None:
    assert bootstrap_corrected_mean(folds(*candidates(1)), "eer", lower_is_better=True, draws=5) is None


def test_simulated_equals_keep_nothing_of_what_choosing_adds() -> None:
    """Catches a choice that looks at the rows it is scored on."""
    excess = np.array([simulated.study(5, seed) for seed in range(100)]).mean(axis=0)
    assert excess[0] > 0.006
    assert abs(excess[1]) < 0.004
