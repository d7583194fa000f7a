"""Folders of crops: the right pixels under the names of the original."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainables.data.copies.cropped import crop_record, write_cropped
from trainables.data.copies.dataset_copy import RECORD, CopyCounts
from trainables.data.dataset.manifest import Manifest, scan
from trainables.data.images.crops import Square
from trainables.errors import InputError


@pytest.fixture
def manifest(fill: Callable[..., Path]) -> Manifest:
    return scan(fill("wiki/a.png", "wiki/b,c.jpg", "text2img/sub/a.png", "text2img/d.gif"))


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def write(
    manifest: Manifest, out: Path, *, size_px: int | None = None, margin: float = 0.6, **squares: Square
) -> CopyCounts:
    by_path = dict(zip(manifest.rows["path"], manifest.rows["sha256"], strict=True))
    chosen = {by_path[path]: square for path, square in squares.items()}
    record = crop_record(manifest.root, margin=margin, rule="largest", size_px=size_px)
    return write_cropped(manifest, out, squares=chosen, record=record, size_px=size_px)


def test_crops_have_the_names_and_pixels_of_the_original(manifest: Manifest, tmp_path: Path) -> None:
    out = tmp_path / "cropped" / "classifier"
    assert write(manifest, out, **{"wiki/a.png": Square(3, 5, 20)}).written == 4
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert names == {"wiki/a.png", "wiki/b,c.jpg", "text2img/sub/a.png", "text2img/d.png", RECORD}
    original = pixels(manifest.root / "wiki/a.png")
    np.testing.assert_array_equal(pixels(out / "wiki/a.png"), original[5:25, 3:23])
    # Without a face: the middle, 32 of 40 x 32 pixels.
    original = pixels(manifest.root / "text2img/sub/a.png")
    np.testing.assert_array_equal(pixels(out / "text2img/sub/a.png"), original[:, 4:36])


def test_all_crops_have_the_size_that_was_asked_for(manifest: Manifest, tmp_path: Path) -> None:
    write(manifest, tmp_path / "out", size_px=24, **{"wiki/a.png": Square(0, 0, 9)})
    assert {pixels(path).shape for path in (tmp_path / "out").rglob("*.[pj]*g")} == {(24, 24, 3)}


def test_crops_of_another_margin_are_not_mixed(manifest: Manifest, tmp_path: Path) -> None:
    write(manifest, tmp_path / "out")
    with pytest.raises(InputError, match=r"margin 0\.6 there, 0\.3 asked for"):
        write(manifest, tmp_path / "out", margin=0.3)
