"""Shards of a plan: the same trials cut into parts, each run by a machine of its own that knows of no other.

The cut follows from the experiments and the data alone, never from what is finished, measured or fast on one
machine, so that all shards agree on it at any time. Trials that need each other (an ensemble and its bases,
two names of one trial) stay together. The largest come first, each to the part that has least to do.
"""

import dataclasses
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.config.experiment import Experiment
from orchestrator.plan.network_work import model_of, networks_work
from orchestrator.plan.trial_work import images_to_train
from orchestrator.store.fingerprint import fingerprint
from orchestrator.store.folder import Store
from trainables.backbones import is_kernel_machine
from trainables.errors import InputError

if TYPE_CHECKING:
    from orchestrator.plan.plan import Trial

Place = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `number` of `count`, from 1."""

    number: int
    count: int

    @property
    def text(self) -> str:
        """The shard as `--shard` names it."""
        return f"{self.number}/{self.count}"


def read_shard(text: str | None) -> Shard | None:
    """Read --shard; None where it is not given, or is the only one.

    Raises:
        InputError: it is not I/N with I from 1 to N.
    """
    if text is None:
        return None
    found = re.fullmatch(r"(\d+)/(\d+)", text.strip())
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise InputError(f"--shard {text}: give I/N with I from 1 to N, for example 2/4")
    return None if int(found[2]) == 1 else Shard(int(found[1]), int(found[2]))


def in_shard(
    trials: tuple["Trial", ...], experiments: Sequence[Experiment], shard: Shard | None, store: Store
) -> tuple["Trial", ...]:
    """Leave the trials of other shards unselected.

    Args:
        trials: all trials of a plan.
        experiments: those of the plan.
        shard: the part; None = all of them.
        store: where work of networks that was counted is kept.
    """
    if shard is None:
        return trials
    by_name = {each.name: each for each in experiments}
    mine = _places(shard, trials, by_name, _costs(trials, by_name, store))
    return tuple(
        trial if _place(trial) in mine else dataclasses.replace(trial, selected=False) for trial in trials
    )


def _places(
    shard: Shard,
    trials: Sequence["Trial"],
    experiments: Mapping[str, Experiment],
    costs: Mapping[Place, float],
) -> set[Place]:
    units = _units(trials, experiments)
    # What shares a trial costs it once.
    weights = {
        unit: sum({_twin(place, experiments): costs[place] for place in unit}.values()) for unit in units
    }
    loads = [0.0] * shard.count
    mine: set[Place] = set()
    for unit in sorted(units, key=lambda unit: (-weights[unit], unit)):
        part = loads.index(min(loads))
        loads[part] += weights[unit]
        if part == shard.number - 1:
            mine |= set(unit)
    return mine


def _units(trials: Sequence["Trial"], experiments: Mapping[str, Experiment]) -> list[tuple[Place, ...]]:
    """Gather the trials that have to be run by one shard."""
    from scipy.cluster.hierarchy import DisjointSet

    places = [_place(trial) for trial in trials]
    together = DisjointSet(places)
    first: dict[tuple[str, int, int], Place] = {}
    for trial, place in zip(trials, places, strict=True):
        together.merge(first.setdefault(_twin(place, experiments), place), place)
        for base in trial.bases:
            together.merge(_place(base), place)
    return [tuple(sorted(unit)) for unit in together.subsets()]


def _costs(
    trials: Iterable["Trial"], experiments: Mapping[str, Experiment], store: Store
) -> dict[Place, float]:
    """Return the operations of each trial, whatever machine runs it."""
    networks = [each for each in experiments.values() if not is_kernel_machine(each.backbone)]
    work = networks_work(networks, store)
    flops: dict[str, float] = defaultdict(lambda: 1.0)
    flops |= {each.name: float(work[model_of(each)].flops) for each in networks}
    return {
        _place(trial): images_to_train(trial.sizes, experiments[trial.experiment]) * flops[trial.experiment]
        for trial in trials
    }


def _twin(place: Place, experiments: Mapping[str, Experiment]) -> tuple[str, int, int]:
    """Return what trials share that are one trial under two names."""
    experiment = experiments[place[0]]
    return fingerprint([experiment.data_dir, experiment.recipe_keys().identity()]), *place[1:]


def _place(trial: "Trial") -> Place:
    return trial.experiment, trial.repeat, trial.fold
