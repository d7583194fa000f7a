"""Costs of experiments beside their scores: parameters, operations for an image, speed, hours of all trials.

Parameters and FLOPs are properties of the model, and say which one is cheaper. Images per second are those of
one measurement, and hours what was spent: both hang on the machine. On a CPU hours are multiplied by the
threads that they were spent on. What a trial did not record is NaN.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from orchestrator.analysis.experiment_scores import Gathered
from orchestrator.analysis.rows import SummaryRow
from orchestrator.analysis.trial_scores import TrialScores

Key = tuple[str, str]
NO_PRICE: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ExperimentCost:
    """What the model of an experiment costs, and `hours`, which all its trials took on `device`.

    `number` is its place in the study, from 1; `flops` are operations for one image, `images_per_s` those of
    training in one measurement on `measured_on`; `device` is cpu, cuda, or both with a plus. `mean`, `ci_low`
    and `ci_high` are those of its score; `money` is what all of its trials cost. NaN is not known.
    """

    number: int
    experiment: str
    parameters: float
    flops: float
    images_per_s: float
    measured_on: str
    hours: float
    device: str
    mean: float
    ci_low: float
    ci_high: float
    money: float = math.nan


def experiment_costs(
    experiments: Iterable[Gathered],
    overall: Mapping[Key, SummaryRow],
    metric: str,
    *,
    a_second: Mapping[str, float] = NO_PRICE,
) -> tuple[ExperimentCost, ...]:
    """Return what each experiment cost, in the order of the study.

    Args:
        experiments: every experiment of it; trials that are not finished cost nothing.
        overall: rows of summary.csv over all sources, by experiment and metric.
        metric: the score beside the costs.
        a_second: money for a second of one trial of an experiment, by its name.
    """
    found = []
    for number, experiment in enumerate(experiments, start=1):
        done = list(experiment.trials.values())
        seconds = [math.nan if (known := trial.spent_seconds) is None else known for trial in done]
        score, measurement = overall.get((experiment.name, metric)), experiment.record.measurement
        found.append(
            ExperimentCost(
                number,
                experiment.name,
                parameters=_largest(trial.parameters for trial in done),
                flops=_largest(trial.flops_per_image for trial in done),
                images_per_s=math.nan if measurement is None else measurement.choice.images_per_s,
                measured_on="" if measurement is None else measurement.place,
                hours=sum(seconds) / 3600 if seconds else math.nan,
                device="+".join(sorted({trial.device for trial in done if trial.device})),
                mean=math.nan if score is None else score["mean"],
                ci_low=math.nan if score is None else score["ci_low"],
                ci_high=math.nan if score is None else score["ci_high"],
                money=a_second.get(experiment.name, math.nan) * _on_the_clock(done) if done else math.nan,
            )
        )
    return tuple(found)


def _on_the_clock(done: Sequence[TrialScores]) -> float:
    """Seconds of all that trials did: they are paid for, whatever was done in them."""
    return sum(math.nan if trial.seconds is None else trial.seconds for trial in done)


def _largest(counts: Iterable[int | None]) -> float:
    return max((float(count) for count in counts if count is not None), default=math.nan)
