"""Experiments found by name in results/, whatever phase they ran in.

An experiment is found in the records of phases (studies/*.json) or, where no record names it any more, put
together from the trials that say they belong to it: then nothing says which fold file they were split by.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.identity import SHORT, fingerprint
from orchestrator.problems import nearest
from orchestrator.store.folder import State, Store, read_record, trial_state
from trainables.errors import InputError
from trainables.trial_files import TRIAL

# What a record of a phase says of an experiment, as far as its scores hang on it. `fold_files` may be None.
Record = Mapping[str, Any]
DEFAULT_THRESHOLD_BY = "balanced_accuracy"


def find_experiment(store: Store, wanted: str) -> Record:
    """Find an experiment by its name, by PHASE/NAME, or by the name of one of its trials' folders.

    Returns:
        name, recipe, threshold_by, fold_files (None where no record has them) and trials.

    Raises:
        InputError: none is called so, or several with different trials are.
    """
    found = {
        f"{phase}/{record['name']}": record
        for phase, record in _recorded(store)
        if wanted in (record["name"], f"{phase}/{record['name']}")
    }
    if not found:
        found = {
            folder: record
            for record in _from_trials(store)
            for folder in trial_folders(record)
            if wanted in (record["name"], folder.rpartition("/")[2])
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
        known = {record["name"] for _, record in _recorded(store)}
        known |= {record["name"] for record in _from_trials(store)}
        hint = nearest(wanted, sorted(known)) or "nothing has run there yet"
        raise InputError(f"no experiment {wanted!r} in {store.root}; {hint}")
    return next(iter(distinct.values()))


def trial_folders(record: Record) -> list[str]:
    """Return the folders of an experiment's trials, below results/, in order."""
    return sorted(str(trial["folder"]) for trial in record["trials"])


def _is_started(store: Store, record: Record) -> bool:
    return any(trial_state(store.trial(folder)) == State.DONE for folder in trial_folders(record))


def _recorded(store: Store) -> Iterator[tuple[str, Record]]:
    """Every experiment that a phase's record names, with the phase; a damaged record is passed over."""
    for phase in store.studies():
        for record in (read_record(store.study_file(phase)) or {}).get("experiments", ()):
            yield phase, record


def _from_trials(store: Store) -> list[Record]:
    """Put experiments together from trials: the same name and the same recipe are the same experiment."""
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for folder in store.folders_by_key().values():
        said = read_record(folder / TRIAL) or {}
        if not {"experiment", "recipe", "repeat", "fold", "key"} <= said.keys():
            continue
        if folder.name[-SHORT:] != str(said["key"])[:SHORT]:
            continue
        name = str(said["experiment"])
        record = groups.setdefault(
            (name, fingerprint(said["recipe"])),
            {
                "name": name, "recipe": said["recipe"], "threshold_by": DEFAULT_THRESHOLD_BY,
                "fold_files": None, "places": {},
            },
        )  # fmt: skip
        place = (int(said["repeat"]), int(said["fold"]))
        known = record["places"].get(place)
        if known is None or trial_state(store.trial(known)) != State.DONE:
            record["places"][place] = store.called(folder)
    for record in groups.values():
        record["trials"] = [
            {"repeat": place[0], "fold": place[1], "folder": folder}
            for place, folder in sorted(record.pop("places").items())
        ]
    return list(groups.values())


def _distinct(found: Mapping[str, Record]) -> dict[str, Record]:
    """Keep one of those that have the same trials."""
    kept: dict[tuple[str, ...], str] = {}
    for way, record in found.items():
        kept.setdefault(tuple(trial_folders(record)), way)
    return {way: found[way] for way in kept.values()}
