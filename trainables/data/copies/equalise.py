"""Copies of a data set in which every image is encoded in one way, so that how a file was written tells
nothing about what it shows.

In:  a manifest. Out: a copy (`dataset_copy`) of which every image is upright, cut to its largest central
square (as training sees it), of one size, format, quality and chroma subsampling, without metadata.

What it can't remove is in the pixels: what is shown, at which distance and in which light, and traces of an
earlier compression or of resizing. Bytes per pixel follow from these and go on to differ; the trivial pixels
of `shortcuts` say how far all that goes.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from trainables.data.copies.dataset_copy import CopyMethod, CopyRecord, Encoding, write_copy
from trainables.data.dataset.manifest import Manifest
from trainables.data.images.decoding import square
from trainables.errors import InputError
from trainables.progress import OnProgress

# Raise when the same image and settings give other bytes.
VERSION = 1
Format = Literal["jpeg", "png"]
SUBSAMPLING = "4:2:0"
# Below this the smallest image, not the data set, would decide the size.
LEAST_SIZE_PX = 64


@dataclass(frozen=True, slots=True)
class Settings:
    """How every image is written; `quality` is a JPEG's, 1 to 100, and 0 for PNG."""

    size_px: int
    format: Format
    quality: int

    def encoding(self) -> Encoding:
        """Return the encoding of every image."""
        if self.format == "jpeg":
            return Encoding("JPEG", {"quality": self.quality, "subsampling": SUBSAMPLING}, suffix=".jpg")
        return Encoding("PNG", {}, suffix=".png")


@dataclass(frozen=True, slots=True)
class Equalised:
    """What a run did: images written now, images that were there, and images enlarged to the size."""

    settings: Settings
    written: int
    present: int
    enlarged: int


def settle(manifest: Manifest, *, size_px: int | None, image_format: Format, quality: int) -> Settings:
    """Complete the settings; without a size it is the smallest image's shorter side, so none is enlarged.

    Raises:
        InputError: the smallest image is too small to decide for all.
    """
    if size_px is None:
        sides = manifest.rows[["width", "height"]].min(axis=1).to_numpy()
        size_px = int(sides.min())
        if size_px < LEAST_SIZE_PX:
            smallest = manifest.rows["path"].iloc[int(sides.argmin())]
            raise InputError(
                f"{manifest.root}: the smallest image, {smallest}, has a side of {size_px} px, which would "
                "become the size of all; name a size with --size, or remove it"
            )
    return Settings(size_px, image_format, quality if image_format == "jpeg" else 0)


def equalise(
    manifest: Manifest, out: Path, settings: Settings, *, progress: OnProgress | None = None
) -> Equalised:
    """Write every usable image of `manifest` below `out`; goes on where an earlier run stopped.

    The same images and settings give the same bytes, as long as Pillow's encoders stay the same.

    Args:
        manifest: what `scan` found.
        out: the folder of the copy.
        settings: what `settle` gave.
        progress: called with (images done, images in all).

    Raises:
        InputError: as `write_copy` does.
    """
    encoding = settings.encoding()
    method = CopyMethod(lambda path: encoding, lambda image, digest: square(image, settings.size_px))
    record = CopyRecord(
        "data equalise", str(manifest.root.resolve()), {**asdict(settings), "version": VERSION}
    )
    counts = write_copy(manifest, out, record=record, method=method, progress=progress)
    enlarged = int((manifest.rows[["width", "height"]].min(axis=1) < settings.size_px).sum())
    return Equalised(settings, counts.written, counts.present, enlarged)
