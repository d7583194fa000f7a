"""The speed of training, as ratios taken in one run.

    python benchmarks/throughput.py loop [--small]                    the trial loop against tensors in memory
    python benchmarks/throughput.py smoke [--data FOLDER] [--small]   phase 1 smoke against a sequential loop

`loop`: images/s of the trial loop (uint8 rows from the pixel cache, normalised batch by batch) over those
of the same steps on float tensors that lie ready in memory, in the precision and memory format that
`precision: auto` chooses here, in one thread. Each round times both, the next round in the other order, and
the median of the rounds' ratios counts; at least 0.95. The measured speed decides how many images a round has
and how many rounds there are, so that a slow CPU takes as long as a quick one.

`smoke`: seconds of a plain loop (for each experiment and fold: PIL in a DataLoader, float32, all cores) over
seconds of `python -m orchestrator phase1 --preset smoke` with 15 epochs in an empty results folder, with all
its start-up, over the same images, folds and number of epochs; at least 2. The plain loop is timed on one
fold of each experiment, for as many epochs as its budget allows, and scaled to all epochs of all folds. Where
other work held it up (it got less processor time than the time that went by) the ratio says nothing, and the
run fails: its threads wait for each other then, which makes it slower without bounds, and ours look quick.
Without --data, both train on drawn faces.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from trainables.data.demo import write_demo
from trainables.data.splits.trial_rows import trial_table
from trainables.device import device_type
from trainables.models.building import build_model
from trainables.recipe import Recipe, RecipeKeys
from trainables.training.batches import Images, training_batches
from trainables.training.loop import Samples, Trainer
from trainables.training.normalization import NORMALIZATIONS
from trainables.training.precision import autocast, measure

# What the clock should run at a time, and in all; a very slow CPU takes longer for the least of each.
EPOCH_S, LOOP_BUDGET_S, SMALL_LOOP_BUDGET_S = 1.5, 90.0, 5.0
NUM_BATCHES, NUM_ROUNDS = (2, 16), (4, 40)
# Of the plain loop, for each experiment.
PLAIN_BUDGET_S, SMALL_PLAIN_BUDGET_S = 20.0, 1.0
# Processor time of the plain loop over the wall's: less is a machine that is busy with other work.
MIN_CORES = 0.9
MIN_LOOP_RATIO, MIN_SMOKE_RATIO = 0.95, 2.0
NUM_FACES, SMALL_NUM_FACES = 150, 15
SMALL = ("--set", "epochs=1", "--set", "cv_folds=2")
# Of the preset's own 4 epochs half of the time is start-up.
LONG = ("--set", "epochs=15", "--set", "scheduler.T_max=15")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    loop = commands.add_parser("loop")
    loop.add_argument("--backbone", default="resnet18")
    loop.add_argument("--image-size", type=int, default=64)
    smoke = commands.add_parser("smoke")
    smoke.add_argument("--data", type=Path)
    smoke.add_argument("--workers", type=int, default=0, help="loader processes of the plain loop")
    for command in (loop, smoke):
        command.add_argument("--small", action="store_true", help="some seconds; no limit is enforced")
    wanted = parser.parse_args()
    if wanted.command == "loop":
        ratio = loop_ratio(wanted.backbone, wanted.image_size, small=wanted.small)
        return int(ratio < MIN_LOOP_RATIO and not wanted.small)
    with tempfile.TemporaryDirectory() as folder:
        data = wanted.data
        if data is None:
            data = Path(folder) / "faces"
            write_demo(data, num_faces=SMALL_NUM_FACES if wanted.small else NUM_FACES)
        ratio, cores = smoke_ratio(data, Path(folder) / "results", wanted.workers, small=wanted.small)
    if cores < MIN_CORES:
        print("Other work held the plain loop up: the ratio says nothing. Run it on a quieter machine.")
    return int(not wanted.small and (ratio < MIN_SMOKE_RATIO or cores < MIN_CORES))


def trainer_on(
    images: Images, recipe: Recipe, *, num_images: int, device: torch.device, folder: Path
) -> Trainer:
    """A trainer of two classes, which images have by turns."""
    samples = Samples(np.arange(num_images), np.arange(num_images, dtype=np.int64) % 2)
    return Trainer(
        recipe,
        build=lambda: build_model(recipe, num_classes=2),
        images=images,
        num_classes=2,
        train=samples,
        val=samples,
        seed=0,
        device=device,
        folder=folder,
    )


def made_up_pixels(num_images: int, size_px: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (num_images, size_px, size_px, 3), dtype=np.uint8)


def loop_ratio(backbone: str, size_px: int, *, small: bool) -> float:
    """Print and return the trial loop's images/s over those of tensors in memory."""
    keys = RecipeKeys(backbone=backbone, image_size=size_px)
    device = torch.device("cpu")
    chosen = measure(keys, num_classes=2, device=device, threads=1).choice
    recipe = Recipe(
        layout="splits",
        backbone=backbone,
        image_size=size_px,
        precision=chosen.precision,
        memory_format=chosen.memory_format,
    )
    batch_s = recipe.batch_size / chosen.images_per_s
    num_images = recipe.batch_size * round(np.clip(EPOCH_S / batch_s, *NUM_BATCHES))
    budget_s = SMALL_LOOP_BUDGET_S if small else LOOP_BUDGET_S
    rounds = round(np.clip(budget_s * chosen.images_per_s / (2 * num_images), *NUM_ROUNDS))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pixels.npy"
        np.save(path, made_up_pixels(num_images, size_px))
        images = Images(
            np.load(path, mmap_mode="r"),
            normalization="imagenet",
            memory_format=recipe.memory_format,
            device=device,
        )
        trainer = trainer_on(images, recipe, num_images=num_images, device=device, folder=Path(folder))
        everything = images.batch(trainer.train.rows)
        ratios = [
            round_ratio(trainer, everything, epoch, ours_first=epoch % 2 == 0) for epoch in range(rounds + 1)
        ]
    # The first round warms up.
    low, ratio, high = np.quantile(ratios[1:], (0.25, 0.5, 0.75))
    how = f"{chosen.precision}, {chosen.memory_format}, one thread"
    print(f"{backbone} at {size_px} px, {how} ({chosen.images_per_s:.0f} images/s when measured)")
    spread = f"{rounds} rounds of {num_images} images, half of them from {low:.3f} to {high:.3f}"
    print(f"trial loop / tensors in memory = {ratio:.3f}   (limit {MIN_LOOP_RATIO}; {spread})")
    return float(ratio)


