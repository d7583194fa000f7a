"""The pixel cache against a plain loop and against memory, as ratios taken in one run.

    python benchmarks/data.py build [--data FOLDER] [--size 128] [--small]
    python benchmarks/data.py epoch [--images 4096] [--size 128] [--small]

`build`: images/s of the cache builder on one core (read, hash, decode, crop, resize, write) over those of a
plain PIL loop (open, crop, Lanczos, into an array), by processor time, on the JPEG files of FOLDER, or on 100
made-up ones of 600 px. At least 1.5 for 600 px at 128 px. Also the largest mean absolute difference of an
image to full decoding, in 0..255: at most the tolerance that the builder states.

`epoch`: bytes/s of a shuffled epoch of batches gathered from the memory-mapped cache over those of a copy of
an array of as many bytes that lies in memory; at least 0.5.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from trainables.data.images.decoding import MAX_DIFFERENCE
from trainables.data.images.inspection import inspect_file
from trainables.data.pixels import ensure_pixels, open_pixels
from trainables.training.batches import training_batches

ROUNDS = 5
MIN_BUILD_RATIO, MIN_EPOCH_RATIO = 1.5, 0.5
MADE_UP, SMALL_MADE_UP, MADE_UP_PX = 100, 8, 600
MOST_FILES = 400
BATCH = 32


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build")
    build.add_argument("--data", type=Path, help="folder of JPEG files")
    epoch = commands.add_parser("epoch")
    epoch.add_argument("--images", type=int, default=4096)
    for command in (build, epoch):
        command.add_argument("--size", type=int, default=128)
        command.add_argument(
            "--small", action="store_true", help="8 files, or 512 images; no limit is enforced"
        )
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if wanted.command == "epoch":
            is_good = epoch_ratio(Path(folder), 512 if wanted.small else wanted.images, wanted.size)
            return int(not is_good and not wanted.small)
        made = SMALL_MADE_UP if wanted.small else MADE_UP
        paths = sorted(
            path
            for path in (wanted.data.rglob("*") if wanted.data else made_up(Path(folder), made))
            if path.suffix.lower() in (".jpg", ".jpeg")
        )
        chosen = paths[:: max(1, len(paths) // MOST_FILES)][:MOST_FILES]
        is_good = build_ratio(chosen, Path(folder) / "cache", wanted.size, limited=not wanted.data)
        return int(not is_good and not wanted.small)


def made_up(folder: Path, count: int) -> list[Path]:
    """Noise whose power falls with the square of the frequency, as that of photographs does."""
    rng = np.random.default_rng(0)
    frequency = np.hypot(np.fft.fftfreq(MADE_UP_PX)[:, None], np.fft.fftfreq(MADE_UP_PX)[None])
    paths = []
    for number in range(count):
        spectrum = np.fft.fft2(rng.normal(size=(3, MADE_UP_PX, MADE_UP_PX)))
        picture = np.fft.ifft2(spectrum / np.maximum(frequency, 1 / MADE_UP_PX)).real
        picture = 128 + 50 * (picture - picture.mean()) / picture.std()
        paths.append(folder / f"{number:03d}.jpg")
        Image.fromarray(np.moveaxis(picture, 0, -1).clip(0, 255).astype(np.uint8)).save(paths[-1], quality=92)
    return paths


def build_ratio(paths: Sequence[Path], cache: Path, size_px: int, *, limited: bool) -> bool:
    files = {inspect_file(path).sha256: path for path in paths}
    plain(list(files.values())[:8], size_px)
    ratios, ours_s, plain_s = [], [], []
    for number in range(ROUNDS):
        start = time.process_time()
        folder = ensure_pixels(cache / str(number), files, size_px=size_px, num_threads=1)
        ours_s.append(time.process_time() - start)
        start = time.process_time()
        expected = plain(list(files.values()), size_px)
        plain_s.append(time.process_time() - start)
        ratios.append(plain_s[-1] / ours_s[-1])
    pixels = open_pixels(folder)
    found = pixels.array[pixels.rows(list(files))].astype(np.int16)
    worst = float(np.abs(found - expected).mean(axis=(1, 2, 3)).max())
    with Image.open(paths[0]) as image:
        side = min(image.size)
    ratio = statistics.median(ratios)
    speeds = [len(files) / statistics.median(seconds) for seconds in (ours_s, plain_s)]
    limit = f"   (limit {MIN_BUILD_RATIO})" if limited and size_px <= 128 else ""
    print(f"{len(files)} JPEG files, the first of {side} px, to {size_px} px on one core: ", end="")
    print(f"cache builder {speeds[0]:.0f}/s, plain loop {speeds[1]:.0f}/s, ratio {ratio:.2f}{limit}")
    print(f"largest mean absolute difference {worst:.2f} of 255   (limit {MAX_DIFFERENCE})")
    return not (limit and ratio < MIN_BUILD_RATIO) and worst <= MAX_DIFFERENCE


def plain(paths: Sequence[Path], size_px: int) -> np.ndarray:
    """What a first script does."""
    array = np.empty((len(paths), size_px, size_px, 3), np.uint8)
    for row, path in enumerate(paths):
        with Image.open(path) as opened:
            image = opened.convert("RGB")
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        square = image.crop((left, top, left + side, top + side))
        array[row] = np.asarray(square.resize((size_px, size_px), Image.Resampling.LANCZOS))
    return array


def epoch_ratio(folder: Path, num_images: int, size_px: int) -> bool:
    rng = np.random.default_rng(0)
    ready = rng.integers(0, 256, (num_images, size_px, size_px, 3), dtype=np.uint8)
    np.save(folder / "pixels.npy", ready)
    array = np.load(folder / "pixels.npy", mmap_mode="r", allow_pickle=False)
    target = np.empty_like(ready)
    ratios = []
    for epoch in range(ROUNDS + 1):
        start = time.perf_counter()
        done = 0
        for rows in training_batches(num_images, batch_size=BATCH, seed=0, epoch=epoch):
            done += array[rows].nbytes
        ours = done / (time.perf_counter() - start)
        start = time.perf_counter()
        np.copyto(target, ready)
        memory = ready.nbytes / (time.perf_counter() - start)
        ratios.append((ours / memory, ours, memory))
    # The first round reads the file.
    ratio, ours, memory = (statistics.median(values) for values in zip(*ratios[1:], strict=True))
    print(
        f"{ready.nbytes / 2**20:.0f} MiB of {size_px} px: shuffled epoch {ours / 2**30:.2f} GiB/s, ", end=""
    )
    print(f"copy {memory / 2**30:.2f} GiB/s, ratio {ratio:.2f}   (limit {MIN_EPOCH_RATIO})")
    return ratio >= MIN_EPOCH_RATIO


if __name__ == "__main__":
    sys.exit(main())
