"""From the names on a command line to a phase and its experiments, with what earlier phases decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.bases import with_bases
from orchestrator.experiment import Experiment, load_experiments
from orchestrator.handing_over import HandedOver, take_over
from orchestrator.phase import Phase, load_phase, phase_names, phase_of
from orchestrator.store import Store


@dataclass(frozen=True, slots=True)
class Question:
    """What a command is about: a phase, its experiments in running order, and what it takes over."""

    phase: Phase
    experiments: tuple[Experiment, ...]
    handed_over: tuple[HandedOver, ...] = ()


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
    by_phase = len(names) == 1 and (names[0] in phase_names(folder) or names[0].startswith("phase"))
    phase = load_phase(folder, names[0]) if by_phase else None
    taken = take_over(folder, phase, Store.look(results)) if phase is not None else ()
    asked = load_experiments(
        folder,
        phase.experiments if phase is not None else names,
        handed_over=[each.layer() for each in taken],
        preset=preset,
        settings=settings,
    )
    if phase is None:
        phase = phase_of(tuple(experiment.name for experiment in asked))
    experiments = with_bases(folder, asked, handed_over=taken, preset=preset, settings=settings)
    everything = tuple(experiment.name for experiment in experiments)
    return Question(phase.model_copy(update={"experiments": everything}), experiments, taken)


def experiments_folder(given: Path | None) -> Path:
    """Return the folder that was named, else experiments/ here, else the one beside the program."""
    if given is not None:
        return given
    here = Path("experiments")
    return here if (here / "shared.json").is_file() else Path(__file__).parent.parent / "experiments"
