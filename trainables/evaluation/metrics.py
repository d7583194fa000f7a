"""Facts about each metric: its name, its label, whether lower is better, what it needs and where it is used.

The one table that training, collecting, deciding and the report read. Values are computed in `scoring`; this
module imports nothing heavy, so that a recipe can be read without numpy.

`recall[2]` is the recall of class 2 and `recall_tuned` that at the tuned threshold.
"""

from dataclasses import dataclass
from typing import Literal

# What a comparison or a decision may name; METRICS has is_compared for each of them.
ComparedMetric = Literal[
    "auc", "accuracy", "balanced_accuracy", "f1", "precision", "recall", "average_precision", "log_loss",
    "eer", "brier", "ece", "macro_f1", "auc_ovr",
]  # fmt: skip
# What the best epoch may be chosen by; METRICS has is_tracked for each of them.
SelectionMetric = Literal["auc", "accuracy", "balanced_accuracy", "f1", "average_precision", "log_loss"]
# What a decision threshold may be chosen by; METRICS has needs_threshold for each of them.
ThresholdMetric = Literal["accuracy", "balanced_accuracy", "f1"]


@dataclass(frozen=True, slots=True)
class MetricFacts:
    """What must be known of a metric besides its value.

    Attributes:
        label: how it is written for people.
        lower_is_better: whether it is an error or a loss.
        needs_threshold: whether it is computed from predicted classes, not from scores.
        is_compared: whether it is a score of all test rows that comparisons and decisions may name.
        is_tracked: whether it is computed after each epoch and kept in metrics.json.
        is_by_source: whether each source of images has its own.
        is_quality: whether a value can be better than another one.
        is_rate: whether it lies within 0 to 1 by what it is: a share, an area, a mean or a variance of such.
        alias_of: the metric that it equals, where it is another name used with several classes.
    """

    label: str
    lower_is_better: bool = False
    needs_threshold: bool = False
    is_compared: bool = False
    is_tracked: bool = False
    is_by_source: bool = False
    is_quality: bool = True
    is_rate: bool = True
    alias_of: str = ""


GAP = "train_val_gap"
# Differences of a metric up to this are practically none, unless a phase says otherwise (region of practical
# equivalence, Benavoli et al. 2017).
ROPE = 0.01

# In the order in which tables show them.
METRICS = {
    "auc": MetricFacts("AUC", is_compared=True, is_tracked=True, is_by_source=True),
    "auc_ovr": MetricFacts("AUC one-vs-rest", is_compared=True, alias_of="auc"),
    "accuracy": MetricFacts("accuracy", needs_threshold=True, is_compared=True, is_tracked=True),
    "balanced_accuracy": MetricFacts(
        "balanced accuracy", needs_threshold=True, is_compared=True, is_tracked=True
    ),
    "f1": MetricFacts("F1", needs_threshold=True, is_compared=True, is_tracked=True),
    "macro_f1": MetricFacts("macro F1", needs_threshold=True, is_compared=True, alias_of="f1"),
    "precision": MetricFacts("precision", needs_threshold=True, is_compared=True, is_tracked=True),
    "recall": MetricFacts("recall", needs_threshold=True, is_compared=True, is_tracked=True),
    "average_precision": MetricFacts("average precision", is_compared=True, is_tracked=True),
    "eer": MetricFacts("EER", lower_is_better=True, is_compared=True),
    "log_loss": MetricFacts(
        "log loss", lower_is_better=True, is_rate=False, is_compared=True, is_tracked=True
    ),
    "brier": MetricFacts("Brier score", lower_is_better=True, is_rate=False, is_compared=True),
    "ece": MetricFacts("ECE", lower_is_better=True, is_compared=True),
    "threshold": MetricFacts("threshold", is_quality=False),
    "detection_rate": MetricFacts("detection rate", needs_threshold=True, is_by_source=True),
    "false_alarm_rate": MetricFacts(
        "false alarm rate", lower_is_better=True, needs_threshold=True, is_by_source=True
    ),
    "source_auc_variance": MetricFacts("variance of the AUC over sources", lower_is_better=True),
    GAP: MetricFacts("validation loss − training loss", lower_is_better=True, is_rate=False),
    "train_loss": MetricFacts("training loss", lower_is_better=True, is_rate=False),
    "support": MetricFacts("images", is_quality=False, is_rate=False),
}

LOWER_IS_BETTER = frozenset(name for name, facts in METRICS.items() if facts.lower_is_better)
COMPARED = tuple(name for name, facts in METRICS.items() if facts.is_compared)
TRACKED = tuple(name for name, facts in METRICS.items() if facts.is_tracked)
BY_SOURCE = tuple(name for name, facts in METRICS.items() if facts.is_by_source)
ALIASES = tuple(name for name, facts in METRICS.items() if facts.alias_of)
# Computed a second time at the tuned threshold, under the name with this end.
TUNED = "_tuned"
AT_A_THRESHOLD = tuple(
    name
    for name, facts in METRICS.items()
    if facts.needs_threshold and facts.is_compared and not facts.alias_of
)


def root_name(metric: str) -> str:
    """Return the name of a metric without its class: recall for recall[2]."""
    return metric.partition("[")[0]


def is_quality(metric: str) -> bool:
    """Tell whether a value of a metric can be better than another; metrics not in the table can."""
    facts = METRICS.get(root_name(metric))
    return facts is None or facts.is_quality


def is_rate(metric: str) -> bool:
    """Tell whether a metric lies within 0 to 1 by what it is; of others than METRICS nothing is known."""
    facts = METRICS.get(root_name(metric).removesuffix(TUNED))
    return facts is not None and facts.is_rate
