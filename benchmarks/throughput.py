"""How fast trials train, as ratios taken in one run.

    python benchmarks/throughput.py loop                        the trial loop against tensors in memory
    python benchmarks/throughput.py smoke --data FOLDER         phase 1 smoke against a plain sequential loop

`loop`: images/s of the trial loop (uint8 rows from the pixel cache, normalised batch by batch) over those
of the same steps on float tensors that lie ready in memory. Rounds alternate, the median ratio counts; at
least 0.95.

`smoke`: seconds of a plain loop (for each experiment and fold: PIL in a DataLoader, float32, all cores) over
seconds of `python -m orchestrator phase1 --preset smoke` in an empty results folder, with all its
start-up, over the same images, folds and number of epochs; at least 2.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from trainables.models.building import build_model
from trainables.recipe import Recipe
from trainables.training.batches import Images, training_batches
from trainables.training.loop import Samples, Trainer
from trainables.training.normalization import NORMALIZATIONS
from trainables.training.precision import autocast

ROUNDS = 7
NUM_IMAGES = 256
MIN_LOOP_RATIO, MIN_SMOKE_RATIO = 0.95, 2.0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    loop = commands.add_parser("loop")
    loop.add_argument("--backbone", default="resnet18")
    loop.add_argument("--image-size", type=int, default=64)
    smoke = commands.add_parser("smoke")
    smoke.add_argument("--data", type=Path, required=True)
    smoke.add_argument("--workers", type=int, default=0, help="loader processes of the plain loop")
    wanted = parser.parse_args()
    if wanted.command == "loop":
        return loop_ratio(wanted.backbone, wanted.image_size)
    return smoke_ratio(wanted.data, wanted.workers)


def loop_ratio(backbone: str, size_px: int) -> int:
    recipe = Recipe(
        layout="splits",
        backbone=backbone,
        image_size=size_px,
        precision="bf16",
        memory_format="channels_last",
    )
    device = torch.device("cpu")
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    labels = np.arange(NUM_IMAGES) % 2
    samples = Samples(np.arange(NUM_IMAGES), labels.astype(np.int64))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pixels.npy"
        np.save(path, rng.integers(0, 256, (NUM_IMAGES, size_px, size_px, 3), dtype=np.uint8))
        images = Images(
            np.load(path, mmap_mode="r"),
            normalization="imagenet",
            memory_format="channels_last",
            device=device,
        )
        trainer = Trainer(
            recipe,
            build=lambda: build_model(recipe, num_classes=2),
            images=images,
            num_classes=2,
            train=samples,
            val=samples,
            seed=0,
            device=device,
            folder=Path(folder),
        )
        everything = images.batch(samples.rows)
        ratios = []
        for epoch in range(ROUNDS):
            start = time.perf_counter()
            trainer.train_one_epoch(epoch)
            ours = time.perf_counter() - start
            ready = batches_in_memory(everything, torch.from_numpy(samples.labels), recipe.batch_size, epoch)
            start = time.perf_counter()
            epoch_on_tensors(trainer, ready)
            ratios.append((time.perf_counter() - start) / ours)
    ratio = statistics.median(ratios[1:])
    print(
        f"{backbone} at {size_px} px: trial loop / tensors in memory = {ratio:.3f}   (limit {MIN_LOOP_RATIO})"
    )
    return int(ratio < MIN_LOOP_RATIO)


def batches_in_memory(
    images: torch.Tensor, labels: torch.Tensor, batch_size: int, epoch: int
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The batches of an epoch, normalised and in order, before the clock starts."""
    order = training_batches(len(images), batch_size=batch_size, seed=0, epoch=epoch)
    return [(images[torch.from_numpy(rows)], labels[torch.from_numpy(rows)]) for rows in order]


def epoch_on_tensors(trainer: Trainer, ready: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
    """The same steps on the same model, with nothing left to fetch."""
    trainer.model.train()
    for x_BCHW, target in ready:
        with autocast("bf16", trainer.device):
            logits = trainer.model(x_BCHW)
        loss = trainer.loss(logits.float(), target)
        trainer.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        trainer.optimizer.step()


def smoke_ratio(data: Path, workers: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results"
        command = [sys.executable, "-m", "orchestrator", "phase1", "--data", str(data), "--preset", "smoke"]
        start = time.perf_counter()
        subprocess.run([*command, "--results", str(results), "--quiet"], check=True)
        ours_s = time.perf_counter() - start
        start = time.perf_counter()
        for record in sorted(results.glob("trials/*/trial.json")):
            epochs = len(pd.read_csv(record.parent / "history.csv"))
            plain_trial(record, results, data, epochs, workers)
        plain_s = time.perf_counter() - start
    print(f"plain loop {plain_s:.0f} s ({workers} loader processes), phase1 smoke {ours_s:.0f} s: ", end="")
    print(f"{plain_s / ours_s:.2f} times faster   (limit {MIN_SMOKE_RATIO})")
    return int(plain_s / ours_s < MIN_SMOKE_RATIO)


class Files(Dataset[tuple[torch.Tensor, int]]):
    """Images opened anew each time, as a first script does it."""

    def __init__(self, root: Path, rows: pd.DataFrame, size_px: int) -> None:
        mean, std = NORMALIZATIONS["imagenet"]
        self.paths = [root / path for path in rows["path"]]
        self.labels = rows["label"].tolist()
        self.transform = transforms.Compose(
            [transforms.Resize(size_px), transforms.CenterCrop(size_px), transforms.ToTensor(),
             transforms.Normalize(mean, std)]
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        with Image.open(self.paths[index]) as image:
            return self.transform(image.convert("RGB")), self.labels[index]


def plain_trial(record: Path, results: Path, data: Path, epochs: int, workers: int) -> None:
    """One fold as a first script would train it: all cores, float32, files decoded in every epoch."""
    trial = json.loads(record.read_text())
    recipe = Recipe.model_validate_json(json.dumps(trial["recipe"]))
    rows = pd.concat([pd.read_csv(path) for path in (results / "folds").glob("*.csv")])
    scored = pd.read_parquet(record.parent / "predictions.parquet").set_index("path")["split"]
    part = rows["path"].map(scored).fillna("train")
    loaders = {
        name: DataLoader(
            Files(data, rows[part == name], recipe.image_size),
            batch_size=recipe.batch_size,
            shuffle=name == "train",
            num_workers=workers,
        )
        for name in ("train", "val", "test")
    }
    torch.manual_seed(0)
    model = build_model(recipe, num_classes=2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.optimizer.lr)
    loss_of = torch.nn.BCEWithLogitsLoss()
    for _ in range(epochs):
        model.train()
        for x_BCHW, target in loaders["train"]:
            loss = loss_of(model(x_BCHW)[:, 0], target.float())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        score(model, loaders["val"])
    score(model, loaders["test"])


def score(model: torch.nn.Module, loader: DataLoader[tuple[torch.Tensor, int]]) -> None:
    model.eval()
    with torch.inference_mode():
        for x_BCHW, _ in loader:
            torch.sigmoid(model(x_BCHW))


if __name__ == "__main__":
    sys.exit(main())
