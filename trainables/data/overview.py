"""Overview of a set of images: tables of facts, and what a sample of the pictures has on average.

In:  a manifest (`manifest.scan`), and its files for what needs pixels.
Out: data frames and arrays by source, which the data report and the notebooks draw. Nothing here decides; a
source that stands apart in one of these is a reason to look at the leakage and shortcut checks.

A sample is the images with the smallest content hashes: as good as drawn at random, the same on every
machine, and hardly another one when images are added. Average spectra: power of the two-dimensional Fourier
transform of central crops of the brightness, Hann-windowed, as used to find traces of up-sampling (Durall,
Keuper and Keuper 2020, "Watch your up-convolution"; Frank et al. 2020, "Leveraging frequency analysis for
deep fake image recognition").
"""

import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np
import pandas as pd
from PIL import Image, ImageOps

from trainables.data.dataset.layouts import UNLABELLED
from trainables.data.dataset.manifest import Manifest
from trainables.data.faces import Look, count_faces, ensure_faces
from trainables.data.images.decoding import square
from trainables.data.images.inspection import num_workers, open_image
from trainables.data.splits.trial_rows import image_files
from trainables.errors import InputError
from trainables.progress import OnProgress

QUANTILES = {"low": 0.05, "quarter": 0.25, "median": 0.5, "three_quarters": 0.75, "high": 0.95}
NUM_BINS = 32
CROPS_PX = (128, 64, 32)
SUFFIXES_OF = {
    "JPEG": (".jpg", ".jpeg"),
    "MPO": (".jpg", ".jpeg"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "BMP": (".bmp",),
    "TIFF": (".tif", ".tiff"),
    "GIF": (".gif",),
}
# A picture of one colour has no power at all; this keeps the logarithm finite.
FLOOR = 1e-12
# ITU-R BT.601, as in JPEG.
LUMA = np.array([0.299, 0.587, 0.114])
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Looks:
    """What the pictures of one source have on average.

    `colours` is float [3, 32]: the share of pixels in each of 32 bins of red, green and blue. `spectrum` is
    float [S, S]: log10 of the mean power, zero frequency in the middle; `radial` is float [S / 2]: the same
    over rings of equal frequency, from 0 to half a cycle per pixel. Both are NaN when `num_spectra` is 0: no
    picture has S px.
    """

    num_images: int
    colours: np.ndarray
    num_spectra: int
    spectrum: np.ndarray
    radial: np.ndarray


def counts(manifest: Manifest) -> pd.DataFrame:
    """Return columns source, class, split and images, in this order."""
    rows = manifest.rows
    names = [manifest.classes[label] if label != UNLABELLED else "unlabelled" for label in rows["label"]]
    table = rows.assign(**{"class": names}).groupby(["source", "class", "split"]).size()
    return table.rename("images").reset_index()


def with_ratios(rows: pd.DataFrame) -> pd.DataFrame:
    """Add what files give away beside their size: aspect (width / height) and bits_per_pixel."""
    return rows.assign(
        aspect=rows["width"] / rows["height"],
        bits_per_pixel=8.0 * rows["bytes"] / (rows["width"] * rows["height"]),
    )


def quantiles_by_source(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the quantiles QUANTILES of a column by source: index source, columns low ... high."""
    by_source = rows.groupby("source", sort=True)[column]
    return pd.DataFrame({name: by_source.quantile(share) for name, share in QUANTILES.items()})


def misnamed(rows: pd.DataFrame) -> pd.DataFrame:
    """Return path and format of the files whose suffix says another format than their content."""
    wrong = [
        Path(path).suffix.lower() not in SUFFIXES_OF.get(image_format, ())
        for path, image_format in zip(rows["path"], rows["format"], strict=True)
    ]
    return rows.loc[wrong, ["path", "format"]].reset_index(drop=True)


def identical(rows: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return the paths of each content that is there more than once, the most frequent first."""
    repeated = rows[rows.duplicated("sha256", keep=False)].sort_values("path")
    groups = [tuple(part["path"]) for _, part in repeated.groupby("sha256", sort=True)]
    return sorted(groups, key=lambda paths: (-len(paths), paths))


def sample(rows: pd.DataFrame, *, per_source: int) -> pd.DataFrame:
    """Return up to `per_source` rows of each source, chosen by content hash."""
    ordered = rows.sort_values(["source", "sha256", "path"])
    return ordered.groupby("source", sort=False).head(per_source).reset_index(drop=True)


def sample_faces(
    manifest: Manifest,
    *,
    per_source: int,
    table: Path | None,
    look: Look,
    progress: OnProgress | None = None,
) -> dict[str, dict[str, int]]:
    """Count the sampled images of each source that show one face, several, or none.

    Args:
        manifest: the scanned images.
        per_source: size of the sample, as in `sample`.
        table: keeps what was found; None = nothing is kept.
        look: the detector.
        progress: called with (done, total) for the images that are looked at now.

    Returns:
        Source -> "one face", "several faces" and "no face" -> images.
    """
    rows = sample(manifest.rows, per_source=per_source)
    with TemporaryDirectory() as folder:
        found = ensure_faces(
            table or Path(folder) / "faces.parquet",
            image_files(rows, manifest.root),
            look=look,
            progress=progress,
        )
    counts = count_faces(rows, found)
    assert counts is not None, "every image was looked at"
    return {
        each.source: {
            "one face": each.with_face - each.several,
            "several faces": each.several,
            "no face": each.images - each.with_face,
        }
        for each in counts.by_source
    }


def crop_size(rows: pd.DataFrame) -> int:
    """Return the largest of CROPS_PX that nine of ten images of every source can give; else the smallest."""
    sides = rows[["width", "height"]].min(axis=1)
    shortest = sides.groupby(rows["source"]).quantile(0.1, interpolation="higher").min()
    return next((size for size in CROPS_PX if size <= shortest), CROPS_PX[-1])


def measure_pictures(
    root: Path, rows: pd.DataFrame, *, crop_px: int, progress: OnProgress | None = None
) -> tuple[dict[str, Looks], pd.DataFrame]:
    """Read the pictures of `rows` once.

    Returns:
        The looks of each source; and columns path, source, brightness (mean, 0 to 1), contrast (standard
        deviation of the brightness) and saturation (mean of HSV's S, 0 to 1), one row per picture.

    Raises:
        InputError: a file can't be read any more.
    """
    sums = {str(source): _Sum.empty(crop_px) for source in sorted(rows["source"].unique())}
    facts = []
    measured = _read_all(root, list(rows["path"]), lambda image: _measure(image, crop_px), progress)
    for path, source, found in zip(rows["path"], rows["source"], measured, strict=True):
        facts.append((path, source, *found.facts))
        sums[source].add(found)
    columns = ["path", "source", "brightness", "contrast", "saturation"]
    return {source: total.mean() for source, total in sums.items()}, pd.DataFrame(facts, columns=columns)


def thumbnails(root: Path, paths: Sequence[str], *, size_px: int, quality: int = 72) -> list[bytes]:
    """Return the central square of each picture as a small JPEG file."""

    def shrink(image: Image.Image) -> bytes:
        stream = io.BytesIO()
        Image.fromarray(square(image, size_px)).save(stream, "JPEG", quality=quality, optimize=True)
        return stream.getvalue()

    return list(_read_all(root, paths, shrink, None, draft_px=2 * size_px))


@dataclass(frozen=True, slots=True)
class _Measured:
    facts: tuple[float, float, float]
    colours: np.ndarray
    power: np.ndarray | None


@dataclass(slots=True)
class _Sum:
    """Sums over the pictures of a source: spectra of thousands of pictures would not fit into memory."""

    num_images: int
    colours: np.ndarray
    num_spectra: int
    power: np.ndarray

    @classmethod
    def empty(cls, crop_px: int) -> "_Sum":
        return cls(0, np.zeros((3, NUM_BINS)), 0, np.zeros((crop_px, crop_px)))

    def add(self, found: _Measured) -> None:
        self.num_images += 1
        self.colours += found.colours
        if found.power is not None:
            self.num_spectra += 1
            self.power += found.power

    def mean(self) -> Looks:
        colours = self.colours / self.num_images
        if not self.num_spectra:
            nothing = np.full_like(self.power, np.nan)
            return Looks(self.num_images, colours, 0, nothing, nothing[0, ::2])
        power = self.power / self.num_spectra
        spectrum, radial = (np.log10(values + FLOOR) for values in (power, _rings(power)))
        return Looks(self.num_images, colours, self.num_spectra, spectrum, radial)


def _read_all(
    root: Path,
    paths: Sequence[str],
    work: Callable[[Image.Image], Result],
    progress: OnProgress | None,
    *,
    draft_px: int | None = None,
) -> Iterator[Result]:
    """Yield what `work` makes of each picture, in order; pictures are read in threads."""

    def one(path: str) -> Result:
        try:
            with open_image(root / path) as image:
                if draft_px:
                    image.draft("RGB", (draft_px, draft_px))
                return work(image)
        except OSError as error:
            raise InputError(f"{root / path} was scanned but can't be read now ({error})") from error

    with warnings.catch_warnings(), ThreadPoolExecutor(max_workers=num_workers()) as pool:
        warnings.simplefilter("ignore")
        for done, found in enumerate(pool.map(one, paths), 1):
            yield found
            if progress:
                progress(done, len(paths))


def _measure(image: Image.Image, crop_px: int) -> _Measured:
    upright = ImageOps.exif_transpose(image)
    if upright.mode != "RGB":
        # Modes of 16 bits and palettes are the pixel cache's business; its square has all but the margins.
        upright = Image.fromarray(square(image, min(image.size)))
    pixels = np.asarray(upright)
    colours = np.stack([np.bincount(pixels[..., c].ravel() >> 3, minlength=NUM_BINS) for c in range(3)])
    luma = pixels.astype(np.float32) @ (LUMA.astype(np.float32) / np.float32(255))
    top = pixels.max(axis=-1).astype(np.float32)
    low = pixels.min(axis=-1)
    saturation = np.divide(top - low, top, out=np.zeros_like(top), where=top > 0)
    facts = (float(luma.mean()), float(luma.std()), float(saturation.mean()))
    return _Measured(facts, colours / pixels[..., 0].size, _power(luma, crop_px))


def _power(luma: np.ndarray, crop_px: int) -> np.ndarray | None:
    """Power spectrum of the central crop, float32 [S, S], zero frequency in the middle; None if it is too
    small.
    """
    height, width = luma.shape
    if min(height, width) < crop_px:
        return None
    top, left = (height - crop_px) // 2, (width - crop_px) // 2
    crop = luma[top : top + crop_px, left : left + crop_px]
    window = np.hanning(crop_px)[:, None] * np.hanning(crop_px)[None, :]
    transformed = np.fft.fftshift(np.fft.fft2((crop - crop.mean()) * window))
    return np.asarray(np.abs(transformed) ** 2 / (window**2).sum(), dtype=np.float32)


def _rings(power: np.ndarray) -> np.ndarray:
    """Mean power at each whole distance from zero frequency, float [S / 2]."""
    size = len(power)
    away = np.arange(size) - size // 2
    ring = np.rint(np.hypot(away[:, None], away[None, :])).astype(int).ravel()
    total = np.bincount(ring, weights=power.ravel())
    return np.asarray((total / np.bincount(ring))[: size // 2])
