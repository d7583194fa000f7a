"""Tally of every test image over the experiments of a phase: how many get it wrong, and its mean scores.

An experiment gets an image wrong where more than half of its trials that test it do (one trial per repeat).
Only complete experiments count, those of the same trials once, and only those of the data set that most
experiments use. Images of a source that an experiment was not trained on do not count for that experiment.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from orchestrator.analysis.experiment_scores import Gathered
from orchestrator.analysis.image_scores import ImageIndex, ImageScores, read_image_index, read_image_scores
from orchestrator.analysis.trial_scores import Reader
from orchestrator.store.folder import Store
from orchestrator.store.predictions import DAMAGE


class NotCounted(StrEnum):
    """Why an experiment has no part in a tally."""

    INCOMPLETE = "incomplete"
    """A fold is missing."""
    SAME_TRIALS = "same trials"
    """Its trials are those of an experiment before it."""
    OTHER_DATA = "other data"
    """Its images or classes are not those of most experiments."""
    UNREADABLE = "unreadable"
    """Its predictions were taken away or damaged meanwhile."""


@dataclass(frozen=True, slots=True, eq=False)
class ImageTally:
    """Numbers of M images, tested by `experiments` in part or all.

    num_experiments, num_wrong: int64 [M]. probabilities: mean over experiments of the mean over repeats,
    float64 [M, C]; an image that no experiment tests has 0. scores: by experiment. counted: which rows of
    them count, bool [N].
    """

    images: ImageIndex
    experiments: tuple[Gathered, ...]
    scores: tuple[ImageScores, ...]
    counted: tuple[np.ndarray, ...]
    not_counted: tuple[tuple[str, NotCounted], ...]
    num_experiments: np.ndarray
    num_wrong: np.ndarray
    probabilities: np.ndarray

    @property
    def own_class(self) -> np.ndarray:
        """The mean probability of each image's own class, float64 [M]."""
        own: np.ndarray = self.probabilities[np.arange(len(self.images)), self.images.labels]
        return own

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return int(self.probabilities.shape[1])


def tally_images(store: Store, experiments: Iterable[Gathered]) -> ImageTally | None:
    """Count over the experiments that can be counted; None where there is none."""
    reader = Reader(store)
    chosen, left = _chosen(list(experiments))
    try:
        if not chosen:
            return None
        images = read_image_index(store, reader, ((each.trials, each.folders) for each in chosen))
    except DAMAGE:
        # A trial was taken away after its scores were read; the next collection says so.
        return None
    kept, scores, counted = list[Gathered](), list[ImageScores](), list[np.ndarray]()
    size, num_classes = len(images), chosen[0].record.num_classes
    num_experiments, num_wrong = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    sums = np.zeros((size, num_classes))
    for each in chosen:
        try:
            found = read_image_scores(store, reader, images, each.trials, each.folders)
        except DAMAGE:
            left.append((each.name, NotCounted.UNREADABLE))
            continue
        finally:
            reader.forget()
        rows = _rows_that_count(each, images, found)
        codes = found.codes[rows]
        count = np.bincount(codes, minlength=size)
        is_tested = count > 0
        wrong = np.bincount(codes, found.is_wrong[rows], size)
        num_experiments += is_tested
        num_wrong += 2 * wrong > count
        for number, column in enumerate(found.of_classes()[rows].T):
            sums[:, number] += np.bincount(codes, column, size) / np.maximum(count, 1)
        kept.append(each)
        scores.append(found)
        counted.append(rows)
    return ImageTally(
        images,
        tuple(kept),
        tuple(scores),
        tuple(counted),
        tuple(left),
        num_experiments,
        num_wrong,
        sums / np.maximum(num_experiments, 1)[:, None],
    )


def _chosen(experiments: list[Gathered]) -> tuple[list[Gathered], list[tuple[str, NotCounted]]]:
    left: list[tuple[str, NotCounted]] = []
    whole = list[Gathered]()
    for each in experiments:
        if each.is_complete:
            whole.append(each)
        else:
            left.append((each.name, NotCounted.INCOMPLETE))
    data = Counter((each.record.data, each.record.num_classes) for each in whole)
    chosen, seen = list[Gathered](), set[tuple[str, ...]]()
    for each in whole:
        folders = tuple(sorted(folder.name for folder in each.folders.values()))
        # Of equally many the first: a Counter keeps the order in which it met them.
        if (each.record.data, each.record.num_classes) != data.most_common(1)[0][0]:
            left.append((each.name, NotCounted.OTHER_DATA))
        elif folders in seen:
            left.append((each.name, NotCounted.SAME_TRIALS))
        else:
            seen.add(folders)
            chosen.append(each)
    return chosen, left


def _rows_that_count(each: Gathered, images: ImageIndex, scores: ImageScores) -> np.ndarray:
    trained = each.record.recipe.train_sources
    if trained is None:
        return np.ones(len(scores.codes), dtype=bool)
    rows: np.ndarray = np.isin(images.sources.astype(str), list(trained))[scores.codes]
    return rows
