"""Images that models have learned from, found again among others by where they lie.

The fold file of an experiment says which image is in which outer fold; a trial has learned from, or was
chosen by, images outside its own fold. A copy of such an image elsewhere is not found.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from orchestrator.store.finished_trials import FinishedTrial
from orchestrator.store.folder import Store
from orchestrator.store.records import ExperimentRecord


def count_learned(
    store: Store, experiment: ExperimentRecord, trials: Sequence[FinishedTrial], files: Iterable[str]
) -> int:
    """Count the files (absolute paths) that one of the trials has learned from or was chosen by."""
    root = Path(experiment.data).resolve()
    real = (Path(file).resolve() for file in files)
    inside = {file.relative_to(root).as_posix() for file in real if file.is_relative_to(root)}
    learned = set[str]()
    for repeat in sorted({trial.repeat for trial in trials}) if inside and experiment.data else ():
        table = _fold_table(store, experiment, repeat)
        asked = table[table["path"].isin(inside)]
        for trial in trials:
            if trial.repeat == repeat:
                learned |= set(asked.loc[asked["fold"] != trial.fold, "path"])
    return len(learned)


def _fold_table(store: Store, experiment: ExperimentRecord, repeat: int) -> pd.DataFrame:
    """Path and fold of every image that a repeat uses; none where the file is gone or damaged."""
    files = experiment.fold_files or ()
    try:
        return pd.read_csv(store.fold_file(files[repeat]), usecols=["path", "fold"], dtype={"path": str})
    except (IndexError, OSError, ValueError):
        return pd.DataFrame({"path": [], "fold": []})
