"""Keys of an experiment that hang on how many classes its data has, refused where the two do not fit."""

from collections.abc import Iterator, Sequence

from orchestrator.config.experiment import Experiment
from trainables.errors import Problems


def class_problems(experiment: Experiment, classes: Sequence[str]) -> Iterator[str]:
    """Yield in a sentence each key that does not fit data of these classes, with the way out."""
    number, named = len(classes), ", ".join(classes)
    weights = experiment.loss.class_weights
    if isinstance(weights, tuple) and len(weights) != number:
        yield (
            f"{experiment.name}: loss.class_weights has {len(weights)} values, "
            f"the data has {number} classes ({named})"
        )
    if experiment.loss.type == "bce" and number != 2:
        yield (
            f"{experiment.name}: loss.type bce is for two classes, the data has {number}; use cross_entropy, "
            "for example with --set loss.type=cross_entropy"
        )
    if experiment.normalization == "real_norm" and number != 2:
        yield (
            f"{experiment.name}: normalization real_norm takes mean and std from real images, the data has "
            f"{number} classes ({named}); use imagenet, half or none"
        )


def refuse_classes(experiment: Experiment, classes: Sequence[str]) -> None:
    """Raise InputError where a key of the experiment does not fit data of these classes."""
    if problems := list(class_problems(experiment, classes)):
        raise Problems(problems)
