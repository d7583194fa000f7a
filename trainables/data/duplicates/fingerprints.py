"""Perceptual fingerprints of pictures: three hashes and a grey thumbnail of each.

A hash is the sign pattern of the 64 lowest frequencies of an image (imagehash's phash), so that
recompression, resizing and a change of brightness turn only a few of its bits. `full` is the hash of the
whole image, `mirrored` that of its mirror image, and `inner` that of its middle, 5 % cut off at each side:
an image that was cropped like that has a `full` near the original's `inner`. The thumbnail is what a
suspicion is confirmed with (`alignment`). All is kept by content hash in `memory`, so that an image is read
once in its life.
"""

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageOps

from trainables import memo
from trainables.data.images.decoding import eight_bit_rgb
from trainables.data.images.inspection import num_workers, open_image
from trainables.progress import OnProgress

SIDE = 48
INNER_MARGIN = 0.05
HASHES = ("full", "mirrored", "inner")
_DECODE_PX = 64
# Standard deviation in grey levels below which there is nothing in a picture to recognise it by.
_FLAT = 4.0


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Fingerprints of N images in the order of their content hashes.

    `hashes` is uint64 [N, 3] (full, mirrored, inner), `thumbnails` uint8 [N, SIDE, SIDE], `flat` bool [N]:
    images of (nearly) one grey, of which every two are alike.
    """

    sha256: tuple[str, ...]
    hashes: np.ndarray
    thumbnails: np.ndarray
    flat: np.ndarray


def fingerprint_files(
    files: Mapping[str, Path], *, memory: Path | None = None, progress: OnProgress | None = None
) -> Fingerprints:
    """Return the fingerprints of `files` (content hash -> file); a file that can't be read is left out.

    Files are read in threads, as many as there are cores; `progress(done, total)` counts what is read.
    """
    key = memo.key("fingerprints", code=__name__, libraries=("imagehash", "numpy", "pillow"))
    known = _entries(memo.read_table(memory, key), set(files))
    missing = sorted(set(files) - set(known))
    if missing:
        known.update(_read_files([(digest, files[digest]) for digest in missing], progress))
        memo.write_table(memory, key, _table(known))
    order = sorted(known)
    thumbnails = np.zeros((len(order), SIDE, SIDE), dtype=np.uint8)
    hashes = np.zeros((len(order), len(HASHES)), dtype=np.uint64)
    for row, digest in enumerate(order):
        hashes[row], thumbnails[row] = known[digest]
    return Fingerprints(tuple(order), hashes, thumbnails, _flat(thumbnails))


Fingerprint = tuple[np.ndarray, np.ndarray]


def perceptual_fingerprint(content: bytes) -> Fingerprint:
    """Return the three hashes, uint64 [3], and the thumbnail, uint8 [SIDE, SIDE], of an image file's bytes.

    The image is turned upright. JPEG is decoded at a reduced size, never below 64 px.
    """
    from imagehash import phash

    with open_image(io.BytesIO(content)) as image:
        image.draft("RGB", (_DECODE_PX, _DECODE_PX))
        grey = eight_bit_rgb(ImageOps.exif_transpose(image)).convert("L")
    width, height = grey.size
    left, top = INNER_MARGIN * width, INNER_MARGIN * height
    inner = grey.resize(
        (_DECODE_PX, _DECODE_PX), Image.Resampling.BILINEAR, box=(left, top, width - left, height - top)
    )
    versions = (grey, ImageOps.mirror(grey), inner)
    hashes = [np.packbits(phash(version).hash.ravel()).view(">u8")[0] for version in versions]
    thumbnail = grey.resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.array(hashes, dtype=np.uint64), np.asarray(thumbnail)


def _read_files(
    files: Sequence[tuple[str, Path]], progress: OnProgress | None
) -> Iterator[tuple[str, Fingerprint]]:
    # Decoding lets go of the interpreter lock. What Pillow would warn of was said by the scan.
    with warnings.catch_warnings(), ThreadPoolExecutor(max_workers=num_workers()) as pool:
        warnings.simplefilter("ignore")
        entries = pool.map(_read_file, (path for _, path in files), chunksize=16)
        for done, ((digest, _), entry) in enumerate(zip(files, entries, strict=True), 1):
            if entry is not None:
                yield digest, entry
            if progress and (done % 64 == 0 or done == len(files)):
                progress(done, len(files))


def _read_file(path: Path) -> Fingerprint | None:
    # The scan has read the file to its end: what fails here changed since, and the run will say so. Pillow's
    # plugins raise whatever their parsing runs into.
    try:
        return perceptual_fingerprint(path.read_bytes())
    except Exception:
        return None


def _flat(thumbnails: np.ndarray) -> np.ndarray:
    flat = np.zeros(len(thumbnails), dtype=bool)
    for start in range(0, len(thumbnails), 4096):
        flat[start : start + 4096] = thumbnails[start : start + 4096].std(axis=(1, 2)) < _FLAT
    return flat


def _entries(table: pd.DataFrame | None, wanted: set[str]) -> dict[str, Fingerprint]:
    if table is None:
        return {}
    table = table[table["sha256"].isin(wanted)]
    hashes = table[list(HASHES)].to_numpy(dtype=np.uint64)
    pictures = [np.frombuffer(raw, np.uint8).reshape(SIDE, SIDE) for raw in table["thumbnail"]]
    return dict(zip(table["sha256"], zip(hashes, pictures, strict=True), strict=True))


def _table(known: Mapping[str, Fingerprint]) -> pd.DataFrame:
    hashes = np.array([entry[0] for entry in known.values()], dtype=np.uint64).reshape(-1, len(HASHES))
    pictures = [entry[1].tobytes() for entry in known.values()]
    return pd.DataFrame(hashes, columns=list(HASHES)).assign(sha256=list(known), thumbnail=pictures)
