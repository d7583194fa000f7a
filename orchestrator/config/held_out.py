"""Agreement of a study's experiments about the images held out for its end."""

import itertools
from collections.abc import Sequence

from orchestrator.config.experiment import Experiment
from trainables.errors import InputError


def check_held_out(experiments: Sequence[Experiment]) -> None:
    """Raise InputError where experiments would hold other images out, and so train on each other's.

    The images hang on holdout_final and, where it is set, on the seed.
    """
    for first, other in itertools.pairwise(experiments):
        one, two = first.holdout_final or 0.0, other.holdout_final or 0.0
        if one != two:
            raise InputError(
                f"{other.name}: holdout_final is {two:g}, and {first.name} has {one:g}: what is held out is "
                f"the same for all experiments of a study; set it in shared.json, or for all with "
                f"--set holdout_final={max(one, two):g}"
            )
        if one and first.seed != other.seed:
            raise InputError(
                f"{other.name}: seed is {other.seed}, and {first.name} has {first.seed}: with holdout_final "
                "the seed says which images are held out, the same for all experiments of a study; set one "
                f"for all with --set seed={first.seed}"
            )
