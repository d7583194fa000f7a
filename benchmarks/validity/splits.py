"""Evenness of inner validation and subsample on groups of unequal size, and their time on many groups.

A data set has 150 groups of one class each, of 1 to 60 images (lognormal), about 53 % of them fakes. Shares
are those of the inner validation part over all folds, and of each fold in a subsample, from the least to the
greatest over data sets.
"""

import time
from collections.abc import Iterator

import numpy as np
import pandas as pd

from benchmarks.validity.case import Case
from trainables.data.splits.folds import assign_folds, inner_parts, subsample

FOLDS, STUDIES_A_SET, FEWEST_SETS, GROUPS, MANY = 5, 6, 4, 150, 100_000
VAL_RATIO, SUBSAMPLE, FAKES = 0.1, 0.05, 0.53
# The furthest that a share may be from what is asked for.
MOST_VAL, MOST_FAKES, MOST_KEPT = 0.01, 0.06, 0.04


def cases(studies: int) -> Iterator[Case]:
    """Yield the least and the greatest share of each kind, and the seconds at 100,000 groups."""
    shares, fakes, kept = list[float](), list[float](), list[float]()
    for seed in range(max(FEWEST_SETS, studies // STUDIES_A_SET)):
        rows = made_rows(seed)
        label = rows["label"].to_numpy()
        folds = assign_folds(rows, num_folds=FOLDS, seed=seed)
        for fold in range(FOLDS):
            parts = inner_parts(rows, folds, fold=fold, val_ratio=VAL_RATIO, seed=seed)
            outer = np.concatenate([parts.train, parts.val])
            shares.append(len(parts.val) / len(outer))
            # What is asked for is the share of this outer part, which is not quite that of another.
            fakes.append(label[parts.val].mean() - label[outer].mean() + FAKES)
        used = subsample(rows, folds, ratio=SUBSAMPLE, seed=seed)
        kept += [used[folds == fold].mean() for fold in range(FOLDS)]
    unequal = "groups of 1 to 60 images"
    yield near(f"{unequal}: share of the inner validation part", "5 to 21 %", shares, VAL_RATIO, MOST_VAL)
    yield near(f"{unequal}: share of fakes in it", "28 to 82 %", fakes, FAKES, MOST_FAKES)
    kept_name = f"{unequal}: share of each fold in a subsample"
    yield near(kept_name, "1 % of three folds", kept, SUBSAMPLE, MOST_KEPT)
    yield seconds()


def made_rows(seed: int, num_groups: int = GROUPS) -> pd.DataFrame:
    """Draw a table of images: columns path, group, label, source."""
    rng = np.random.default_rng(seed)
    sizes = np.clip(np.round(rng.lognormal(1.8, 1.1, num_groups)), 1, 60).astype(int)
    labels = (rng.random(num_groups) < FAKES).astype(int)
    groups = np.repeat([f"g{number:06d}" for number in range(num_groups)], sizes)
    label = np.repeat(labels, sizes)
    source = np.where(label == 1, "fakes", "photos")
    path = [f"{number:07d}" for number in range(len(groups))]
    return pd.DataFrame({"path": path, "group": groups, "label": label, "source": source})


def near(name: str, audit: str, values: list[float], asked: float, limit: float) -> Case:
    """Shares that have to be near what is asked for."""
    furthest = max(abs(value - asked) for value in values)
    measured = f"{100 * min(values):.1f} to {100 * max(values):.1f} %"
    said = f"{100 * asked:.0f} % asked for, limit {100 * limit:.0f} points"
    return Case(name, audit, measured, said, furthest <= limit)


def seconds() -> Case:
    """Processor time at many groups; it has no limit."""
    rows = made_rows(0, MANY)
    folds = assign_folds(rows, num_folds=FOLDS, seed=0)
    started = time.process_time()
    inner_parts(rows, folds, fold=0, val_ratio=VAL_RATIO, seed=0)
    between = time.process_time()
    subsample(rows, folds, ratio=SUBSAMPLE, seed=0)
    measured = f"{between - started:.1f} s, {time.process_time() - between:.1f} s"
    return Case(f"{MANY:,} groups: inner validation, subsample", "-", measured, "limit none", True)
