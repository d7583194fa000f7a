"""Mean of maps of many images, laid over each other by their faces' boxes.

Each map is moved and stretched so that its box lies on CANONICAL: eyes and mouths then lie about the same
place. A place outside an image counts for nothing in the mean, instead of as 0.
"""

import numpy as np
from scipy import ndimage

SIZE = 64
# left, top, right, bottom: a box is about four fifths as wide as high; half its height is left around it.
CANONICAL = (19.0, 16.0, 45.0, 48.0)


def aligned_mean(maps: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return the mean map of aligned faces, float32 [64, 64]; NaN at places that no image shows.

    Args:
        maps: [N, S, S], 0..1.
        boxes: left, top, right, bottom in pixels of the maps, [N, 4]; images with NaN are left out.
    """
    left, top, right, bottom = CANONICAL
    centres = np.arange(SIZE) + 0.5
    total, count = np.zeros((SIZE, SIZE)), np.zeros((SIZE, SIZE))
    for map_SS, box in zip(maps, np.asarray(boxes, dtype=np.float64), strict=True):
        if np.isnan(box).any():
            continue
        x = box[0] + (centres - left) / (right - left) * (box[2] - box[0])
        y = box[1] + (centres - top) / (bottom - top) * (box[3] - box[1])
        shown = np.outer((y >= 0) & (y <= len(map_SS)), (x >= 0) & (x <= len(map_SS)))
        # Pixel k covers k .. k + 1, its value is that of its centre.
        places = np.meshgrid(y - 0.5, x - 0.5, indexing="ij")
        moved = ndimage.map_coordinates(map_SS.astype(np.float64), places, order=1, mode="nearest")
        total += np.where(shown, moved, 0.0)
        count += shown
    mean = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    return mean.astype(np.float32)
