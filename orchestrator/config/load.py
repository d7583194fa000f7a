"""Loading of the phase and the experiments that a command line names, with what earlier phases decided.

`load` reads files alone, so that whatever is wrong in them is said before anything is looked at. `complete`
then adds the experiments that hang on what the data is and on what searches have proposed, and says what a
reader has to know beforehand.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from orchestrator.config.earlier_decisions import NOTHING, data_notes, layers, preset_notes, take_over
from orchestrator.config.ensembles import with_bases
from orchestrator.config.experiment import Experiment, Made, files_read, load_experiments
from orchestrator.config.generated import Generated, Look, for_selected, for_sources, maker_of
from orchestrator.config.held_out import check_held_out
from orchestrator.config.library import Library
from orchestrator.config.phase import Phase, completed, load_phase, phase_of
from orchestrator.config.sweep_size import refuse_large
from orchestrator.config.swept import (
    Load,
    Proposed,
    check_space,
    refuse_clashes,
    refuse_settings,
    sweep_experiments,
    sweeper_of,
)
from orchestrator.store.folder import Store
from orchestrator.store.records import HandedOver
from trainables.errors import InputError, nearest

NO_PROPOSALS: Mapping[int, Sequence[Proposed]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Request:
    """Which experiments a command names, and what it puts on top of their files.

    `accepted` is how many trials of sweeps it accepts where they are many; 0 = it says nothing.
    """

    names: tuple[str, ...]
    library: Library
    preset: str | None = None
    settings: tuple[str, ...] = ()
    accepted: int = 0


@dataclass(frozen=True, slots=True)
class ResolvedPhase:
    """What a command is about: a phase, its experiments in running order, and what it takes over.

    `made` came of the phase's templates and sweeps so far, `possible` are examples of what its searches may
    propose, and `notes` are sentences that belong beside its answers.
    """

    request: Request
    phase: Phase
    experiments: tuple[Experiment, ...]
    handed_over: tuple[HandedOver, ...] = ()
    made: Generated = field(default_factory=Generated)
    possible: tuple[Experiment, ...] = ()
    notes: tuple[str, ...] = ()


def load(
    names: Sequence[str],
    library: Library,
    *,
    results: Path,
    preset: str | None,
    settings: Sequence[str],
    expected: Mapping[str, Sequence[str]] = NOTHING,
    accepted: int = 0,
) -> ResolvedPhase:
    """Load a phase by its name, or make one of single experiments, which are what their files say.

    Args:
        names: a phase of `library`, or experiments by name or path.
        library: where the files are found.
        results: where decisions of earlier phases lie.
        preset: the stem of a file in presets/.
        settings: "key=value" strings.
        expected: for a plan alone, phases whose decision is still to come, and what each may select.
        accepted: how many trials of sweeps are accepted where they are many; 0 = nothing is said of it.

    Raises:
        InputError: a file is wrong, sweeps are too large, or a decision that the phase builds on has not been
            taken.
    """
    request = Request(tuple(names), library, preset, tuple(settings), accepted)
    if not _is_phase(library, names):
        _refuse_unknown(library, names)
        experiments = _experiments(request, request.names, ())
        # Bases run with what combines them, and do not give it another name.
        phase = phase_of(tuple(map(_name_of, names)))
        notes = tuple(library.replacements(_files(request, names, experiments)))
        return replace(_resolved(request, phase, experiments, ()), notes=notes)
    store = Store.look(results)
    phase = load_phase(library, names[0])
    taken = take_over(library, phase, store, expected=expected)
    made = Generated()
    for each in taken:
        made += for_selected(library.phase(phase.name), phase, each.selected)
    of_grids, possible = _checked_sweeps(request, phase, taken, store)
    made += of_grids
    phase = _with_bases(phase, made)
    asked: tuple[str | Made, ...] = (*phase.experiments, *made.experiments)
    experiments = _experiments(request, asked, taken)
    if (phase.templates or phase.sweeps) and not _is_open(phase):
        phase = _completed(library, phase, made)
    replaced = library.replacements([library.phase(phase.name), *_files(request, asked, experiments)])
    notes = (*replaced, *_not_run(library, phase, store), *preset_notes(taken, preset))
    resolved = _resolved(request, phase, experiments, taken)
    return replace(resolved, notes=notes, made=made, possible=possible)


def complete(
    resolved: ResolvedPhase, look: Look, proposals: Mapping[int, Sequence[Proposed]] = NO_PROPOSALS
) -> ResolvedPhase:
    """Add the experiments that hold a source out, or that searches have proposed so far.

    It also says which decisions were taken on other data.

    Args:
        resolved: what `load` gave.
        look: finds out about the data of an experiment.
        proposals: of each search, by its place among the phase's sweeps, what it has proposed.

    Raises:
        InputError: the data can't be used, or a made experiment is wrong.
    """
    phase, request, taken = resolved.phase, resolved.request, resolved.handed_over
    notes = resolved.notes
    if taken:
        notes += data_notes(taken, [look(experiment) for experiment in resolved.experiments])
    if not _is_open(phase):
        return replace(resolved, notes=notes)
    file, made, held_out = request.library.phase(phase.name), resolved.made, Generated()
    if phase.for_each_source:
        held_out = for_sources(file, phase, look(_parent(phase, request)))
    for place in phase.searches:
        made += sweep_experiments(file, phase, place, proposals.get(place, ()), load=_loader(request, taken))
    made += held_out
    before = {each.name for each in resolved.made.experiments}
    with_files = tuple(name for name in phase.experiments if name not in before)
    phase = _with_bases(phase.model_copy(update={"experiments": with_files}), made)
    asked: tuple[str | Made, ...] = (*phase.experiments, *made.experiments)
    experiments = _experiments(request, asked, taken)
    if not experiments:
        raise InputError(f"{phase.name} has nothing to run; {'; '.join(held_out.notes)}")
    phase = _completed(request.library, phase, made)
    replaced = request.library.replacements(_files(request, asked, experiments))
    notes = tuple(dict.fromkeys((*notes, *replaced, *held_out.notes)))
    return replace(_resolved(request, phase, experiments, taken), notes=notes, made=made)


def _is_open(phase: Phase) -> bool:
    """Whether a part of the phase's experiments is known only from its data, or from scores."""
    return bool(phase.for_each_source or phase.searches)


