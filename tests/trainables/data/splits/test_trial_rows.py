"""The rows of experiments and trials: comparable folds whatever is used, and sources kept apart."""

from pathlib import Path

import pandas as pd
import pytest

from trainables.data.dataset.manifest import Manifest
from trainables.data.splits.trial_rows import ROW_COLUMNS, experiment_rows, trial_table
from trainables.errors import InputError
from trainables.recipe import RecipeKeys

SOURCES = ("wiki", "text2img", "inpainting", "insight")
FAKES = SOURCES[1:]


def manifest(num_faces: int = 60, *, classes: tuple[str, ...] = ("real", "fake")) -> Manifest:
    """One person's images under one name in all four sources, as the sources layout has them."""
    rows = pd.DataFrame(
        [
            {
                "path": f"{source}/{face:03d}.jpg",
                "sha256": f"{source}-{face}",
                "label": int(source != "wiki"),
                "source": source,
                "group": f"{face:03d}",
                "split": "",
            }
            for source in SOURCES
            for face in range(num_faces)
        ]
    )
    excluded = pd.DataFrame(columns=["path", "reason"])
    return Manifest(Path("/data"), "sources", "basename", classes, rows, excluded)


def relabelled(labels: dict[str, int], *, classes: tuple[str, ...] = ("real", "fake")) -> Manifest:
    whole = manifest(classes=classes)
    rows = whole.rows.assign(label=whole.rows["source"].map(labels))
    return Manifest(whole.root, whole.layout, whole.group_by, classes, rows, whole.excluded)


def fold_of(rows: pd.DataFrame) -> dict[str, int]:
    return dict(zip(rows["path"], rows["fold"], strict=True))


@pytest.mark.parametrize("subsample", [0.2, 0.5, 1.0])
def test_every_image_is_in_exactly_one_test_fold_whatever_is_learned_from(subsample: float) -> None:
    recipe = RecipeKeys(subsample=subsample)
    rows = experiment_rows(manifest(), recipe, repeat=0)
    assert tuple(rows.columns) == ROW_COLUMNS
    tables = [trial_table(rows, recipe, repeat=0, fold=fold) for fold in range(5)]
    tested = [path for table in tables for path in table["path"][table["part"] == "test"]]
    assert sorted(tested) == sorted(manifest().rows["path"])
    learnable = set(rows["path"][rows["learnable"]])
    for table in tables:
        learned = set(table["path"][table["part"] != "test"])
        tested = set(table["path"][table["part"] == "test"])
        assert learned == learnable - tested
        assert table.groupby("group")["part"].nunique().eq(1).all()


def test_how_much_data_is_asked_on_the_same_test_folds() -> None:
    """Catches a subsample that cuts the test fold too: 20 % and all of the data could not be compared."""
    parts = {}
    for ratio in (0.2, 0.5, 1.0):
        recipe = RecipeKeys(subsample=ratio)
        rows = experiment_rows(manifest(100), recipe, repeat=0)
        table = trial_table(rows, recipe, repeat=0, fold=0)
        parts[ratio] = table.groupby("part")["path"].apply(set).to_dict()
    assert parts[0.2]["test"] == parts[0.5]["test"] == parts[1.0]["test"]
    learned = [parts[ratio]["train"] | parts[ratio]["val"] for ratio in (0.2, 0.5, 1.0)]
    assert learned[0] < learned[1] < learned[2]
    assert [len(images) for images in learned] == [16 * 4, 40 * 4, 80 * 4]


@pytest.mark.parametrize(
    "changes",
    [
        {"subsample": 0.2},
        {"subsample": 0.5},
        {"train_sources": ("wiki", "insight"), "eval_sources": ("wiki", "text2img")},
        {"train_sources": ("wiki", "insight")},
        {"image_size": 256, "backbone": "resnet18", "epochs": 3, "val_ratio": 0.3},
    ],
)
@pytest.mark.parametrize("repeat", [0, 1])
def test_no_setting_of_an_experiment_moves_an_image_to_another_fold(
    changes: dict[str, object], repeat: int
) -> None:
    """Else two experiments could not be compared fold by fold."""
    everything = fold_of(experiment_rows(manifest(), RecipeKeys(), repeat=repeat))
    part = fold_of(experiment_rows(manifest(), RecipeKeys.model_validate(changes), repeat=repeat))
    assert part.items() <= everything.items() and part


