"""A stage with a frozen trunk: epochs on kept features against epochs that run the trunk each time.

python benchmarks/frozen.py [--backbone resnet18] [--size 128] [--small]

Both train in the precision and memory format that `precision: auto` chooses here, in one thread.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

import numpy as np
import torch

from trainables.models.building import build_model
from trainables.recipe import Recipe, RecipeKeys, Stage
from trainables.training import stages
from trainables.training.batches import Images
from trainables.training.epoch_report import EpochReport
from trainables.training.loop import Samples, Trainer
from trainables.training.precision import Speed, measure

NUM_TRAIN, SMALL_NUM_TRAIN, NUM_VAL = 512, 64, 64
EPOCHS = 15
MIN_RATIO = 10.0


def main() -> int:
    """Print the ratios; return 1 when an epoch's is below the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--small", action="store_true", help="64 images; no limit is enforced")
    wanted = parser.parse_args()
    num_train = SMALL_NUM_TRAIN if wanted.small else NUM_TRAIN
    keys = RecipeKeys(backbone=wanted.backbone, image_size=wanted.size)
    speed = measure(keys, num_classes=2, device=torch.device("cpu"), threads=1).choice
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (num_train + NUM_VAL, wanted.size, wanted.size, 3), dtype=np.uint8)
    kept_epochs, kept_s = train(wanted.backbone, pixels, speed, epochs=EPOCHS)
    # No disk is ever large enough: every epoch computes the features anew.
    with mock.patch.object(stages, "SPARE_DISK", float("inf")):
        run_epochs, _ = train(wanted.backbone, pixels, speed, epochs=4)
    # The first epoch of each computes features, or warms up.
    epoch_ratio = statistics.median(run_epochs[1:]) / statistics.median(kept_epochs[1:])
    stage_ratio = EPOCHS * statistics.median(run_epochs[1:]) / kept_s
    how = f"{speed.precision}, {speed.memory_format}, one thread"
    print(f"{wanted.backbone} at {wanted.size} px, {num_train} + {NUM_VAL} images, {how}")
    print(f"an epoch on kept features: {epoch_ratio:.0f} times faster   (limit {MIN_RATIO:g})")
    print(f"a stage of {EPOCHS} epochs, computing the features included: {stage_ratio:.1f} times faster")
    return int(epoch_ratio < MIN_RATIO and not wanted.small)


def train(backbone: str, pixels: np.ndarray, speed: Speed, *, epochs: int) -> tuple[list[float], float]:
    """Train the head; return the seconds of each epoch with its validation, and of all of them."""
    recipe = Recipe(
        layout="splits",
        backbone=backbone,
        image_size=pixels.shape[1],
        epochs=epochs,
        stages=(Stage(epochs=epochs, trainable="head"),),
        early_stopping_patience=None,
        precision=speed.precision,
        memory_format=speed.memory_format,
    )
    labels = np.arange(len(pixels)) % 2
    rows = np.arange(len(pixels))
    device = torch.device("cpu")
    images = Images(pixels, normalization="imagenet", memory_format=speed.memory_format, device=device)
    reports: list[EpochReport] = []
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            recipe,
            build=lambda: build_model(recipe, num_classes=2),
            images=images,
            num_classes=2,
            train=Samples(rows[:-NUM_VAL], labels[:-NUM_VAL]),
            val=Samples(rows[-NUM_VAL:], labels[-NUM_VAL:]),
            seed=0,
            device=device,
            folder=Path(folder),
        )
        start = time.perf_counter()
        trainer.fit(on_epoch=reports.append, resume=False)
        seconds = time.perf_counter() - start
    return [report.seconds for report in reports], seconds


if __name__ == "__main__":
    sys.exit(main())
