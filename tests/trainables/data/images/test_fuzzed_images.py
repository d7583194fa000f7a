"""Files that were damaged or made up at random: never an exception, a hang, or memory without bound.

What is called usable must also be usable: the pixel cache reads it without an error.
"""

import io
import resource
import subprocess
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.bombs import header_bombs, png_bomb
from trainables.data.images.decoding import square
from trainables.data.images.inspection import FORMATS, Facts, inspect_file

REPOSITORY = Path(__file__).parents[4]
MAGIC = {
    "jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
    "exif": b"\xff\xd8\xff\xe1\x00\x40Exif\x00\x00II*\x00\x08\x00\x00\x00",
    "png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "gif": b"GIF89a",
    "bmp": b"BM",
    "tiff little": b"II*\x00\x08\x00\x00\x00",
    "tiff big": b"MM\x00*\x00\x00\x00\x08",
    "bigtiff": b"II+\x00\x08\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00",
    "webp": b"RIFF\xff\x00\x00\x00WEBPVP8 ",
    "webp extended": b"RIFF\xff\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00",
}
fuzz = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def quiet_about_damage() -> Iterator[None]:
    """`inspect_files` and the pixel cache silence Pillow likewise; `problem` says what is wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@cache
def valid_files() -> tuple[bytes, ...]:
    """One small file of each format and of each way to write it that is read in another way."""
    pixels = np.random.default_rng(0).integers(0, 256, (24, 20, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "camera"
    exif.get_ifd(0x8769)[0x9003] = "2020:01:01 00:00:00"
    ways: list[tuple[str, str, dict[str, Any]]] = [
        ("JPEG", "RGB", {"exif": exif}), ("JPEG", "RGB", {"progressive": True}), ("JPEG", "CMYK", {}),
        ("PNG", "RGB", {"exif": exif}), ("PNG", "P", {"transparency": 0}), ("PNG", "I;16", {}),
        ("GIF", "P", {}), ("BMP", "RGB", {}), ("TIFF", "RGB", {"exif": exif}),
        ("TIFF", "RGB", {"compression": "tiff_lzw"}), ("TIFF", "LAB", {}), ("TIFF", "F", {}),
        ("WEBP", "RGB", {"exif": exif}), ("WEBP", "RGBA", {"lossless": True}),
        ("GIF", "P", {"save_all": True, "append_images": [Image.new("P", (20, 24), 9)]}),
        ("PNG", "RGB", {"save_all": True, "append_images": [Image.new("RGB", (20, 24))]}),
    ]  # fmt: skip
    files = []
    for image_format, mode, options in ways:
        image = Image.new("I;16", (20, 24), 700) if mode == "I;16" else picture.convert(mode)
        stream = io.BytesIO()
        image.save(stream, image_format, **options)
        files.append(stream.getvalue())
    return tuple(files)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid file with bytes changed, most often near its start, a piece cut out, or a piece repeated."""
    content = bytearray(draw(st.sampled_from(valid_files())))
    for _ in range(draw(st.integers(1, 6))):
        near = draw(st.booleans())
        place = draw(st.integers(0, min(len(content), 160 if near else len(content)) - 1))
        length = draw(st.integers(1, 8))
        kind = draw(st.sampled_from(["set", "set", "cut", "repeat"]))
        if kind == "set":
            content[place : place + length] = draw(st.binary(min_size=length, max_size=length))
        elif kind == "cut" and len(content) > length + 1:
            del content[place : place + length]
        else:
            content[place:place] = content[place : place + length]
    return bytes(content)


def check(path: Path, content: bytes) -> Facts:
    """Inspect `content`; when it is called usable, read it as the pixel cache does."""
    path.write_bytes(content)
    found = inspect_file(path)
    assert found.bytes == len(content) and len(found.sha256) == 64 and "\n" not in found.problem
    if not found.problem:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            assert square(image, 16).shape == (16, 16, 3)
            assert (found.width > 0) and (found.height > 0)
    return found


def test_the_files_that_are_mutated_are_read_when_they_are_whole(tmp_path: Path) -> None:
    """Catches a fuzz test whose files never come past the first bytes."""
    problems = [check(tmp_path / "a.jpg", content).problem for content in valid_files()]
    assert problems[:11] == [""] * 11 and problems[12:14] == [""] * 2
    assert "floating-point" in problems[11]
    assert all("several pictures" in problem for problem in problems[14:])


@settings(fuzz, max_examples=300)
@given(content=mutated())
def test_a_damaged_file_is_usable_or_says_why_not(tmp_path: Path, content: bytes) -> None:
    check(tmp_path / "a.jpg", content)


@settings(fuzz, max_examples=300)
@given(magic=st.sampled_from(sorted(MAGIC)), rest=st.binary(max_size=400))
@example(magic="png", rest=b"")
@example(magic="exif", rest=b"\xff" * 300)
def test_random_bytes_after_a_valid_start_are_usable_or_say_why_not(
    tmp_path: Path, magic: str, rest: bytes
) -> None:
    check(tmp_path / "a.jpg", MAGIC[magic] + rest)


MEASURE = """
import sys
from pathlib import Path
from trainables.data.images.inspection import inspect_file
from trainables.own_memory import own_peak_mib
before = own_peak_mib()
for name in sys.argv[1:]:
    print(inspect_file(Path(name)).problem)
print(own_peak_mib() - before)
"""


def test_bombs_cost_no_memory(tmp_path: Path) -> None:
    """Catches a file of kilobytes that asks for gigabytes: pixels, text, frames larger than the screen.

    The text is passed over, and says nothing against its picture.
    """
    bombs = {
        "pixels.png": png_bomb(20_000, 10_000),
        "text.png": png_bomb(8, 8, text=bytes(256 * 2**20)),
        **header_bombs(),
    }
    for name, content in bombs.items():
        (tmp_path / name).write_bytes(content)
    found = subprocess.run(
        [sys.executable, "-c", MEASURE, *(str(tmp_path / name) for name in bombs)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout.splitlines()
    assert [bool(problem) for problem in found[:-1]] == [name != "text.png" for name in bombs], found
    assert "megapixels" in found[0]
    assert float(found[-1]) < 200, f"{found[-1]} MiB"


def test_a_progressive_jpeg_of_endless_scans_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    """Each scan of a few bytes costs a walk over all pixels: a megabyte could take an hour."""
    stream = io.BytesIO()
    Image.new("L", (6000, 6000)).save(stream, "JPEG", progressive=True)
    content = stream.getvalue()
    scan = content[content.rindex(b"\xff\xda") : -2]
    assert not inspect(tmp_path, content).problem
    endless = content[:-2] + scan * 1000 + content[-2:]
    started = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    assert inspect(tmp_path, endless).problem == "a progressive JPEG of too many scans"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - started < 1.0


def inspect(folder: Path, content: bytes) -> Facts:
    (folder / "a.jpg").write_bytes(content)
    return inspect_file(folder / "a.jpg")