def test_a_subsample_is_nested_in_whole_groups_and_even_over_the_folds() -> None:
    shares = {}
    for ratio in (0.2, 0.5):
        rows = experiment_rows(manifest(100), RecipeKeys(subsample=ratio), repeat=0)
        shares[ratio] = rows[rows["learnable"]]
    assert set(shares[0.2]["path"]) < set(shares[0.5]["path"])
    for ratio, rows in shares.items():
        assert rows["group"].nunique() == 100 * ratio
        assert rows.groupby("group")["source"].nunique().eq(4).all()
        assert rows.groupby("fold")["group"].nunique().tolist() == [20 * ratio] * 5


def test_repeats_have_other_folds_and_learn_from_the_same_images() -> None:
    recipe = RecipeKeys(cv_repeats=3, subsample=0.5)
    tables = [experiment_rows(manifest(), recipe, repeat=repeat) for repeat in range(3)]
    learned = [set(rows["path"][rows["learnable"]]) for rows in tables]
    assert learned[0] == learned[1] == learned[2] and len(learned[0]) == 120
    repeats = [fold_of(rows) for rows in tables]
    assert repeats[0] != repeats[1] != repeats[2] != repeats[0]


@pytest.mark.parametrize("fold", range(5))
def test_a_held_out_source_is_never_trained_on_and_the_folds_test_groups_neither(fold: int) -> None:
    recipe = RecipeKeys(train_sources=("wiki", "insight"), eval_sources=("wiki", "text2img"))
    rows = experiment_rows(manifest(), recipe, repeat=0)
    assert set(rows["source"]) == {"wiki", "insight", "text2img"}
    table = trial_table(rows, recipe, repeat=0, fold=fold)
    sources = table.groupby("part")["source"].unique().map(set).to_dict()
    assert sources == {"train": {"wiki", "insight"}, "val": {"wiki", "insight"}, "test": {"wiki", "text2img"}}
    groups = table.groupby("part")["group"].unique().map(set)
    assert not groups["test"] & (groups["train"] | groups["val"]) and not groups["train"] & groups["val"]
    assert len(groups["test"]) == 12


def test_restricting_one_side_leaves_the_other_side_whole() -> None:
    recipe = RecipeKeys(train_sources=("wiki", "insight"))
    table = trial_table(experiment_rows(manifest(), recipe, repeat=0), recipe, repeat=0, fold=0)
    assert set(table["source"][table["part"] == "test"]) == set(SOURCES)
    assert set(table["source"][table["part"] != "test"]) == {"wiki", "insight"}


def test_validation_is_the_ratio_of_the_outer_part() -> None:
    recipe = RecipeKeys(val_ratio=0.25)
    rows = experiment_rows(manifest(), recipe, repeat=0)
    counts = trial_table(rows, recipe, repeat=0, fold=0)["part"].value_counts()
    assert counts.to_dict() == {"train": 36 * 4, "val": 12 * 4, "test": 12 * 4}


