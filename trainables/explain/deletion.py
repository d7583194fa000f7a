"""Deletion curves: how fast a class's score falls while the places that a map calls important are filled.

Pixels are filled in the map's order, the most important first, up to the shares of STEPS, and the probability
of the explained class is taken at each. The area under that curve, divided by its width, is its mean height,
0..1: the lower, the more the map matters (Petsiuk et al., RISE, 2018). A number alone says little, since any
filling disturbs a network; hence the same for random maps that are as smooth as the map.

Two fillings, for neither is free of faults. "blur": the image itself, blurred by a sixteenth of its side,
which keeps colours and shadows. "road": noisy linear imputation (Rong et al., A Consistent and Efficient
Evaluation Strategy for Attribution Methods, 2022): each filled pixel is the weighted mean of its eight
neighbours (direct 1/6, diagonal 1/12), filled or not, a linear system, and gets a little noise; it shows less
of the shape of what was filled than a plain colour does.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
from scipy import ndimage, sparse
from scipy.sparse.linalg import splu

from trainables.explain.grad_cam import enlarged

Filling = Literal["blur", "road"]
FILLINGS: tuple[Filling, ...] = ("blur", "road")
# Shares of pixels that are filled; those of the paper. All of them would leave nothing to fill from.
STEPS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)
NUM_RANDOM = 4
BLUR_SHARE = 1 / 16
# Of the imputed pixels, standard deviation in 0..255; the paper's 0.01 of 0..1.
NOISE = 2.55
NEIGHBOURS = (
    *((across, down, 1 / 6) for across, down in ((0, 1), (0, -1), (1, 0), (-1, 0))),
    *((across, down, 1 / 12) for across, down in ((1, 1), (1, -1), (-1, 1), (-1, -1))),
)

# Probability of the explained class of images uint8 [M, S, S, 3]: float64 [M].
ScoreImages = Callable[[np.ndarray], np.ndarray]


def deletion_areas(
    pixels_SS3: np.ndarray,
    orders: Sequence[np.ndarray],
    *,
    filling: Filling,
    score: ScoreImages,
    start: float,
    rng: np.random.Generator,
) -> list[float]:
    """Return the mean height of the deletion curve of each order, 0..1.

    Args:
        pixels_SS3: the image, uint8 [S, S, 3].
        orders: the pixels of the image by falling importance, int64 [S * S] each.
        filling: what takes their place.
        score: of the explained class; called once per order with one image per step, so that batches are
            always of the same size.
        start: score of the image as it is.
        rng: draws the noise.
    """
    return [
        curve_height(start, score(filled_images(pixels_SS3, order, filling=filling, rng=rng)))
        for order in orders
    ]


def curve_height(start: float, scores: np.ndarray) -> float:
    """Return the area under a deletion curve (trapezoids) divided by its width.

    Args:
        start: score with nothing filled.
        scores: score at each of STEPS.
    """
    return float(np.trapezoid([start, *scores], [0.0, *STEPS]) / STEPS[-1])


def filled_images(
    pixels_SS3: np.ndarray, order: np.ndarray, *, filling: Filling, rng: np.random.Generator
) -> np.ndarray:
    """Return the image with its first pixels of `order` filled, one per step: uint8 [len(STEPS), S, S, 3]."""
    size_px = len(pixels_SS3)
    blurred = blurred_image(pixels_SS3) if filling == "blur" else None
    images = np.repeat(pixels_SS3[None], len(STEPS), axis=0)
    for image, share in zip(images, STEPS, strict=True):
        missing = np.zeros(size_px * size_px, dtype=bool)
        missing[order[: round(share * len(order))]] = True
        missing_SS = missing.reshape(size_px, size_px)
        if blurred is not None:
            image[missing_SS] = blurred[missing_SS]
        else:
            image[missing_SS] = imputed(pixels_SS3, missing_SS, rng=rng)
    return images


def blurred_image(pixels_SS3: np.ndarray) -> np.ndarray:
    """Blur an image by a Gaussian of BLUR_SHARE of its side: uint8 [S, S, 3]."""
    width = BLUR_SHARE * len(pixels_SS3)
    return ndimage.gaussian_filter(pixels_SS3.astype(np.float64), (width, width, 0)).round().astype(np.uint8)


def imputed(pixels_SS3: np.ndarray, missing_SS: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    """Return noisy linear imputations of the missing pixels, uint8 [M, 3], in the order of rows.

    At the border of the image a pixel has fewer neighbours, whose weights then sum to less than 1 and are
    scaled to it.
    """
    down_M, across_M = np.nonzero(missing_SS)
    count, size_px = len(down_M), len(missing_SS)
    number_SS = np.full(missing_SS.shape, -1)
    number_SS[missing_SS] = np.arange(count)
    own_weights, known_M3 = np.zeros(count), np.zeros((count, 3))
    rows, columns, values = [], [], []
    for across, down, weight in NEIGHBOURS:
        y_M, x_M = down_M + down, across_M + across
        (inside,) = np.nonzero((y_M >= 0) & (y_M < size_px) & (x_M >= 0) & (x_M < size_px))
        y_M, x_M = y_M[inside], x_M[inside]
        own_weights[inside] += weight
        neighbour = number_SS[y_M, x_M]
        is_missing = neighbour >= 0
        rows.append(inside[is_missing])
        columns.append(neighbour[is_missing])
        values.append(np.full(is_missing.sum(), -weight))
        known_M3[inside[~is_missing]] += weight * pixels_SS3[y_M[~is_missing], x_M[~is_missing]]
    diagonal = np.arange(count)
    entries = np.concatenate([*values, own_weights])
    places = (np.concatenate([*rows, diagonal]), np.concatenate([*columns, diagonal]))
    system = sparse.csc_matrix((entries, places), shape=(count, count))
    # Symmetric and diagonally dominant: no pivoting is needed, and this order takes half the time.
    solver = splu(system, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    noisy = solver.solve(known_M3) + rng.normal(0.0, NOISE, (count, 3))
    return noisy.round().clip(0, 255).astype(np.uint8)


def smooth_random_maps(
    count: int, *, grid: tuple[int, int], size_px: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw maps as smooth as Grad-CAM's: uniform on its grid, enlarged; float64 [count, S, S]."""
    small = torch.from_numpy(rng.random((count, 1, *grid)))
    return enlarged(small, size_px=size_px)[:, 0].numpy()


def falling_order(map_SS: np.ndarray, *, ties_SS: np.ndarray) -> np.ndarray:
    """Return the pixels of a map by falling importance, int64 [S * S]; equal ones by falling `ties_SS`.

    A map is 0 in large parts. What is drawn decides there, so that they are not filled from the upper left
    corner on, and a map that is 0 everywhere is as good as a random one.
    """
    return np.lexsort((-ties_SS.ravel(), -map_SS.astype(np.float64).ravel()))