def _with_bases(phase: Phase, made: Generated) -> Phase:
    """Add the experiments that sweeps need beside their own."""
    return phase.model_copy(update={"experiments": tuple(dict.fromkeys((*phase.experiments, *made.bases)))})


def _loader(request: Request, taken: Sequence[HandedOver]) -> Load:
    return lambda names: _experiments(request, names, taken)


def _checked_sweeps(
    request: Request, phase: Phase, taken: Sequence[HandedOver], store: Store
) -> tuple[Generated, tuple[Experiment, ...]]:
    """Make the experiments of grids, and examples of what searches may propose.

    Every sweep is looked at before: none is too large, none can't be.
    """
    made, library = Generated(), request.library
    possible: tuple[Experiment, ...] = ()
    if not phase.sweeps:
        return made, possible
    file, load_as_here = library.phase(phase.name), _loader(request, taken)
    refuse_settings(file, phase.sweeps, request.settings)
    names = tuple(dict.fromkeys(sweep.extends for sweep in phase.sweeps))
    for name in names:
        if name not in library.experiments():
            near = nearest(name, library.experiments())
            raise InputError(f"{file}: a sweep extends {name!r}, and there is no such experiment; {near}")
    bases = {each.name: each for each in load_as_here(names)}
    refuse_large(file, phase.sweeps, bases, store, accepted=request.accepted)
    for place, sweep in enumerate(phase.sweeps):
        if sweep.search is None:
            made += sweep_experiments(file, phase, place, None, load=load_as_here)
        else:
            possible += check_space(file, sweep, load=load_as_here)
    refuse_clashes(file, made, library.experiments())
    return made, possible