def test_rows_without_a_label_are_in_no_fold() -> None:
    whole = relabelled({"wiki": 0, "text2img": 1, "inpainting": 1, "insight": -1})
    rows = experiment_rows(whole, RecipeKeys(), repeat=0)
    assert set(rows["source"]) == {"wiki", "text2img", "inpainting"} and set(rows["label"]) == {0, 1}


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (dict.fromkeys(SOURCES, 1), r"/data holds one class only \(fake, 240 images\).*real_sources"),
        (dict.fromkeys(SOURCES, -1), r"one class only \(none, 0 images\)"),
    ],
)
def test_one_class_only_is_refused(labels: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        experiment_rows(relabelled(labels), RecipeKeys(), repeat=0)


def test_a_gap_in_the_labels_is_refused_by_the_name_of_the_class() -> None:
    labels = {"wiki": 0, "text2img": 1, "inpainting": 3, "insight": 3}
    with pytest.raises(InputError, match="no image has class c2"):
        experiment_rows(relabelled(labels, classes=("c0", "c1", "c2", "c3")), RecipeKeys(), repeat=0)


@pytest.mark.parametrize("key", ["train_sources", "eval_sources"])
def test_an_unknown_source_is_refused_with_the_sources_there_are(key: str) -> None:
    recipe = RecipeKeys.model_validate({key: ("wiki", "dalle")})
    message = f"{key}: no source dalle; the sources are inpainting, insight, text2img, wiki"
    with pytest.raises(InputError, match=message):
        experiment_rows(manifest(), recipe, repeat=0)


def test_fewer_groups_than_folds_is_refused() -> None:
    with pytest.raises(InputError, match="4 groups, fewer than the 5 folds"):
        experiment_rows(manifest(4), RecipeKeys(), repeat=0)


def with_splits(*, labelled_test: bool) -> Manifest:
    """60 faces: 40 for training, 10 for validation, 10 for testing, the last perhaps without labels."""
    whole = manifest()
    face = whole.rows["group"].astype(int)
    split = pd.cut(face, [-1, 39, 49, 60], labels=["train", "val", "test"]).astype(str)
    rows = whole.rows.assign(split=split, group=whole.rows["path"])
    if not labelled_test:
        rows.loc[rows["split"] == "test", "label"] = -1
    return Manifest(whole.root, "csv", "none", whole.classes, rows, whole.excluded)


@pytest.mark.parametrize(("labelled_test", "scored"), [(True, "test"), (False, "val")])
def test_official_scores_the_labelled_test_split_else_the_validation_split(
    labelled_test: bool, scored: str
) -> None:
    data = with_splits(labelled_test=labelled_test)
    recipe = RecipeKeys(protocol="official")
    rows = experiment_rows(data, recipe, repeat=0)
    table = trial_table(rows, recipe, repeat=0, fold=0)
    split = dict(zip(data.rows["path"], data.rows["split"], strict=True))
    found = table.assign(split=table["path"].map(split)).groupby("part")["split"].unique()
    assert recipe.num_folds == 1
    # Selection never sees what is scored: it looks at an inner part of the training split.
    expected = {"train": ["train"], "val": ["train"], "test": [scored]}
    expected |= {} if labelled_test else {"unlabelled": ["test"]}
    assert {part: list(splits) for part, splits in found.items()} == expected
    assert (table["part"] == "val").sum() == 16 and (table["part"] == "test").sum() == 40


def test_an_official_subsample_takes_from_training_alone() -> None:
    data = with_splits(labelled_test=False)
    parts = [
        trial_table(experiment_rows(data, recipe, repeat=0), recipe, repeat=0, fold=0)["part"].value_counts()
        for recipe in (RecipeKeys(protocol="official"), RecipeKeys(protocol="official", subsample=0.25))
    ]
    assert parts[1]["train"] + parts[1]["val"] == 40
    assert parts[0]["test"] == parts[1]["test"] == parts[0]["unlabelled"] == parts[1]["unlabelled"] == 40


def test_official_needs_splits() -> None:
    with pytest.raises(InputError, match=r"protocol official needs a train split .*its splits are: none"):
        experiment_rows(manifest(), RecipeKeys(protocol="official"), repeat=0)


def test_holdout_is_one_grouped_split_of_the_size_asked_for() -> None:
    recipe = RecipeKeys(protocol="holdout", test_ratio=0.25, cv_repeats=2)
    tables = [
        trial_table(experiment_rows(manifest(), recipe, repeat=repeat), recipe, repeat=repeat, fold=0)
        for repeat in (0, 1)
    ]
    for table in tables:
        assert table.groupby("group")["part"].nunique().eq(1).all()
        assert (table["part"] == "test").sum() == 60 and len(table) == 240
    tested = [set(table["path"][table["part"] == "test"]) for table in tables]
    assert tested[0] != tested[1]
