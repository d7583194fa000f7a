"""Facts of files and trivial pixels, against files written with known settings and numbers made apart."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image, PngImagePlugin

from trainables.data.checks.image_facts import (
    CONTENT_COLUMNS,
    FILE_FACTS,
    FORMATS,
    MODES,
    NUM_BINS,
    extension_codes,
    read_facts,
)
from trainables.errors import InputError


def picture(seed: int = 0, *, width: int = 48, height: int = 40) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def facts_of(path: Path) -> "pd.Series[Any]":
    return read_facts({digest(path): path}).iloc[0]


def test_a_jpeg_says_how_it_was_written(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0131] = "camera"
    path = tmp_path / "a.jpg"
    picture().save(path, quality=83, subsampling="4:2:2", progressive=True, exif=exif, comment=b"hello")
    found = facts_of(path)
    with Image.open(path) as image:
        tables = image.quantization  # type: ignore[attr-defined]
    assert (found["width"], found["height"], found["aspect"]) == (48, 40, np.float32(1.2))
    assert found["bytes_per_pixel"] == pytest.approx(path.stat().st_size / (48 * 40))
    assert (found["format"], found["mode"]) == (FORMATS.index("JPEG"), MODES.index("RGB"))
    assert (found["quality"], found["subsampling"], found["progressive"]) == (83, 1, 1)
    assert found["exif_bytes"] > 0 and found["text_bytes"] == len("hello") and found["profile_bytes"] == 0
    assert [found[f"luma_{index}"] for index in range(64)] == list(tables[0])
    assert [found[f"chroma_{index}"] for index in range(64)] == list(tables[1])


@pytest.mark.parametrize("quality", [10, 50, 75, 95, 100])
def test_the_quality_of_a_jpeg_is_the_one_it_was_written_with(tmp_path: Path, quality: int) -> None:
    picture().save(tmp_path / "a.jpg", quality=quality)
    assert facts_of(tmp_path / "a.jpg")["quality"] == quality


def test_a_png_has_no_tables_and_keeps_its_text(tmp_path: Path) -> None:
    """Catches generators' text chunks that nobody looks at, also behind the pixels."""
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "a face, 20 steps")
    picture().save(tmp_path / "a.png", pnginfo=info, dpi=(300, 300))
    found = facts_of(tmp_path / "a.png")
    assert (found["quality"], found["subsampling"], found["luma_0"]) == (0, -1, 0)
    assert found["text_bytes"] == len("a face, 20 steps")
    assert found["density"] == pytest.approx(300, abs=1)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_every_kind_of_picture_gives_finite_facts(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    image = picture().convert("L").convert("I;16") if mode == "I;16" else picture().convert(mode)
    image.save(path)
    found = facts_of(path)
    assert np.isfinite(found.to_numpy(dtype=float)).all()
    assert found["mode"] == MODES.index(mode)


def test_trivial_pixels_are_those_of_the_central_square(tmp_path: Path) -> None:
    image = picture(width=60, height=40)
    image.save(tmp_path / "a.png")
    found = facts_of(tmp_path / "a.png")
    square = np.asarray(image)[:, 10:50] / 255
    for index, channel in enumerate("rgb"):
        assert found[f"mean_{channel}"] == pytest.approx(square[..., index].mean(), abs=1e-6)
        assert found[f"std_{channel}"] == pytest.approx(square[..., index].std(), abs=1e-6)
        assert found[f"black_{channel}"] == pytest.approx((square[..., index] == 0).mean(), abs=1e-6)
        assert found[f"white_{channel}"] == pytest.approx((square[..., index] == 1).mean(), abs=1e-6)
    # 40 px to 8: each pixel of the thumbnail is the mean of a block of 5 x 5, rounded once per direction.
    blocks = square.reshape(8, 5, 8, 5, 3).mean(axis=(1, 3)).ravel()
    thumbnail = [found[f"thumbnail_{index}"] for index in range(192)]
    assert thumbnail == pytest.approx(list(blocks), abs=1.01 / 255)


@pytest.mark.parametrize("cycles_per_px", [0.1, 0.25, 0.4])
def test_a_wave_stands_in_the_bin_of_its_frequency(tmp_path: Path, cycles_per_px: float) -> None:
    wave = 128 + 100 * np.sin(2 * np.pi * cycles_per_px * np.arange(128))
    pixels = np.repeat(np.tile(wave, (128, 1))[..., None], 3, axis=2).round().astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found = facts_of(tmp_path / "a.png")
    spectrum = [found[f"spectrum_{index}"] for index in range(NUM_BINS)]
    assert int(np.argmax(spectrum)) == int(cycles_per_px / 0.5 * NUM_BINS)


def test_an_image_that_exif_turns_is_looked_at_upright(tmp_path: Path) -> None:
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[:20] = 255
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    found = facts_of(tmp_path / "a.png")
    assert (found["thumbnail_0"], found["thumbnail_191"]) == (0.0, 1.0)


def test_extensions_have_codes_of_their_own() -> None:
    codes = extension_codes(["a/b.jpg", "a/b.JPG", "a/b.png", "a/b.Png", "a/b"])
    assert len(set(codes[:3])) == 3 and (codes[:3] >= 0).all()
    assert list(codes[3:]) == [-1, -1]


def test_what_was_read_is_remembered_by_content(tmp_path: Path) -> None:
    """Catches a second run that opens every image again, also under other names."""
    memory, files = tmp_path / "memory", {}
    for seed in range(3):
        path = tmp_path / "images" / f"{seed}.png"
        path.parent.mkdir(exist_ok=True)
        picture(seed).save(path)
        files[digest(path)] = path
    told: list[tuple[int, int]] = []
    first = read_facts(files, memory=memory, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (3, 3) and list(first.index) == list(files)
    shutil.rmtree(tmp_path / "images")
    again = read_facts(dict(reversed(list(files.items()))), memory=memory)
    pd.testing.assert_frame_equal(again, first[::-1])
    # What is new is read, what was known is kept.
    picture(9).save(tmp_path / "new.png")
    files[digest(tmp_path / "new.png")] = tmp_path / "new.png"
    more = read_facts(files, memory=memory)
    pd.testing.assert_frame_equal(more.iloc[:3], first)
    assert list(more.columns) == list(CONTENT_COLUMNS)
    (tmp_path / "new.png").unlink()
    pd.testing.assert_frame_equal(read_facts(files, memory=memory), more)


@pytest.mark.parametrize("content", [b"", b"no memory"])
def test_a_damaged_memory_costs_time_alone(tmp_path: Path, content: bytes) -> None:
    memory, path = tmp_path / "memory", tmp_path / "a.png"
    memory.write_bytes(content)
    picture().save(path)
    files = {digest(path): path}
    first = read_facts(files, memory=memory)
    path.unlink()
    pd.testing.assert_frame_equal(read_facts(files, memory=memory), first)


def test_a_memory_of_other_facts_is_left_alone(tmp_path: Path) -> None:
    """Catches columns of an earlier version that are taken for those of this one."""
    memory, path = tmp_path / "memory", tmp_path / "a.png"
    picture().save(path)
    pd.DataFrame({"width": [7.0]}, index=[digest(path)]).to_parquet(memory)
    assert read_facts({digest(path): path}, memory=memory)["width"].item() == 48


def test_a_file_that_changed_or_went_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    picture().save(path)
    with pytest.raises(InputError, match=r"a\.png changed since it was scanned"):
        read_facts({"0" * 64: path})
    with pytest.raises(InputError, match=r"b\.png was scanned but can't be read now"):
        read_facts({"0" * 64: tmp_path / "b.png"})


def test_every_fact_has_columns_and_every_column_one_fact() -> None:
    columns = [column for owned in FILE_FACTS.values() for column in owned]
    assert len(columns) == len(set(columns)) and all(FILE_FACTS.values())
