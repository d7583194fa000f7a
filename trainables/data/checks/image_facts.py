"""Facts of an image without looking at the face: those of its file, and pixels at their most trivial.

In:  files by content hash. Out: a table of numbers, one row per content hash. `FILE_FACTS` are read from
headers (how the file was written), `PIXEL_FACTS` from the decoded central square (how bright, how sharp). A
detector must not be able to live on either; `shortcuts` measures whether one could.

Every fact is a number whose code is fixed here: nothing is fitted, so nothing of a test row can leak into
it. What was read is remembered by content hash in a file.
"""

import functools
import io
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, JpegImagePlugin
from scipy import fft

from trainables import memo
from trainables.data.dataset.layouts import IMAGE_SUFFIXES
from trainables.data.images.decoding import central_part, read_unchanged
from trainables.data.images.inspection import num_workers, open_image
from trainables.progress import OnProgress

# Raise when the same files give other numbers: what was concluded from them before is then left behind.
VERSION = 1

THUMBNAIL_PX = 8
NUM_BINS = 16
# The spectrum is taken from this many central pixels at most, unscaled: resizing would blur what it shows.
SPECTRUM_PX = 256
TABLES = ("luma", "chroma")
EXTENSIONS = (*sorted(IMAGE_SUFFIXES), *sorted(suffix.upper() for suffix in IMAGE_SUFFIXES))
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "MPO")
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "I", "I;16", "F")

# Facts as people call them, and the columns that hold them. "extension" belongs to a path, not to content.
FILE_FACTS: dict[str, tuple[str, ...]] = {
    "file extension": ("extension",),
    "file format": ("format",),
    "colour mode": ("mode",),
    "bytes per pixel": ("bytes_per_pixel",),
    "width": ("width",),
    "height": ("height",),
    "aspect ratio": ("aspect",),
    "JPEG quantisation tables": tuple(f"{name}_{index}" for name in TABLES for index in range(64)),
    "JPEG quality": ("quality",),
    "chroma subsampling": ("subsampling",),
    "progressive or interlaced coding": ("progressive",),
    "EXIF data": ("exif_bytes",),
    "colour profile": ("profile_bytes",),
    "comments and text": ("text_bytes",),
    "JFIF or Adobe header and pixel density": ("jfif", "adobe", "density"),
}
PIXEL_FACTS: dict[str, tuple[str, ...]] = {
    "mean colour": tuple(f"mean_{channel}" for channel in "rgb"),
    "contrast": tuple(f"std_{channel}" for channel in "rgb"),
    "share of black values": tuple(f"black_{channel}" for channel in "rgb"),
    "share of white values": tuple(f"white_{channel}" for channel in "rgb"),
    "colour saturation": ("saturation",),
    "8 x 8 thumbnail": tuple(f"thumbnail_{index}" for index in range(3 * THUMBNAIL_PX**2)),
    "radial spectrum": tuple(f"spectrum_{index}" for index in range(NUM_BINS)),
}
FILE_COLUMNS = tuple(column for columns in FILE_FACTS.values() for column in columns)
PIXEL_COLUMNS = tuple(column for columns in PIXEL_FACTS.values() for column in columns)
CONTENT_COLUMNS = (*FILE_COLUMNS[1:], *PIXEL_COLUMNS)


def read_facts(
    files: Mapping[str, Path], *, memory: Path | None = None, progress: OnProgress | None = None
) -> pd.DataFrame:
    """Read the facts of usable images, in threads; what `memory` holds is not read again.

    Args:
        files: content hash -> file.
        memory: a file, by content hash; it is extended.
        progress: called with (done, total) now and then.

    Returns:
        float32, index content hash in the order of `files`, columns CONTENT_COLUMNS.

    Raises:
        InputError: a file changed since it was scanned, or can't be read any more.
    """
    key = memo.key("facts", code=__name__, libraries=("numpy", "pillow"))
    known = memo.read_table(memory, key)
    if known is None:
        known = pd.DataFrame(columns=list(CONTENT_COLUMNS), dtype=np.float32)
    unknown = [(digest, path) for digest, path in files.items() if digest not in known.index]
    if unknown:
        found = pd.DataFrame(
            _read_all(unknown, progress=progress),
            index=pd.Index([digest for digest, _ in unknown], name="sha256"),
            columns=list(CONTENT_COLUMNS),
        )
        known = pd.concat([known, found]) if len(known) else found
        memo.write_table(memory, key, known)
    return known.loc[list(files)]


def extension_codes(paths: Sequence[str]) -> np.ndarray:
    """Return the extension of each path as a number, float32 [N]; .jpg and .JPG differ, unknown is -1."""
    return np.array([_code(Path(path).suffix, EXTENSIONS) for path in paths], dtype=np.float32)


def _read_all(files: Sequence[tuple[str, Path]], *, progress: OnProgress | None) -> np.ndarray:
    values = np.empty((len(files), len(CONTENT_COLUMNS)), dtype=np.float32)
    # Decoding and transforming let go of the interpreter lock. The scan has said what can't be used, so a
    # damaged EXIF block is no reason to warn.
    with warnings.catch_warnings(), ThreadPoolExecutor(max_workers=num_workers()) as pool:
        warnings.simplefilter("ignore")
        for row, found in enumerate(pool.map(_read_file, files)):
            values[row] = found
            if progress and ((row + 1) % 64 == 0 or row + 1 == len(files)):
                progress(row + 1, len(files))
    return values


