"""The metric that a phase is looked at by is one, whoever asks."""

from types import SimpleNamespace
from typing import Any

from orchestrator.analysis.headline import decided_metric, deciding_metric, headline_metric
from orchestrator.store.records import Comparison, Rule


def scored(**folds: int) -> Any:
    """An experiment of two folds, with so many scores of each metric."""
    values = {("all", metric): dict.fromkeys(range(count), 0.5) for metric, count in folds.items()}
    return SimpleNamespace(expected=2, values=values)


def test_what_a_comparison_asks_for_comes_first() -> None:
    asked = Comparison(question="?", baseline="a", treatment="b", metrics=("eer", "auc"))
    assert headline_metric([asked], [scored(auc=2)]) == "eer"


def test_without_one_it_is_what_an_experiment_has_on_all_folds() -> None:
    """Catches a table by a metric that nobody has while another table is by accuracy."""
    assert headline_metric([], [scored(accuracy=2), scored(auc=1, accuracy=1)]) == "accuracy"
    assert headline_metric([], [scored(accuracy=2), scored(auc=2, accuracy=2)]) == "auc"
    assert headline_metric([], [scored(accuracy=1)]) == "accuracy"
    assert headline_metric([], []) == "auc"


def test_what_decides_goes_by_its_rule() -> None:
    rule = Rule(choose="log_loss", among=("a", "b"))
    assert (deciding_metric(rule), deciding_metric(None)) == ("log_loss", "auc")
    phase: Any = SimpleNamespace(decision=rule, comparisons=())
    assert decided_metric(phase, []) == "log_loss"
    phase.decision = None
    assert decided_metric(phase, [scored(accuracy=2)]) == "accuracy"
