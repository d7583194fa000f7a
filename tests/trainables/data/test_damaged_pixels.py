"""Pixel caches that are not what they say: built anew, and never read by a trial."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainables import files as reading
from trainables.data.pixels import ensure_pixels, find_cache, open_pixels
from trainables.files import write_json

SIZE_PX = 8


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    found = {}
    for number in range(4):
        path = tmp_path / "images" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (12, 10), (number, 2 * number, 50)).save(path)
        found[hashlib.sha256(path.read_bytes()).hexdigest()] = path
    return found


def built(tmp_path: Path, files: dict[str, Path]) -> Path:
    return ensure_pixels(tmp_path / "cache", files, size_px=SIZE_PX)


def later(path: Path) -> None:
    """Set the time of a file as writing to it a little later does."""
    now = path.stat().st_mtime_ns + 10**9
    os.utime(path, ns=(now, now))


def exchange_array(folder: Path) -> None:
    array = np.load(folder / "pixels.npy")
    array[0] += 1
    np.save(folder / "pixels.npy", array)
    later(folder / "pixels.npy")


def cut_array(folder: Path) -> None:
    with (folder / "pixels.npy").open("r+b") as file:
        file.truncate(200)


def empty_array(folder: Path) -> None:
    (folder / "pixels.npy").write_bytes(b"")


def pipe_for_array(folder: Path) -> None:
    (folder / "pixels.npy").unlink()
    os.mkfifo(folder / "pixels.npy")


def other_type(folder: Path) -> None:
    np.save(folder / "pixels.npy", np.load(folder / "pixels.npy").astype(np.int8))


def swap_images(folder: Path) -> None:
    """Say that each image is another one, as who forges an entry would."""
    write_json(folder / "images.json", json.loads((folder / "images.json").read_text())[::-1])


def nest_images(folder: Path) -> None:
    (folder / "images.json").write_text("[" * 100_000)


def wrong_types(folder: Path) -> None:
    write_json(folder / "about.json", {"version": [], "size_px": {}, "images": "4"})


def no_record(folder: Path) -> None:
    (folder / "about.json").unlink()


DAMAGES = (
    exchange_array, cut_array, empty_array, pipe_for_array, other_type, swap_images, nest_images, wrong_types,
    no_record,
)  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_cache_that_is_not_what_it_says_is_built_anew(
    tmp_path: Path, files: dict[str, Path], damage: Callable[[Path], None]
) -> None:
    """Catches a trial on other pixels than its record says, and one that fails in every run from then on."""
    folder = built(tmp_path, files)
    whole = {name: (folder / name).read_bytes() for name in ("pixels.npy", "images.json", "about.json")}
    damage(folder)
    assert find_cache(folder.parent, list(files), size_px=SIZE_PX) is None
    # Nor is it taken for one that holds more than is asked for.
    assert find_cache(folder.parent, list(files)[:2], size_px=SIZE_PX) is None
    assert built(tmp_path, files) == folder
    assert {name: (folder / name).read_bytes() for name in whole} == whole


def test_a_cache_under_the_name_of_another_is_not_taken_for_it(
    tmp_path: Path, files: dict[str, Path]
) -> None:
    first = dict(list(files.items())[:2])
    other = dict(list(files.items())[2:])
    folder = built(tmp_path, first)
    wanted = built(tmp_path, other)
    shutil.rmtree(wanted)
    shutil.copytree(folder, wanted)
    assert set(open_pixels(built(tmp_path, other)).row_of) == set(other)


def test_an_array_that_nothing_has_written_to_is_not_read_again(
    tmp_path: Path, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches trials that each read gigabytes before they start."""
    folder = built(tmp_path, files)
    monkeypatch.setattr(reading, "file_sha256", lambda path: pytest.fail("was read"))
    assert built(tmp_path, files) == folder


def test_caches_of_earlier_versions_and_copies_are_used(tmp_path: Path, files: dict[str, Path]) -> None:
    folder = built(tmp_path, files)
    later(folder / "pixels.npy")
    before = (folder / "pixels.npy").stat().st_ino
    assert built(tmp_path, files) == folder
    about = json.loads((folder / "about.json").read_text())
    del about["sha256"]
    write_json(folder / "about.json", about)
    later(folder / "pixels.npy")
    assert built(tmp_path, files) == folder and (folder / "pixels.npy").stat().st_ino == before
