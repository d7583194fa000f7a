"""Findings about parts: a giant group's fold, and few images of a class to test or to select by."""

import pandas as pd

from trainables.data.splits.uneven_parts import uneven_parts

CLASSES = ("real", "fake")


def trial(*, test: dict[str, int], val: tuple[int, int] = (20, 20)) -> pd.DataFrame:
    """Rows of a trial: images of each test group, half of a class each, and of each class to select by."""
    rows = [(group, number % 2, "test") for group, images in test.items() for number in range(images)]
    rows += [(f"v{label}", label, "val") for label in (0, 1) for _ in range(val[label])]
    rows += [(f"t{label}", label, "train") for label in (0, 1) for _ in range(30)]
    return pd.DataFrame(rows, columns=["group", "label", "part"])


def test_even_folds_and_enough_images_are_not_worth_a_word() -> None:
    tables = {f"fold {n}": trial(test={"a": 20 + n, "b": 20}, val=(10, 10)) for n in range(5)}
    assert uneven_parts(tables, classes=CLASSES) == []


def test_a_giant_group_is_named_with_its_fold() -> None:
    tables = {f"fold {n}": trial(test={f"g{n}": 20, "h": 20}) for n in range(4)}
    tables["fold 4"] = trial(test={"video7": 150, "h": 10})
    [finding] = uneven_parts(tables, classes=CLASSES)
    assert finding.name == "fold_far_from_others" and finding.severity == "warning"
    assert finding.sentence.startswith(
        "the test part of fold 4 has 160 images, 150 of them of one group (video7), the middle one 40: "
    )
    assert finding.rows == ({"fold": "fold 4", "images": 160},)


def test_few_images_of_a_class_to_select_by_are_said_with_the_least() -> None:
    tables = {"fold 0": trial(test={"a": 40}, val=(9, 20)), "fold 1": trial(test={"a": 40}, val=(20, 3))}
    [finding] = uneven_parts(tables, classes=CLASSES)
    assert finding.name == "small_inner_validation"
    assert finding.sentence.startswith(
        "the inner validation part of fold 1 has 3 images of class fake, "
        "and another has fewer than 10 of a class: "
    )
    assert [dict(row) for row in finding.rows] == [
        {"fold": "fold 0", "class": "real", "images": 9},
        {"fold": "fold 1", "class": "fake", "images": 3},
    ]
    alone = {"fold 0": trial(test={"a": 40}, val=(0, 20))}
    assert "fold 0 has 0 images of class real: epochs" in uneven_parts(alone, classes=CLASSES)[0].sentence


def test_few_images_of_a_class_to_test_on_are_said_with_the_least() -> None:
    """Catches a fold whose whole score of a class hangs on two images."""
    few = trial(test={"a": 60})
    few.loc[few[(few["part"] == "test") & (few["label"] == 0)].index[2:], "label"] = 1
    [finding] = uneven_parts({"fold 0": trial(test={"a": 60}), "fold 1": few}, classes=CLASSES)
    assert finding.name == "small_test"
    assert finding.sentence.startswith("the test part of fold 1 has 2 images of class real: ")
    unlabelled = few[few["part"] != "test"]
    assert uneven_parts({"fold 0": unlabelled}, classes=CLASSES) == []
