"""Experiments x repeats x folds to an ordered list of trials: what is done, what is missing, and why.

Building a plan reads the data folder, the experiment files and results/, and starts nothing. A trial whose
precision has not been measured yet, or whose pretrained weights have not been looked up, has no key: it can't
be done, and it is planned again when they are known. `write_study` in record.py leaves the record from which
`collect`, `report` and `status` work without the data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path

import pandas as pd
from pydantic import JsonValue

from orchestrator.config.ensembles import check_rows, chosen_with_bases
from orchestrator.config.experiment import Experiment
from orchestrator.config.phase import Phase
from orchestrator.config.undeclared import UndeclaredDifference, undeclared_differences
from orchestrator.plan import identity
from orchestrator.plan.class_count import refuse_classes
from orchestrator.plan.data_sets import DataSets
from orchestrator.plan.held_out import HeldOut, refuse_held_out
from orchestrator.plan.measured import known_measurement
from orchestrator.plan.resources import Machine, Share, this_machine
from orchestrator.plan.sharding import Shard, in_shard
from orchestrator.plan.shares import recorded_shares, trial_share
from orchestrator.plan.trial_tables import TrialTables
from orchestrator.plan.trial_work import trial_seconds
from orchestrator.plan.weights_lookup import starting_weights
from orchestrator.store.fingerprint import SHORT
from orchestrator.store.folder import State, Store, read_error, state_to_plan
from orchestrator.store.records import HandedOver, UnevenParts
from orchestrator.store.share_record import ShareRecord
from orchestrator.store.sweep_record import SweepRecord
from trainables.backbones import is_kernel_machine
from trainables.data.checks.findings import Finding
from trainables.data.dataset.manifest import Manifest
from trainables.data.splits.uneven_parts import uneven_parts
from trainables.device import DeviceType, device_type
from trainables.errors import InputError
from trainables.measurement import Measurement
from trainables.recipe import MEMORY_FORMATS, Recipe


@dataclass(frozen=True, slots=True)
class Trial:
    """One unit of work. `key` and `ingredients` are empty until the precision is known.

    `selected` is false where --only or --folds leave it out: it belongs to the phase and is not run now.
    `bases` are the trials whose networks it combines.
    """

    experiment: str
    repeat: int
    fold: int
    key: str
    ingredients: Mapping[str, JsonValue]
    folder: Path | None
    state: State
    why: str
    sizes: Mapping[str, int]
    share: Share
    estimate_s: float | None
    selected: bool
    bases: tuple["Trial", ...] = ()

    @property
    def name(self) -> str:
        """The trial as people call it."""
        return f"{self.experiment}-r{self.repeat}f{self.fold}"


@dataclass(frozen=True, slots=True)
class PlannedExperiment:
    """An experiment with its data and, once the precision is known, its recipe."""

    experiment: Experiment
    manifest: Manifest
    rows: tuple[pd.DataFrame, ...]
    recipe: Recipe | None
    measurement: Measurement | None
    held_out: HeldOut | None = None

    @property
    def num_classes(self) -> int:
        """Classes of the data set."""
        return len(self.manifest.classes)


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """A phase with everything that is known about it before it runs."""

    phase: Phase
    store: Store
    device: str
    experiments: tuple[PlannedExperiment, ...]
    trials: tuple[Trial, ...]
    handed_over: tuple[HandedOver, ...] = ()
    preset: str | None = None
    notes: tuple[str, ...] = ()
    uneven: tuple[UnevenParts, ...] = ()
    sweeps: tuple[SweepRecord, ...] = ()

    def recipes(self) -> list[dict[str, JsonValue]]:
        """Return what decides the numbers of each experiment, in plain JSON values."""
        return [each.experiment.recipe_keys().model_dump(mode="json") for each in self.experiments]

    def data_lines(self) -> list[str]:
        """Say how each data folder was read, and which names stand for fake and for real."""
        return list(dict.fromkeys(each.manifest.said for each in self.experiments))

    def undeclared(self) -> tuple[UndeclaredDifference, ...]:
        """Return in what compared experiments differ that nobody declared."""
        resolved = {each.experiment.name: each.recipe for each in self.experiments if each.recipe is not None}
        asked = {each.experiment.name: each.experiment for each in self.experiments}
        pairs = self.phase.comparisons, self.phase.decision
        # What one side has found out is no difference to a side that has not been looked at yet.
        half_known = [
            each
            for each in undeclared_differences(*pairs, asked)
            if not {each.baseline, each.treatment} <= set(resolved)
        ]
        return (*undeclared_differences(*pairs, resolved), *half_known)

    def selected(self) -> list[Trial]:
        """Return the trials that this command is about."""
        return [trial for trial in self.trials if trial.selected]

    def missing(self) -> list[Trial]:
        """Return the trials that have to run, the longest first (so that the last ones end together)."""
        missing = [trial for trial in self.selected() if trial.state != State.DONE]
        # Experiments that differ in name alone share trials; each is run once.
        once = {trial.key or trial.name: trial for trial in reversed(missing)}
        return sorted(reversed(once.values()), key=lambda trial: -(trial.estimate_s or 0.0))

    def waves(self) -> list[list[Trial]]:
        """Return the missing trials in groups that need the ones before them: bases, then ensembles."""
        missing = self.missing()
        waves = [
            [trial for trial in missing if not trial.bases],
            [trial for trial in missing if trial.bases],
        ]
        return [wave for wave in waves if wave]

    def experiment(self, name: str) -> PlannedExperiment:
        """Return the planned experiment called `name`."""
        return next(planned for planned in self.experiments if planned.experiment.name == name)

    def held_out(self) -> list[HeldOut]:
        """Return what is held out for the end of the study, once for each data set."""
        found = {each.held_out.file: each.held_out for each in self.experiments if each.held_out is not None}
        return list(found.values())


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says about how to run.

    `device` is what was declared to train, by `device_why` where no option and no variable says so; None =
    what there is. `grace_s` is how long trials may take to write a checkpoint where a signal ends the run.
    `shard` is the part of the trials that this machine runs; None = all of them.
    """

    results: Path
    data: Path | None = None
    only: str | None = None
    folds: tuple[int, ...] | None = None
    max_concurrent: int | None = None
    address: str = "local"
    device: DeviceType | None = None
    device_why: str = ""
    wait_workers_s: float = 900.0
    mixed_gpus: bool = False
    grace_s: float = 0.0
    quiet: bool = False
    debug: bool = False
    accept_shortcut: bool = False
    race: bool = False
    shard: Shard | None = None


