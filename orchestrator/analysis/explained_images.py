"""Choice of the images that the models of a phase are explained on: the same ones for all its experiments.

Out-of-fold test predictions of the first repeat decide. Of each source, images are taken in turn that some
experiment got wrong, that some got right, and then those that some got wrong or right though it was less
sure than usual, so that each source and each outcome is there where there is one. Among these, first come
images that more experiments were tested on, then those of groups that are not there yet, then those that show
this outcome of experiments of which it is not shown yet; then the content hash decides, which is as good as a
lot. An experiment is sure of an image where its score is as far from 0.5 as that of half of its test images,
or further.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orchestrator.store.explanation_files import IMAGE_COLUMNS

# Places of an outcome in `_Tested.kinds`: wrong or right, sure or unsure.
KINDS = ("wrong, sure", "right, sure", "wrong, unsure", "right, unsure")
# The turns that each source has, in order: kinds that do, the first one rather.
TURNS = ((0, 2), (1, 3), (2,), (3,))
ABSENT = -1


@dataclass(frozen=True, slots=True, eq=False)
class _Tested:
    """Images, int [P] sources among them, and of which kind each is for each experiment, int8 [E, P]."""

    images: pd.DataFrame
    sources: np.ndarray
    kinds: np.ndarray


def outcome_of(label: int, score: float) -> str:
    """Name the outcome of an image of two classes: what it was taken for, and whether rightly."""
    taken = int(score >= 0.5)
    return f"{'true' if taken == label else 'false'}_{('real', 'fake')[taken]}"


def choose_images(tested: Sequence[pd.DataFrame], hashes: Mapping[str, str], *, number: int) -> pd.DataFrame:
    """Choose the images that models are explained on.

    Args:
        tested: the test rows of each experiment, of one repeat: columns path, source, group, label, score.
        hashes: content hash of each image by its path; what it lacks is not chosen.
        number: how many are wanted.

    Returns:
        Columns IMAGE_COLUMNS, sorted by path; at most `number` rows, fewer where there are no more images.
    """
    every = _kinds(tested, hashes)
    num_images = len(every.images)
    chosen: dict[int, str] = {}
    groups, used = every.images["group"].to_numpy(), set[str]()
    shows = np.zeros((len(every.kinds), len(KINDS), int(every.sources.max(initial=-1)) + 1), dtype=bool)
    coverage = (every.kinds != ABSENT).sum(axis=0)
    while len(chosen) < min(number, num_images):
        before = len(chosen)
        for turn in TURNS:
            for source in range(shows.shape[2]):
                if len(chosen) == number:
                    break
                place = _best(every, turn, source, chosen, groups, used, coverage, shows)
                if place is None:
                    continue
                kind = next(kind for kind in turn if (every.kinds[:, place] == kind).any())
                chosen[place] = KINDS[kind]
                used.add(groups[place])
                for experiment, found in enumerate(every.kinds[:, place]):
                    if found != ABSENT:
                        shows[experiment, found, source] = True
        if len(chosen) == before:
            break
    rows = every.images.iloc[sorted(chosen)].assign(reason=[chosen[place] for place in sorted(chosen)])
    return rows.reindex(columns=list(IMAGE_COLUMNS)).reset_index(drop=True)


def _best(
    every: _Tested,
    turn: Sequence[int],
    source: int,
    chosen: Mapping[int, str],
    groups: np.ndarray,
    used: set[str],
    coverage: np.ndarray,
    shows: np.ndarray,
) -> int | None:
    """Return the place of the image that a turn takes of a source; None where it has none."""
    hashes = every.images["sha256"].to_numpy()
    best: tuple[tuple[int, ...], str, int] | None = None
    for rank, kind in enumerate(turn):
        is_kind = every.kinds == kind
        fresh = (is_kind & ~shows[:, kind, source][:, None]).sum(axis=0)
        count = is_kind.sum(axis=0)
        for place in np.flatnonzero((every.sources == source) & (count > 0)).tolist():
            if place in chosen:
                continue
            merit = (-coverage[place], rank, int(groups[place] in used), -fresh[place], -count[place])
            if best is None or (merit, hashes[place]) < best[:2]:
                best = merit, hashes[place], place
    return None if best is None else best[2]


def _kinds(tested: Sequence[pd.DataFrame], hashes: Mapping[str, str]) -> _Tested:
    columns = ["path", "source", "group", "label"]
    every = pd.concat([rows[columns] for rows in tested], ignore_index=True).drop_duplicates("path")
    images = every[every["path"].isin(hashes)].sort_values("path", ignore_index=True)
    images["sha256"] = images["path"].map(hashes)
    sources, _ = pd.factorize(images["source"], sort=True)
    places = pd.Series(np.arange(len(images)), index=images["path"])
    kinds = np.full((len(tested), len(images)), ABSENT, dtype=np.int8)
    for experiment, rows in enumerate(tested):
        score, label = rows["score"].to_numpy(dtype=float), rows["label"].to_numpy()
        far = np.abs(score - 0.5)
        is_right = (score >= 0.5) == (label == 1)
        kind = np.where(far >= np.median(far), 0, 2) + is_right
        where = rows["path"].map(places)
        known = where.notna().to_numpy()
        kinds[experiment, where[known].astype(int)] = kind[known]
    return _Tested(images, sources, kinds)
