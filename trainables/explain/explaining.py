"""Explanations of images by a finished trial: a Grad-CAM map of each, and numbers to judge it by.

    images -> scores -> class explained -> map -> deletion curves, similarity to a random network, shares

The class explained is the one asked for, else the predicted one, by the scores as the trial gives them (in
its precision); maps and checks are computed in float32. Each image is explained alone: its map by a batch of
one, each of its deletion curves by one batch of all steps, its random maps and noise drawn from the seed and
its content hash. So its numbers depend neither on the other images nor on their order.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from trainables.data.faces import Look, ensure_faces
from trainables.data.images.crops import Box
from trainables.data.pixels import Pixels
from trainables.data.splits.trial_rows import image_files
from trainables.errors import InputError
from trainables.evaluation.scoring import predicted_classes
from trainables.explain.deletion import (
    FILLINGS,
    NUM_RANDOM,
    deletion_areas,
    falling_order,
    smooth_random_maps,
)
from trainables.explain.explainable import why_not_explained
from trainables.explain.face_regions import REGIONS, box_in_input, map_shares
from trainables.explain.grad_cam import grad_cam
from trainables.explain.randomisation import NUM_DRAWS, rank_correlation, with_random_weights
from trainables.explain.target_layers import TargetLayer, target_layers
from trainables.progress import OnProgress
from trainables.seeds import derived_seed
from trainables.trained import TrainedTrial, images_of, load_network, prepared_pixels, score_images
from trainables.training.optimisation import probabilities
from trainables.trial_inputs import ImageCaches

CHECKS = ("deletion_blur", "deletion_road", "random_blur", "random_road", "similarity")
FACE = ("face_left", "face_top", "face_right", "face_bottom")
NUMBERS = (*CHECKS, "inside_face", *REGIONS, *FACE)


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """Maps of N images, and what there is to say of each.

    maps: float16 [N, S, S], 0..1, at the size of the model's input, in the order of the rows; the largest
        value of each is 1, unless nothing speaks for the class: then it is 0 everywhere.
    pixels: uint8 [N, S, S, 3], what the model saw before normalisation.
    scores: P(fake), float64 [N], or [N, C].
    grid: height and width of the features that the maps are enlarged from; the finest of an ensemble's.
    numbers: one row per image with the columns NUMBERS:
        deletion_blur, deletion_road: mean height of the deletion curve, 0..1; lower = the map matters more.
        random_blur, random_road: the same for random maps, their mean.
        similarity: to the map of the network with random weights, rank correlation, -1..1.
        inside_face: share of the map inside the face's box, 0..1.
        eyes, mouth, face_rest, hair, background: shares by region; their sum is 1.
        face_left, face_top, face_right, face_bottom: the box in pixels of the input; it may leave it.
    NaN stands where there is no box, or no check was asked for; shares and similarity of a map that is 0
    everywhere are NaN too.
    """

    maps: np.ndarray
    pixels: np.ndarray
    scores: np.ndarray
    grid: tuple[int, int]
    numbers: pd.DataFrame

    @property
    def num_zero(self) -> int:
        """Return how many maps are 0 everywhere: nothing at the target layer speaks for the class."""
        return int((self.maps.max(axis=(1, 2)) == 0).sum())


def explain_images(
    trained: TrainedTrial,
    rows: pd.DataFrame,
    *,
    root: Path,
    caches: ImageCaches,
    look: Look,
    device: torch.device,
    with_checks: bool = True,
    seed: int = 0,
    classes: Sequence[int] | None = None,
    progress: OnProgress | None = None,
) -> Explained:
    """Explain a trained network's scores of images.

    Args:
        trained: what `read_trained` gave.
        rows: columns path and sha256, one row or more.
        root: the folder that the paths are below.
        caches: where faces and pixels of the images are kept.
        look: detects faces; they are looked for also where the recipe does not crop to them.
        device: where to compute.
        with_checks: also the deletion curves and the similarity, which take most of the time.
        seed: of what is drawn for the checks.
        classes: the class explained of each row; None = the one that is predicted now.
        progress: called with (done, total) images.

    Raises:
        InputError: the model has no maps to explain it by, a file changed since its hash was taken, or the
            disk is too small.
    """
    if why := why_not_explained(trained.recipe):
        raise InputError(why)
    faces = ensure_faces(caches.faces, image_files(rows, root), look=look)
    scores = score_images(trained, rows, root=root, caches=caches, look=look, device=device)
    opened = prepared_pixels(trained, rows, root=root, caches=caches, look=look)
    hashes = rows["sha256"].tolist()
    pixels = np.array(opened.array[opened.rows(hashes)])
    explainer = _Explainer.of(trained, device=device, seed=seed)
    if classes is None:
        classes = predicted_classes(scores).tolist()
    of_random = explainer.maps_of_random(pixels, classes) if with_checks else None
    maps, numbers = [], []
    for number, (digest, pixels_SS3) in enumerate(zip(hashes, pixels, strict=True)):
        map_SS = explainer.map_of(explainer.model, pixels_SS3, classes[number])
        row: dict[str, float] = {}
        if of_random is not None:
            row = explainer.heights(pixels_SS3, map_SS, classes[number], digest)
            row["similarity"] = _similarity(map_SS, of_random[:, number])
        maps.append(map_SS)
        numbers.append({**row, **_face_numbers(map_SS, box_in_input(faces[digest], trained.recipe))})
        if progress is not None:
            progress(number + 1, len(hashes))
    table = pd.DataFrame(numbers, columns=list(NUMBERS), dtype=np.float64)
    return Explained(np.stack(maps), pixels, scores, explainer.grid, table)


@dataclass(frozen=True, slots=True)
class _Explainer:
    """A trial's network with its target layers."""

    trained: TrainedTrial
    model: nn.Module
    layers: tuple[TargetLayer, ...]
    device: torch.device
    seed: int

    @classmethod
    def of(cls, trained: TrainedTrial, *, device: torch.device, seed: int) -> "_Explainer":
        model = load_network(trained, device=device).requires_grad_(False)
        layers = target_layers(model, size_px=trained.recipe.image_size)
        return cls(trained, model, layers, device, seed)

    @property
    def grid(self) -> tuple[int, int]:
        return max(layer.grid for layer in self.layers)

    def map_of(self, model: nn.Module, pixels_SS3: np.ndarray, explained: int) -> np.ndarray:
        """The map of one image, scaled so that its largest value is 1: float16 [S, S]."""
        x_1CHW = self._normalised(pixels_SS3[None])
        classes_1 = torch.tensor([explained], device=self.device)
        map_SS = grad_cam(model, self.layers, x_1CHW, classes_1)[0].cpu().numpy()
        largest = map_SS.max()
        scaled = map_SS / largest if largest > 0 and np.isfinite(largest) else np.zeros_like(map_SS)
        return scaled.astype(np.float16)

    def maps_of_random(self, pixels: np.ndarray, classes: Sequence[int]) -> np.ndarray:
        """The maps of random networks, one network after the other: float16 [NUM_DRAWS, N, S, S]."""
        maps = np.zeros((NUM_DRAWS, *pixels.shape[:3]), dtype=np.float16)
        for draw, maps_NSS in enumerate(maps):
            model = with_random_weights(self.model, seed=derived_seed(self.seed, draw))
            for number, explained in enumerate(classes):
                maps_NSS[number] = self.map_of(model, pixels[number], explained)
        return maps

    def heights(
        self, pixels_SS3: np.ndarray, map_SS: np.ndarray, explained: int, digest: str
    ) -> dict[str, float]:
        """The heights of one image's deletion curves: the columns CHECKS but the similarity."""
        size_px = len(map_SS)
        rng = np.random.default_rng(derived_seed(self.seed, "maps", digest))
        drawn = smooth_random_maps(NUM_RANDOM + 1, grid=self.grid, size_px=size_px, rng=rng)
        # The last one decides between equal pixels of the map.
        orders = [falling_order(each, ties_SS=drawn[-1]) for each in (map_SS, *drawn[:-1])]

        def score(images: np.ndarray) -> np.ndarray:
            return self._score(images, explained)

        row: dict[str, float] = {}
        start = float(score(pixels_SS3[None])[0])
        for filling in FILLINGS:
            noise = np.random.default_rng(derived_seed(self.seed, filling, digest))
            of_map, *of_random = deletion_areas(
                pixels_SS3, orders, filling=filling, score=score, start=start, rng=noise
            )
            row[f"deletion_{filling}"] = of_map
            row[f"random_{filling}"] = float(np.mean(of_random))
        return row

    def _score(self, images: np.ndarray, explained: int) -> np.ndarray:
        with torch.inference_mode():
            found = probabilities(self.model(self._normalised(images))).cpu().numpy()
        if found.ndim == 2:
            return np.asarray(found[:, explained])
        return found if explained == 1 else 1.0 - found

    def _normalised(self, images: np.ndarray) -> torch.Tensor:
        opened = images_of(self.trained, Pixels(images, {}), device=self.device)
        return opened.batch(np.arange(len(images)))


def _similarity(map_SS: np.ndarray, of_random_DSS: np.ndarray) -> float:
    """The mean correlation with the maps of random networks; a flat one of theirs does not count."""
    similar = np.array([rank_correlation(map_SS, other) for other in of_random_DSS])
    return float("nan") if np.isnan(similar).all() else float(np.nanmean(similar))


def _face_numbers(map_SS: np.ndarray, box: Box | None) -> dict[str, float]:
    """The columns of an image that hang on its face's box; none without one."""
    if box is None:
        return {}
    shares = map_shares(map_SS, box)
    return {**dict(zip(FACE, box, strict=True)), **(asdict(shares) if shares is not None else {})}
