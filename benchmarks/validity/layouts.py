"""Polarity and groups of small made trees with the names of real data sets: which class is called fake, and
how many videos have frames on two sides of a fold.

Every tree holds images of noise; nothing is learned from them.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.validity.case import Case
from trainables.data.dataset.manifest import scan
from trainables.data.splits.trial_rows import experiment_rows, trial_table
from trainables.recipe import RecipeKeys

# Folder of fakes, folder of real images.
NAMES = (
    ("train/ai", "train/nature"),
    ("train/fake_images", "train/real_images"),
    ("train/deepfake", "train/original"),
    ("train/ai", "train/human"),
)
VIDEOS, FRAMES, FOLDS, IMAGES, SIZE_PX = 6, 4, 3, 6, 16
RECIPE = RecipeKeys(cv_folds=FOLDS, val_ratio=0.3)


def cases(_studies: int) -> Iterator[Case]:
    """Yield what is called fake under each pair of names, and the videos that are divided."""
    for fake, real in NAMES:
        yield polarity(fake, real)
    for name, place in (
        ("folders of frames", "{}/v{}/{:03d}.png"),
        ("names of frames", "{}/v{}_frame{}.png"),
    ):
        yield divided(name, place)


def polarity(fake: str, real: str) -> Case:
    """Which folder is called fake."""
    with tempfile.TemporaryDirectory() as folder:
        draw(Path(folder), [f"{side}/{number}.png" for side in (fake, real) for number in range(IMAGES)])
        rows = scan(Path(folder)).rows
    called = sorted({str(Path(path).parent) for path in rows.loc[rows["label"] == 1, "path"]})
    return Case(f"{fake}, {real}: called fake", real, ", ".join(called), f"to be {fake}", called == [fake])


def divided(name: str, place: str) -> Case:
    """How many videos of each class have frames in two parts of a fold."""
    paths = [
        place.format(side, f"{side[0]}{video}", frame)
        for side in ("real", "fake")
        for video in range(VIDEOS)
        for frame in range(FRAMES)
    ]
    with tempfile.TemporaryDirectory() as folder:
        draw(Path(folder), paths)
        rows = experiment_rows(scan(Path(folder)), RECIPE, repeat=0)
    videos = set[str]()
    for fold in range(FOLDS):
        table = trial_table(rows, RECIPE, repeat=0, fold=fold)
        video = table["path"].str.extract(r"(v[rf]\d+)", expand=False)
        parts = table.groupby(video)["part"].nunique()
        videos |= set(parts.index[parts > 1])
    return Case(
        f"{2 * VIDEOS} videos as {name}: on two sides of a fold",
        "all",
        str(len(videos)),
        "limit 0",
        not videos,
    )


def draw(root: Path, paths: list[str]) -> None:
    """Draw an image of noise of its own at each path."""
    rng = np.random.default_rng(0)
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (SIZE_PX, SIZE_PX, 3), dtype=np.uint8)).save(root / path)