def _read_file(file: tuple[str, Path]) -> np.ndarray:
    digest, path = file
    content = read_unchanged(path, digest)
    with open_image(io.BytesIO(content)) as image:
        # Text at the end of a PNG is known only once the pixels are read.
        image.load()
        facts = _file_facts(image, num_bytes=len(content))
        return np.concatenate([facts, _pixel_facts(central_part(image))]).astype(np.float32)


def _file_facts(image: Image.Image, *, num_bytes: int) -> np.ndarray:
    """The columns of FILE_FACTS but the extension."""
    width, height = image.size
    info = image.info
    tables = getattr(image, "quantization", None) or {}
    luma, chroma = (np.asarray(tables.get(index, [0] * 64), dtype=np.float64) for index in (0, 1))
    text = sum(
        len(value) for name, value in info.items()
        if isinstance(value, str | bytes) and name not in ("exif", "icc_profile")
    )  # fmt: skip
    density = info.get("dpi", (0.0,))[0]
    return np.concatenate(
        [
            [_code(image.format or "", FORMATS), _code(image.mode, MODES)],
            [num_bytes / (width * height), width, height, width / height],
            luma,
            chroma,
            [_quality(tuple(luma.tolist())), _subsampling(image)],
            [float(bool(info.get("progressive") or info.get("interlace")))],
            [len(info.get("exif", b"")), len(info.get("icc_profile") or b""), text],
            [float("jfif" in info), float("adobe" in info), float(density)],
        ]
    )


def _code(value: str, known: Sequence[str]) -> int:
    return known.index(value) if value in known else -1


def _subsampling(image: Image.Image) -> int:
    """0 = 4:4:4, 1 = 4:2:2, 2 = 4:2:0, -1 = another one or no JPEG with colours."""
    is_jpeg = isinstance(image, JpegImagePlugin.JpegImageFile)
    return int(JpegImagePlugin.get_sampling(image)) if is_jpeg else -1


@functools.lru_cache(maxsize=4096)
def _quality(luma: tuple[float, ...]) -> int:
    """The quality from 1 to 100 whose luminance table, as libjpeg scales it, is nearest; 0 without one."""
    if not any(luma):
        return 0
    distances = np.abs(_standard_tables() - np.array(luma)).sum(axis=1)
    return int(np.argmin(distances)) + 1


@functools.cache
def _standard_tables() -> np.ndarray:
    """The luminance tables of qualities 1 to 100, float64 [100, 64], asked of the encoder itself."""
    tables = []
    for quality in range(1, 101):
        stream = io.BytesIO()
        Image.new("L", (8, 8)).save(stream, "JPEG", quality=quality)
        with Image.open(stream) as image:
            tables.append(list(image.quantization[0]))  # type: ignore[attr-defined]
    return np.array(tables, dtype=np.float64)


def _pixel_facts(square: Image.Image) -> np.ndarray:
    """The columns of PIXEL_FACTS of an 8-bit RGB image; values run from 0 to 1, the spectrum is log10."""
    pixels = np.asarray(square)
    flat = pixels.reshape(-1, 3)
    counts = np.stack([np.bincount(flat[:, channel], minlength=256) for channel in range(3)]) / len(flat)
    levels = np.arange(256) / 255.0
    mean = counts @ levels
    std = np.sqrt(np.maximum(counts @ levels**2 - mean**2, 0.0))
    thumbnail = np.asarray(square.resize((THUMBNAIL_PX,) * 2, Image.Resampling.BOX), dtype=np.float32) / 255.0
    top, low = thumbnail.max(axis=2), thumbnail.min(axis=2)
    saturation = np.mean((top - low) / np.maximum(top, 1 / 255.0))
    return np.concatenate(
        [mean, std, counts[:, 0], counts[:, 255], [saturation], thumbnail.ravel(), _spectrum(square)]
    )


def _spectrum(square: Image.Image) -> np.ndarray:
    """Log10 of the azimuthally averaged power of the luminance, from frequency 0 to Nyquist's, float [16].

    Generated images deviate in such profiles (Durall et al., Watch your Up-Convolution, CVPR 2020). The power
    is averaged before the logarithm, so that the peaks of an upsampling grid count.
    """
    side = min(square.width, SPECTRUM_PX)
    start = (square.width - side) // 2
    centre = square.crop((start, start, start + side, start + side)).convert("L")
    luma = np.asarray(centre, dtype=np.float32) / 255.0
    window, bins, weights = _polar(side)
    power = np.abs(fft.rfft2((luma - luma.mean()) * window)) ** 2
    profile = np.bincount(bins, power.ravel() * weights, minlength=NUM_BINS + 1)[:NUM_BINS]
    return np.asarray(np.log10(profile + 1e-6))


@functools.lru_cache(maxsize=64)
def _polar(side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A Hann window of unit energy, float32 [S, S]; the bin of each frequency, and its weight in the mean.

    Bin NUM_BINS takes what lies beyond Nyquist's frequency, in the corners. A bin that an image is too small
    to fill stays empty.
    """
    line = np.hanning(side + 2)[1:-1]
    window = np.outer(line, line)
    window = (window / np.sqrt((window**2).sum())).astype(np.float32)
    radius = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None, :])
    bins = np.minimum((radius / 0.5 * NUM_BINS).astype(np.int64), NUM_BINS).ravel()
    counts = np.bincount(bins, minlength=NUM_BINS + 1)
    return window, bins, 1.0 / counts[bins]
