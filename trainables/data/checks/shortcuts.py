"""Shortcut models, which do not look at a face: one on file facts, one on trivial pixels.

In:  the rows of an experiment with their folds, and the facts of their images (`image_facts`).
Out: the AUC of each outer test fold, for both models, and for each fact of the file alone.

The folds are the study's own: each model learns from a fold's outer training part (training and inner
validation images) and is scored on its test images, so that its AUC stands beside the detector's. Whatever
is fitted, scalers included, is fitted inside a pipeline on training rows alone.

Bytes per pixel are a fact of the file where files are written in different ways. Where all are written in
one way whose settings can be seen, they follow from the picture alone, and count among the trivial pixels:
nothing that is done to the files would change them.

File facts: gradient-boosted trees (Friedman 2001), because such facts are codes, thresholds and tables that
come and go together. 50 trees of 8 leaves: more fit the noise of a single column. Trivial pixels: a linear
discriminant with the shrinkage of Ledoit and Wolf (2004), because a few hundred features that depend on each
other need regularisation, and this one is computed, not tuned. Both are floors: a detector may find more.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from trainables.data.checks.image_facts import (
    FILE_COLUMNS,
    FILE_FACTS,
    FORMATS,
    PIXEL_COLUMNS,
    extension_codes,
)
from trainables.data.splits.trial_rows import trial_table
from trainables.evaluation.curve import roc_auc
from trainables.progress import OnProgress
from trainables.recipe import RecipeKeys
from trainables.seeds import derived_seed

# Raise when the same facts and folds give other scores.
VERSION = 1

NUM_TREES, NUM_LEAVES = 50, 8
NUM_RESAMPLES = 200
TAIL = 0.025
BYTES = "bytes_per_pixel"
# A JPEG file holds its tables; the others have no loss. WebP hides the quality that it was written with.
_OPEN_FORMATS = frozenset(FORMATS.index(name) for name in ("JPEG", "PNG", "BMP"))


@dataclass(frozen=True, slots=True)
class Split:
    """One outer fold: the rows that a model learns from, and those that it is scored on."""

    repeat: int
    fold: int
    train: pd.DataFrame
    test: pd.DataFrame


@dataclass(frozen=True, slots=True)
class FoldScore:
    """The AUC of one outer test fold (several classes: one against the rest, macro).

    None where the test fold lacks a class.
    """

    repeat: int
    fold: int
    n_train: int
    n_test: int
    auc: float | None


@dataclass(frozen=True, slots=True)
class Scores:
    """A model's score on every fold.

    `bootstrap` are the bounds of a 95 % interval over the groups of the test part. It exists for a single
    split alone, where there are no folds whose spread would give an interval.
    """

    folds: tuple[FoldScore, ...]
    bootstrap: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Shortcuts:
    """Both models' scores, and the mean AUC over folds of each fact of the file alone, the highest first.

    `written_alike`: all files are written in one way, so that bytes per pixel count among the pixels.
    """

    file_facts: Scores
    trivial_pixels: Scores
    alone: Mapping[str, float]
    written_alike: bool


def study_splits(rows: Sequence[pd.DataFrame], recipe: RecipeKeys) -> list[Split]:
    """Cut an experiment's rows, one table per repeat, into its outer folds, exactly as its trials are cut.

    Unlabelled rows and rows that no part wants are in neither side.
    """
    splits = []
    for repeat, table in enumerate(rows):
        for fold in range(recipe.num_folds):
            parts = trial_table(table, recipe, repeat=repeat, fold=fold)
            train = parts[parts["part"].isin(["train", "val"])]
            splits.append(Split(repeat, fold, train, parts[parts["part"] == "test"]))
    return splits


def find_shortcuts(
    splits: Sequence[Split],
    facts: pd.DataFrame,
    *,
    num_classes: int,
    progress: OnProgress | None = None,
) -> Shortcuts:
    """Score both models, and each fact of the file alone, on every split.

    The same arguments give the same scores: the random numbers hang on repeat and fold alone.

    Args:
        splits: what `study_splits` gave.
        facts: what `read_facts` gave of at least these rows' images.
        num_classes: classes of the data set, at least 2.
        progress: called with (models fitted, models in all).
    """
    from threadpoolctl import threadpool_limits

    used = pd.concat([rows for split in splits for rows in (split.train, split.test)])
    alike = written_alike(_numbers(used.drop_duplicates("path"), facts))
    models = _models(alike=alike)
    total, done = len(splits) * len(models), 0
    results: dict[str, list[_Scored]] = {}
    # Small fits: threads cost more than they bring, and on a busy machine they wait for each other.
    with threadpool_limits(1), warnings.catch_warnings():
        # A class with one training image has no covariance; its discriminant is the mean's alone.
        warnings.simplefilter("ignore", UserWarning)
        for split in splits:
            sides = [_numbers(rows, facts) for rows in (split.train, split.test)]
            for name, columns, make in models:
                train, test = (side[list(columns)].to_numpy() for side in sides)
                scored = _score(make, split, train, test, num_classes=num_classes)
                results.setdefault(name, []).append(scored)
                done += 1
                if progress:
                    progress(done, total)
    alone = {name: _mean(scored) for name, scored in results.items() if name in FILE_FACTS}
    known = {name: value for name, value in alone.items() if value is not None}
    return Shortcuts(
        _scores(results["file facts"]),
        _scores(results["trivial pixels"]),
        dict(sorted(known.items(), key=lambda item: -item[1])),
        alike,
    )


def written_alike(numbers: pd.DataFrame) -> bool:
    """Tell whether files differ in their bytes alone, in a format that shows its settings or has no loss.

    `numbers` has the columns FILE_COLUMNS, one row per image.
    """
    others = numbers[[column for column in FILE_COLUMNS if column != BYTES]].to_numpy()
    return bool((others == others[0]).all()) and int(numbers["format"].iloc[0]) in _OPEN_FORMATS


@dataclass(frozen=True, slots=True)
class _Scored:
    """What a model said of a fold's test rows."""

    score: FoldScore
    labels: np.ndarray
    probabilities: np.ndarray
    groups: np.ndarray


