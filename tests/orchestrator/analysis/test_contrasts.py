"""Sums of scores by fold: against scipy, and where there is none or no verdict."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from orchestrator.analysis.contrasts import Contrast, Term, contrast, corrected_family
from tests.orchestrator.gathered_by_hand import gathered

BASE = [0.70, 0.74, 0.71, 0.69, 0.73]


def shifted(*by: float) -> list[float]:
    return [value + each for value, each in zip(BASE, by, strict=True)]


def test_a_difference_has_the_corrected_interval_and_p_of_its_folds() -> None:
    by = np.array([0.02, 0.04, 0.03, 0.05, 0.01])
    terms = [Term(-1.0, gathered("a", BASE)), Term(1.0, gathered("b", shifted(*by)))]
    found = contrast(terms, "auc")
    # Nadeau and Bengio: the variance times 1/5 + 200/800.
    error = by.std(ddof=1) * math.sqrt(1 / 5 + 0.25)
    reach = stats.t.ppf(0.975, 4) * error
    assert found.mean == pytest.approx(0.03)
    assert (found.low, found.high) == pytest.approx((0.03 - reach, 0.03 + reach))
    assert found.p_value == pytest.approx(2 * stats.t.sf(0.03 / error, 4))
    assert found.n == 5 and found.reason == ""


def test_equal_differences_are_no_certainty() -> None:
    """Catches a floor that is lost where several experiments are summed: their spread over folds is 0."""
    terms = [
        Term(-1.0, gathered("a", BASE, groups=20)),
        Term(1.0, gathered("b", shifted(*[0.03] * 5), groups=20)),
    ]
    found = contrast(terms, "auc")
    # A half of what one of 5 x 20 groups weighs.
    assert found.high - found.mean == pytest.approx(stats.t.ppf(0.975, 4) * 0.5 / 100)


def test_what_can_not_be_paired_is_not_summed_and_says_why() -> None:
    whole, part = gathered("a", BASE), gathered("b", BASE[:4], asked=5)
    lacking = contrast([Term(-1.0, whole), Term(1.0, part)], "auc")
    assert math.isnan(lacking.mean) and lacking.reason == "b: 4 of 5 folds were asked for"
    others = contrast([Term(-1.0, whole), Term(1.0, gathered("c", BASE, rows="others"))], "auc")
    assert (
        math.isnan(others.mean)
        and "a and c: repeat 0 fold 0 was not tested on the same rows" in others.reason
    )
    unknown = contrast([Term(-1.0, whole, "wiki"), Term(1.0, whole, "wiki")], "auc")
    assert unknown.reason == "a: 0 of 5 folds have it"


@pytest.mark.parametrize(("folds", "reason"), [(1, "a single split has no spread"), (2, "two folds give no")])
def test_too_few_folds_give_no_verdict(folds: int, reason: str) -> None:
    sides = gathered("a", BASE[:folds]), gathered("b", [value + 0.2 for value in BASE[:folds]])
    found = contrast([Term(-1.0, sides[0]), Term(1.0, sides[1])], "auc")
    assert found.mean == pytest.approx(0.2) and found.reason.startswith(reason)
    assert not found.is_shown and not found.lies_within(1.0)


def test_a_family_is_corrected_and_a_test_that_was_not_made_counts() -> None:
    made = [Contrast(5, 0.1, p_value=0.02, p_holm=0.02), Contrast(5, 0.1, p_value=0.03, p_holm=0.03)]
    found = corrected_family([*made, Contrast(0, reason="nothing ran")])
    assert [each.p_holm for each in found[:2]] == pytest.approx([0.06, 0.06])
    assert math.isnan(found[2].p_holm) and not found[0].is_shown


def test_of_many_contrasts_each_needs_a_narrower_interval_to_be_practically_none() -> None:
    """Catches choices called equal by an interval of 95 % each, where a comparison is undecided."""
    error = 0.01 / (stats.t.ppf(0.975, 4) + 0.1)
    reach = float(stats.t.ppf(0.975, 4)) * error
    alone = Contrast(5, 0.0, 0.01, -reach, reach, 1.0, 1.0, degrees=4)
    assert alone.lies_within(0.01)
    of_three = corrected_family([alone] * 3)[0]
    needed = float(stats.t.ppf(1 - 0.025 / 3, 4)) * error
    assert not of_three.lies_within(0.01)
    assert of_three.lies_within(needed + 1e-9) and not of_three.lies_within(needed - 1e-9)


def test_scores_at_their_ceiling_are_not_called_equal() -> None:
    """Catches "practically no difference" where a comparison says that the images are too easy."""
    terms = [Term(-1.0, gathered("a", [1.0] * 5)), Term(1.0, gathered("b", [1.0] * 5))]
    found = contrast(terms, "auc")
    assert found.reason.startswith("all are at 1.000 on every fold") and not found.lies_within(0.1)
    almost = [terms[0], Term(1.0, gathered("b", [1.0, 1.0, 1.0, 1.0, 0.9999]))]
    assert contrast(almost, "auc").reason == "" and contrast(almost, "auc").lies_within(0.1)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_what_is_beyond_a_bound_is_so_with_the_probability_of_a_verdict(sign: float) -> None:
    error, mean = 0.01, sign * 0.06
    reach = float(stats.t.ppf(0.975, 4)) * error
    found = Contrast(5, mean, 0.02, mean - reach, mean + reach, 0.004, 0.004, degrees=4)
    bound = 0.06 - float(stats.t.ppf(0.95, 4)) * error
    assert found.is_beyond(bound - 1e-9) and not found.is_beyond(bound + 1e-9)
    assert not replace(found, p_holm=0.06).is_beyond(0.0)
