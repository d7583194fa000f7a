"""Inspection of image files: content hash, size, format, and whether the pixels can be read to the end.

A file is usable when its compressed data decodes completely to one picture of 8 or 16 bits a channel, turned
as its EXIF block says. What it is, its content says: a PNG file called .jpg is usable, and `Facts.format`
says PNG. Formats that nobody would call a photo are refused unread, because some of Pillow's readers start
other programs (EPS). JPEG files are decoded at an eighth of their size, which reads every coded byte (so a
truncated file is found) at a fraction of the time. Reading happens in threads: Pillow and hashlib let go of
the interpreter lock while they work.
"""

import contextlib
import hashlib
import io
import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageFile, ImageOps, PngImagePlugin, UnidentifiedImageError

from trainables.data.images.png_texts import with_bounded_texts
from trainables.progress import OnProgress

MAX_PIXELS = 50_000_000
MAX_BYTES = 512 * 2**20
# A progressive JPEG can hold any number of scans of a few bytes, each of which costs a walk over all pixels:
# about 20 s at the most with this many.
MAX_PIXEL_SCANS = 20_000_000_000
# By content, whatever the suffix is. A JPEG that holds further pictures, as phones write it, is called MPO.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
EXIF = frozenset(("exif", "Raw profile type exif"))
START_OF_SCAN = b"\xff\xda"
# Modes that Pillow turns into RGB without asking anything else of the file.
PLAIN_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "I;16", "I;16B", "I;16L"})


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found in a file; `problem` is empty when it is a usable image."""

    sha256: str
    bytes: int
    width: int
    height: int
    format: str
    problem: str


def open_image(file: Path | io.BytesIO) -> ImageFile.ImageFile:
    """Open an image of one of FORMATS, whatever texts a PNG file carries, and whatever its EXIF block is.

    Pillow refuses texts from 1 MiB on; here MAX_TEXT_BYTES is the bound, and what is longer is passed over.
    A picture whose EXIF block can't be read counts as upright.

    Raises:
        Exception: what Pillow's format plugins run into in a broken file.
    """
    PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY
    content = file.read_bytes() if isinstance(file, Path) else file.getvalue()
    image = Image.open(io.BytesIO(with_bounded_texts(content)), formats=FORMATS)
    if EXIF & image.info.keys():
        # Pillow keeps what it got here, and does not read the block again.
        with contextlib.suppress(Exception):
            image.getexif()
    return image


def inspect_files(paths: Sequence[Path], *, progress: OnProgress | None = None) -> list[Facts]:
    """Inspect `paths` in parallel and in order; `progress(done, total)` is called now and then."""
    facts: list[Facts] = []
    # What Pillow would warn of is said by `problem`. Filters belong to the whole process, not to a thread.
    with warnings.catch_warnings(), ThreadPoolExecutor(max_workers=num_workers()) as pool:
        warnings.simplefilter("ignore")
        for found in pool.map(inspect_file, paths):
            facts.append(found)
            if progress and (len(facts) % 64 == 0 or len(facts) == len(paths)):
                progress(len(facts), len(paths))
    return facts


def num_workers() -> int:
    """Return how many threads read files: the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def inspect_file(path: Path) -> Facts:
    """Read `path` once and say what it is; never raises for what a file holds."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        return Facts("", 0, 0, 0, "", f"can't be opened ({error.strerror})")
    if len(content) > MAX_BYTES:
        return Facts("", 0, 0, 0, "", f"larger than {MAX_BYTES // 2**20} MiB")
    if not content:
        return Facts("", 0, 0, 0, "", "empty file")
    digest = hashlib.sha256(content).hexdigest()
    try:
        width, height, image_format, problem = _decode(content)
    except Image.DecompressionBombError:
        width, height, image_format, problem = 0, 0, "", f"more than {MAX_PIXELS // 1_000_000} megapixels"
    except UnidentifiedImageError:
        width, height, image_format, problem = 0, 0, "", f"not an image ({', '.join(FORMATS)} are read)"
    # Pillow's format plugins raise whatever their parsing runs into (SyntaxError, struct.error, KeyError
    # ...).
    except Exception as error:
        width, height, image_format, problem = 0, 0, "", f"broken image ({_first_line(error)})"
    return Facts(digest, len(content), width, height, image_format, problem)


def _decode(content: bytes) -> tuple[int, int, str, str]:
    with open_image(io.BytesIO(content)) as image:
        width, height = image.size
        return width, height, image.format or "", _problem(image, content)


def _problem(image: ImageFile.ImageFile, content: bytes) -> str:
    """Decode `image` and say why it can't be used; nothing when it can."""
    width, height = image.size
    if width * height > MAX_PIXELS:
        return f"more than {MAX_PIXELS // 1_000_000} megapixels"
    if image.format != "MPO" and getattr(image, "is_animated", False):
        return "several pictures in one file (an animation or pages), of which none is the image"
    if "progressive" in image.info and content.count(START_OF_SCAN) * width * height > MAX_PIXEL_SCANS:
        return "a progressive JPEG of too many scans"
    if image.mode == "F":
        return "floating-point pixels, whose black and white are not known"
    image.draft("RGB", (max(1, width // 8), max(1, height // 8)))
    image.load()
    # What turns the picture upright later reads the EXIF block, which can be broken too.
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode not in PLAIN_MODES:
        image.convert("RGB")
    return ""


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
