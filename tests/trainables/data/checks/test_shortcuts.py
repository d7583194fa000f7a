"""Models that never see a face: what they find, what they can't, and which rows they learn from."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.cases import fast_first
from trainables.data.checks.image_facts import read_facts
from trainables.data.checks.shortcuts import Shortcuts, Split, find_shortcuts, study_splits
from trainables.data.dataset.manifest import scan
from trainables.data.splits.trial_rows import experiment_rows, image_files, trial_table
from trainables.recipe import RecipeKeys

NUM_EACH = 40
Save = Callable[[Image.Image, Path, bool, int], None]


def draw_set(root: Path, save: Save, *, num_each: int = NUM_EACH, px: int = 32) -> Path:
    """Real and fake noise that differs in nothing but how `save(image, path, is_fake, number)` writes it."""
    for source in ("real", "fake"):
        for number in range(num_each):
            rng = np.random.default_rng([source == "fake", number])
            # Noise of varying strength, so that bytes per pixel vary as they do in photographs.
            pixels = np.clip(rng.normal(128, rng.uniform(10, 60), (px, px, 3)), 0, 255).astype(np.uint8)
            path = root / source / f"{source}_{number}"
            path.parent.mkdir(parents=True, exist_ok=True)
            save(Image.fromarray(pixels), path, source == "fake", number)
    return root


def find(root: Path, **keys: Any) -> tuple[Shortcuts, list[Split]]:
    recipe = RecipeKeys(**{"val_ratio": 0.2, "cv_folds": 3, **keys})
    manifest = scan(root)
    rows = [experiment_rows(manifest, recipe, repeat=repeat) for repeat in range(recipe.cv_repeats)]
    splits = study_splits(rows, recipe)
    facts = read_facts(image_files(manifest.rows, root))
    return find_shortcuts(splits, facts, num_classes=len(manifest.classes)), splits


def mean(scores: Any) -> float:
    return float(np.mean([fold.auc for fold in scores.folds]))


def as_png(image: Image.Image, path: Path, is_fake: bool, number: int) -> None:
    image.save(path.with_suffix(".png"))


@pytest.mark.slow
def test_a_set_whose_formats_differ_is_told_apart_without_a_look(tmp_path: Path) -> None:
    def save(image: Image.Image, path: Path, is_fake: bool, number: int) -> None:
        image.save(path.with_suffix(".png" if is_fake else ".jpg"))

    found, _ = find(draw_set(tmp_path, save))
    assert mean(found.file_facts) == 1.0
    assert {"file extension", "file format"} <= {name for name, auc in found.alone.items() if auc == 1.0}
    assert next(iter(found.alone.values())) == 1.0
    assert not found.written_alike


@pytest.mark.parametrize(
    ("name", "options"),
    fast_first(
        [
            ("JPEG quality", ({"quality": 90}, {"quality": 92})),
            ("chroma subsampling", ({"subsampling": "4:4:4"}, {"subsampling": "4:2:0"})),
            ("progressive or interlaced coding", ({"progressive": False}, {"progressive": True})),
            ("comments and text", ({}, {"comment": b"made by a generator"})),
        ],
        2,
    ),
)
def test_one_difference_in_how_files_are_written_is_named(
    tmp_path: Path, name: str, options: Sequence[dict[str, Any]]
) -> None:
    def save(image: Image.Image, path: Path, is_fake: bool, number: int) -> None:
        image.save(path.with_suffix(".jpg"), **options[is_fake])

    found, _ = find(draw_set(tmp_path, save))
    assert mean(found.file_facts) == 1.0 and found.alone[name] == 1.0


@pytest.mark.slow
def test_an_honest_set_gives_nothing_away(tmp_path: Path) -> None:
    """Both classes come in two formats and three qualities, all alike in their shares."""

    def save(image: Image.Image, path: Path, is_fake: bool, number: int) -> None:
        if number % 3:
            image.save(path.with_suffix(".jpg"), quality=70 + 10 * (number % 2))
        else:
            image.save(path.with_suffix(".png"))

    found, _ = find(draw_set(tmp_path, save, num_each=90))
    assert not found.written_alike
    assert mean(found.file_facts) == pytest.approx(0.5, abs=0.12)
    assert mean(found.trivial_pixels) == pytest.approx(0.5, abs=0.12)
    assert found.alone["width"] == 0.5


def test_brightness_is_a_matter_of_pixels_and_not_of_files(tmp_path: Path) -> None:
    def save(image: Image.Image, path: Path, is_fake: bool, number: int) -> None:
        image.point(lambda value: value * (0.8 if is_fake else 1.0)).save(path.with_suffix(".bmp"))

    found, _ = find(draw_set(tmp_path, save))
    assert mean(found.trivial_pixels) > 0.95
    assert mean(found.file_facts) == 0.5


def test_bytes_that_follow_from_the_picture_count_among_the_pixels(tmp_path: Path) -> None:
    """Catches a set that no re-encoding could mend, refused again and again for what it shows."""

    def save(image: Image.Image, path: Path, is_fake: bool, number: int) -> None:
        (image.convert("L").convert("RGB") if is_fake else image).save(path.with_suffix(".png"))

    found, _ = find(draw_set(tmp_path, save))
    assert found.written_alike
    assert found.alone["bytes per pixel"] > 0.8
    assert mean(found.file_facts) == 0.5
    assert mean(found.trivial_pixels) > 0.8


def test_a_quality_that_a_file_hides_shows_in_its_bytes(tmp_path: Path) -> None:
    """WebP has no tables to read: the bytes are all that can tell one quality from another."""

    def save(image: Image.Image, path: Path, is_fake: bool, number: int) -> None:
        image.save(path.with_suffix(".webp"), quality=20 if is_fake else 95)

    found, _ = find(draw_set(tmp_path, save))
    assert not found.written_alike
    assert next(iter(found.alone)) == "bytes per pixel"
    assert mean(found.file_facts) > 0.8


def test_the_folds_are_those_of_the_study(faces: Path) -> None:
    """Catches a check with folds of its own, in which a group can be on both sides."""
    recipe = RecipeKeys(cv_folds=3, cv_repeats=2, val_ratio=0.2)
    rows = [experiment_rows(scan(faces), recipe, repeat=repeat) for repeat in range(2)]
    splits = study_splits(rows, recipe)
    assert [(split.repeat, split.fold) for split in splits] == [(r, f) for r in range(2) for f in range(3)]
    for split in splits:
        parts = trial_table(rows[split.repeat], recipe, repeat=split.repeat, fold=split.fold)
        assert set(split.test["path"]) == set(parts.loc[parts["part"] == "test", "path"])
        assert set(split.train["path"]) == set(parts.loc[parts["part"].isin(["train", "val"]), "path"])
        assert not set(split.train["group"]) & set(split.test["group"])


def test_held_out_sources_are_held_out_here_too(faces: Path) -> None:
    recipe = RecipeKeys(
        cv_folds=3, val_ratio=0.2, train_sources=("wiki", "text2img"), eval_sources=("wiki", "inpainting")
    )
    for split in study_splits([experiment_rows(scan(faces), recipe, repeat=0)], recipe):
        assert set(split.train["source"]) == {"wiki", "text2img"}
        assert set(split.test["source"]) == {"wiki", "inpainting"}


def test_nothing_of_a_test_fold_is_fitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a scaler, or anything else, that is fitted on all rows before they are split."""
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    seen: dict[str, list[np.ndarray]] = {}

    def watch(model: Any) -> None:
        original = model.fit

        def fit(self: Any, data: np.ndarray, *more: Any, **named: Any) -> Any:
            seen.setdefault(model.__name__, []).append(np.asarray(data))
            return original(self, data, *more, **named)

        monkeypatch.setattr(model, "fit", fit)

    for model in (Pipeline, StandardScaler, DecisionTreeClassifier):
        watch(model)

    def save(image: Image.Image, path: Path, is_fake: bool, number: int) -> None:
        image.save(path.with_suffix(".jpg"), quality=60 + number % 3)

    _, splits = find(draw_set(tmp_path, save))
    facts = read_facts(image_files(scan(tmp_path).rows, tmp_path))
    files_and_pixels = [seen["Pipeline"][:2], seen["Pipeline"][2:4]]
    assert len(seen["Pipeline"]) == 2 * len(splits)
    for split, (of_files, of_pixels) in zip(splits, files_and_pixels, strict=False):
        rows = facts.loc[split.train["sha256"]]
        np.testing.assert_array_equal(of_files[:, 3], rows["bytes_per_pixel"])
        np.testing.assert_array_equal(of_pixels[:, :3], rows[["mean_r", "mean_g", "mean_b"]])
    most = max(len(split.train) for split in splits)
    assert all(len(data) <= most for fits in seen.values() for data in fits)


