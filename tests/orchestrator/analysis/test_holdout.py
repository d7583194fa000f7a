"""The loss on a source that was never trained on: against scikit-learn and scipy, and never over part of the
folds.
"""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from orchestrator.analysis.holdout import holdout_deltas, loss_grade

SHIFTS = {"wiki": 0.0, "text2img": 2.0, "insight": 0.7, "inpainting": 1.5}
TRAINED = ("wiki", "text2img")


def predictions(num_folds: int = 5, *, sources: tuple[str, ...] = tuple(SHIFTS)) -> pd.DataFrame:
    """Scores whose distance from the real ones is the source's shift."""
    rng = np.random.default_rng(3)
    tables = [
        pd.DataFrame(
            {
                "repeat": 0,
                "fold": fold,
                "source": source,
                "group": [f"{source} {fold} {number // 2}" for number in range(40)],
                "label": int(SHIFTS.get(source, 0.0) > 0),
                "score": 1 / (1 + np.exp(-rng.normal(SHIFTS.get(source, 0.0), 1.0, 40))),
            }
        )
        for fold in range(num_folds)
        for source in sources
    ]
    return pd.concat(tables, ignore_index=True).sample(frac=1.0, random_state=1)


def expected_auc(rows: pd.DataFrame, fold: int, source: str) -> float:
    part = rows[(rows["fold"] == fold) & rows["source"].isin(["wiki", source])]
    return float(roc_auc_score(part["label"], part["score"]))


def test_delta_and_interval_are_those_of_the_textbook() -> None:
    rows = predictions()
    found = holdout_deltas(rows, train_sources=TRAINED, test_share=0.25)
    assert [holdout.source for holdout in found] == ["inpainting", "insight"]
    for holdout in found:
        inside = np.array([expected_auc(rows, fold, "text2img") for fold in range(5)])
        outside = np.array([expected_auc(rows, fold, holdout.source) for fold in range(5)])
        delta = inside - outside
        # Nadeau and Bengio (2003): the variance times 1/n + n_test/n_train, t with n - 1 degrees of freedom.
        half = stats.t.ppf(0.975, 4) * delta.std(ddof=1) * math.sqrt(1 / 5 + 0.25)
        assert holdout.delta.mean == pytest.approx(delta.mean())
        assert (holdout.delta.low, holdout.delta.high) == pytest.approx(
            (delta.mean() - half, delta.mean() + half)
        )
        assert holdout.in_source.mean == pytest.approx(inside.mean())
        assert holdout.held_out.mean == pytest.approx(outside.mean())
        assert (holdout.num_folds, holdout.num_expected) == (5, 5)
    assert found[1].delta.mean > found[0].delta.mean > 0


def test_the_real_images_are_the_same_on_both_sides() -> None:
    """Catches a delta that another, harder real source makes."""
    rows = predictions(sources=(*SHIFTS, "other_real"))
    rows.loc[rows["source"] == "other_real", "score"] = 0.999
    alone = holdout_deltas(rows[rows["source"] != "other_real"], train_sources=TRAINED, test_share=0.25)
    assert holdout_deltas(rows, train_sources=TRAINED, test_share=0.25) == alone


def test_folds_that_lack_the_source_are_never_averaged_over() -> None:
    rows = predictions()
    rows = rows[(rows["fold"] != 2) | (rows["source"] != "insight")]
    complete, incomplete = holdout_deltas(rows, train_sources=TRAINED, test_share=0.25)
    assert complete.num_folds == 5 and math.isfinite(complete.delta.mean)
    assert (incomplete.source, incomplete.num_folds, incomplete.num_expected) == ("insight", 4, 5)
    assert math.isnan(incomplete.delta.mean) and math.isnan(incomplete.p_value)


def test_folds_that_agree_are_no_certainty() -> None:
    """Catches p < 0.001 from equal losses on all folds: there are 100 groups of a side."""
    rows = predictions()
    first = rows[rows["fold"] == 0]
    alike = pd.concat(
        [first.assign(fold=fold, group=first["group"].str.replace(" 0 ", f" {fold} ")) for fold in range(5)]
    )
    for found in holdout_deltas(alike, train_sources=TRAINED, test_share=0.25):
        assert found.delta.std == pytest.approx(0.0) and found.delta.error == pytest.approx(0.5 / 100)
        half = stats.t.ppf(0.975, 4) * 0.5 / 100
        assert (found.delta.low, found.delta.high) == pytest.approx(
            (found.delta.mean - half, found.delta.mean + half)
        )


def test_repeats_are_folds_of_their_own() -> None:
    rows = predictions()
    twice = pd.concat([rows, rows.assign(repeat=1, score=1 - rows["score"])])
    (first, _) = holdout_deltas(twice, train_sources=TRAINED, test_share=0.25)
    assert first.num_folds == 10 and first.delta.mean == pytest.approx(0.0)


def test_without_a_held_out_source_there_is_nothing_to_say() -> None:
    assert holdout_deltas(predictions(), train_sources=tuple(SHIFTS), test_share=0.25) == ()


@pytest.mark.parametrize(("trained", "lacking"), [(("wiki",), "fake"), (("text2img",), "real"), ((), "real")])
def test_nothing_to_compare_with_is_refused(trained: tuple[str, ...], lacking: str) -> None:
    with pytest.raises(ValueError, match=f"no {lacking} image of the sources trained on"):
        holdout_deltas(predictions(), train_sources=trained, test_share=0.25)


@pytest.mark.parametrize(
    ("delta", "grade"),
    [(0.05, None), (0.051, "flagged"), (0.10, "flagged"), (0.101, "strong"), (-0.2, None), (math.nan, None)],
)
def test_losses_above_a_limit_are_flagged_or_strong(delta: float, grade: str | None) -> None:
    assert loss_grade(delta) == grade
