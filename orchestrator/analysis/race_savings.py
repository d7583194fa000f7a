"""Work that a race saved: trials that were not run, and the hours that they would have taken."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.analysis.experiment_scores import Gathered


@dataclass(frozen=True, slots=True)
class Saving:
    """What one experiment's leaving saved: trials, and `hours` of a CPU thread or a GPU; NaN if unknown."""

    experiment: str
    trials: int
    hours: float
    device: str


def race_savings(experiments: Iterable[Gathered]) -> list[Saving]:
    """Return what each experiment that left a race did not run, at the mean of its finished folds."""
    found = []
    for each in experiments:
        if each.elimination is None:
            continue
        seconds = [trial.spent_seconds for trial in each.trials.values()]
        known = [one for one in seconds if one is not None]
        is_known = bool(known) and len(known) == len(seconds)
        hours = math.fsum(known) / len(known) * each.num_spared / 3600.0 if is_known else math.nan
        device = "+".join(sorted({trial.device for trial in each.trials.values()}))
        found.append(Saving(each.name, each.num_spared, hours, device))
    return found