@pytest.mark.slow
def test_the_same_set_gives_the_same_scores(tmp_path: Path) -> None:
    root = draw_set(tmp_path, as_png)
    assert find(root)[0] == find(root)[0]


@pytest.mark.slow
def test_a_single_split_has_a_bootstrap_and_folds_have_none(tmp_path: Path) -> None:
    root = draw_set(tmp_path, lambda image, path, is_fake, number: as_png(image, path, is_fake, number))
    single, _ = find(root, protocol="holdout", test_ratio=0.4)
    assert len(single.trivial_pixels.folds) == 1 and single.trivial_pixels.bootstrap is not None
    low, high = single.trivial_pixels.bootstrap
    auc = single.trivial_pixels.folds[0].auc
    assert auc is not None and 0.0 <= low <= auc <= high <= 1.0 and high - low > 0.05
    # A model that says the same of every image is at chance, for certain.
    assert single.file_facts.bootstrap == (0.5, 0.5)
    assert find(root)[0].trivial_pixels.bootstrap is None


@pytest.mark.slow
def test_several_classes_are_scored_one_against_the_rest(tmp_path: Path) -> None:
    from sklearn.metrics import roc_auc_score

    for label, suffix in enumerate(("png", "bmp", "jpg")):
        for number in range(20):
            pixels = np.random.default_rng([label, number]).integers(0, 256, (24, 24, 3), dtype=np.uint8)
            path = tmp_path / "train" / f"class{label}" / f"{number}.{suffix if label else 'bmp'}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    found, splits = find(tmp_path, cv_folds=4)
    # Classes 0 and 1 look the same, class 2 is JPEG: the macro average of 0.75, 0.75 and 1.
    truth = splits[0].test["label"].to_numpy()
    told = np.where(truth[:, None] == 2, [0, 0, 1], [0.5, 0.5, 0]).astype(float)
    expected = roc_auc_score(truth[:, None] == np.arange(3), told, average="macro")
    assert found.alone["file format"] == pytest.approx(expected) == pytest.approx(5 / 6)
    assert mean(found.file_facts) == pytest.approx(5 / 6, abs=0.1)


