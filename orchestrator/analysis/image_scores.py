"""Out-of-fold scores of every test image, by experiment: what hard examples and label errors are found by.

An experiment's scores are kept in results/cache/scores/ as arrays, fold after fold, written while its
predictions are in memory; the images of a fold are kept once for all experiments that test the same. So a
phase of a thousand trials is looked through without reading a prediction again.

An image counts as wrong at the trial's own threshold, which the inner validation rows chose; where a trial
has none (several classes, or no such rows) its predicted class counts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from orchestrator.analysis.trial_scores import CACHE, Place, Reader, TrialScores
from orchestrator.store.folder import Store
from orchestrator.store.predictions import Part
from trainables import memo

Trials = Mapping[Place, TrialScores]
Folders = Mapping[Place, Path]


@dataclass(frozen=True, slots=True, eq=False)
class ImageIndex:
    """Images that trials tested, each once: their paths, label int64 [M] and source, in one order.

    codes: rows of a trial (`TrialScores.rows`) -> the places of its test images, int64 [n], in their order.
    """

    paths: np.ndarray
    labels: np.ndarray
    sources: np.ndarray
    codes: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        """Return how many images there are."""
        return len(self.paths)


@dataclass(frozen=True, slots=True, eq=False)
class ImageScores:
    """What an experiment said of its N test rows, fold after fold in the order of their places.

    codes: which image each row is, int64 [N]. trial: the place of its trial in `places`, int64 [N].
    probabilities: float32 [N] of fake, or [N, C]. is_wrong: bool [N]. thresholds: of each trial; NaN where
    its predicted class counts.
    """

    places: tuple[Place, ...]
    codes: np.ndarray
    trial: np.ndarray
    probabilities: np.ndarray
    is_wrong: np.ndarray
    thresholds: tuple[float, ...]

    def of_classes(self) -> np.ndarray:
        """Return one probability per class, float32 [N, C]."""
        scores = self.probabilities
        return np.stack([1.0 - scores, scores], axis=1) if scores.ndim == 1 else scores


def keep_image_scores(store: Store, reader: Reader, trials: Trials, folders: Folders) -> None:
    """Keep the scores of an experiment's test images where they are not kept yet.

    Raises:
        What `Reader.predictions` raises.
    """
    key = _key(trials)
    if not _path(store, "images", key).exists():
        memo.write_arrays(_path(store, "images", key), key, _arrays(reader, trials, folders))
    for place, trial in trials.items():
        key = _images_key(trial)
        if not _path(store, "tested", key).exists():
            memo.write_table(
                _path(store, "tested", key), key, _table(reader.predictions(folders[place]).test)
            )


def read_image_index(store: Store, reader: Reader, each: Iterator[tuple[Trials, Folders]]) -> ImageIndex:
    """Read the test images of some experiments' trials.

    Raises:
        What `Reader.predictions` raises.
    """
    tables: dict[str, pd.DataFrame] = {}
    for trials, folders in each:
        for place, trial in trials.items():
            if trial.rows in tables:
                continue
            key = _images_key(trial)
            known = memo.read_table(_path(store, "tested", key), key)
            tables[trial.rows] = (
                known if known is not None else _table(reader.predictions(folders[place]).test)
            )
    every = pd.concat(tables.values(), ignore_index=True)
    codes, _ = pd.factorize(every["path"], sort=True)
    first = every.iloc[np.unique(codes, return_index=True)[1]]
    ends = np.cumsum([len(table) for table in tables.values()])[:-1]
    return ImageIndex(
        first["path"].to_numpy(dtype=object),
        first["label"].to_numpy(dtype=np.int64),
        first["source"].to_numpy(dtype=object),
        dict(zip(tables, np.split(codes.astype(np.int64), ends), strict=True)),
    )


def read_image_scores(
    store: Store, reader: Reader, images: ImageIndex, trials: Trials, folders: Folders
) -> ImageScores:
    """Read what an experiment's trials said of their test images.

    Raises:
        What `Reader.predictions` raises.
    """
    key = _key(trials)
    known = memo.read_arrays(_path(store, "images", key), key) or _arrays(reader, trials, folders)
    places = tuple(sorted(trials))
    codes = [images.codes[trials[place].rows] for place in places]
    return ImageScores(
        places,
        np.concatenate(codes),
        np.repeat(np.arange(len(places)), [len(part) for part in codes]),
        known["probabilities"],
        known["is_wrong"],
        tuple(_threshold(trials[place]) for place in places),
    )


def _arrays(reader: Reader, trials: Trials, folders: Folders) -> dict[str, np.ndarray]:
    parts = [(trials[place], reader.predictions(folders[place]).test) for place in sorted(trials)]
    return {
        "probabilities": np.concatenate([part.probabilities.astype(np.float32) for _, part in parts]),
        "is_wrong": np.concatenate([_is_wrong(trial, part) for trial, part in parts]),
    }


def _is_wrong(trial: TrialScores, part: Part) -> np.ndarray:
    threshold = _threshold(trial)
    decided = part.predicted if np.isnan(threshold) else part.probabilities >= threshold
    wrong: np.ndarray = decided != part.labels
    return wrong


def _threshold(trial: TrialScores) -> float:
    return next((value for _, _, metric, value in trial.scores if metric == "threshold"), float("nan"))


def _table(part: Part) -> pd.DataFrame:
    sources = np.array(part.sources, dtype=object)[part.source]
    paths = part.paths.to_numpy(zero_copy_only=False)
    return pd.DataFrame({"path": paths, "label": part.labels, "source": sources})


def _key(trials: Trials) -> str:
    hashes = [
        [*place, trial.sha256, repr(_threshold(trial)), trial.rows] for place, trial in sorted(trials.items())
    ]
    return memo.key(hashes, code=__name__, libraries=("numpy",))


def _images_key(trial: TrialScores) -> str:
    # Two data sets may have the same paths, groups and labels, and call their sources otherwise.
    return memo.key([trial.rows, sorted(trial.num_groups)], code=__name__, libraries=("pandas",))


def _path(store: Store, what: str, key: str) -> Path:
    return store.cached(CACHE, f"{what}-{key[:24]}.memo")
