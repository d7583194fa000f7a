"""Findings about the parts of trials: a test fold far from the others, few images to select by.

Groups are whole, so a giant one (all frames of a long video, persons joined over many fakes) makes a fold
that no seed can even out, and its score weighs as much as any other in the mean over folds.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from trainables.data.checks.findings import Case, Finding

# A test fold is far from the others where its images differ from their median by more than this share of it,
# and by more images than whole groups of ordinary data make.
FAR_SHARE, FAR_IMAGES = 0.25, 10
# A score on fewer images of a class than this is too rough to choose an epoch or a threshold by.
FEWEST_TO_SELECT = 10


def uneven_parts(tables: Mapping[str, pd.DataFrame], *, classes: Sequence[str]) -> list[Finding]:
    """Say which parts are far from what their trials need.

    Args:
        tables: the rows of each trial by its name ("fold 0"), columns group, label and part.
        classes: the names of the labels.

    Returns:
        At most one finding of the folds and one of the inner validation parts.
    """
    return [finding for finding in (_far_folds(tables), _small_inner(tables, classes)) if finding is not None]


def _far_folds(tables: Mapping[str, pd.DataFrame]) -> Finding | None:
    tests = {name: table.loc[table["part"] == "test", "group"] for name, table in tables.items()}
    sizes = pd.Series({name: len(groups) for name, groups in tests.items()})
    off = (sizes - sizes.median()).abs()
    far = off[(off > FAR_SHARE * sizes.median()) & (off > FAR_IMAGES)]
    if len(tables) < 2 or far.empty:
        return None
    worst = str(far.idxmax())
    counts = tests[worst].value_counts()
    giant = ""
    if len(counts) and counts.iloc[0] >= off[worst]:
        giant = f", {counts.iloc[0]} of them of one group ({counts.index[0]})"
    sentence = (
        f"the test part of {worst} has {sizes[worst]} images{giant}, the middle one {sizes.median():.0f}: "
        "its score counts as much as that of any other fold; group more finely (--set group_by=frames+near), "
        "use fewer folds (--set cv_folds=N), or leave the giant group out"
    )
    cases: tuple[Case, ...] = tuple({"fold": str(name), "images": int(sizes[name])} for name in far.index)
    return Finding("fold_far_from_others", "warning", sentence, cases)


def _small_inner(tables: Mapping[str, pd.DataFrame], classes: Sequence[str]) -> Finding | None:
    cases: list[dict[str, str | int]] = []
    for name, table in tables.items():
        counts = table.loc[table["part"] == "val", "label"].value_counts()
        for label in sorted(table.loc[table["part"] == "train", "label"].unique()):
            count = int(counts.get(label, 0))
            if count < FEWEST_TO_SELECT:
                cases.append({"fold": name, "class": classes[label], "images": count})
    if not cases:
        return None
    least = min(cases, key=lambda case: int(case["images"]))
    where = f"of {least['fold']} has {least['images']} images of class {least['class']}"
    more = len({case["fold"] for case in cases}) - 1
    likewise = f"{more} others have" if more > 1 else "another has"
    others = f", and {likewise} fewer than {FEWEST_TO_SELECT} of a class" if more else ""
    sentence = (
        f"the inner validation part {where}{others}"
        ": epochs, thresholds and decisions are chosen by it; use more "
        "data, or a larger part of it (--set val_ratio=0.2, --set subsample=1.0)"
    )
    return Finding("small_inner_validation", "warning", sentence, tuple(cases))
