"""Finds faces with MTCNN (Zhang et al., Joint Face Detection and Alignment Using Multitask Cascaded
Convolutional Networks, 2016), as facenet-pytorch has it, with the weights that come inside that package.

Images are looked at with a longer side of at most LONGEST_PX, in which a face of MIN_FACE_PX is the smallest
that is looked for: a fourteenth of the picture. On the CPU they are taken one by one, so that a box depends
on its image alone, to the last bit (batches of eight were faster by a fifth, and moved boxes by 0.0001 px);
on a GPU in batches of one size, because there it counts.

What decides a box is here; raise FACES in trainables/versions.py with any change.
"""

import contextlib
import functools
import io
import multiprocessing
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

import numpy as np
import torch
from facenet_pytorch.models.mtcnn import ONet, PNet, RNet
from facenet_pytorch.models.utils.detect_face import detect_face
from PIL import Image, ImageOps

from trainables.data.faces import DetectedFaces
from trainables.data.images.crops import Box
from trainables.data.images.decoding import LYING, ORIENTATION, eight_bit_rgb, read_unchanged
from trainables.data.images.inspection import num_workers, open_image

LONGEST_PX = 384
MIN_FACE_PX = 28
# Of the three networks; those of the paper's authors. Boxes below 0.7 are not kept at all.
THRESHOLDS = (0.6, 0.7, 0.7)
PYRAMID_FACTOR = 0.709
GPU_BATCH = 32
# Files of one task; progress is shown, and an interrupt obeyed, after each.
PART = 32
# A process needs about as long to start as it needs for so many images.
WORTH_A_PROCESS = 400

File = tuple[str, Path]


class FaceDetector:
    """MTCNN on one device."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._networks = [
            _load(network, name).to(device)
            for network, name in ((PNet, "pnet"), (RNet, "rnet"), (ONet, "onet"))
        ]

    def find(self, images: Sequence[Image.Image]) -> list[list[tuple[Box, float]]]:
        """Return the boxes of each RGB image with their probabilities; images of one size share a batch."""
        by_size: dict[tuple[int, int], list[int]] = {}
        for number, image in enumerate(images):
            by_size.setdefault(image.size, []).append(number)
        found: list[list[tuple[Box, float]]] = [[] for _ in images]
        batch = GPU_BATCH if self._device.type == "cuda" else 1
        for size, numbers in by_size.items():
            if min(size) < MIN_FACE_PX:
                continue
            for start in range(0, len(numbers), batch):
                chosen = numbers[start : start + batch]
                for number, boxes in zip(chosen, self._find([images[n] for n in chosen]), strict=True):
                    found[number] = boxes
        return found

    def _find(self, images: Sequence[Image.Image]) -> list[list[tuple[Box, float]]]:
        """Look at images of one size."""
        try:
            with torch.inference_mode():
                outcome, _ = detect_face(
                    list(images), MIN_FACE_PX, *self._networks, list(THRESHOLDS), PYRAMID_FACTOR, self._device
                )
        except (IndexError, RuntimeError) as error:
            # The package stumbles over a candidate that lies wholly outside its image.
            if not isinstance(error, IndexError) and "non-empty list of Tensors" not in str(error):
                raise
            return [[]] if len(images) == 1 else [boxes for image in images for boxes in self._find([image])]
        return [
            [((row[0], row[1], row[2], row[3]), row[4]) for row in np.reshape(rows, (-1, 5)).tolist()]
            for rows in outcome
        ]


def _load(network: Any, name: str) -> torch.nn.Module:
    model: torch.nn.Module = network(pretrained=False)
    with (package_files("facenet_pytorch") / "data" / f"{name}.pt").open("rb") as stream:
        model.load_state_dict(torch.load(stream, map_location="cpu", weights_only=True))
    return model.eval().requires_grad_(False)


class FaceSearch:
    """A detector that has been loaded, with the threads that read images for it."""

    def __init__(self, device: str = "cpu", threads: int = 1) -> None:
        self._detector, self._threads = FaceDetector(torch.device(device)), threads

    def __call__(self, files: Sequence[tuple[str, str]]) -> list[DetectedFaces]:
        """Look at some files (content hash, path) in this process.

        Raises:
            InputError: a file changed since it was scanned.
        """
        with warnings.catch_warnings(), ThreadPoolExecutor(self._threads) as pool:
            # What Pillow would warn of has been said by the scan. The filter is that of all threads.
            warnings.simplefilter("ignore")
            opened = list(pool.map(_open, files))
        with _one_thread():
            found = self._detector.find([image for image, _ in opened])
        outcome = []
        for (digest, _), (image, (width, height)), boxes in zip(files, opened, found, strict=True):
            across, down = width / image.width, height / image.height
            scaled = [
                (
                    round(left * across, 2),
                    round(top * down, 2),
                    round(right * across, 2),
                    round(bottom * down, 2),
                )
                for (left, top, right, bottom), _ in boxes
            ]
            probabilities = tuple(round(probability, 6) for _, probability in boxes)
            outcome.append(DetectedFaces(digest, width, height, tuple(scaled), probabilities))
        return outcome


@functools.lru_cache(maxsize=2)
def _search(device: str) -> FaceSearch:
    return FaceSearch(device)


def look_at(files: Sequence[tuple[str, str]], device: str = "cpu") -> list[DetectedFaces]:
    """Look at some files as `FaceSearch` does, with a detector that stays loaded."""
    return _search(device)(files)


def _open(file: tuple[str, str]) -> tuple[Image.Image, tuple[int, int]]:
    """Decode an image for looking at it: upright, small, RGB; and the size that it really has."""
    digest, path = file
    with open_image(io.BytesIO(read_unchanged(Path(path), digest))) as image:
        stored = image.size
        image.draft(None, _small(*stored))
        turn = image.getexif().get(ORIENTATION, 1) if image.size != stored else None
        upright = eight_bit_rgb(ImageOps.exif_transpose(image))
    size = upright.size
    if turn is not None:
        # A JPEG, decoded at a part of its size.
        size = (stored[1], stored[0]) if turn in LYING else stored
    return upright.resize(_small(*size), Image.Resampling.BILINEAR, reducing_gap=2.0), size


def _small(width: int, height: int) -> tuple[int, int]:
    factor = max(1.0, max(width, height) / LONGEST_PX)
    return max(1, round(width / factor)), max(1, round(height / factor))


def look_here(files: Sequence[File], *, device: str = "cpu") -> Iterator[list[DetectedFaces]]:
    """Look at files on this machine: on the GPU from this process, on the CPU from one process per core."""
    parts = [
        [(digest, str(path)) for digest, path in files[start : start + PART]]
        for start in range(0, len(files), PART)
    ]
    processes = min(num_workers(), len(files) // WORTH_A_PROCESS)
    if device != "cpu" or processes < 2:
        for part in parts:
            yield look_at(part, device)
        return
    # Spawned, since a forked process can't use a torch that has started its threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        try:
            yield from pool.map(look_at, parts)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """The networks are so small that threads wait for each other: on a busy machine ten times longer."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