def round_ratio(trainer: Trainer, everything: torch.Tensor, epoch: int, *, ours_first: bool) -> float:
    """Seconds of an epoch on tensors in memory over those of the trial loop's epoch, one after the other."""
    labels = torch.from_numpy(trainer.train.labels)
    ready = batches_in_memory(everything, labels, trainer.recipe.batch_size, epoch)
    if ours_first:
        ours_s = seconds_of(lambda: trainer.train_one_epoch(epoch))
        return seconds_of(lambda: epoch_on_tensors(trainer, ready)) / ours_s
    theirs_s = seconds_of(lambda: epoch_on_tensors(trainer, ready))
    return theirs_s / seconds_of(lambda: trainer.train_one_epoch(epoch))


def seconds_of(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


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
        with autocast(trainer.recipe.precision, trainer.device):
            logits = trainer.model(x_BCHW)
        loss = trainer.loss(logits.float(), target)
        trainer.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        trainer.optimizer.step()


def smoke_ratio(data: Path, results: Path, workers: int, *, small: bool) -> tuple[float, float]:
    """Print and return the plain loop's seconds over those of phase 1 smoke, and the cores that it got."""
    command = [sys.executable, "-m", "orchestrator", "phase1", "--data", str(data), "--preset", "smoke"]
    command += ["--results", str(results), "--quiet", *(SMALL if small else LONG)]
    ours_s = seconds_of(lambda: subprocess.run(command, check=True))
    budget_s = SMALL_PLAIN_BUDGET_S if small else PLAIN_BUDGET_S
    plain_s = timed_s = 0.0
    cpu_start_s = sum(os.times()[:4])
    num_timed = num_epochs = 0
    for experiment in json.loads((results / "studies" / "phase1.json").read_text())["experiments"]:
        folders = [results / trial["folder"] for trial in experiment["trials"]]
        epochs = [len(pd.read_csv(folder / "history.csv")) for folder in folders]
        epochs_s, test_s = plain_trial(folders[0], results, data, workers, epochs[0], budget_s)
        plain_s += statistics.fmean(epochs_s) * sum(epochs) + test_s * len(folders)
        timed_s += sum(epochs_s) + test_s
        num_timed, num_epochs = num_timed + len(epochs_s), num_epochs + sum(epochs)
    ratio, cores = plain_s / ours_s, (sum(os.times()[:4]) - cpu_start_s) / timed_s
    print(f"plain loop {plain_s:.0f} s, scaled from {num_timed} of its {num_epochs} epochs, ", end="")
    print(f"timed in {timed_s:.0f} s on {cores:.1f} cores ({workers} loader processes); ", end="")
    print(f"phase1 smoke {ours_s:.0f} s")
    print(f"{ratio:.2f} times faster   (limit {MIN_SMOKE_RATIO})")
    return ratio, cores


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


def plain_trial(
    folder: Path, results: Path, data: Path, workers: int, epochs: int, budget_s: float
) -> tuple[list[float], float]:
    """Train one fold as a first script would: all cores, float32, files decoded in every epoch.

    Returns:
        Seconds of each epoch, fewer than `epochs` of them when `budget_s` is over, and of the test.
    """
    trial = json.loads((folder / "trial.json").read_text())
    recipe = Recipe.model_validate_json(json.dumps(trial["recipe"]))
    # What the workers read: both experiments use the same rows.
    (rows,) = (pd.read_parquet(path) for path in (results / "cache" / "rows").glob("*.parquet"))
    table = trial_table(rows, recipe, repeat=trial["repeat"], fold=trial["fold"])
    parts = {name: table[table["part"] == name] for name in ("train", "val", "test")}
    counts = json.loads((folder / "metrics.json").read_text())
    assert all(len(part) == counts[f"n_{name}"] for name, part in parts.items()), "not the trial's images"
    loaders = {
        name: DataLoader(
            Files(data, part, recipe.image_size),
            batch_size=recipe.batch_size,
            shuffle=name == "train",
            num_workers=workers,
            # Batch normalisation can't work on a last batch of one image.
            drop_last=name == "train" and len(part) % recipe.batch_size == 1,
        )
        for name, part in parts.items()
    }
    device = torch.device(device_type())
    torch.manual_seed(0)
    model = build_model(recipe, num_classes=2).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.optimizer.lr)
    loss_of = torch.nn.BCEWithLogitsLoss()
    marks = [time.perf_counter()]
    while len(marks) <= epochs and marks[-1] - marks[0] < budget_s:
        model.train()
        for x_BCHW, target in loaders["train"]:
            loss = loss_of(model(x_BCHW.to(device))[:, 0], target.to(device).float())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        score(model, loaders["val"], device)
        marks.append(time.perf_counter())
    score(model, loaders["test"], device)
    return [end - start for start, end in pairwise(marks)], time.perf_counter() - marks[-1]


def score(
    model: torch.nn.Module, loader: DataLoader[tuple[torch.Tensor, int]], device: torch.device
) -> np.ndarray:
    model.eval()
    with torch.inference_mode():
        return np.concatenate([torch.sigmoid(model(x_BCHW.to(device))).cpu().numpy() for x_BCHW, _ in loader])


if __name__ == "__main__":
    sys.exit(main())
