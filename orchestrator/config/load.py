"""From the names on a command line to a phase and its experiments, with what earlier phases decided.

`load` reads files alone, so that whatever is wrong in them is said before anything is looked at. `complete`
then adds the experiments that hang on what the data is, and says what a reader has to know beforehand.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from orchestrator.config.earlier_decisions import data_notes, layers, preset_notes, take_over
from orchestrator.config.ensembles import with_bases
from orchestrator.config.experiment import Experiment, Made, experiment_files, find_file, load_experiments
from orchestrator.config.generated import Generated, Look, for_selected, for_sources, maker_of
from orchestrator.config.phase import Phase, completed, load_phase, phase_names, phase_of
from orchestrator.store.folder import Store
from orchestrator.store.records import HandedOver
from trainables.errors import InputError, nearest


@dataclass(frozen=True, slots=True)
class Asked:
    """Which experiments a command names, and what it puts on top of their files."""

    names: tuple[str, ...]
    folder: Path
    preset: str | None = None
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """What a command is about: a phase, its experiments in running order, and what it takes over.

    `made` came of the phase's templates so far, and `notes` are sentences that belong beside its answers.
    """

    asked: Asked
    phase: Phase
    experiments: tuple[Experiment, ...]
    handed_over: tuple[HandedOver, ...] = ()
    made: Generated = field(default_factory=Generated)
    notes: tuple[str, ...] = ()


def load(
    names: Sequence[str], folder: Path, *, results: Path, preset: str | None, settings: Sequence[str]
) -> Question:
    """Load a phase by its name, or make one of single experiments, which are what their files say.

    Args:
        names: a phase of `folder`, or experiments by name or path.
        folder: the experiments folder.
        results: where decisions of earlier phases lie.
        preset: the stem of a file in presets/.
        settings: "key=value" strings.

    Raises:
        InputError: a file is wrong, or a decision that the phase builds on has not been taken.
    """
    asked = Asked(tuple(names), folder, preset, tuple(settings))
    by_phase = len(names) == 1 and (names[0] in phase_names(folder) or names[0].startswith("phase"))
    if not by_phase:
        _refuse_unknown(folder, names)
        experiments = _experiments(asked, asked.names, ())
        # Bases run with what combines them, and do not give it another name.
        phase = phase_of(tuple(Path(name).stem if name.endswith(".json") else name for name in names))
        return _question(asked, phase, experiments, ())
    store = Store.look(results)
    phase = load_phase(folder, names[0])
    taken = take_over(folder, phase, store)
    made = Generated()
    for each in taken:
        made += for_selected(folder, phase, each.selected)
    experiments = _experiments(asked, (*phase.experiments, *made.experiments), taken)
    if phase.templates and not phase.for_each_source:
        phase = _completed(folder, phase, made)
    notes = (*_not_run(folder, phase, store), *preset_notes(taken, preset))
    return replace(_question(asked, phase, experiments, taken), notes=notes, made=made)


def complete(question: Question, look: Look) -> Question:
    """Add the experiments that hold a source out, and say which decisions were taken on other data.

    Args:
        question: what `load` gave.
        look: finds out about the data of an experiment.

    Raises:
        InputError: the data can't be used, or a made experiment is wrong.
    """
    phase, asked, taken = question.phase, question.asked, question.handed_over
    notes = question.notes
    if taken:
        notes += data_notes(taken, [look(experiment) for experiment in question.experiments])
    if not phase.for_each_source:
        return replace(question, notes=notes)
    held_out = for_sources(asked.folder, phase, look(_parent(phase, asked)))
    made = question.made + held_out
    before = {each.name for each in question.made.experiments}
    with_files = tuple(name for name in phase.experiments if name not in before)
    phase = phase.model_copy(update={"experiments": with_files})
    experiments = _experiments(asked, (*phase.experiments, *made.experiments), taken)
    if not experiments:
        raise InputError(f"{phase.name} has nothing to run; {'; '.join(held_out.notes)}")
    phase = _completed(asked.folder, phase, made)
    return replace(_question(asked, phase, experiments, taken), notes=notes + held_out.notes)


def experiments_folder(given: Path | None) -> Path:
    """Return the folder that was named, else experiments/ here, else the one beside the program."""
    if given is not None:
        return given
    here = Path("experiments")
    return here if (here / "shared.json").is_file() else Path(__file__).parents[2] / "experiments"


def _experiments(
    asked: Asked, names: Sequence[str | Made], taken: Sequence[HandedOver]
) -> tuple[Experiment, ...]:
    below, above = layers(taken, asked.preset)
    loaded = load_experiments(
        asked.folder, names, handed_over=below, decided=above, preset=asked.preset, settings=asked.settings
    )
    return with_bases(asked.folder, loaded, handed_over=taken, preset=asked.preset, settings=asked.settings)


def _refuse_unknown(folder: Path, names: Sequence[str]) -> None:
    """Say of an experiment without a file which phase makes it, or what is called nearly so."""
    files, phases = {path.stem for path in experiment_files(folder)}, phase_names(folder)
    for name in names:
        if name in files or name.endswith(".json"):
            continue
        maker = maker_of([load_phase(folder, phase) for phase in phases], name)
        if maker is not None:
            command = f"python -m orchestrator {maker} --only {name}"
            raise InputError(f"{name} has no file: {maker} makes it, and `{command}` runs it")
        near = nearest(name, [*phases, *files]) or "there are none"
        raise InputError(f"no experiment {name!r}, and no phase, below {folder}; {near}")


def _parent(phase: Phase, asked: Asked) -> Experiment:
    """Load what the hold-outs of a phase extend: its data is theirs."""
    name = phase.for_each_source[0].extends
    try:
        (found,) = load_experiments(asked.folder, [name], preset=asked.preset, settings=asked.settings)
    except InputError as error:
        where = asked.folder / phase.name / "phase.json"
        raise InputError(f"{where}: for_each_source extends {name!r}: {error}") from error
    return found


def _question(
    asked: Asked, phase: Phase, experiments: tuple[Experiment, ...], taken: tuple[HandedOver, ...]
) -> Question:
    everything = tuple(experiment.name for experiment in experiments)
    phase = phase.model_copy(update={"experiments": everything})
    return Question(asked, phase, experiments, taken)


def _completed(folder: Path, phase: Phase, made: Generated) -> Phase:
    names = [each.name for each in made.experiments]
    return completed(phase, str(folder / phase.name / "phase.json"), names, made.comparisons)


def _not_run(folder: Path, phase: Phase, store: Store) -> tuple[str, ...]:
    """Say which experiments of this phase belong to a phase that has not been run."""
    owners: dict[str, list[str]] = {}
    others = set(phase_names(folder)) - {phase.name, *store.studies()}
    for name in phase.experiments:
        try:
            owner = find_file(folder, name).parent.name
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
