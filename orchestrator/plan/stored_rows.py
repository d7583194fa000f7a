"""Rows of a finished trial, found again in results/: which images it learned from, and which it tested.

The rows that a run left for its workers (cache/rows) are those of a trial if they are in its fold file and
the trial's key was made of them.
"""

import contextlib

import pandas as pd

from orchestrator.plan.identity import rows_fingerprint
from orchestrator.store.fold_files import FOLD_COLUMNS, fold_file
from orchestrator.store.folder import Store, read_trial
from orchestrator.store.records import ExperimentRecord, PlannedTrial
from trainables.data.splits.trial_rows import ROW_COLUMNS, trial_table
from trainables.errors import InputError
from trainables.parquet_files import read_parquet


def stored_rows(store: Store, experiment: ExperimentRecord) -> list[pd.DataFrame]:
    """Return the tables of cache/rows that are in one of an experiment's fold files, in order."""
    found = []
    for path in sorted(store.cached("rows").glob("*.parquet")):
        with contextlib.suppress(OSError, ValueError, KeyError):
            rows = read_parquet(path)
            if {*ROW_COLUMNS, *FOLD_COLUMNS} <= set(rows.columns) and (
                fold_file(store, rows).name in (experiment.fold_files or ())
            ):
                found.append(rows)
    return found


def rows_of_trial(
    store: Store, experiment: ExperimentRecord, trial: PlannedTrial, known: list[pd.DataFrame]
) -> pd.DataFrame:
    """Return the rows of a finished trial as `trial_table` gives them.

    Args:
        store: where the trial lies.
        experiment: its experiment.
        trial: which one.
        known: what `stored_rows` gave.

    Raises:
        InputError: none of the known rows are what its key was made of.
    """
    record = read_trial(store.trial(trial.folder))
    for rows in known if record is not None else ():
        table = trial_table(rows, experiment.recipe, repeat=trial.repeat, fold=trial.fold)
        if record is not None and rows_fingerprint(table) == record.ingredients.get("rows"):
            return table
    raise InputError(
        f"{trial.folder.rpartition('/')[2]}: the rows that it learned from are gone from results/cache; "
        "run its phase again, which writes them and repeats no finished trial"
    )
