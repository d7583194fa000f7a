"""Size of a phase's sweeps in experiments, trials and hours, and the most that runs without being asked for.

A grid grows with the product of its lists: what takes a line to write may take a year to train. So a phase
whose sweeps make more than MOST_MADE experiments is refused before any of them is made, unless the command
line accepts that many trials.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestrator.config.experiment import Experiment
from orchestrator.config.sweep import Sweep
from orchestrator.console import duration
from orchestrator.store.folder import Store, read_metrics
from trainables.errors import InputError

MOST_MADE = 64


def refuse_large(
    file: Path, sweeps: Sequence[Sweep], bases: Mapping[str, Experiment], store: Store, *, accepted: int
) -> None:
    """Refuse sweeps of more than MOST_MADE experiments, unless as many trials as they have are `accepted`.

    Args:
        file: the file of the phase, for the message.
        sweeps: those of the phase.
        bases: the experiments that they extend, by name.
        store: results, in which a trial of these may tell how long one takes.
        accepted: the most trials that the command line accepts; 0 = it says nothing.

    Raises:
        InputError: there are too many.
    """
    num_experiments = sum(each.num_settings for each in sweeps)
    trials = [each.num_settings * _num_trials(bases[each.extends]) for each in sweeps]
    total = sum(trials)
    if num_experiments <= MOST_MADE or total <= accepted:
        return
    known = [seconds for each in sweeps if (seconds := _seconds(store, each.extends)) is not None]
    taken = ""
    if len(known) == len(sweeps):
        work = sum(number * seconds for number, seconds in zip(trials, known, strict=True))
        names = " and ".join(dict.fromkeys(each.extends for each in sweeps))
        taken = f", about {duration(work)} of work by what trials of {names} took"
    raise InputError(
        f"{file}: its sweeps make {num_experiments:,} experiments of {total:,} trials{taken}; more than "
        f'{MOST_MADE} experiments are not run unasked: list fewer values, use "search" with a number of '
        f'"trials", or run it all the same with --accept-trials {total}'
    )


def _num_trials(experiment: Experiment) -> int:
    return experiment.num_folds * experiment.cv_repeats


def _seconds(store: Store, experiment: str) -> float | None:
    """Return how long a finished trial of an experiment took, or one is thought to take; None = unknown."""
    estimates = []
    for phase in store.studies():
        study = store.known_study(phase)
        for record in study.experiments if study is not None else ():
            for trial in record.trials if record.name == experiment else ():
                metrics = read_metrics(store.trial(trial.folder))
                if metrics is not None and metrics.seconds is not None:
                    return metrics.seconds
                estimates += [trial.estimate_s] if trial.estimate_s else []
    return estimates[0] if estimates else None
