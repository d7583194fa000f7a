"""Findings about the parts of trials: a test fold far from the others, few images to test or to select by.

Groups are whole, so a giant one (all frames of a long video, persons joined over many fakes) makes a fold
that no seed can even out, and its score weighs as much as any other in the mean over folds.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from trainables.data.checks.findings import Case, Finding

# A test fold is far from the others where its images differ from their median by more than this share of it,
# and by more images than whole groups of ordinary data make.
FAR_SHARE, FAR_IMAGES = 0.25, 10
# A test score on fewer images of a class moves in steps of 5 % of that class.
FEWEST_TO_TEST = 20
# A score on fewer images of a class than this is too rough to choose an epoch or a threshold by.
FEWEST_TO_SELECT = 10
SMALL_TEST, SMALL_INNER = "small_test", "small_inner_validation"


def uneven_parts(tables: Mapping[str, pd.DataFrame], *, classes: Sequence[str]) -> list[Finding]:
    """Say which parts are far from what their trials need.

    Args:
        tables: the rows of each trial by its name ("fold 0"), columns group, label and part.
        classes: the names of the labels.

    Returns:
        At most one finding of the sizes of folds, one of test and one of inner validation parts.
    """
    found = (_far_folds(tables), _small_tests(tables, classes), _small_inner(tables, classes))
    return [finding for finding in found if finding is not None]


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


def _small_tests(tables: Mapping[str, pd.DataFrame], classes: Sequence[str]) -> Finding | None:
    tested = {name: table for name, table in tables.items() if (table["part"] == "test").any()}
    cases = _small_parts(tested, classes, part="test", fewest=FEWEST_TO_TEST)
    if not cases:
        return None
    sentence = (
        f"the test part {_least_of(cases, fewest=FEWEST_TO_TEST)}: fold scores move in large steps, and "
        "intervals are rough; use more images of that class, or fewer folds (--set cv_folds=N)"
    )
    return Finding(SMALL_TEST, "warning", sentence, cases)


def _small_inner(tables: Mapping[str, pd.DataFrame], classes: Sequence[str]) -> Finding | None:
    cases = _small_parts(tables, classes, part="val", fewest=FEWEST_TO_SELECT)
    if not cases:
        return None
    sentence = (
        f"the inner validation part {_least_of(cases, fewest=FEWEST_TO_SELECT)}"
        ": epochs, thresholds and decisions are chosen by it; use more "
        "data, or a larger part of it (--set val_ratio=0.2, --set subsample=1.0)"
    )
    return Finding(SMALL_INNER, "warning", sentence, cases)


def _small_parts(
    tables: Mapping[str, pd.DataFrame], classes: Sequence[str], *, part: str, fewest: int
) -> tuple[Case, ...]:
    """List trials and classes that are learned from, of which a part has fewer images than `fewest`."""
    cases: list[Case] = []
    for name, table in tables.items():
        counts = table.loc[table["part"] == part, "label"].value_counts()
        for label in sorted(table.loc[table["part"] == "train", "label"].unique()):
            count = int(counts.get(label, 0))
            if count < fewest:
                cases.append({"fold": name, "class": classes[label], "images": count})
    return tuple(cases)


def _least_of(cases: Sequence[Case], *, fewest: int) -> str:
    least = min(cases, key=lambda case: int(case["images"]))
    images = "1 image" if least["images"] == 1 else f"{least['images']} images"
    more = len({case["fold"] for case in cases}) - 1
    likewise = f"{more} others have" if more > 1 else "another has"
    others = f", and {likewise} fewer than {fewest} of a class" if more else ""
    return f"of {least['fold']} has {images} of class {least['class']}{others}"
