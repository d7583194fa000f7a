"""What a file holds: content hash, size, format, and whether its pixels can be read to the end.

A file is usable when its compressed data decodes completely. JPEG files are decoded at an eighth of their
size, which reads every coded byte (so a truncated file is found) at a fraction of the time.
Reading happens in threads: Pillow and hashlib let go of the interpreter lock while they work.
"""

import hashlib
import io
import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

MAX_PIXELS = 50_000_000
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found in a file; `problem` is empty when it is a usable image."""

    sha256: str
    bytes: int
    width: int
    height: int
    format: str
    problem: str


def inspect_files(paths: Sequence[Path], *, progress: Progress | None = None) -> list[Facts]:
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
        content = path.read_bytes()
    except OSError as error:
        return Facts("", 0, 0, 0, "", f"can't be opened ({error.strerror})")
    if not content:
        return Facts("", 0, 0, 0, "", "empty file")
    digest = hashlib.sha256(content).hexdigest()
    try:
        width, height, image_format, problem = _decode(content)
    except Image.DecompressionBombError:
        width, height, image_format, problem = 0, 0, "", f"more than {MAX_PIXELS // 1_000_000} megapixels"
    except UnidentifiedImageError:
        width, height, image_format, problem = 0, 0, "", "not an image"
    # Pillow's format plugins raise whatever their parsing runs into (SyntaxError, struct.error, KeyError
    # ...).
    except Exception as error:
        width, height, image_format, problem = 0, 0, "", f"broken image ({_first_line(error)})"
    return Facts(digest, len(content), width, height, image_format, problem)


def _decode(content: bytes) -> tuple[int, int, str, str]:
    with Image.open(io.BytesIO(content)) as image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            return width, height, image.format or "", f"more than {MAX_PIXELS // 1_000_000} megapixels"
        image.draft("RGB", (max(1, width // 8), max(1, height // 8)))
        image.load()
        return width, height, image.format or "", ""


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
