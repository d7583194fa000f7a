"""Copies of a data set that are cropped to faces, for those who want crops as files.

In:  a manifest, and the square of each image (the central one where there is no face). Out: a copy
(`dataset_copy`). An experiment with face_crop needs none of this.

JPEG files are written anew with one quality for all, without chroma subsampling; the other formats without
loss. A GIF becomes a PNG, for its palette can't hold a photograph.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from trainables.data.copies.dataset_copy import (
    CopyCounts,
    CopyMethod,
    CopyRecord,
    Encoding,
    plan_copy,
    write_copy,
)
from trainables.data.dataset.manifest import Manifest
from trainables.data.faces import FaceCounts, Look, count_faces, ensure_faces, face_squares
from trainables.data.images.crops import FaceRule, Square
from trainables.data.images.decoding import square
from trainables.data.splits.trial_rows import image_files
from trainables.progress import OnProgress, OpenBar
from trainables.versions import FACES, PIXELS

JPEG = Encoding("JPEG", {"quality": 95, "subsampling": "4:4:4"})
ENCODINGS = {
    ".jpg": JPEG,
    ".jpeg": JPEG,
    ".png": Encoding("PNG", {}),
    ".webp": Encoding("WEBP", {"lossless": True}),
    ".bmp": Encoding("BMP", {}),
    ".tif": Encoding("TIFF", {"compression": "tiff_deflate"}),
    ".tiff": Encoding("TIFF", {"compression": "tiff_deflate"}),
}
OTHERWISE = Encoding("PNG", {}, suffix=".png")


def crop_record(root: Path, *, margin: float, rule: FaceRule, size_px: int | None) -> CopyRecord:
    """Return what decides the crops of the data folder `root`; without a size, each crop keeps its own."""
    settings = {"margin": margin, "rule": rule, "size_px": size_px, "detector": FACES, "pixels": PIXELS}
    return CopyRecord("data prepare --faces", str(root.resolve()), settings)


def write_cropped(
    manifest: Manifest,
    out: Path,
    *,
    squares: Mapping[str, Square],
    record: CopyRecord,
    size_px: int | None,
    progress: OnProgress | None = None,
) -> CopyCounts:
    """Write what is missing of the crops of a data set.

    Args:
        manifest: the images; those that can't be used are left out.
        out: the folder of the copy.
        squares: content hash -> what is cut out; the central square of images that are not in it.
        record: what `crop_record` gave.
        size_px: side of the outcome; None = what is cut out keeps its size.
        progress: called with (done, total).

    Raises:
        InputError: as `write_copy` does.
    """

    def render(image: Image.Image, digest: str) -> np.ndarray:
        region = squares.get(digest)
        own_px = min(image.size) if region is None else region.side
        return square(image, size_px or own_px, region)

    method = CopyMethod(_encoding, render)
    return write_copy(manifest, out, record=record, method=method, progress=progress)


@dataclass(frozen=True, slots=True)
class CroppedCopy:
    """What a call wrote, and what was found in the images."""

    images: CopyCounts
    faces: FaceCounts


def crop_to_faces(
    manifest: Manifest,
    out: Path,
    *,
    margin: float,
    rule: FaceRule,
    size_px: int | None,
    faces: Path,
    look: Look,
    bar: OpenBar,
) -> CroppedCopy:
    """Look for the faces of a data set, and write what is missing of its crops.

    Args:
        manifest: the images; those that can't be used are left out.
        out: the folder of the copy.
        margin: share of the face's longer side that is added on each side.
        rule: which of several faces is taken.
        size_px: side of the crops; None = each keeps its own.
        faces: the table that keeps what was found.
        look: the detector.
        bar: opens a progress bar with a title.

    Raises:
        InputError: as `write_copy` does; what `plan_copy` refuses is refused before the detection.
    """
    record = crop_record(manifest.root, margin=margin, rule=rule, size_px=size_px)
    plan_copy(manifest, out, record=record, encoding_of=_encoding)
    with bar("Finding faces") as progress:
        found = ensure_faces(faces, image_files(manifest.rows, manifest.root), look=look, progress=progress)
    squares = face_squares(found.values(), margin=margin, rule=rule)
    with bar("Writing crops") as progress:
        counts = write_cropped(
            manifest, out, squares=squares, record=record, size_px=size_px, progress=progress
        )
    shown = count_faces(manifest.rows, found)
    assert shown is not None, "every image was looked at"
    return CroppedCopy(counts, shown)


def _encoding(path: str) -> Encoding:
    return ENCODINGS.get(PurePosixPath(path).suffix.lower(), OTHERWISE)
