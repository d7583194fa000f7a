"""Finished trials of an experiment as files that models are loaded from, to score or to explain images.

A trial is there if it is finished and its weights lie beside it; which of an experiment's trials are not, and
why, is told beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.store.fingerprint import SHORT
from orchestrator.store.folder import State, Store, read_trial, trial_state
from orchestrator.store.records import ExperimentRecord
from orchestrator.store.remote.local_copy import copy_at
from trainables.errors import InputError
from trainables.recipe import RecipeKeys
from trainables.trial_files import WEIGHTS


@dataclass(frozen=True, slots=True)
class FinishedTrial:
    """A trial with weights, its `folder` (absolute), and the folders of the `bases` that it combines."""

    experiment: str
    repeat: int
    fold: int
    folder: Path
    bases: tuple[Path, ...]
    num_classes: int
    recipe: RecipeKeys

    @property
    def place(self) -> tuple[int, int]:
        """Repeat and fold."""
        return self.repeat, self.fold

    @property
    def column(self) -> str:
        """What tables and files call its model: r0f3."""
        return f"r{self.repeat}f{self.fold}"


@dataclass(frozen=True, slots=True)
class FinishedTrials:
    """The trials of an experiment that models can be loaded from, in order, and what is wrong with others."""

    experiment: str
    trials: tuple[FinishedTrial, ...]
    problems: tuple[str, ...]


def finished_trials(store: Store, experiment: ExperimentRecord) -> FinishedTrials:
    """Find the trials of an experiment whose models can be loaded.

    Raises:
        InputError: there is none.
    """
    folders, found, problems = store.folders_by_key(), list[FinishedTrial](), list[str]()
    for planned in sorted(experiment.trials, key=lambda trial: (trial.repeat, trial.fold)):
        folder = store.trial(planned.folder)
        try:
            bases = _usable(store, folder, folders)
        except InputError as error:
            problems.append(str(error))
            continue
        found.append(
            FinishedTrial(
                experiment.name,
                planned.repeat,
                planned.fold,
                folder,
                bases,
                experiment.num_classes,
                experiment.recipe,
            )
        )
    if not found:
        raise InputError(
            f"no trial of {experiment.name} has a model: {problems[0] if problems else 'none was planned'}"
        )
    return FinishedTrials(experiment.name, tuple(found), tuple(problems))


def base_folders(folder: Path, folders: Mapping[str, Path]) -> tuple[Path, ...]:
    """Return the folders of the trials that an ensemble's trial combines; none of any other trial.

    Args:
        folder: the trial's folder.
        folders: every trial's folder by its short key, as `Store.folders_by_key` gives them.

    Raises:
        InputError: one of them is gone.
    """
    record = read_trial(folder)
    keys = record.ingredients.get("bases", ()) if record is not None else ()
    found = []
    for key in keys if isinstance(keys, list) else ():
        if str(key)[:SHORT] not in folders:
            raise InputError(f"{folder} combines a trial that is gone ({str(key)[:SHORT]}); run it again")
        found.append(folders[str(key)[:SHORT]])
    return tuple(found)


def _usable(store: Store, folder: Path, folders: Mapping[str, Path]) -> tuple[Path, ...]:
    """Return the bases of a trial whose model can be loaded; raise InputError of any other.

    Weights that remote results have are fetched.
    """
    state = trial_state(folder)
    if state != State.DONE:
        raise InputError(f"{folder.name} is {state}; run it first")
    for each in (folder, *(bases := base_folders(folder, folders))):
        if not (each / WEIGHTS).is_file() and (copy := copy_at(store.root)) is not None:
            copy.fetch(copy.name_of(each / WEIGHTS))
        if not (each / WEIGHTS).is_file():
            raise InputError(f"{each.name} has no {WEIGHTS} any more; delete its folder and run it again")
    return bases
