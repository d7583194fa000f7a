"""Near-duplicates: identical files, and versions of one photograph, as a table of links.

In:  the rows of a manifest. Out: LINK_COLUMNS, one row per link: two paths, what joins them and how alike
they are. Images that are connected by links, directly or through others, are versions of one another; there
are just enough links to connect them, not one for every two.

Three steps, each far from comparing every two: hashes that are near (`hash_search`), the CLOSEST of them
for each image by thumbnail, and the proof of each of these by an aligned comparison (`alignment`). Pairs
that are connected already are not compared again, so that a thousand frames of one film cost little more
than a thousand images. The outcome depends on the contents alone, neither on names nor on the order of
files, and is kept beside the scan's memory: the same contents are not searched a second time.

What it finds: another JPEG quality, another size, other brightness, mirror images, up to about 5 % cropped
off at each side, and edits of a part. What it does not: larger crops, turned images, the same person in
another photo. Images of one colour are never linked, except when their files are identical.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from trainables import memo
from trainables.data.duplicates import fingerprints
from trainables.data.duplicates.alignment import SAME, similarity
from trainables.data.duplicates.fingerprints import INNER_MARGIN, Fingerprints, fingerprint_files
from trainables.data.duplicates.hash_search import close_pairs
from trainables.progress import OnProgress

LINK_COLUMNS = ("first", "second", "kind", "similarity")
IDENTICAL, NEAR, MIRRORED, CROPPED = "identical", "near", "mirrored", "cropped"
CLOSEST = 8
_LOOKED_AT = 64
_CHUNK = 2048
_SMALL = 24


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Pairs of rows of the fingerprints whose hashes are near: int64 [M, 2], kind [M], bits [M].

    Of a cropped pair, the first is likely to be the middle of the second.
    """

    pairs: np.ndarray
    kind: np.ndarray
    bits: np.ndarray


def find_links(
    root: Path, rows: pd.DataFrame, *, memory: Path | None = None, progress: OnProgress | None = None
) -> pd.DataFrame:
    """Link the images of a manifest that are identical or versions of one picture.

    Args:
        root: the data folder.
        rows: columns path and sha256.
        memory: the scan's memory; two files beside it keep fingerprints and links.
        progress: called with (done, total) while images are read.

    Returns:
        Columns LINK_COLUMNS: `first` and `second` are paths, `kind` is identical, near, mirrored or cropped,
        `similarity` is 1.0 for identical files. Sorted by paths.
    """
    ordered = rows.sort_values("path")
    paths = dict(zip(ordered["sha256"][::-1], ordered["path"][::-1], strict=True))
    # A search without a find is remembered too.
    key = memo.key(sorted(paths), code=__name__, libraries=("imagehash", "numpy", "pillow", "scipy"))
    near = memo.read_table(_beside(memory, "links"), key)
    if near is None:
        prints = fingerprint_files(
            {digest: root / path for digest, path in paths.items()},
            memory=_beside(memory, "fingerprints"),
            progress=progress,
        )
        near = link_contents(prints)
        # A file that could not be read may be readable the next time.
        if len(prints.sha256) == len(paths):
            memo.write_table(_beside(memory, "links"), key, near)
    links = _identical(ordered, paths)
    for first, second, kind, value in near.itertuples(index=False, name=None):
        one, other = sorted((paths[first], paths[second]))
        links.append((one, other, kind, value))
    table = pd.DataFrame(links, columns=list(LINK_COLUMNS)).astype({"similarity": float})
    return table.sort_values(["first", "second"], ignore_index=True)


def near_pairs(links: pd.DataFrame) -> list[tuple[str, str, float]]:
    """Return the paths and the similarity (0 to 1) of each link between files that are not identical."""
    near = links[links["kind"] != IDENTICAL]
    return list(near[["first", "second", "similarity"]].itertuples(index=False, name=None))


def link_contents(prints: Fingerprints) -> pd.DataFrame:
    """Link fingerprints; columns LINK_COLUMNS, where `first` and `second` are content hashes."""
    from scipy.cluster.hierarchy import DisjointSet

    candidates = _closest(prints, _candidates(prints))
    links = []
    names = prints.sha256
    sets = DisjointSet(names)
    for start in range(0, len(candidates.pairs), _CHUNK):
        part = slice(start, start + _CHUNK)
        pairs, kinds = candidates.pairs[part], candidates.kind[part]
        new = np.array([not sets.connected(names[i], names[j]) for i, j in pairs], dtype=bool)
        pairs, kinds = pairs[new], kinds[new]
        seconds = prints.thumbnails[pairs[:, 1]]
        mirrored = kinds == MIRRORED
        seconds[mirrored] = seconds[mirrored][:, :, ::-1]
        zoom = np.where(kinds == CROPPED, 1 - 2 * INNER_MARGIN, 1.0).astype(np.float32)
        alike = similarity(prints.thumbnails[pairs[:, 0]], seconds, zoom)
        for (i, j), kind, value in zip(pairs, kinds, alike, strict=True):
            if value >= SAME and sets.merge(names[i], names[j]):
                links.append((*sorted((names[i], names[j])), kind, round(float(value), 4)))
    return pd.DataFrame(links, columns=list(LINK_COLUMNS))


