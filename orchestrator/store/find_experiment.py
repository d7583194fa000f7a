"""Experiments found by name in results/, whatever phase they ran in.

An experiment is found in the records of phases (studies/*.json) or, where no record names it any more, put
together from the trials that say they belong to it: then nothing says which fold file they were split by.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from orchestrator.store.fingerprint import SHORT, fingerprint
from orchestrator.store.folder import State, Store, read_trial, trial_state
from orchestrator.store.records import ExperimentRecord, PlannedTrial, RecipeRecord
from trainables.errors import InputError, nearest


def find_experiment(store: Store, wanted: str) -> ExperimentRecord:
    """Find an experiment by its name, by PHASE/NAME, or by the name of one of its trials' folders.

    Raises:
        InputError: none is called so, or several with different trials are.
    """
    found = {
        f"{phase}/{record.name}": record
        for phase, record in _recorded(store)
        if wanted in (record.name, f"{phase}/{record.name}")
    }
    if not found:
        found = {
            folder: record
            for record in _from_trials(store)
            for folder in trial_folders(record)
            if wanted in (record.name, folder.rpartition("/")[2])
        }
    distinct = _distinct(found)
    if len(distinct) > 1:
        # What was planned and never run does not stand in the way of what was.
        distinct = {way: each for way, each in distinct.items() if _is_started(store, each)} or distinct
    if len(distinct) > 1:
        raise InputError(
            f"{len(distinct)} experiments in {store.root} are called {wanted!r} and have different trials; "
            f"name one as {' or '.join(way.rpartition('trials/')[2] for way in sorted(distinct)[:6])}"
        )
    if not distinct:
        known = {record.name for _, record in _recorded(store)}
        known |= {record.name for record in _from_trials(store)}
        hint = nearest(wanted, sorted(known)) or "nothing has run there yet"
        raise InputError(f"no experiment {wanted!r} in {store.root}; {hint}")
    return next(iter(distinct.values()))


def find_trial(store: Store, wanted: str) -> Path:
    """Find the folder of a trial by its name, a part of it, or the start of its key.

    Raises:
        InputError: no trial or several match `wanted`.
    """
    folders = [
        path
        for key, path in store.folders_by_key().items()
        if wanted in path.name or (len(wanted) > SHORT and wanted.startswith(key))
    ]
    folders = [path for path in folders if path.name == wanted] or folders
    if not folders:
        hint = nearest(wanted, sorted(path.name for path in store.folders_by_key().values()))
        raise InputError(f"no trial in {store.trials} matches {wanted!r}; {hint or 'none has run there yet'}")
    if len(folders) > 1:
        many = ", ".join(path.name for path in folders[:4])
        raise InputError(
            f"{len(folders)} trials in {store.trials} match {wanted!r}; name one of them, like {many}"
        )
    return folders[0]


def experiment_of_trial(store: Store, folder: Path) -> ExperimentRecord:
    """Return the experiment of the trial at `folder`, with that trial alone.

    Raises:
        InputError: nothing can be read of the trial.
    """
    called = store.called(folder)
    known = (record for _, record in _recorded(store))
    of_trials = (record for records in (known, _from_trials(store)) for record in records)
    for record in of_trials:
        if mine := tuple(trial for trial in record.trials if trial.folder == called):
            return record.model_copy(update={"trials": mine})
    raise InputError(f"nothing can be read of the trial {folder} but its name; run it again")


def recorded_phase(store: Store, experiment: ExperimentRecord) -> str | None:
    """Return the first phase whose record has an experiment of this name and some of these trials."""
    mine = set(trial_folders(experiment))
    for phase, record in _recorded(store):
        if record.name == experiment.name and mine & set(trial_folders(record)):
            return phase
    return None


def recorded_classes(store: Store, experiment: ExperimentRecord) -> tuple[str, ...] | None:
    """Return the names of the classes of an experiment's data; None where no study names them any more."""
    studies = (store.known_study(phase) for phase in store.studies())
    data = (each for study in studies if study is not None for each in study.data)
    return next((each.classes for each in data if each.root == experiment.data), None)


def trial_folders(record: ExperimentRecord) -> list[str]:
    """Return the folders of an experiment's trials, below results/, in order."""
    return sorted(trial.folder for trial in record.trials)


def _is_started(store: Store, record: ExperimentRecord) -> bool:
    return any(trial_state(store.trial(folder)) == State.DONE for folder in trial_folders(record))


def _recorded(store: Store) -> Iterator[tuple[str, ExperimentRecord]]:
    """Every experiment that a phase's record names, with the phase; a damaged record is passed over."""
    for phase in store.studies():
        study = store.known_study(phase)
        for record in study.experiments if study is not None else ():
            yield phase, record


def _from_trials(store: Store) -> list[ExperimentRecord]:
    """Put experiments together from trials: the same name and the same recipe are the same experiment."""
    recipes: dict[tuple[str, str], RecipeRecord] = {}
    places: dict[tuple[str, str], dict[tuple[int, int], str]] = {}
    for folder in store.folders_by_key().values():
        said = read_trial(folder)
        if said is None or folder.name[-SHORT:] != said.key[:SHORT]:
            continue
        group = (said.experiment, fingerprint(said.recipe.plain()))
        recipes[group] = said.recipe
        mine, place = places.setdefault(group, {}), (said.repeat, said.fold)
        if place not in mine or trial_state(store.trial(mine[place])) != State.DONE:
            mine[place] = store.called(folder)
    return [
        ExperimentRecord(
            name=group[0],
            recipe=recipes[group],
            fold_files=None,
            trials=tuple(
                PlannedTrial(repeat=repeat, fold=fold, folder=folder)
                for (repeat, fold), folder in sorted(mine.items())
            ),
        )
        for group, mine in places.items()
    ]


def _distinct(found: Mapping[str, ExperimentRecord]) -> dict[str, ExperimentRecord]:
    """Keep one of those that have the same trials."""
    kept: dict[tuple[str, ...], str] = {}
    for way, record in found.items():
        kept.setdefault(tuple(trial_folders(record)), way)
    return {way: found[way] for way in kept.values()}
