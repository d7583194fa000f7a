"""Costs of experiments beside their scores: parameters, seconds of training a trial, hours of all trials.

On a CPU seconds are multiplied by the threads that they were spent on. What a trial did not record is NaN.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.analysis.rows import SummaryRow
from orchestrator.analysis.trial_facts import TrialFacts
from orchestrator.analysis.trial_scores import spent
from orchestrator.store.folder import State

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ExperimentCost:
    """What an experiment cost: `seconds` of training a trial in `unit`, `hours` of all its trials.

    `number` is its place in the study, from 1; `device` is cpu, cuda, or both with a plus. `mean`, `ci_low`
    and `ci_high` are those of its score. NaN is not known.
    """

    number: int
    experiment: str
    parameters: float
    seconds: float
    device: str
    unit: str
    hours: float
    mean: float
    ci_low: float
    ci_high: float


def experiment_costs(
    trials: Sequence[TrialFacts], overall: Mapping[Key, SummaryRow], metric: str
) -> tuple[ExperimentCost, ...]:
    """Return what each experiment cost, in the order of the study.

    Args:
        trials: every planned trial.
        overall: rows of summary.csv over all sources, by experiment and metric.
        metric: the score beside the costs.
    """
    finished: dict[str, list[TrialFacts]] = {}
    for trial in trials:
        mine = finished.setdefault(trial.experiment, [])
        if trial.state == State.DONE:
            mine.append(trial)
    found = []
    for number, (name, done) in enumerate(finished.items(), start=1):
        devices = sorted({trial.device for trial in done if trial.device is not None})
        seconds = [_spent(trial) for trial in done]
        counts = [float(trial.parameters) for trial in done if trial.parameters is not None]
        score = overall.get((name, metric))
        found.append(
            ExperimentCost(
                number,
                name,
                parameters=max(counts, default=math.nan),
                seconds=sum(seconds) / len(seconds) if seconds else math.nan,
                device="+".join(devices),
                unit="thread seconds" if devices == ["cpu"] else "seconds",
                hours=sum(seconds) / 3600 if seconds else math.nan,
                mean=math.nan if score is None else score["mean"],
                ci_low=math.nan if score is None else score["ci_low"],
                ci_high=math.nan if score is None else score["ci_high"],
            )
        )
    return tuple(found)


def _spent(trial: TrialFacts) -> float:
    seconds = trial.seconds if trial.training_seconds is None else trial.training_seconds
    if seconds is None:
        return math.nan
    return spent(seconds, 1 if trial.threads is None else trial.threads, trial.device)
