"""Comparison of bits: does a trial give the same numbers twice, and after it was killed and resumed?

    python -m trainables.same_bits --device cuda

A small trial runs four times, each time in a process of its own: twice from beginning to end, once until it
is killed after its first epoch, and once on from there. Predictions and weights are compared by their hashes.
Images are made up, so that nothing but this package is needed. On a GPU the network is a ResNet-18 in bf16,
on a CPU a small convolutional network; both see the augmentation of a study.
"""

import argparse
import hashlib
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from trainables.bits_verdict import BitsVerdict
from trainables.data.pixels import ensure_pixels
from trainables.device import device_type, place_of
from trainables.errors import InputError
from trainables.own_process import ProcessEndedError, in_own_process
from trainables.recipe import Augment, Optimizer, Recipe
from trainables.training.epoch_report import EpochReport
from trainables.trial import run_trial
from trainables.trial_files import PREDICTIONS, WEIGHTS
from trainables.trial_inputs import TrialRows

NUM_IMAGES, EPOCHS = {"train": 64, "val": 24, "test": 24}, 2
SIZES_PX = {"cpu": 32, "cuda": 64}
AUGMENT = Augment(
    hflip_p=0.5, rotation_degrees=10.0, brightness=0.2, contrast=0.2, saturation=0.1, hue=0.02, blur_p=0.2,
    erase_p=0.2, noise_p=0.3,
)  # fmt: skip


def compare_bits(device: str, *, threads: int = 1) -> BitsVerdict:
    """Run the four trials on "cpu" or "cuda"; return what was equal. It takes some seconds.

    Raises:
        ProcessEndedError: a trial ended that should not have; what it met has been printed.
    """
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="same-bits-") as name:
        folder = Path(name)
        rows = made_up_rows(folder, size_px=SIZES_PX[device])
        first, second = (
            in_own_process(_run, rows, folder / each, device, threads, False) for each in ("one", "two")
        )
        try:
            in_own_process(_run, rows, folder / "killed", device, threads, True)
        except ProcessEndedError as error:
            if error.exit_code != -signal.SIGKILL:
                raise
        resumed = in_own_process(_run, rows, folder / "killed", device, threads, False)
    return BitsVerdict(
        device=device,
        place=in_own_process(place_of, device),
        threads=threads,
        runs=first == second,
        resumed=first == resumed,
        seconds=round(time.perf_counter() - started, 1),
    )


def made_up_rows(folder: Path, *, size_px: int) -> TrialRows:
    """Make noise with a tint for each class, and the table of a trial on it."""
    files, rows = {}, []
    parts = [part for part, count in NUM_IMAGES.items() for _ in range(count)]
    for number, part in enumerate(parts):
        label, rng = number % 2, np.random.default_rng(number)
        shade = rng.normal(128 + 6 * label, 50, (size_px, size_px, 3)).clip(0, 255)
        path = folder / f"{number}.png"
        Image.fromarray(shade.astype(np.uint8)).save(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        files[digest] = path
        rows.append((path.name, digest, path.stem, ("wiki", "text2img")[label], label, part))
    table = pd.DataFrame(rows, columns=["path", "sha256", "group", "source", "label", "part"])
    return TrialRows(table, ensure_pixels(folder / "pixels", files, size_px=size_px), 2, repeat=0, fold=0)


def _run(rows: TrialRows, folder: Path, device: str, threads: int, is_killed: bool) -> str:
    """Run the trial; return the hashes of what it leaves."""
    on_gpu = device == "cuda"
    recipe = Recipe(
        layout="sources",
        backbone="resnet18" if on_gpu else "simple_cnn",
        image_size=SIZES_PX[device],
        epochs=EPOCHS,
        batch_size=16,
        optimizer=Optimizer(lr=1e-3),
        dropout=0.3,
        augment=AUGMENT,
        early_stopping_patience=None,
        precision="bf16" if on_gpu else "float32",
        memory_format="channels_last" if on_gpu else "contiguous",
    )

    def kill(epoch: EpochReport) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    folder.mkdir(exist_ok=True)
    run_trial(
        recipe,
        rows,
        folder,
        on_epoch=kill if is_killed else None,
        device=torch.device(device),
        threads=threads,
    )
    return " ".join(
        hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (PREDICTIONS, WEIGHTS)
    )


def bits_command() -> int:
    """Print the verdict as JSON; return the exit code: 0 all equal, 1 not, 2 no such device here."""
    parser = argparse.ArgumentParser(
        prog="python -m trainables.same_bits",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), default=None, help="default: a GPU if there is one"
    )
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    wanted = parser.parse_args()
    # Asked by a process that ends: a fork does not survive a driver that was asked.
    found = in_own_process(device_type)
    device = wanted.device or found
    try:
        if device == "cuda" and found != "cuda":
            raise InputError("there is no GPU that torch can use here; leave out --device")
        verdict = compare_bits(device, threads=wanted.threads)
    except InputError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    print(verdict.model_dump_json())
    return int(not verdict.is_equal)


if __name__ == "__main__":
    sys.exit(bits_command())