def _candidates(prints: Fingerprints) -> _Candidates:
    rows = np.flatnonzero(~prints.flat)
    full, mirrored, inner = (prints.hashes[rows, column] for column in range(len(fingerprints.HASHES)))
    found = []
    for kind, others in ((NEAR, None), (MIRRORED, mirrored), (CROPPED, inner)):
        pairs, bits = close_pairs(full, others)
        found.append((rows[pairs], np.full(len(pairs), kind, dtype=object), bits))
    pairs, kinds, all_bits = (np.concatenate(parts) for parts in zip(*found, strict=True))
    nearest_first = np.argsort(all_bits, kind="stable")
    return _Candidates(pairs[nearest_first], kinds[nearest_first], all_bits[nearest_first])


def _closest(prints: Fingerprints, candidates: _Candidates) -> _Candidates:
    """Keep the CLOSEST candidates of each image by thumbnail, the most promising first.

    Faces in one pose have hashes that are near; without this bound their pairs would grow with the square of
    their number. Thumbnails are looked at for the _LOOKED_AT nearest hashes of each image.
    """
    candidates = _chosen(candidates, _among_first(candidates.pairs, _LOOKED_AT))
    whole, middle = _small(prints.thumbnails, 0), _small(prints.thumbnails, 2)
    alike = np.empty(len(candidates.pairs), dtype=np.float32)
    for start in range(0, len(alike), _CHUNK):
        part = slice(start, start + _CHUNK)
        pairs, kinds = candidates.pairs[part], candidates.kind[part]
        first = whole[pairs[:, 0]].astype(np.float32)
        second = whole[pairs[:, 1]].astype(np.float32)
        mirrored, cropped = kinds == MIRRORED, kinds == CROPPED
        second[mirrored] = second[mirrored][:, :, ::-1]
        second[cropped] = middle[pairs[cropped, 1]]
        alike[part] = _plain_correlation(first, second)
    candidates = _chosen(candidates, np.argsort(-alike, kind="stable"))
    return _chosen(candidates, _among_first(candidates.pairs, CLOSEST))


def _chosen(candidates: _Candidates, chosen: np.ndarray) -> _Candidates:
    return _Candidates(candidates.pairs[chosen], candidates.kind[chosen], candidates.bits[chosen])


def _among_first(pairs: np.ndarray, most: int) -> np.ndarray:
    """Tell which pairs are among the first `most` of one of their two ends, in the order given."""
    wanted = np.zeros(len(pairs), dtype=bool)
    for end in (0, 1):
        order = np.argsort(pairs[:, end], kind="stable")
        sorted_ends = pairs[order, end]
        rank = np.arange(len(pairs)) - np.searchsorted(sorted_ends, sorted_ends)
        wanted[order[rank < most]] = True
    return wanted


def _small(thumbnails: np.ndarray, margin: int) -> np.ndarray:
    """Shrink thumbnails to half, without a margin of pixels, uint8."""
    side = fingerprints.SIDE
    # Nearest pixels at twice the size, then means of two by two: enough to put candidates in an order.
    at = margin + (np.arange(2 * _SMALL) * (side - 2 * margin)) // (2 * _SMALL)
    small = np.empty((len(thumbnails), _SMALL, _SMALL), dtype=np.uint8)
    for start in range(0, len(thumbnails), _CHUNK):
        part = thumbnails[start : start + _CHUNK][:, at[:, None], at]
        means = part.reshape(len(part), _SMALL, 2, _SMALL, 2).mean(axis=(2, 4), dtype=np.float32)
        small[start : start + _CHUNK] = means
    return small


def _plain_correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    first = first - first.mean(axis=(1, 2), keepdims=True)
    second = second - second.mean(axis=(1, 2), keepdims=True)
    power = np.square(first).sum(axis=(1, 2)) * np.square(second).sum(axis=(1, 2))
    correlation: np.ndarray = (first * second).sum(axis=(1, 2)) / np.sqrt(power + 1e-6)
    return correlation


def _identical(rows: pd.DataFrame, paths: Mapping[str, str]) -> list[tuple[str, str, str, float]]:
    return [
        (paths[digest], path, IDENTICAL, 1.0)
        for digest, path in zip(rows["sha256"], rows["path"], strict=True)
        if path != paths[digest]
    ]


def _beside(memory: Path | None, what: str) -> Path | None:
    return None if memory is None else memory.with_name(f"{memory.stem}-{what}.memo")
