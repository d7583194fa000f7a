"""A set is written again in one way: what is equal afterwards, what is carried over, and what is refused."""

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from trainables.data.checks.image_facts import FILE_COLUMNS, extension_codes, read_facts
from trainables.data.copies.copy_log import COPIED
from trainables.data.copies.dataset_copy import RECORD
from trainables.data.copies.equalise import Settings, equalise, settle
from trainables.data.dataset.layouts import UNFINISHED
from trainables.data.dataset.manifest import scan
from trainables.data.images.decoding import square
from trainables.data.splits.trial_rows import image_files
from trainables.errors import InputError

JPEG, PNG = Settings(64, "jpeg", 90), Settings(64, "png", 0)


def picture(seed: int, *, width: int = 96, height: int = 80) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Real JPEGs with EXIF data, fake PNGs with text, in folders within the sources."""
    exif = Image.Exif()
    exif[0x0131] = "camera"
    for number in range(4):
        for source in ("real", "gan"):
            (tmp_path / "set" / source / "part").mkdir(parents=True, exist_ok=True)
        picture(number).save(tmp_path / "set" / "real" / "part" / f"{number}.JPEG", quality=70, exif=exif)
        picture(9 + number, width=70 + number).save(tmp_path / "set" / "gan" / f"{number}.png", dpi=(72, 72))
    return tmp_path / "set"


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize("settings", [JPEG, PNG])
def test_afterwards_files_differ_in_nothing_but_their_bytes(
    mixed: Path, tmp_path: Path, settings: Settings
) -> None:
    done = equalise(scan(mixed), tmp_path / "out", settings)
    assert (done.written, done.present, done.enlarged) == (8, 0, 0)
    manifest = scan(tmp_path / "out")
    facts = read_facts(image_files(manifest.rows, tmp_path / "out"))
    facts = facts.assign(extension=extension_codes(list(manifest.rows["path"])))
    varying = {column for column in FILE_COLUMNS if facts[column].nunique() > 1}
    assert varying <= {"bytes_per_pixel"}
    assert facts["width"].iloc[0] == 64 and facts["text_bytes"].iloc[0] == 0
    assert facts["exif_bytes"].iloc[0] == 0


def test_names_labels_and_sources_stay(mixed: Path, tmp_path: Path) -> None:
    equalise(scan(mixed), tmp_path / "out", JPEG)
    before, after = scan(mixed).rows, scan(tmp_path / "out").rows
    for column in ("label", "source", "split"):
        assert by_stem(before, column) == by_stem(after, column)
    assert {Path(path).suffix for path in after["path"]} == {".jpg"}


def test_pixels_are_those_that_training_sees(mixed: Path, tmp_path: Path) -> None:
    """PNG loses nothing, so the cache of the new set holds the very pixels of the old one's."""
    equalise(scan(mixed), tmp_path / "out", PNG)
    with Image.open(mixed / "gan" / "2.png") as old, Image.open(tmp_path / "out" / "gan" / "2.png") as new:
        np.testing.assert_array_equal(np.asarray(new), square(old, 64))


def test_an_image_that_exif_turns_is_written_upright(tmp_path: Path) -> None:
    pixels = np.zeros((80, 80, 3), np.uint8)
    pixels[:40] = 255
    exif = Image.Exif()
    exif[0x0112] = 3
    for source in ("real", "gan"):
        (tmp_path / "set" / source).mkdir(parents=True)
        Image.fromarray(pixels).save(tmp_path / "set" / source / "a.png", exif=exif)
    equalise(scan(tmp_path / "set"), tmp_path / "out", PNG)
    with Image.open(tmp_path / "out" / "real" / "a.png") as image:
        assert image.getpixel((0, 0)) == (0, 0, 0) and image.getpixel((63, 63)) == (255, 255, 255)


def test_the_same_set_gives_the_same_bytes(mixed: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        equalise(scan(mixed), tmp_path / name, JPEG)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_run_that_was_stopped_goes_on_with_what_is_missing(mixed: Path, tmp_path: Path) -> None:
    manifest, out = scan(mixed), tmp_path / "out"

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        equalise(manifest, out, JPEG, progress=stop)
    beside = {RECORD, COPIED, UNFINISHED}
    halfway = {name: content for name, content in contents(out).items() if name not in beside}
    assert 3 <= len(halfway) <= 8
    assert not [name for name in halfway if "partial" in name]
    told: list[tuple[int, int]] = []
    done = equalise(manifest, out, JPEG, progress=lambda *counts: told.append(counts))
    assert (done.written, done.present) == (8 - len(halfway), len(halfway))
    assert contents(out).items() >= halfway.items() and len(scan(out).rows) == 8
    assert equalise(manifest, out, JPEG).present == 8


def test_a_file_is_there_whole_or_not_at_all(
    mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a disk that fills up in the middle of a file, which a second run would take for done."""
    original = Image.Image.save

    def save(self: Image.Image, path: Path, *more: object, **named: object) -> None:
        stream = io.BytesIO()
        original(self, stream, *more, **named)  # type: ignore[arg-type]
        Path(path).write_bytes(stream.getvalue()[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", save)
    with pytest.raises(InputError, match=r"No space left on device.*the same command goes on"):
        equalise(scan(mixed), tmp_path / "out", JPEG)
    assert set(contents(tmp_path / "out")) == {RECORD, COPIED, UNFINISHED}
    monkeypatch.undo()
    assert equalise(scan(mixed), tmp_path / "out", JPEG).written == 8


def test_settings_are_not_mixed(mixed: Path, tmp_path: Path) -> None:
    """Catches a folder with half of its images at another quality."""
    out = tmp_path / "out"
    equalise(scan(mixed), out, JPEG)
    before = contents(out)
    with pytest.raises(InputError, match=r"other settings .quality 90 there, 80 asked for"):
        equalise(scan(mixed), out, Settings(64, "jpeg", 80))
    assert contents(out) == before


def test_without_a_size_nothing_is_enlarged(mixed: Path, tmp_path: Path) -> None:
    manifest = scan(mixed)
    assert settle(manifest, size_px=None, image_format="jpeg", quality=90) == Settings(70, "jpeg", 90)
    assert settle(manifest, size_px=None, image_format="png", quality=90) == Settings(70, "png", 0)
    large = settle(manifest, size_px=72, image_format="png", quality=90)
    assert equalise(manifest, tmp_path / "out", large).enlarged == 2
    picture(1, width=20).save(mixed / "gan" / "tiny.png")
    with pytest.raises(InputError, match=r"gan/tiny\.png.*20 px.*--size"):
        settle(scan(mixed), size_px=None, image_format="jpeg", quality=90)


def by_stem(rows: pd.DataFrame, column: str) -> dict[str, object]:
    stems = [str(Path(path).with_suffix("")) for path in rows["path"]]
    return dict(zip(stems, rows[column], strict=True))


def test_the_record_says_where_a_set_comes_from(mixed: Path, tmp_path: Path) -> None:
    equalise(scan(mixed), tmp_path / "out", JPEG)
    record = json.loads((tmp_path / "out" / RECORD).read_text())
    assert record["source"] == str(mixed.resolve())
    assert record["settings"] == {"size_px": 64, "format": "jpeg", "quality": 90, "version": 1}
