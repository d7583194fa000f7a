"""Images/s of one trial against the same steps on resident float batches, and against a loop with timm.

Plain and with phase 2's augmentation, in the precision that `precision: auto` chooses on this card. The plain
loop is what a first script does: float32 as torch comes, a DataLoader with a process per core, JPEG files.
"""

import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from benchmarks.card.case import Case, emit, limit, read_case, synchronize
from benchmarks.card.trainers import BATCH, make_trainer, seconds_of
from benchmarks.throughput import batches_in_memory, epoch_on_tensors, made_up_pixels
from trainables.measurement import Measurement
from trainables.own_process import ProcessEndedError, in_own_process
from trainables.recipe import RecipeKeys
from trainables.training.normalization import NORMALIZATIONS
from trainables.training.precision import measure

CASES = (("resnet18", 128), ("resnet18", 224), ("simple_cnn", 128), ("convnext_tiny", 224))
SMALL_CASES = (("simple_cnn", 32),)
NUM_IMAGES, SMALL_NUM_IMAGES = 40 * BATCH, 2 * BATCH
MOST_ROUNDS = 12
MIN_RESIDENT, MIN_PLAIN = 0.85, 1.0


def measured(case: Case, backbone: str, size_px: int) -> str:
    keys = RecipeKeys(backbone=backbone, image_size=size_px, batch_size=BATCH)
    return measure(keys, num_classes=2, device=case.torch_device, threads=1).model_dump_json()


def trial_speed(
    case: Case, backbone: str, size_px: int, augmented: bool, chosen: str, budget_s: float
) -> str:
    """Images/s of the trial loop and of resident batches, in turns; the first round warms up."""
    choice = Measurement.model_validate_json(chosen).choice
    num_images = SMALL_NUM_IMAGES if case.small else NUM_IMAGES
    trainer = make_trainer(case, backbone, size_px, num_images=num_images, augmented=augmented, speed=choice)
    device = case.torch_device
    everything = trainer.images.batch(trainer.train.rows)
    labels = torch.from_numpy(trainer.train.labels).to(device)
    ready = batches_in_memory(everything, labels, BATCH, 0)
    del everything
    ours, theirs = [], []
    end = time.perf_counter() + budget_s
    for epoch in range(2 if case.small else MOST_ROUNDS):
        works = [
            (ours, lambda epoch=epoch: trainer.train_one_epoch(epoch)),
            (theirs, lambda: epoch_on_tensors(trainer, ready)),
        ]
        for seconds, work in works if epoch % 2 else works[::-1]:
            seconds.append(seconds_of(work, device))
        if time.perf_counter() > end and epoch:
            break
    ratio = statistics.median(b / a for a, b in zip(ours[1:], theirs[1:], strict=True))
    return json.dumps(
        {
            "trial": round(num_images / statistics.median(ours[1:]), 1),
            "resident": round(num_images / statistics.median(theirs[1:]), 1),
            "ratio": round(ratio, 4),
            "rounds": len(ours) - 1,
        }
    )


class Files(Dataset[tuple[torch.Tensor, float]]):
    """JPEG files that are opened anew each time."""

    def __init__(self, paths: list[Path], size_px: int) -> None:
        mean, std = NORMALIZATIONS["imagenet"]
        self.paths = paths
        self.transform = transforms.Compose(
            [transforms.Resize(size_px), transforms.ToTensor(), transforms.Normalize(mean, std)]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, float]:
        with Image.open(self.paths[index]) as image:
            return self.transform(image.convert("RGB")), float(index % 2)


def plain_speed(case: Case, backbone: str, size_px: int, budget_s: float) -> str:
    """Images/s of a DataLoader loop with timm's model, after its first batches."""
    num_images = SMALL_NUM_IMAGES if case.small else NUM_IMAGES
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, shades in enumerate(made_up_pixels(num_images, size_px)):
            paths.append(Path(folder) / f"{number}.jpg")
            Image.fromarray(shades).save(paths[-1], quality=90)
        device = case.torch_device
        model = timm.create_model(backbone, num_classes=1).to(device).train()
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
        loss_of = torch.nn.BCEWithLogitsLoss()
        workers = 0 if case.small else len(os.sched_getaffinity(0))
        loader = DataLoader(
            Files(paths, size_px), BATCH, shuffle=True, num_workers=workers,
            pin_memory=device.type == "cuda", persistent_workers=workers > 0,
        )  # fmt: skip
        speeds, end = [], time.perf_counter() + budget_s
        while len(speeds) < 2 or time.perf_counter() < end:
            synchronize(device)
            start = time.perf_counter()
            for x_BCHW, target in loader:
                loss = loss_of(model(x_BCHW.to(device, non_blocking=True))[:, 0], target.to(device).float())
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            synchronize(device)
            speeds.append(num_images / (time.perf_counter() - start))
    # The first epoch starts the loader's processes.
    return json.dumps({"images_per_s": round(float(np.median(speeds[1:])), 1), "workers": workers})


def main() -> None:
    case = read_case()
    cases = SMALL_CASES if case.small else CASES
    each_s = max(0.5, case.seconds / len(cases) / 5)
    failed = []
    for backbone, size_px in cases:
        try:
            one_model(case, backbone, size_px, 0.5 if case.small else each_s)
        except ProcessEndedError as error:
            emit(backbone=backbone, size_px=size_px, error=str(error))
            failed.append(backbone)
    if failed:
        raise SystemExit(f"no speed of {', '.join(failed)}")


def one_model(case: Case, backbone: str, size_px: int, each_s: float) -> None:
    name = f"{backbone} at {size_px} px"
    chosen = in_own_process(measured, case, backbone, size_px)
    found = Measurement.model_validate_json(chosen)
    emit(
        model=name,
        chosen=f"{found.choice.precision} {found.choice.memory_format}",
        measured={f"{each.precision} {each.memory_format}": each.images_per_s for each in found.speeds},
        peak_mib={f"{each.precision} {each.memory_format}": each.peak_mib for each in found.speeds},
    )
    speeds = {}
    for augmented in (False, True):
        text = in_own_process(trial_speed, case, backbone, size_px, augmented, chosen, each_s)
        speeds[augmented] = json.loads(text)
        emit(model=name, augmented=augmented, **speeds[augmented])
    limit(f"trial loop over resident batches, {name}", speeds[False]["ratio"], MIN_RESIDENT)
    # Of ours alone timm knows nothing.
    theirs = "resnet18" if backbone == "simple_cnn" else backbone
    plain = json.loads(in_own_process(plain_speed, case, theirs, size_px, each_s))
    emit(model=name, plain_loop=plain | {"backbone": theirs})
    if theirs == backbone:
        ratio = speeds[False]["trial"] / plain["images_per_s"]
        limit(f"trial loop over a DataLoader loop, {name}", ratio, MIN_PLAIN)


if __name__ == "__main__":
    main()