def _experiments(
    request: Request, names: Sequence[str | Made], taken: Sequence[HandedOver]
) -> tuple[Experiment, ...]:
    below, above = layers(taken, request.preset)
    loaded = load_experiments(
        request.library,
        names,
        handed_over=below,
        decided=above,
        preset=request.preset,
        settings=request.settings,
    )
    experiments = with_bases(
        request.library, loaded, handed_over=taken, preset=request.preset, settings=request.settings
    )
    check_held_out(experiments)
    return experiments


def _is_phase(library: Library, names: Sequence[str]) -> bool:
    """Whether a phase is named, or what can only be meant for one."""
    if len(names) != 1 or names[0] in library.phases():
        return len(names) == 1
    return names[0].startswith("phase") and names[0] not in library.experiments()


def _name_of(asked: str | Made) -> str:
    if isinstance(asked, Made):
        return asked.name
    return Path(asked).stem if asked.endswith(".json") else asked


def _files(
    request: Request, asked: Sequence[str | Made], experiments: Sequence[Experiment]
) -> Iterator[Path]:
    """The files that the experiments, those that were asked for and their bases, were read from."""
    by_name = {_name_of(each): each for each in asked}
    everything = [by_name.get(each.name, each.name) for each in experiments]
    return files_read(request.library, everything, preset=request.preset)


def _refuse_unknown(library: Library, names: Sequence[str]) -> None:
    """Say of an experiment without a file which phase makes it, or what is called nearly so."""
    files, phases = library.experiments(), library.phases()
    for name in names:
        if name in files or name.endswith(".json"):
            continue
        if name in phases:
            raise InputError(f"{name} is a phase, which is named alone; leave out the other names")
        known = list(_readable_phases(library))
        maker = maker_of(known, name) or sweeper_of(known, name)
        if maker is not None:
            command = f"python -m orchestrator {maker} --only {name}"
            raise InputError(f"{name} has no file: {maker} makes it, and `{command}` runs it")
        near = nearest(name, [*phases, *files]) or "there are none"
        raise InputError(f"no experiment {name!r}, and no phase, below {library}; {near}")


def _readable_phases(library: Library) -> Iterator[Phase]:
    """The phases whose files are right; a wrong one must not stop a command that does not name it."""
    for name in library.phases():
        try:
            yield load_phase(library, name)
        except InputError:
            continue


def _parent(phase: Phase, request: Request) -> Experiment:
    """Load what the hold-outs of a phase extend: its data is theirs."""
    name = phase.for_each_source[0].extends
    try:
        (found,) = load_experiments(request.library, [name], preset=request.preset, settings=request.settings)
    except InputError as error:
        where = request.library.phase(phase.name)
        raise InputError(f"{where}: for_each_source extends {name!r}: {error}") from error
    return found


def _resolved(
    request: Request, phase: Phase, experiments: tuple[Experiment, ...], taken: tuple[HandedOver, ...]
) -> ResolvedPhase:
    everything = tuple(experiment.name for experiment in experiments)
    phase = phase.model_copy(update={"experiments": everything})
    return ResolvedPhase(request, phase, experiments, taken)


def _completed(library: Library, phase: Phase, made: Generated) -> Phase:
    names = [each.name for each in made.experiments]
    grows = any(len(each.settings) < each.num_planned for each in made.sweeps)
    return completed(phase, str(library.phase(phase.name)), names, made.comparisons, grows=grows)


def _not_run(library: Library, phase: Phase, store: Store) -> tuple[str, ...]:
    """Say which experiments of this phase belong to a phase that has not been run."""
    owners: dict[str, list[str]] = {}
    others = set(library.phases()) - {phase.name, *store.studies()}
    for name in phase.experiments:
        try:
            owner = library.experiment(name).parent.name
        except InputError:
            # What a phase made has no file.
            continue
        if owner in others:
            owners.setdefault(owner, []).append(name)
    return tuple(
        f"{owner} has not been run in {store.root}: its {' and '.join(names)} run here, as part of "
        f"{phase.name}, and {owner} will find them finished"
        for owner, names in owners.items()
    )
