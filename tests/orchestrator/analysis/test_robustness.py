"""Robustness: AUCs under conditions, paired changes, one number of stated weights, and what is incomplete."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from orchestrator.analysis.detectors import JudgedDetector
from orchestrator.analysis.robustness import Robustness, condition_weights, robustness

CONDITIONS = ("clean", "jpeg:90", "jpeg:50", "blur:1")
LABELS = np.repeat([0, 1], 60)
COLUMNS = ("r0f0", "r0f1", "r0f2")
Scores = Mapping[str, Mapping[str, np.ndarray]]


def images(groups: np.ndarray | None = None) -> pd.DataFrame:
    numbers = np.arange(len(LABELS))
    return pd.DataFrame(
        {
            "path": [f"{number:03d}.png" for number in numbers],
            "group": [str(each) for each in (numbers if groups is None else groups)],
            "label": LABELS,
        }
    )


def scores(
    seed: int, spreads: Sequence[float], columns: Sequence[str] = COLUMNS
) -> dict[str, dict[str, np.ndarray]]:
    """Scores of each model: one draw of the images, noisier under each condition."""
    rng = np.random.default_rng(seed)
    shown = rng.normal(size=len(LABELS)) + 1.5 * LABELS
    return {
        condition: {
            column: 1.0 / (1.0 + np.exp(-(shown + spread * rng.normal(size=len(LABELS)))))
            for column in columns
        }
        for condition, spread in zip(CONDITIONS, spreads, strict=True)
    }


def under(name: str, given: Scores, *, threshold: float = 0.5, folds: int = 3) -> dict[str, JudgedDetector]:
    return {
        condition: JudgedDetector(
            name=name,
            is_foreign=False,
            rows=np.arange(len(LABELS)),
            scores=models,
            num_expected=folds,
            problem="" if len(models) == folds else f"{len(models)} of {folds} models have scores",
            folds=folds,
            test_share=1 / max(1, folds - 1),
            folds_of=(f"{folds} folds",),
            thresholds=dict.fromkeys(models, threshold),
        )
        for condition, models in given.items()
    }


def found_of(*detectors: Mapping[str, JudgedDetector], groups: np.ndarray | None = None) -> Robustness:
    return robustness(images(groups), detectors, CONDITIONS)


def test_means_and_changes_are_those_of_scikit_learn_and_none_of_no_change() -> None:
    """Catches folds in another order than at clean, a threshold of 0.5 for all, and levels of other rows."""
    given = scores(1, (0.1, 0.1, 4.0, 0.5))
    given["jpeg:90"] = given["clean"]
    found = found_of(under("a", given, threshold=0.7))
    for row in found.of("a"):
        aucs = [roc_auc_score(LABELS, each) for each in given[row.condition].values()]
        assert row.mean == pytest.approx(np.mean(aucs), abs=1e-6)
        assert row.std == pytest.approx(np.std(aucs, ddof=1), abs=1e-6)
        assert 0.0 <= row.ci_low < row.mean < row.ci_high <= 1.0
    for row in found.of("a", "balanced_accuracy_tuned"):
        each = [balanced_accuracy_score(LABELS, each >= 0.7) for each in given[row.condition].values()]
        assert row.mean == pytest.approx(np.mean(each), abs=1e-6)
    clean, same, worse, blurred = found.of("a")
    assert math.isnan(clean.change) and (worse.kind, worse.strength) == ("jpeg", 50.0)
    # No change in these models is no proof that there is none: the error has a floor.
    assert same.change == 0.0 and same.p_value == 1.0 and same.change_low < 0.0 < same.change_high
    assert worse.change == pytest.approx(worse.mean - clean.mean) and worse.change_high < -0.05
    assert worse.p_value < 0.05 and worse.p_holm == pytest.approx(3 * worse.p_value)
    assert blurred.p_holm == pytest.approx(min(1.0, 2 * blurred.p_value))


def test_changes_are_paired_by_image() -> None:
    """Catches two intervals laid side by side, which are much wider than that of the paired difference."""
    clean, row, *_ = found_of(under("a", scores(2, (0.05, 0.06, 0.05, 0.3)))).of("a")
    assert row.change_high - row.change_low < 0.3 * (clean.ci_high - clean.ci_low)


def test_images_of_one_group_are_no_independent_ones() -> None:
    twice = {
        condition: {column: np.repeat(each.reshape(-1, 2)[:, 0], 2) for column, each in models.items()}
        for condition, models in scores(3, (0.1, 0.1, 0.1, 0.1)).items()
    }
    (alone,) = found_of(under("a", twice)).means
    (grouped,) = found_of(under("a", twice), groups=np.arange(len(LABELS)) // 2).means
    assert grouped.mean == alone.mean
    assert grouped.ci_high - grouped.ci_low > 1.2 * (alone.ci_high - alone.ci_low)


def test_the_number_weighs_clean_and_each_kind_alike() -> None:
    weights = condition_weights(CONDITIONS)
    assert weights == pytest.approx({"clean": 1 / 3, "jpeg:90": 1 / 6, "jpeg:50": 1 / 6, "blur:1": 1 / 3})
    given = scores(4, (0.1, 0.5, 1.0, 4.0))
    (one,) = found_of(under("a", given)).means
    means = {c: np.mean([roc_auc_score(LABELS, each) for each in given[c].values()]) for c in CONDITIONS}
    assert one.mean == pytest.approx(sum(weights[c] * means[c] for c in CONDITIONS), abs=1e-6)
    assert one.ci_low < one.mean < one.ci_high and (one.n, one.conditions) == (3, 4)


@pytest.mark.slow
def test_detectors_are_compared_by_their_means_over_all_conditions() -> None:
    fine, weak = scores(5, (0.1, 0.1, 0.2, 0.2)), scores(5, (0.1, 2.0, 3.0, 4.0))
    one = scores(5, (0.1, 0.1, 0.2, 0.2), ["r0f0"])
    found = found_of(under("fine", fine), under("weak", weak), under("one", one, folds=1))
    assert [(each.baseline, each.treatment, each.is_paired) for each in found.differences] == [
        ("fine", "weak", True), ("fine", "one", False), ("weak", "one", False),
    ]  # fmt: skip
    first, same, _ = found.differences
    means = {row.detector: row.mean for row in found.means}
    assert first.mean_diff == pytest.approx(means["weak"] - means["fine"])
    assert first.ci_high < 0.0 and first.p_value < first.p_holm < 0.05
    assert same.ci_low < 0.0 < same.ci_high and same.p_holm > 0.05


def test_what_is_incomplete_is_not_averaged() -> None:
    given = scores(6, (0.1, 0.2, 0.3, 0.4))
    del given["jpeg:50"]["r0f2"]
    found = found_of(under("a", given), under("b", scores(7, (0.1, 0.2, 0.3, 0.4))))
    one, other = found.means
    assert math.isnan(one.mean) and (one.n, one.reason) == (2, "2 of 3 models have scores")
    assert [math.isnan(row.mean) for row in found.of("a")] == [False, False, True, False]
    assert found.of("a")[2].reason == "2 of 3 models have scores"
    assert other.mean > 0.5 and found.differences == ()


def test_without_scores_of_a_condition_nothing_is_said_of_it() -> None:
    given = {**scores(8, (0.1, 0.2, 0.3, 0.4)), "blur:1": {}}
    found = found_of(under("a", given))
    assert math.isnan(found.of("a")[3].mean) and found.of("a")[3].reason == "0 of 3 models have scores"
    assert math.isnan(found.means[0].mean)


def test_a_model_without_a_threshold_leaves_no_mean_at_the_home_thresholds() -> None:
    """Catches a mean over two models that is called one over three."""
    whole = under("a", scores(9, (0.1, 0.2, 0.3, 0.4)))
    found = found_of(
        {
            name: dataclasses.replace(each, thresholds={"r0f0": 0.5, "r0f1": 0.5})
            for name, each in whole.items()
        }
    )
    rows = found.of("a", "balanced_accuracy_tuned")
    assert len(rows) == 4 and all(math.isnan(row.mean) and math.isnan(row.change) for row in rows)
    assert rows[1].reason == "2 of 3 models have it"
    assert found.means[0].mean > 0.5


def test_fakes_alone_have_no_mean_over_conditions() -> None:
    given = {
        condition: {column: each[LABELS == 1] for column, each in models.items()}
        for condition, models in scores(10, (0.1, 0.2, 0.3, 0.4)).items()
    }
    shown = {name: dataclasses.replace(each, rows=np.arange(60)) for name, each in under("a", given).items()}
    found = robustness(images().iloc[60:], [shown], CONDITIONS)
    assert math.isnan(found.means[0].mean) and found.means[0].reason == "no real image in these rows"
    assert found.of("a", "recall")[0].mean > 0.5
