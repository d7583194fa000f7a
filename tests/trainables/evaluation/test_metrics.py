"""The table of metric facts: it agrees with what is computed and with what may be asked for."""

from typing import get_args

import numpy as np
import pytest

from trainables.evaluation.classes import class_metrics
from trainables.evaluation.detection import binary_metrics
from trainables.evaluation.metrics import (
    ALIASES,
    AT_A_THRESHOLD,
    COMPARED,
    LOWER_IS_BETTER,
    METRICS,
    TRACKED,
    ComparedMetric,
    SelectionMetric,
    ThresholdMetric,
    is_quality,
    is_rate,
    root_name,
)

LABELS = np.array([0, 1, 0, 1, 1])
SCORES = np.array([0.1, 0.9, 0.6, 0.7, 0.4])
CALLED = (SCORES >= 0.5).astype(int)
BY_CLASS = {"precision", "recall", "f1", "support"}


def test_errors_and_losses_are_better_when_they_are_lower() -> None:
    """Catches a lower calibration error that is called worse."""
    errors = {"log_loss", "brier", "ece", "eer", "false_alarm_rate"}
    assert errors | {"source_auc_variance", "train_val_gap", "train_loss"} == LOWER_IS_BETTER


def test_what_may_be_asked_for_is_in_the_table() -> None:
    """Catches a metric that an experiment may name and nothing computes."""
    assert set(get_args(ComparedMetric)) == set(COMPARED)
    assert set(get_args(SelectionMetric)) <= set(TRACKED)
    assert set(get_args(ThresholdMetric)) <= set(AT_A_THRESHOLD)


def test_every_compared_metric_is_computed() -> None:
    two = binary_metrics(LABELS, SCORES, CALLED).values
    assert set(two) == set(COMPARED) - set(ALIASES)
    several = np.stack([1 - SCORES, SCORES, np.zeros(5)], axis=1)
    several[0] = [0.1, 0.2, 0.7]
    labels = np.array([2, 1, 0, 1, 1])
    found = class_metrics(labels, several, several.argmax(axis=1)).values
    assert {name for name in found if "[" not in name} == set(COMPARED) - {"eer"}
    assert {root_name(name) for name in found if "[" in name} == BY_CLASS


@pytest.mark.parametrize("name", ALIASES)
def test_an_alias_has_the_value_of_its_metric(name: str) -> None:
    several = np.eye(3)[[0, 1, 2, 1, 0]] * 0.7 + 0.1
    found = class_metrics(np.array([0, 1, 2, 0, 1]), several, several.argmax(axis=1)).values
    assert found[name] == found[METRICS[name].alias_of]


@pytest.mark.parametrize("name", AT_A_THRESHOLD)
def test_what_needs_a_threshold_changes_with_the_predicted_classes(name: str) -> None:
    """Catches a metric that the tuned threshold could not change, or one that it would change unseen."""
    calls = [CALLED, LABELS]
    one, other = (binary_metrics(LABELS, SCORES, called).values for called in calls)
    assert {name for name in one if one[name] != other[name]} <= set(AT_A_THRESHOLD)
    assert one[name] != other[name]


def test_a_threshold_and_a_count_are_neither_better_nor_worse() -> None:
    assert not is_quality("threshold") and not is_quality("support[1]")
    assert is_quality("auc") and is_quality("recall[1]") and is_quality("accuracy_tuned")


def test_rates_are_those_that_lie_within_0_to_1() -> None:
    """Catches a loss whose interval is bent to end at 1, and a rate whose interval does not end there."""
    rates = (
        "auc",
        "eer",
        "ece",
        "recall[2]",
        "f1_tuned",
        "false_alarm_rate",
        "threshold",
        "source_auc_variance",
    )
    assert all(is_rate(name) for name in rates)
    others = ("log_loss", "brier", "train_val_gap", "support[1]", "new")
    assert not any(is_rate(name) for name in others)
