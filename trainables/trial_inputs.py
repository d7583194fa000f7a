"""Inputs of a trial: the one way from a scanned data folder to the rows and pixels that a trial works on.

    scan -> experiment_rows -> detect_faces -> prepare_pixels -> trial_rows

A recipe decides each step: which rows there are, whether images are cropped to faces, and to which size they
are resized. The command that runs a study does all but the last ahead for all trials; a worker asks for
`trial_rows` alone, which builds the pixels that its machine lacks; `python -m trainables` does all of it for
one trial. What was derived from images is kept in `ImageCaches`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from trainables.data.faces import Look, ensure_faces, recipe_squares
from trainables.data.pixels import cache_key, ensure_pixels, find_cache
from trainables.data.splits.trial_rows import image_files, trial_table
from trainables.progress import OnProgress
from trainables.recipe import Recipe, RecipeKeys


@dataclass(frozen=True, slots=True)
class ImageCaches:
    """Where what is derived from images is kept: the table of faces, and the folder of all pixel caches."""

    faces: Path
    pixels: Path


@dataclass(frozen=True, slots=True)
class PixelCache:
    """The pixel cache of some images: its key, and the folder that holds them, None where none is finished.

    The folder may be that of another cache, which holds more images.
    """

    key: str
    folder: Path | None


@dataclass(frozen=True, slots=True)
class TrialRows:
    """The rows of one trial and where their pixels are.

    `table` has the columns path, sha256, group, source, label and part (train|val|test|unlabelled); `pixels`
    is the folder of a finished pixel cache that holds all of them.
    """

    table: pd.DataFrame
    pixels: Path
    num_classes: int
    repeat: int
    fold: int


def detect_faces(
    rows: pd.DataFrame,
    recipe: RecipeKeys,
    *,
    root: Path,
    caches: ImageCaches,
    look: Look,
    progress: OnProgress | None = None,
) -> None:
    """Look for faces in the images of `rows` that have not been looked at, where the recipe crops to them.

    Args:
        rows: columns path and sha256.
        recipe: whether faces are asked for.
        root: the data folder.
        caches: the table that is added to.
        look: the detector.
        progress: called with (done, total) for the images that are looked at now.

    Raises:
        InputError: a file changed since it was scanned.
    """
    if recipe.face_crop:
        ensure_faces(caches.faces, image_files(rows, root), look=look, progress=progress)


def find_pixels(hashes: Iterable[str], recipe: RecipeKeys, *, caches: ImageCaches) -> PixelCache:
    """Find the pixel cache of the images with these content hashes as the recipe cuts and resizes them.

    Raises:
        InputError: the recipe crops to faces, and some of the images were not looked at.
    """
    wanted = list(hashes)
    squares = recipe_squares(caches.faces, wanted, recipe)
    size_px = recipe.image_size
    return PixelCache(
        cache_key(wanted, size_px=size_px, squares=squares),
        find_cache(caches.pixels, wanted, size_px=size_px, squares=squares),
    )


def prepare_pixels(
    rows: pd.DataFrame,
    recipe: RecipeKeys,
    *,
    root: Path,
    caches: ImageCaches,
    perturbation: str = "",
    num_threads: int = 0,
    progress: OnProgress | None = None,
) -> Path:
    """Return the finished pixel cache of the images of `rows` as the recipe cuts and resizes them.

    Args:
        rows: columns path and sha256.
        recipe: face crop and image size.
        root: the data folder.
        caches: where faces are read and the cache is built.
        perturbation: what is done to the images before; faces are those of the images as they are.
        num_threads: threads that read images; 0 = one per core.
        progress: called with (done, total) while the cache is built.

    Raises:
        InputError: faces are asked for and some images were not looked at, a file changed since it was
            scanned, or the disk is too small.
    """
    files = image_files(rows, root)
    return ensure_pixels(
        caches.pixels,
        files,
        size_px=recipe.image_size,
        squares=recipe_squares(caches.faces, files, recipe),
        perturbation=perturbation,
        num_threads=num_threads,
        progress=progress,
    )


def trial_rows(
    rows: pd.DataFrame,
    recipe: Recipe,
    *,
    root: Path,
    caches: ImageCaches,
    num_classes: int,
    repeat: int,
    fold: int,
) -> TrialRows:
    """Return the rows of one trial with their pixels, which are built where this machine has none.

    Args:
        rows: what `experiment_rows` gave for the recipe and the repeat.
        recipe: everything that decides the numbers.
        root: the data folder.
        caches: where faces are read and pixels are kept.
        num_classes: classes of the data set.
        repeat: number of the repeat, from 0.
        fold: outer test fold, from 0.

    Raises:
        InputError: as `prepare_pixels` does.
    """
    pixels = prepare_pixels(rows, recipe, root=root, caches=caches)
    table = trial_table(rows, recipe, repeat=repeat, fold=fold)
    return TrialRows(table, pixels, num_classes, repeat, fold)