def plan_study(
    phase: Phase,
    experiments: Sequence[Experiment],
    options: Options,
    *,
    data: DataSets,
    handed_over: tuple[HandedOver, ...] = (),
    preset: str | None = None,
    notes: tuple[str, ...] = (),
    sweeps: tuple[SweepRecord, ...] = (),
    machine: Machine | None = None,
    device: str | None = None,
) -> StudyPlan:
    """Plan a phase for this machine, or for another `machine` with another `device` ("cpu" or "cuda").

    What the experiments took over when they were loaded, the preset that they have, the notes that belong
    beside their answers, and the sweeps that they come from are recorded.

    Raises:
        InputError: the data can't be used as asked.
    """
    device = device or options.device or device_type()
    machine = machine or this_machine(device)
    store = data.store
    planned = tuple(
        _plan_experiment(experiment, store=store, data=data, device=device) for experiment in experiments
    )
    refuse_held_out(
        store,
        {each.experiment.name: each.rows for each in planned},
        [each.held_out for each in planned if each.held_out is not None],
    )
    names = [experiment.name for experiment in experiments]
    matching = {name for name in names if options.only is None or fnmatch(name, options.only)}
    if not matching:
        raise InputError(f"--only {options.only} matches none of the experiments: {', '.join(names)}")
    chosen = chosen_with_bases(experiments, matching)
    recipes = {each.experiment.name: each.recipe for each in planned}
    shares = recorded_shares(store.known_study(phase.name), recipes, device=device)
    planner = _Planner(store, machine, data.trial_tables, shares)
    for each in planned:
        wanted = set(_folds(each.experiment, options.folds)) if each.experiment.name in chosen else set()
        for repeat, rows in enumerate(each.rows):
            for fold in range(each.experiment.num_folds):
                planner.add(each, rows, repeat=repeat, fold=fold, selected=fold in wanted)
    return StudyPlan(
        phase,
        store,
        device,
        planned,
        in_shard(tuple(planner.trials.values()), experiments, options.shard, store),
        handed_over,
        preset,
        notes,
        _uneven(planned, planner),
        sweeps,
    )


def _plan_experiment(
    experiment: Experiment, *, store: Store, data: DataSets, device: str
) -> PlannedExperiment:
    manifest = data.manifest(experiment)
    refuse_classes(experiment, manifest.classes)
    rows = tuple(data.rows(experiment, manifest, repeat) for repeat in range(experiment.cv_repeats))
    measured = known_measurement(store, experiment, device)
    resolved: dict[str, JsonValue] = {}
    if measured is not None and not measured.knows(experiment.batch_size, device):
        measured = None
    if measured is not None:
        choice = measured.choice
        resolved = {"precision": choice.precision, "memory_format": choice.memory_format}
        resolved["micro_batch"] = measured.micro_batch(experiment.batch_size)
    elif is_kernel_machine(experiment.backbone):
        # Not a choice: its matrix products are float32.
        resolved = {"precision": "float32", "memory_format": "contiguous"}
    elif experiment.precision != "auto":
        resolved = {"precision": experiment.precision, "memory_format": MEMORY_FORMATS[experiment.precision]}
    recipe, weights = None, starting_weights(store, experiment)
    if resolved and (weights is not None or not experiment.pretrained):
        resolved |= {"layout": manifest.layout, "group_by": manifest.group_by}
        recipe = experiment.recipe(weights=None if weights is None else weights.model_dump(), **resolved)
    return PlannedExperiment(experiment, manifest, rows, recipe, measured, data.held_out(experiment))


