"""Metrics that a phase is looked at by and decided by, named once for tables, sentences, searches and races.

The headline metric is that of the first declared comparison; of a phase that declares none it is AUC, or
accuracy where no experiment has an AUC, as with several classes. What is decided goes by the decision rule.
"""

from collections.abc import Collection, Sequence

from orchestrator.analysis.experiment_scores import Gathered
from orchestrator.analysis.trial_scores import ALL
from orchestrator.store.records import Comparison, PhaseRecord, Rule
from trainables.evaluation.metrics import ComparedMetric

HEADLINES = ("auc", "accuracy")
# By which metric settings are told apart where a phase decides nothing.
USUAL_METRIC: ComparedMetric = "auc"


def headline_metric(asked: Sequence[Comparison], experiments: Collection[Gathered]) -> str:
    """Name the metric that a phase is looked at by.

    Args:
        asked: its declared comparisons.
        experiments: what its trials said. A metric that one has on all its folds goes before one that no
            experiment has on more than some of them.
    """
    if asked:
        return asked[0].metrics[0]
    whole = [name for name in HEADLINES if any(has_whole(each, name) for each in experiments)]
    begun = [name for name in HEADLINES if any((ALL, name) in each.values for each in experiments)]
    return next(iter((*whole, *begun)), HEADLINES[0])


def has_whole(experiment: Gathered, metric: str) -> bool:
    """Tell whether an experiment has a metric on each of its folds."""
    return experiment.expected == len(experiment.values.get((ALL, metric), ()))


def decided_metric(phase: PhaseRecord, experiments: Collection[Gathered]) -> str:
    """Name the metric that a phase is about: that of its decision, else its headline metric."""
    if phase.decision is not None:
        return phase.decision.choose
    return headline_metric(phase.comparisons, experiments)


def deciding_metric(rule: Rule | None) -> ComparedMetric:
    """Name the metric by which experiments are told apart before all are finished: the rule's, else AUC."""
    return USUAL_METRIC if rule is None else rule.choose
