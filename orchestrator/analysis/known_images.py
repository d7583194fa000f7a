"""Images that models have learned from, found again among others by where they lie and by content.

The fold file of an experiment says which image is in which outer fold; a trial has learned from, or was
chosen by, images outside its own fold. What these held is known as long as the cache has the rows that
workers read; without it a copy of such an image elsewhere is not found, and neither are other versions of its
picture.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from orchestrator.store.csv_files import read_csv
from orchestrator.store.finished_trials import FinishedTrial
from orchestrator.store.fold_files import cached_hashes
from orchestrator.store.folder import Store
from orchestrator.store.records import ExperimentRecord
from orchestrator.store.remote.local_copy import local_folder


def count_learned(
    store: Store, experiment: ExperimentRecord, trials: Sequence[FinishedTrial], images: pd.DataFrame
) -> int:
    """Count the images that one of the trials has learned from or was chosen by.

    Args:
        store: the results, which are only read.
        experiment: that of the trials.
        trials: the models.
        images: columns file (absolute path) and sha256.
    """
    called = [_below(Path(file), experiment.data) for file in images["file"]]
    known = cached_hashes(store) if experiment.fold_files else {}
    is_learned = pd.Series(data=False, index=images.index)
    for repeat in sorted({trial.repeat for trial in trials}):
        name, table = _fold_table(store, experiment, repeat)
        hashes: Mapping[str, str] = known.get(name, {})
        for trial in trials:
            if trial.repeat == repeat:
                paths = table.loc[table["fold"] != trial.fold, "path"].tolist()
                contents = {hashes[path] for path in paths if path in hashes}
                is_learned |= pd.Series(called, index=images.index).isin(paths)
                is_learned |= images["sha256"].isin(contents)
    return int(is_learned.sum())


def _below(file: Path, data: str) -> str | None:
    """What a study of the images in a folder calls a file; None where it lies elsewhere."""
    real, root = file.resolve(), local_folder(data, "data").resolve()
    return real.relative_to(root).as_posix() if data and real.is_relative_to(root) else None


def _fold_table(store: Store, experiment: ExperimentRecord, repeat: int) -> tuple[str, pd.DataFrame]:
    """Name of a repeat's fold file, and path and fold of its images; none where it is gone or damaged."""
    files = experiment.fold_files or ()
    try:
        path = store.fold_file(files[repeat])
        return path.name, read_csv(path, usecols=["path", "fold"], dtype={"path": str})
    except (IndexError, OSError, ValueError):
        return "", pd.DataFrame({"path": [], "fold": []})