Make = Callable[[int, int], Any]


def _models(*, alike: bool) -> list[tuple[str, Sequence[str], Make]]:
    """Name, columns, and how to make each model from (training rows, seed)."""
    of_files = [column for column in FILE_COLUMNS if not alike or column != BYTES]
    of_pixels = [*PIXEL_COLUMNS, BYTES] if alike else PIXEL_COLUMNS
    every: list[tuple[str, Sequence[str], Make]] = [
        ("file facts", of_files, _boosted_trees),
        ("trivial pixels", of_pixels, _discriminant),
    ]
    return every + [(name, columns, _small_tree) for name, columns in FILE_FACTS.items()]


def _boosted_trees(num_rows: int, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.feature_selection import VarianceThreshold
    from sklearn.pipeline import make_pipeline

    model = HistGradientBoostingClassifier(
        max_iter=NUM_TREES,
        max_leaf_nodes=NUM_LEAVES,
        min_samples_leaf=_rows_in_a_leaf(num_rows),
        early_stopping=False,
        random_state=seed,
    )
    # Most data sets have one format, so that most columns say nothing and cost most of the time.
    return make_pipeline(VarianceThreshold(), model)


def _small_tree(num_rows: int, seed: int) -> Any:
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(
        max_leaf_nodes=NUM_LEAVES, min_samples_leaf=_rows_in_a_leaf(num_rows), random_state=seed
    )


def _discriminant(num_rows: int, seed: int) -> Any:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"))


def _rows_in_a_leaf(num_rows: int) -> int:
    """20 from 800 training rows on; fewer where there are fewer, or no tree could split at all."""
    return min(20, max(5, num_rows // 40))


def _numbers(rows: pd.DataFrame, facts: pd.DataFrame) -> pd.DataFrame:
    extension = extension_codes(list(rows["path"]))
    return facts.loc[rows["sha256"]].reset_index(drop=True).assign(extension=extension)


def _score(make: Make, split: Split, train: np.ndarray, test: np.ndarray, *, num_classes: int) -> _Scored:
    labels, truth = (side["label"].to_numpy(dtype=np.int64) for side in (split.train, split.test))
    probabilities = np.full((len(test), num_classes), 1.0 / num_classes)
    if (train != train[0]).any():
        model = make(len(train), derived_seed(split.repeat, split.fold, "shortcuts") % 2**32)
        model.fit(train, labels)
        # A class that is missing from the training part has no column.
        probabilities[:] = 0.0
        probabilities[:, model.classes_] = model.predict_proba(test)
    if num_classes == 2:
        probabilities = probabilities[:, 1]
    score = FoldScore(split.repeat, split.fold, len(train), len(test), roc_auc(truth, probabilities))
    return _Scored(score, truth, probabilities, split.test["group"].to_numpy())


def _scores(scored: Sequence[_Scored]) -> Scores:
    bootstrap = _bootstrap(scored[0]) if len(scored) == 1 else None
    return Scores(tuple(each.score for each in scored), bootstrap)


def _bootstrap(scored: _Scored) -> tuple[float, float] | None:
    """Resample whole groups of the test part; None where no resample holds every class."""
    rng = np.random.default_rng(derived_seed("shortcut interval"))
    _, group_of = np.unique(scored.groups.astype(str), return_inverse=True)
    rows_of = np.split(np.argsort(group_of, kind="stable"), np.cumsum(np.bincount(group_of))[:-1])
    found = []
    for _ in range(NUM_RESAMPLES):
        drawn = rng.integers(len(rows_of), size=len(rows_of))
        rows = np.concatenate([rows_of[index] for index in drawn])
        found.append(roc_auc(scored.labels[rows], scored.probabilities[rows]))
    values = [value for value in found if value is not None]
    if not values:
        return None
    low, high = np.quantile(values, [TAIL, 1.0 - TAIL])
    return float(low), float(high)


def _mean(scored: Sequence[_Scored]) -> float | None:
    values = [each.score.auc for each in scored if each.score.auc is not None]
    return float(np.mean(values)) if values else None
