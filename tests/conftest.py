"""Fixtures for both packages: small folders of noise images, drawn once, in the layouts that are read."""

import gc
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

SOURCES = ("wiki", "text2img", "inpainting")
NUM_BASENAMES = 12

Draw = Callable[[Path], Path]
MakeFaces = Callable[..., Path]


@pytest.fixture(scope="session", autouse=True)
def no_collection_of_what_stays() -> Iterator[None]:
    """Hide what the imports made from the collector: gc.collect(), by a trial or a library, took 0.2 s."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="session")
def draw() -> Draw:
    """Draw one noise JPEG of 32 to 48 px; the path decides the pixels, so no two files are the same."""

    def one(path: Path) -> Path:
        rng = np.random.default_rng([ord(letter) for letter in "/".join(path.parts[-2:])])
        width, height = rng.integers(32, 49, size=2)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(path)
        return path

    return one


@pytest.fixture(scope="session")
def make_faces(draw: Draw) -> MakeFaces:
    """Draw a folder in the sources layout: each basename once in each source."""

    def make(
        root: Path, *, sources: Iterable[str] = SOURCES, basenames: Iterable[str | int] = range(NUM_BASENAMES)
    ) -> Path:
        names = list(basenames)
        for source in sources:
            for name in names:
                draw(root / source / f"face_{name}.jpg")
        return root

    return make


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this run of the tests have in common."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def faces(shared_folder: Path, make_faces: MakeFaces) -> Path:
    """12 basenames in wiki (real), text2img and inpainting (fake): 36 images. Read it, don't change it."""
    root = shared_folder / "drawn" / "faces"
    with FileLock(shared_folder / "drawn.lock"):
        return root if root.exists() else make_faces(root)


@pytest.fixture
def own_faces(tmp_path: Path, faces: Path) -> Path:
    """A copy of `faces` that a test may change."""
    return Path(shutil.copytree(faces, tmp_path / "own_faces"))