def _unknown(planned: PlannedExperiment) -> str:
    """Say what a trial has no key for."""
    if planned.measurement is None and planned.experiment.precision == "auto":
        return "precision not measured yet"
    return "pretrained weights not looked up yet"


def _folds(experiment: Experiment, wanted: Sequence[int] | None) -> list[int]:
    every = list(range(experiment.num_folds))
    unknown = sorted(set(wanted or ()) - set(every))
    if unknown:
        known = f"0 to {every[-1]}" if len(every) > 1 else "0 alone"
        raise InputError(f"--folds {','.join(map(str, unknown))}: {experiment.name} has the folds {known}")
    return every if wanted is None else [fold for fold in every if fold in wanted]


@dataclass(slots=True)
class _Planner:
    """Plans trials one after the other, a base before what combines it."""

    store: Store
    machine: Machine
    dealt: TrialTables
    shares: Mapping[str, ShareRecord]
    trials: dict[tuple[str, int, int], Trial] = field(default_factory=dict)
    _on_disk: dict[str, Path] = field(default_factory=dict)
    tables: dict[tuple[str, int, int], pd.DataFrame] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._on_disk = self.store.folders_by_key()

    def add(
        self, planned: PlannedExperiment, rows: pd.DataFrame, *, repeat: int, fold: int, selected: bool
    ) -> None:
        """Plan one trial."""
        experiment, place = planned.experiment, (planned.experiment.name, repeat, fold)
        try:
            found = self.dealt.of(rows, experiment, repeat=repeat, fold=fold)
        except InputError as error:
            raise InputError(f"{experiment.name}: {error}") from error
        self.tables[place] = found.table
        bases = self._bases(experiment, place)
        speed = planned.measurement.choice if planned.measurement else None
        unmeasured = Trial(
            experiment=experiment.name,
            repeat=repeat,
            fold=fold,
            key="",
            ingredients={},
            folder=None,
            state=State.MISSING,
            why=_unknown(planned),
            sizes=found.sizes,
            share=trial_share(
                self.machine,
                self.shares.get(experiment.name),
                peak_mib=speed.peak_mib if speed else None,
                wanted=experiment.resources,
            ),
            estimate_s=trial_seconds(found.sizes, experiment, speed.images_per_s) if speed else None,
            selected=selected,
            bases=bases,
        )
        if planned.recipe is None or any(not base.key for base in bases):
            self.trials[place] = unmeasured
            return
        ingredients = identity.trial_ingredients(
            planned.recipe,
            repeat=repeat,
            fold=fold,
            rows=found.fingerprint,
            bases=[base.key for base in bases],
        )
        key = identity.trial_key(ingredients)
        folder = self._on_disk.get(key[:SHORT]) or self.store.new_folder(*place, key)
        self._on_disk[key[:SHORT]] = folder
        state = state_to_plan(folder)
        self.trials[place] = replace(
            unmeasured, key=key, ingredients=ingredients, folder=folder, state=state, why=_why(state, folder)
        )

    def _bases(self, experiment: Experiment, place: tuple[str, int, int]) -> tuple[Trial, ...]:
        places = [(name, *place[1:]) for name in experiment.bases]
        for base in places:
            check_rows(experiment.name, self.tables[place], base[0], self.tables[base])
        return tuple(self.trials[base] for base in places)


def _uneven(planned: Sequence[PlannedExperiment], planner: _Planner) -> tuple[UnevenParts, ...]:
    """Find parts that are far from what trials need; experiments of which the same is said share a record."""
    found: dict[tuple[str, str], list[str]] = {}
    # Experiments that share all tables of a repeat share what is found in them.
    looked_at: dict[tuple[object, ...], list[Finding]] = {}
    for each in planned:
        name = each.experiment.name
        for repeat in range(each.experiment.cv_repeats):
            tables = {
                f"fold {fold}" + (f" of repeat {repeat}" if each.experiment.cv_repeats > 1 else ""): table
                for (experiment, of_repeat, fold), table in planner.tables.items()
                if (experiment, of_repeat) == (name, repeat)
            }
            alike = (*map(id, tables.values()), *tables, each.manifest.classes)
            if alike not in looked_at:
                looked_at[alike] = uneven_parts(tables, classes=each.manifest.classes)
            for finding in looked_at[alike]:
                names = found.setdefault((finding.name, finding.sentence), [])
                names += [name] if name not in names else []
    return tuple(
        UnevenParts(name=name, sentence=sentence, experiments=tuple(names))
        for (name, sentence), names in found.items()
    )


def _why(state: State, folder: Path) -> str:
    if state == State.FAILED:
        error = read_error(folder)
        return f"failed before: {error.message if error else 'no reason kept'}"
    return {
        State.DONE: f"finished in {folder.name}",
        State.RUNNING: "another process is running it",
        State.INTERRUPTED: "goes on from its last checkpoint",
        State.MISSING: "no such trial in results yet",
        State.UNREADABLE: "a file that its scores are read from is damaged; it runs again",
    }[state]
