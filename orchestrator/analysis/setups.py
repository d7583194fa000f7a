"""Software and hardware that trials ran on, as far as numbers hang on it, and where two experiments differ.

Equal recipes give equal numbers on the same type of device with the same versions and, on the CPU, the same
number of threads. Where the sides of a comparison differ in one of these, a small difference may be of that.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.analysis.experiment_scores import Gathered
from orchestrator.store.folder import read_trial
from orchestrator.store.records import TrialRecord

LIBRARIES = ("torch", "timm")


@dataclass(frozen=True, slots=True)
class SetupDifference:
    """Something that the two sides ran with, and what each had of it, sorted."""

    what: str
    baseline: tuple[str, ...]
    treatment: tuple[str, ...]

    def text(self) -> str:
        """Name it with what both sides had."""
        return f"{self.what} ({' and '.join(self.baseline)} against {' and '.join(self.treatment)})"


def setup_differences(baseline: Gathered, treatment: Gathered) -> tuple[SetupDifference, ...]:
    """Return in what two experiments ran differently: torch, timm, devices, precision, parts of a batch, CPU
    threads.

    What a trial did not write down is no difference.
    """
    sides = (_setup(baseline), _setup(treatment))
    found = []
    for what in dict.fromkeys([*sides[0], *sides[1]]):
        mine, other = (side.get(what, frozenset()) for side in sides)
        if mine and other and mine != other:
            found.append(SetupDifference(what, tuple(sorted(mine)), tuple(sorted(other))))
    return tuple(found)


def setups_text(differences: tuple[SetupDifference, ...]) -> str:
    """Say in what two sides differ; empty where they do not."""
    if not differences:
        return ""
    return f"the two ran with different {', '.join(each.text() for each in differences)}"


def mixed_setups(experiments: Iterable[Gathered]) -> dict[str, tuple[str, ...]]:
    """Return what not all trials of some experiments ran with alike, with all that there was of it."""
    values: dict[str, set[str]] = {}
    for experiment in experiments:
        for what, found in _setup(experiment).items():
            values.setdefault(what, set()).update(found)
    return {what: tuple(sorted(found)) for what, found in values.items() if len(found) > 1}


def _setup(experiment: Gathered) -> dict[str, frozenset[str]]:
    """What the finished trials of an experiment ran with, by name; their records are read once."""
    if experiment.setup is None:
        experiment.setup = _read_setup(experiment)
    return experiment.setup


def _precision(record: TrialRecord) -> str:
    """The number format, and whether a GPU rounded float32 further."""
    return record.recipe.precision + (" with TF32" if record.run.tf32 else "")


def _parts(record: TrialRecord) -> str:
    """How a batch was worked on; batch normalisation sees the parts, so it makes a difference."""
    size = record.run.micro_batch
    return "as planned" if size is None else f"{size} images after memory ran out"


def _read_setup(experiment: Gathered) -> dict[str, frozenset[str]]:
    values: dict[str, set[str]] = {}
    for place, trial in experiment.trials.items():
        record = read_trial(experiment.folders[place])
        if record is not None:
            for library in LIBRARIES:
                if library in record.run.versions:
                    values.setdefault(library, set()).add(record.run.versions[library])
            if record.run.device:
                values.setdefault("device", set()).add(record.run.device)
            values.setdefault("precision", set()).add(_precision(record))
            values.setdefault("parts of a batch", set()).add(_parts(record))
        if trial.device == "cpu":
            # On a GPU the threads only feed it.
            values.setdefault("CPU threads", set()).add(str(trial.threads))
    return {name: frozenset(found) for name, found in values.items()}
