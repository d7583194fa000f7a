"""Data sets to be copied, drawn image by image."""

import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.trainables.data.copies.plain_copy import SIDE, Draw
from trainables.data.dataset.manifest import Manifest, scan


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    """Write an image at each path below tmp_path/set; other path, other picture."""

    def write(*paths: str) -> Path:
        root = tmp_path / "set"
        for path in paths:
            rng = np.random.default_rng(zlib.crc32(path.encode()))
            coarse = Image.fromarray(rng.integers(0, 256, (6, 7, 3), dtype=np.uint8))
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            coarse.resize((84, SIDE), Image.Resampling.BICUBIC).save(root / path)
        return root

    return write


@pytest.fixture
def manifest(draw: Draw) -> Manifest:
    return scan(draw("wiki/a.png", "wiki/b,c.jpg", "text2img/sub/a.png", "text2img/d.gif"))
