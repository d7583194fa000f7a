"""Evidence on images that a finished trial tested: what it saw, why it decided so, and what it learned from.

For each image: the picture as the model saw it, its Grad-CAM map, the training image with the most similar
features, a version of the same picture among the training images, and what its file says of itself. The
features of the training images are computed once per trial and kept.
"""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from trainables import memo
from trainables.data.duplicates.near_duplicates import IDENTICAL
from trainables.data.faces import Look
from trainables.data.images.decoding import read_unchanged
from trainables.data.images.inspection import open_image
from trainables.data.splits.trial_rows import image_files
from trainables.explain.explaining import explain_images
from trainables.explain.neighbours import PictureVersion, image_features, nearest_images, picture_versions
from trainables.explain.overlays import overlay, webp
from trainables.files import file_sha256
from trainables.trained import TrainedTrial, prepared_pixels
from trainables.trial_inputs import ImageCaches

SIDE_PX = 160


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a file says of itself: its format, its size in pixels and in bytes."""

    format: str
    width: int
    height: int
    bytes: int


@dataclass(frozen=True, slots=True, eq=False)
class ImageEvidence:
    """Evidence on one image; pictures are WebP files of SIDE_PX.

    score: P(fake), or of several classes that of its own. nearest: row of the training images, with the
    cosine of the features. version: of the same picture, None where there is none, and its training row.
    """

    score: float
    facts: FileFacts
    nearest: int
    similarity: float
    version: PictureVersion | None
    version_row: int
    seen_webp: bytes
    overlay_webp: bytes
    nearest_webp: bytes


def evidence_on(
    trained: TrainedTrial,
    images: pd.DataFrame,
    training: pd.DataFrame,
    *,
    root: Path,
    caches: ImageCaches,
    look: Look,
    device: torch.device,
    kept: Path,
    fingerprints: Path,
) -> list[ImageEvidence]:
    """Gather evidence on `images`, in their order.

    Args:
        trained: the trial that tested them.
        images: columns path, sha256 and label.
        training: what it learned from: path, sha256 and label; one row or more.
        root: the folder that the paths are below.
        caches: where faces and pixels are kept.
        look: detects faces.
        device: where to compute.
        kept: where the features of the training images are kept.
        fingerprints: where the fingerprints of all images are kept.

    Raises:
        InputError: as `image_features` and `explain_images`.
    """
    explained = explain_images(
        trained, images, root=root, caches=caches, look=look, device=device, with_checks=False
    )
    learned = _training_features(
        trained, training, root=root, caches=caches, look=look, device=device, kept=kept
    )
    features = image_features(trained, images, root=root, caches=caches, look=look, device=device)
    places, cosines = nearest_images(features, learned)
    versions = picture_versions(image_files(images, root), image_files(training, root), memory=fingerprints)
    pixels = prepared_pixels(trained, training, root=root, caches=caches, look=look)
    shown = pixels.array[pixels.rows([training["sha256"].iloc[place] for place in places])]
    found = []
    for row, (path, digest, label) in enumerate(
        zip(images["path"], images["sha256"], images["label"], strict=True)
    ):
        version, version_row = _version(digest, int(label), training, versions.get(digest, []))
        score = explained.scores[row] if explained.scores.ndim == 1 else explained.scores[row, int(label)]
        found.append(
            ImageEvidence(
                score=float(score),
                facts=_facts(root / path, digest),
                nearest=int(places[row]),
                similarity=float(cosines[row]),
                version=version,
                version_row=version_row,
                seen_webp=webp(explained.pixels[row], side_px=SIDE_PX),
                overlay_webp=webp(overlay(explained.pixels[row], explained.maps[row]), side_px=SIDE_PX),
                nearest_webp=webp(np.asarray(shown[row]), side_px=SIDE_PX),
            )
        )
    return found


def _training_features(
    trained: TrainedTrial,
    training: pd.DataFrame,
    *,
    root: Path,
    caches: ImageCaches,
    look: Look,
    device: torch.device,
    kept: Path,
) -> np.ndarray:
    inputs = [file_sha256(trained.weights), training["sha256"].tolist()]
    key = memo.key(inputs, code=__name__, libraries=("torch", "timm"))
    known = memo.read_arrays(kept, key)
    if known is not None:
        return known["features"]
    features = image_features(trained, training, root=root, caches=caches, look=look, device=device)
    memo.write_arrays(kept, key, {"features": features})
    return features


def _version(
    digest: str, label: int, training: pd.DataFrame, near: list[PictureVersion]
) -> tuple[PictureVersion | None, int]:
    """The version that says most: one of another class before one of the same, then the most alike."""
    hashes, labels = training["sha256"].to_numpy(), training["label"].to_numpy()
    found: list[tuple[bool, float, int, PictureVersion]] = []
    for each in (PictureVersion(digest, IDENTICAL, 1.0), *near):
        for row in np.flatnonzero(hashes == each.sha256).tolist():
            found.append((int(labels[row]) == label, -each.similarity, row, each))
    if not found:
        return None, -1
    _, _, row, version = min(found, key=lambda each: each[:3])
    return version, row


def _facts(path: Path, digest: str) -> FileFacts:
    content = read_unchanged(path, digest)
    with warnings.catch_warnings(), open_image(io.BytesIO(content)) as image:
        warnings.simplefilter("ignore")
        return FileFacts(str(image.format or ""), *image.size, len(content))
