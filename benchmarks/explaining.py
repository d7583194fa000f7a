"""Benchmark of explaining: Grad-CAM alone, and with all of its checks, on one core.

    python -m benchmarks.explaining [--backbone resnet18] [--size 128] [--images 12] [--small]

Explains random images by a network with random weights, as those of a finished trial are, faces given. Counts
the seconds of the processor, so that other work on the machine is not counted; returns 1 when the checks take
longer than the limit, which is that of the backbone, size and number of images above.
"""

import argparse
import hashlib
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from trainables.data.faces import DetectedFaces
from trainables.explain.explaining import explain_images
from trainables.models.building import build_model
from trainables.recipe import Recipe
from trainables.trained import TrainedTrial
from trainables.training.checkpoint import save_weights
from trainables.training.normalization import NORMALIZATIONS, Normalization
from trainables.trial_inputs import ImageCaches

MOST_S = 60.0
SMALL_PX, SMALL_IMAGES = 32, 2


def main() -> int:
    """Print the seconds of the processor; return 1 when they are above the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--images", type=int, default=12)
    parser.add_argument("--small", action="store_true", help="two small images; no limit is enforced")
    wanted = parser.parse_args()
    size_px = SMALL_PX if wanted.small else wanted.size
    num_images = SMALL_IMAGES if wanted.small else wanted.images
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        trained = _trained(wanted.backbone, size_px, root)
        rows = _images(num_images, size_px, root)
        print(f"{wanted.backbone} at {size_px} px, {num_images} images, one thread")
        # The first one fills the pixel cache.
        for what, with_checks in (("first", False), ("maps alone", False), ("maps and all checks", True)):
            start = time.process_time()
            explain_images(
                trained,
                rows,
                root=root,
                caches=ImageCaches(faces=root / "faces.parquet", pixels=root / "pixels"),
                look=_look,
                device=torch.device("cpu"),
                with_checks=with_checks,
            )
            seconds = time.process_time() - start
            limit = f"   (limit {MOST_S:g})" if with_checks else ""
            print(f"{what}: {seconds / num_images:.2f} s per image, together {seconds:.1f} s{limit}")
    return int(seconds > MOST_S and not wanted.small)


def _trained(backbone: str, size_px: int, root: Path) -> TrainedTrial:
    recipe = Recipe(
        layout="splits",
        backbone=backbone,
        image_size=size_px,
        precision="float32",
        memory_format="channels_last",
    )
    torch.manual_seed(0)
    save_weights(root / "model.safetensors", build_model(recipe, num_classes=2).state_dict())
    normalization = Normalization(*NORMALIZATIONS["imagenet"])
    return TrainedTrial(recipe, normalization, root / "model.safetensors", (), 2, "cpu")


def _images(count: int, size_px: int, root: Path) -> pd.DataFrame:
    rng, rows = np.random.default_rng(0), []
    for number in range(count):
        path = root / f"{number}.png"
        Image.fromarray(rng.integers(0, 256, (size_px, size_px, 3), dtype=np.uint8)).save(path)
        rows.append((path.name, hashlib.sha256(path.read_bytes()).hexdigest()))
    return pd.DataFrame(rows, columns=["path", "sha256"])


def _look(missing: Sequence[tuple[str, Path]]) -> Iterator[list[DetectedFaces]]:
    yield [DetectedFaces(digest, 100, 100, ((25.0, 20.0, 75.0, 85.0),), (0.99,)) for digest, _ in missing]


if __name__ == "__main__":
    sys.exit(main())
