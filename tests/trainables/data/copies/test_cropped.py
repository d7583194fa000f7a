"""Folders of crops: the right pixels under the names of the original."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainables.data.copies.copy_log import COPIED
from trainables.data.copies.cropped import crop_record, crop_to_faces, write_cropped
from trainables.data.copies.dataset_copy import RECORD, CopyCounts
from trainables.data.dataset.manifest import Manifest, scan
from trainables.data.faces import DetectedFaces
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
    assert names == {"wiki/a.png", "wiki/b,c.jpg", "text2img/sub/a.png", "text2img/d.png", RECORD, COPIED}
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


def look_at_nothing(missing: Sequence[tuple[str, Path]]) -> Iterator[list[DetectedFaces]]:
    raise AssertionError("faces are looked for before the copy was refused")
    yield []


def names_that_meet(root: Path, out: Path) -> None:
    Image.new("RGB", (40, 40)).save(root / "text2img" / "d.png")


def a_link_that_leads_out(root: Path, out: Path) -> None:
    (out / "wiki").rename(root.parent / "elsewhere")
    (out / "wiki").symlink_to(root.parent / "elsewhere", target_is_directory=True)


def an_image_left_over(root: Path, out: Path) -> None:
    (root / "wiki" / "a.png").unlink()


def an_empty_table(root: Path, out: Path) -> None:
    (root / "manifest.csv").write_text("")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (names_that_meet, "differ in their suffix alone"),
        (a_link_that_leads_out, "leads out of"),
        (an_image_left_over, "has no longer"),
        (an_empty_table, "can't be read as UTF-8 CSV"),
    ],
)
def test_what_is_refused_is_refused_before_faces_are_looked_for(
    spoil: Callable[[Path, Path], None], told: str, manifest: Manifest, tmp_path: Path
) -> None:
    """Catches hours of detection that end in a sentence about a name."""
    out = tmp_path / "out"
    write(manifest, out)
    spoil(manifest.root, out)
    with pytest.raises(InputError, match=told):
        crop_to_faces(
            scan(manifest.root),
            out,
            margin=0.6,
            rule="largest",
            size_px=None,
            faces=tmp_path / "faces.parquet",
            look=look_at_nothing,
            bar=lambda title: nullcontext(),
        )
