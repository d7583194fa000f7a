"""Neighbours of images: training images with similar features, and versions of the same picture.

Features are what a network's last linear layer is given: for timm's models their pooled, pre-logit features.
Two images are as similar as the cosine of their features. A network that tells classes apart may place two
versions of one picture far from each other when their labels differ, so versions are looked for by
perceptual hashes and aligned thumbnails among all images (`trainables.data.duplicates`), not by features.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from trainables.backbones import is_kernel_machine
from trainables.data.duplicates.fingerprints import Fingerprints, fingerprint_files
from trainables.data.duplicates.hash_search import RADIUS
from trainables.data.duplicates.near_duplicates import CLOSEST, link_contents
from trainables.data.faces import Look
from trainables.errors import InputError
from trainables.models.layers import head_of
from trainables.progress import OnProgress
from trainables.trained import TrainedTrial, images_of, load_network, prepared_pixels
from trainables.training.precision import autocast
from trainables.trial_inputs import ImageCaches


@dataclass(frozen=True, slots=True)
class PictureVersion:
    """A version of the same picture: its content hash, how it relates, and how alike both are, 0 to 1.

    kind: near, mirrored or cropped.
    """

    sha256: str
    kind: str
    similarity: float


def image_features(
    trained: TrainedTrial,
    rows: pd.DataFrame,
    *,
    root: Path,
    caches: ImageCaches,
    look: Look,
    device: torch.device,
    progress: OnProgress | None = None,
) -> np.ndarray:
    """Return the features of images by a trained network, float32 [N, D], in the order of `rows`.

    Arguments are those of `score_images`.

    Raises:
        InputError: the model has no linear layer with features before it, or as `score_images`.
    """
    recipe = trained.recipe
    if is_kernel_machine(recipe.backbone):
        raise InputError(f"{recipe.backbone} has no features: it compares the pixels of whole images")
    pixels = prepared_pixels(trained, rows, root=root, caches=caches, look=look)
    places = pixels.rows(rows["sha256"].tolist())
    images, model = images_of(trained, pixels, device=device), load_network(trained, device=device)
    caught: list[Tensor] = []
    hook = _last_linear(model, recipe.backbone).register_forward_pre_hook(
        lambda _, given: caught.append(given[0].detach().float().reshape(len(given[0]), -1).cpu())
    )
    precision = recipe.precision if trained.device == device.type else "float32"
    at_once = 2 * (recipe.micro_batch or recipe.batch_size)
    with torch.inference_mode(), autocast(precision, device):
        for start in range(0, len(places), at_once):
            batch = places[start : start + at_once]
            model(images.batch(batch))
            if progress is not None:
                progress(start + len(batch), len(places))
    hook.remove()
    features: np.ndarray = torch.cat(caught).numpy()
    return features


def nearest_images(features: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the most similar of `others` for each image; of equally similar ones the first.

    Args:
        features: float32 [M, D].
        others: float32 [N, D], N at least 1.

    Returns:
        Places in `others`, int64 [M], and cosines, float64 [M], -1 to 1; 0 where an image has no features.
    """
    cosines = _directions(features) @ _directions(others).T
    places = cosines.argmax(axis=1)
    return places, cosines[np.arange(len(places)), places].clip(-1.0, 1.0)


def picture_versions(
    images: Mapping[str, Path], others: Mapping[str, Path], *, memory: Path | None = None
) -> dict[str, list[PictureVersion]]:
    """Find versions of the same pictures; both map content hashes to files.

    Args:
        images: what versions are looked for of.
        others: among which; the same content is no version of itself.
        memory: where fingerprints are kept, at best those of more images than these; None = nowhere.

    Returns:
        Content hash of an image -> its versions, the most alike first; no entry where there is none.
    """
    prints = fingerprint_files({**others, **images}, memory=memory)
    place = {digest: row for row, digest in enumerate(prints.sha256)}
    candidates = np.array(sorted(place[digest] for digest in others if digest in place), dtype=np.int64)
    found: dict[str, list[PictureVersion]] = {}
    for digest in images:
        if digest not in place:
            continue
        row = place[digest]
        near = _closest(prints, row, candidates[candidates != row])
        versions = [each for other in near if (each := _version(prints, row, other)) is not None]
        if versions:
            found[digest] = sorted(versions, key=lambda each: (-each.similarity, each.sha256))
    return found


def _last_linear(model: nn.Module, backbone: str) -> nn.Module:
    """The last linear layer of what stands behind a network's features."""
    head = head_of(model)
    inside = model.get_submodule(head) if head else model
    linear = [module for module in inside.modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise InputError(f"{backbone} has no features: it does not end in a linear layer")
    return linear[-1]


def _directions(features: np.ndarray) -> np.ndarray:
    wide = features.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    directions: np.ndarray = np.divide(wide, lengths, out=np.zeros_like(wide), where=lengths > 0)
    return directions


def _closest(prints: Fingerprints, row: int, candidates: np.ndarray) -> list[int]:
    """The candidates whose hashes are near an image's in one of the ways that `link_contents` knows."""
    full, mirrored, inner = (prints.hashes[:, column] for column in range(3))
    pairs = (
        (full[row], full), (full[row], mirrored), (mirrored[row], full), (full[row], inner),
        (inner[row], full),
    )  # fmt: skip
    bits = np.min([np.bitwise_count(mine ^ theirs[candidates]) for mine, theirs in pairs], axis=0)
    order = np.argsort(bits, kind="stable")
    return [int(candidates[place]) for place in order[:CLOSEST] if bits[place] <= RADIUS]


def _version(prints: Fingerprints, row: int, other: int) -> PictureVersion | None:
    both = np.array([row, other])
    pair = Fingerprints(
        tuple(prints.sha256[place] for place in both),
        prints.hashes[both],
        prints.thumbnails[both],
        prints.flat[both],
    )
    links = link_contents(pair)
    if links.empty:
        return None
    return PictureVersion(
        prints.sha256[other], str(links["kind"].iloc[0]), float(links["similarity"].iloc[0])
    )
