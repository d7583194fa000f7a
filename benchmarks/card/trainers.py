"""A trial's trainer on made-up pixels, as the parts time it."""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.card.case import Case, synchronize
from benchmarks.throughput import made_up_pixels, trainer_on
from trainables.measurement import Speed
from trainables.recipe import Augment, Recipe
from trainables.training.batches import Images
from trainables.training.loop import Trainer
from trainables.training.repeatable import make_repeatable

ROOT = Path(__file__).parents[2]
BATCH = 32
# The augmentation of phase 2, from the file that the study uses.
AUGMENTED = ROOT / "experiments" / "phase2" / "p2d_resnet18_aug.json"
PLAIN = Speed(precision="bf16", memory_format="channels_last", images_per_s=1.0, peak_mib=1.0)


def phase2_augmentation() -> Augment:
    return Augment.model_validate_json(json.dumps(json.loads(AUGMENTED.read_text())["augment"]))


def make_trainer(
    case: Case,
    backbone: str,
    size_px: int,
    *,
    num_images: int,
    augmented: bool = False,
    speed: Speed = PLAIN,
    pixels: np.ndarray | None = None,
) -> Trainer:
    """A trainer as a trial makes it: settings of torch, pixels on the device, labels by turns."""
    device = case.torch_device
    make_repeatable(device)
    torch.set_num_threads(1)
    recipe = Recipe(
        layout="splits",
        backbone=backbone,
        image_size=size_px,
        batch_size=BATCH,
        precision=speed.precision,
        memory_format=speed.memory_format,
        augment=phase2_augmentation() if augmented else False,
    )
    if pixels is None:
        pixels = made_up_pixels(num_images, size_px)
    images = Images(pixels, normalization="imagenet", memory_format=recipe.memory_format, device=device)
    folder = Path(tempfile.gettempdir()) / "no-checkpoint"
    return trainer_on(images, recipe, num_images=num_images, device=device, folder=folder)


def seconds_of(work: Callable[[], object], device: torch.device) -> float:
    """Seconds until the work is done on the device, too."""
    synchronize(device)
    start = time.perf_counter()
    work()
    synchronize(device)
    return time.perf_counter() - start
