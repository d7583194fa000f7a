"""Cross-fitted scores of a trial, by hand: the epoch of one half, scored on the other."""

import math

import numpy as np
import pytest

from trainables.errors import InputError
from trainables.evaluation.selection import cross_fitted, selection_score
from trainables.recipe import SelectWeights

# Half a would take epoch 2 (the first of two equal ones), half b epoch 1.
A = [{"auc": 0.6, "f1": 0.5}, {"auc": 0.9, "f1": 0.4}, {"auc": 0.9, "f1": 0.1}]
B = [{"auc": 0.8, "f1": 0.7}, {"auc": 0.7, "f1": 0.6}, {"auc": 0.5, "f1": 0.9}]


def test_each_half_is_scored_at_the_epoch_of_the_other() -> None:
    found = cross_fitted((A, B), "auc").values
    assert found == pytest.approx({"auc": (0.7 + 0.6) / 2, "f1": (0.6 + 0.5) / 2})


def test_the_epoch_is_chosen_by_what_the_recipe_names() -> None:
    assert cross_fitted((A, B), "f1").values["auc"] == pytest.approx((0.8 + 0.9) / 2)
    weights = SelectWeights(auc=0.5, f1=0.5)
    # Half a: 0.55, 0.65, 0.5; half b: 0.75, 0.65, 0.7.
    assert cross_fitted((A, B), weights).values["auc"] == pytest.approx((0.7 + 0.6) / 2)


def test_a_lower_loss_is_the_better_epoch() -> None:
    a, b = ([{"log_loss": each} for each in half] for half in ((0.3, 0.9), (0.8, 0.2)))
    assert cross_fitted((a, b), "log_loss").values["log_loss"] == pytest.approx((0.8 + 0.9) / 2)


def test_what_one_half_lacks_has_no_score_and_a_reason() -> None:
    b = [{**each, "precision": None} for each in B]
    found = cross_fitted(([{**each, "precision": 0.5} for each in A], b), "auc")
    assert "precision" not in found.values and "half" in found.reasons["precision"]


def test_without_what_epochs_are_chosen_by_there_is_no_choice() -> None:
    with pytest.raises(InputError, match="log_loss does not exist"):
        cross_fitted((A, B), "log_loss")
    assert selection_score({"precision": None}, SelectWeights(precision=1.0)) == 0.0


def test_epochs_of_pure_noise_give_the_mean_and_not_the_maximum() -> None:
    """Catches a score that grows with the number of epochs: 25 of noise were worth two deviations."""
    rng = np.random.default_rng(0)
    halves = rng.normal(0.7, 0.05, (400, 2, 25))
    means = [
        cross_fitted([[{"auc": x} for x in half] for half in each], "auc").values["auc"] for each in halves
    ]
    assert np.mean(means) == pytest.approx(0.7, abs=4 * 0.05 / math.sqrt(800))
    assert np.mean(halves.mean(axis=1).max(axis=1)) > 0.75
