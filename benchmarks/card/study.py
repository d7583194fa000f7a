"""Two experiments of five folds on 24,000 made-up images from end to end; the time decides how many epochs.

Everything that a user's command does: scan, near-duplicates, folds, pixels, trials, tables.
"""

import importlib.util
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.card.case import Case, emit, limit, read_case
from benchmarks.card.trainers import make_trainer, seconds_of
from trainables.own_process import in_own_process

SOURCES = {"wiki": 2, "text2img": 1, "inpainting": 1}
NUM_IMAGES, SMALL_NUM_IMAGES = 24_000, 80
NUM_FOLDS, SMALL_NUM_FOLDS = 5, 2
SIZE_PX, SMALL_PX, COARSE_PX = 128, 32, 8
BACKBONES, SMALL_BACKBONES = ("resnet18", "simple_cnn"), ("simple_cnn",)
# Of the seconds, those that training may take; several trials share the card.
TRAINING_SHARE, MOST_EPOCHS = 0.4, 15
# For tables and for ending what ran too long.
RESERVE_S = 8.0


def write_part(folder: Path, numbers: range, size_px: int) -> None:
    """Write soft patches of random colours with noise on them: no two are alike."""
    for number in numbers:
        rng = np.random.default_rng([size_px, number])
        coarse = Image.fromarray(rng.integers(0, 256, (COARSE_PX, COARSE_PX, 3), dtype=np.uint8))
        soft = np.asarray(coarse.resize((size_px, size_px), Image.Resampling.BICUBIC), dtype=np.float32)
        spread = 10.0 if folder.name == "wiki" else 13.0
        shades = (soft + rng.normal(0.0, spread, soft.shape)).clip(0, 255).astype(np.uint8)
        Image.fromarray(shades).save(folder / f"{folder.name}{number:05d}.jpg", quality=90)


def write_images(root: Path, num_images: int, size_px: int) -> None:
    cores = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(cores) as pool:
        jobs, first = [], 0
        for source, share in SOURCES.items():
            (root / source).mkdir(parents=True)
            last = first + num_images * share // sum(SOURCES.values())
            edges = np.linspace(first, last, cores + 1).astype(int)
            jobs += [
                pool.submit(write_part, root / source, range(low, high), size_px)
                for low, high in itertools.pairwise(edges)
            ]
            first = last
        for job in jobs:
            job.result()


def speed_of(case: Case, backbone: str) -> str:
    """Images/s of one trial."""
    trainer = make_trainer(case, backbone, SIZE_PX, num_images=640)
    trainer.train_one_epoch(0)
    return str(640 / seconds_of(lambda: trainer.train_one_epoch(1), case.torch_device))


def main() -> None:
    case = read_case()
    num_images, size_px = (SMALL_NUM_IMAGES, SMALL_PX) if case.small else (NUM_IMAGES, SIZE_PX)
    backbones = SMALL_BACKBONES if case.small else BACKBONES
    folds = SMALL_NUM_FOLDS if case.small else NUM_FOLDS
    # Without Ray the trials run one after the other.
    has_ray = importlib.util.find_spec("ray") is not None and not case.small
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = time.monotonic()
        write_images(folder / "data", num_images, size_px)
        emit(images=num_images, written_s=round(time.monotonic() - start, 1))
        epochs = 1 if case.small else epochs_of(case, num_images * folds)
        experiments = folder / "experiments" / "gpu"
        experiments.mkdir(parents=True)
        for backbone in backbones:
            keys = {
                "backbone": backbone, "image_size": size_px, "pretrained": False, "epochs": epochs,
                "cv_folds": folds, "real_sources": ["wiki"], "scheduler": {"T_max": epochs},
            }  # fmt: skip
            (experiments / f"gpu_{backbone}.json").write_text(json.dumps(keys))
        command = [sys.executable, "-m", "orchestrator", "run", *(f"gpu_{each}" for each in backbones)]
        command += ["--experiments", str(experiments.parent), "--data", str(folder / "data"), "--quiet"]
        command += ["--results", str(folder / "results"), "--accept-shortcut"]
        command += ["--address", "local" if has_ray else "none"]
        start = time.monotonic()
        code, said = run(command, None if case.small else max(20.0, case.left_s() - RESERVE_S))
        seconds = time.monotonic() - start
        done = [
            json.loads((path.parent / "metrics.json").read_text())
            for path in (folder / "results" / "trials").glob("*/done.json")
        ]
    trials = len(backbones) * folds
    busy = sum(each["seconds"] for each in done)
    trained = sum(each["n_train"] * each["epochs"] for each in done)
    emit(
        executor="ray" if has_ray else "in this process",
        epochs=epochs,
        trials_done=len(done),
        trials=trials,
        exit_code=code,
        said=said,
        seconds=round(seconds, 1),
        trial_seconds=round(busy, 1),
        trials_at_a_time=round(busy / seconds, 2),
        images_per_s=round(trained / seconds, 1),
        devices=sorted({each["device"] for each in done}),
        peak_mib=max((each["peak_mib"] for each in done), default=0.0),
    )
    if code:
        raise SystemExit(f"the run ended with {code}")
    limit("trials that were finished over those asked for", len(done) / trials, 1)


def epochs_of(case: Case, images_an_epoch: int) -> int:
    """How many epochs of all trials fit into the time, one trial at a time."""
    seconds = sum(images_an_epoch / float(in_own_process(speed_of, case, each)) for each in BACKBONES)
    return max(1, min(MOST_EPOCHS, int(TRAINING_SHARE * case.left_s() / seconds)))


def run(command: list[str], timeout_s: float | None) -> tuple[int | None, str]:
    """Run a command with all that it starts; return its exit code (None: it took too long) and last words."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        try:
            said, _ = process.communicate(timeout=timeout_s)
            return process.returncode, said[-1500:]
        except subprocess.TimeoutExpired:
            # As Ctrl-C does: what is finished stays, and Ray is ended.
            os.killpg(process.pid, signal.SIGINT)
            try:
                said, _ = process.communicate(timeout=RESERVE_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                said, _ = process.communicate()
            return None, said[-1500:]


if __name__ == "__main__":
    main()
