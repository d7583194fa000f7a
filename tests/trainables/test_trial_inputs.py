"""The way from a scanned folder to a trial's rows: faces, pixels and parts, in one way for every caller."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from trainables.data.dataset.manifest import scan
from trainables.data.faces import DetectedFaces
from trainables.data.pixels import open_pixels
from trainables.data.splits.trial_rows import experiment_rows
from trainables.errors import InputError
from trainables.recipe import Recipe
from trainables.trial_inputs import ImageCaches, detect_faces, find_pixels, prepare_pixels, trial_rows

Data = tuple[Path, pd.DataFrame]


@pytest.fixture
def caches(tmp_path: Path) -> ImageCaches:
    return ImageCaches(faces=tmp_path / "cache" / "faces.parquet", pixels=tmp_path / "cache" / "pixels")


@pytest.fixture
def data(fill: Callable[..., Path], make_recipe: Callable[..., Recipe]) -> Data:
    root = fill(*(f"{source}/{face:02d}.png" for source in ("wiki", "text2img") for face in range(10)))
    return root, experiment_rows(scan(root), make_recipe(), repeat=0)


class Detector:
    """One face in the upper left corner of each image."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, missing: Sequence[tuple[str, Path]]) -> Iterator[list[DetectedFaces]]:
        self.seen += [digest for digest, _ in missing]
        yield [DetectedFaces(digest, 40, 32, ((0.0, 0.0, 10.0, 10.0),), (0.99,)) for digest, _ in missing]


def test_a_trial_has_every_image_of_its_rows_in_one_cache(
    data: Data, caches: ImageCaches, make_recipe: Callable[..., Recipe]
) -> None:
    (root, rows), recipe = data, make_recipe()
    assert find_pixels(rows["sha256"], recipe, caches=caches).folder is None
    folds = [
        trial_rows(rows, recipe, root=root, caches=caches, num_classes=2, repeat=0, fold=fold)
        for fold in (0, 1)
    ]
    assert folds[0].pixels == folds[1].pixels == find_pixels(rows["sha256"], recipe, caches=caches).folder
    assert folds[0].pixels.name == find_pixels(rows["sha256"], recipe, caches=caches).key
    assert set(open_pixels(folds[0].pixels).row_of) == set(rows["sha256"])
    tested = [set(fold.table.loc[fold.table["part"] == "test", "path"]) for fold in folds]
    assert tested[0] and tested[0].isdisjoint(tested[1])
    assert (folds[1].num_classes, folds[1].repeat, folds[1].fold) == (2, 0, 1)


def test_faces_are_looked_for_only_where_the_recipe_crops_to_them_and_once(
    data: Data, caches: ImageCaches, make_recipe: Callable[..., Recipe]
) -> None:
    (root, rows), look = data, Detector()
    detect_faces(rows, make_recipe(), root=root, caches=caches, look=look)
    assert not look.seen and not caches.faces.exists()
    for _ in range(2):
        detect_faces(rows, make_recipe(face_crop=True), root=root, caches=caches, look=look)
    assert sorted(look.seen) == sorted(rows["sha256"])


def test_pixels_of_a_face_crop_are_those_of_the_face(
    data: Data, caches: ImageCaches, make_recipe: Callable[..., Recipe]
) -> None:
    """Catches a trial on whole images whose record says that they were cropped."""
    root, rows = data
    plain, cropped = make_recipe(), make_recipe(face_crop=True, face_crop_margin=0.0)
    with pytest.raises(InputError, match="knows nothing of 20 images"):
        prepare_pixels(rows, cropped, root=root, caches=caches)
    detect_faces(rows, cropped, root=root, caches=caches, look=Detector())
    whole, faces = (
        open_pixels(prepare_pixels(rows, each, root=root, caches=caches)) for each in (plain, cropped)
    )
    digest = rows["sha256"].iloc[0]
    assert not np.array_equal(whole.array[whole.row_of[digest]], faces.array[faces.row_of[digest]])
    found = [find_pixels(rows["sha256"], each, caches=caches) for each in (plain, cropped)]
    assert found[0].key != found[1].key and found[0].folder != found[1].folder
