"""Folders of crops: the layout and the names of the original, the right pixels, written once."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainables.data.copies.cropped import SETTINGS, check_target, write_cropped
from trainables.data.dataset.manifest import Manifest, scan
from trainables.data.images.crops import Square
from trainables.errors import InputError

SETTING = {"margin": 0.6, "size_px": None}


@pytest.fixture
def manifest(fill: Callable[..., Path]) -> Manifest:
    return scan(fill("wiki/a.png", "wiki/b,c.jpg", "text2img/sub/a.png", "text2img/d.gif"))


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def write(manifest: Manifest, out: Path, *, size_px: int | None = None, **squares: Square) -> int:
    by_path = dict(zip(manifest.rows["path"], manifest.rows["sha256"], strict=True))
    chosen = {by_path[path]: square for path, square in squares.items()}
    return write_cropped(manifest, out, squares=chosen, settings=SETTING, size_px=size_px)


def test_crops_have_the_names_and_pixels_of_the_original(manifest: Manifest, tmp_path: Path) -> None:
    (manifest.root / "manifest.csv").write_text("path,person\nwiki/a.png,1\n")
    out = tmp_path / "cropped" / "classifier"
    assert write(manifest, out, **{"wiki/a.png": Square(3, 5, 20)}) == 4
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert names == {
        "wiki/a.png", "wiki/b,c.jpg", "text2img/sub/a.png", "text2img/d.png", "manifest.csv", SETTINGS,
    }  # fmt: skip
    original = pixels(manifest.root / "wiki/a.png")
    np.testing.assert_array_equal(pixels(out / "wiki/a.png"), original[5:25, 3:23])
    # Without a face: the middle, 32 of 40 x 32 pixels.
    original = pixels(manifest.root / "text2img/sub/a.png")
    np.testing.assert_array_equal(pixels(out / "text2img/sub/a.png"), original[:, 4:36])
    again = scan(out)
    assert (again.layout, len(again.rows), len(again.excluded)) == (manifest.layout, 4, 0)


def test_all_crops_have_the_size_that_was_asked_for(manifest: Manifest, tmp_path: Path) -> None:
    write(manifest, tmp_path / "out", size_px=24, **{"wiki/a.png": Square(0, 0, 9)})
    assert {pixels(path).shape for path in (tmp_path / "out").rglob("*.[pj]*g")} == {(24, 24, 3)}


def test_a_second_call_writes_only_what_is_missing_or_changed(manifest: Manifest, tmp_path: Path) -> None:
    """Catches work done twice after an interrupt, and an old crop of an image that was replaced."""
    out = tmp_path / "out"
    write(manifest, out)
    assert write(manifest, out) == 0
    (out / "wiki/a.png").unlink()
    changed = manifest.root / "text2img/sub/a.png"
    Image.new("RGB", (40, 40), "red").save(changed)
    os.utime(changed, ns=(1, 1))
    assert write(scan(manifest.root), out) == 2
    assert tuple(pixels(out / "text2img/sub/a.png")[0, 0]) == (255, 0, 0)


def test_an_interrupt_leaves_whole_files_alone(manifest: Manifest, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_cropped(manifest, out, squares={}, settings=SETTING, size_px=None, progress=interrupt)
    for path in out.rglob("*.[pj]*g"):
        pixels(path)
    assert not list(out.rglob("*.partial"))
    check_target(out, manifest.root, SETTING)
    write(manifest, out)
    assert len(scan(out).rows) == 4


def test_two_images_of_one_name_are_refused_before_anything_is_written(
    fill: Callable[..., Path], tmp_path: Path
) -> None:
    manifest = scan(fill("wiki/a.gif", "wiki/a.png", "text2img/a.png"))
    with pytest.raises(InputError, match="would get one name"):
        write(manifest, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_of_other_settings_or_of_others_is_refused(manifest: Manifest, tmp_path: Path) -> None:
    write(manifest, tmp_path / "out")
    check_target(tmp_path / "out", manifest.root, SETTING)
    check_target(tmp_path / "new", manifest.root, SETTING)
    with pytest.raises(InputError, match=r"margin 0\.6 there, 0\.3 asked for"):
        check_target(tmp_path / "out", manifest.root, {**SETTING, "margin": 0.3})
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("")
    with pytest.raises(InputError, match="did not make"):
        check_target(tmp_path / "mine", manifest.root, SETTING)
    for inside in (manifest.root, manifest.root / "cropped", manifest.root.parent):
        with pytest.raises(InputError, match="inside each other"):
            check_target(inside, manifest.root, SETTING)
    (tmp_path / "out" / SETTINGS).write_text("{")
    with pytest.raises(InputError, match="can't be read"):
        check_target(tmp_path / "out", manifest.root, SETTING)
