"""Evenness and time of inner validation and subsample on groups of unequal size.

python benchmarks/splits.py [--small]

A data set has 150 groups of one class each, of 1 to 60 images (lognormal), about 53 % of them fakes. Seconds
are those of the processor at 100,000 groups, with no limit.
"""

import argparse
import sys
import time

import numpy as np
import pandas as pd

from trainables.data.splits.folds import assign_folds, inner_parts, subsample

FOLDS, SETS, SMALL_SETS, GROUPS, LARGE = 5, 100, 4, 150, 100_000
VAL_RATIO, SUBSAMPLE, FAKES = 0.1, 0.05, 0.53
# The furthest that a share may be from what is asked for, in points of a percent.
MOST_VAL, MOST_FAKES, MOST_KEPT = 1.0, 6.0, 4.0


def main() -> int:
    """Print shares and seconds; return 1 when a share is further off than its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="4 data sets; no limit is enforced")
    small = parser.parse_args().small
    passed = evenness(SMALL_SETS if small else SETS)
    if not small:
        seconds()
    return int(not (small or passed))


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


def evenness(num_sets: int) -> bool:
    """Print the shares of images and of fakes over data sets and folds; return whether the limits hold."""
    shares, fakes, kept = list[float](), list[float](), list[float]()
    for seed in range(num_sets):
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
    limits = [
        said("images in the inner validation part", shares, VAL_RATIO, MOST_VAL),
        said("fakes among them", fakes, FAKES, MOST_FAKES),
        said("images of a fold in a subsample", kept, SUBSAMPLE, MOST_KEPT),
    ]
    return all(limits)


def said(name: str, values: list[float], asked: float, limit: float) -> bool:
    """Print least, mean and greatest of shares, and the furthest from what is asked for."""
    furthest = 100 * max(abs(value - asked) for value in values)
    print(
        f"{name}: {min(values):.1%} to {max(values):.1%}, mean {np.mean(values):.1%}, {asked:.0%} asked for; "
        f"at most {furthest:.2f} points off (limit {limit})"
    )
    return furthest <= limit


def seconds() -> None:
    """Print how long each takes at 100,000 groups."""
    rows = made_rows(0, LARGE)
    folds = assign_folds(rows, num_folds=FOLDS, seed=0)
    started = time.process_time()
    inner_parts(rows, folds, fold=0, val_ratio=VAL_RATIO, seed=0)
    between = time.process_time()
    subsample(rows, folds, ratio=SUBSAMPLE, seed=0)
    ended = time.process_time()
    print(f"{LARGE} groups, {len(rows)} images: inner validation {between - started:.1f} s, ", end="")
    print(f"subsample {ended - between:.1f} s")


if __name__ == "__main__":
    sys.exit(main())