@pytest.mark.slow
def test_a_class_with_one_training_image_stops_nothing() -> None:
    """Catches a covariance of one image, and classes that a model never saw."""
    rng = np.random.default_rng(0)
    from trainables.data.checks.image_facts import CONTENT_COLUMNS

    hashes = [f"{number:064d}" for number in range(14)]
    facts = pd.DataFrame(
        rng.normal(size=(14, len(CONTENT_COLUMNS))), index=hashes, columns=list(CONTENT_COLUMNS)
    ).astype(np.float32)
    rows = pd.DataFrame(
        {"path": [f"{digest}.png" for digest in hashes], "sha256": hashes, "group": hashes}
        | {"label": [0, 0, 0, 1, 1, 1, 2] * 2, "source": "x"}
    )
    split = Split(0, 0, rows.iloc[:7], rows.iloc[7:])
    found = find_shortcuts([split], facts, num_classes=3)
    assert found.file_facts.folds[0].auc is not None
    unseen = Split(0, 0, rows.iloc[:6], rows.iloc[7:])
    assert find_shortcuts([unseen], facts, num_classes=3).trivial_pixels.folds[0].auc is not None
    lacking = Split(0, 0, rows.iloc[:7], rows.iloc[7:13])
    assert find_shortcuts([lacking], facts, num_classes=3).file_facts.folds[0].auc is None


def test_progress_counts_every_model(tmp_path: Path) -> None:
    root = draw_set(tmp_path, as_png, num_each=10)
    recipe = RecipeKeys(cv_folds=2, val_ratio=0.2)
    splits = study_splits([experiment_rows(scan(root), recipe, repeat=0)], recipe)
    told: list[tuple[int, int]] = []
    find_shortcuts(
        splits, read_facts(image_files(scan(root).rows, root)), num_classes=2,
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert told == [(done, len(told)) for done in range(1, len(told) + 1)]
