"""Images that a trial works through, and the seconds that it takes for them at a speed of training."""

from collections.abc import Mapping

from orchestrator.config.experiment import Experiment

# Scoring an image costs one of the three passes of training on it.
SCORING = 1 / 3


def images_to_train(sizes: Mapping[str, int], experiment: Experiment, *, epochs_share: float = 1.0) -> float:
    """Return how many images' training a trial is worth, with all its epochs or a share of them.

    Where the head alone learns and images don't change, a stage costs one pass without gradients.
    """
    changing = bool(experiment.augment or experiment.mix)
    once, epochs = 0, 0.0
    for stage in experiment.training_stages:
        if stage.trainable != "head" and not experiment.bases:
            epochs += stage.epochs
        elif changing:
            epochs += stage.epochs * SCORING
        else:
            once += 1
    one_pass = (sizes["train"] + sizes["val"]) * SCORING
    in_epochs = epochs * epochs_share * (sizes["train"] + sizes["val"] * SCORING)
    return in_epochs + once * one_pass + (sizes["val"] + sizes["test"]) * SCORING


def trial_seconds(sizes: Mapping[str, int], experiment: Experiment, images_per_s: float) -> float:
    """Seconds that a trial takes if it does not stop early."""
    return round(images_to_train(sizes, experiment) / images_per_s, 1)
