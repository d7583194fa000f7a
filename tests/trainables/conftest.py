"""Small images, recipes and trials for the tests of `trainables`, all made on the spot."""

import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from trainables.data.pixels import ensure_pixels
from trainables.recipe import Optimizer, Recipe
from trainables.trial_inputs import TrialRows

SIZE_PX = 32
NUM_PARTS = {"train": 40, "val": 12, "test": 12}

MakeRecipe = Callable[..., Recipe]
Fill = Callable[..., Path]


@pytest.fixture(autouse=True)
def a_checkpoint_after_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Epochs here last milliseconds: without this, only the first would leave a checkpoint."""
    monkeypatch.setattr("trainables.training.loop.CHECKPOINT_EVERY_S", 0.0)


def noise(seed: int, *, width: int = 40, height: int = 32) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def fill(tmp_path: Path) -> Fill:
    """Write an image at each path below tmp_path/data; other path, other content."""

    def write(*paths: str, root: str = "data") -> Path:
        (tmp_path / root).mkdir(exist_ok=True)
        for path in paths:
            file = tmp_path / root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(noise(zlib.crc32(path.encode()))).save(file)
        return tmp_path / root

    return write


@pytest.fixture(scope="session")
def make_recipe() -> MakeRecipe:
    """A recipe that trains in a fraction of a second and has dropout, so that the random state matters."""

    def make(**changes: object) -> Recipe:
        settings: dict[str, object] = {
            "layout": "sources",
            "image_size": SIZE_PX,
            "cnn_preset": "micro",
            "dropout": 0.3,
            "epochs": 4,
            "batch_size": 8,
            "optimizer": Optimizer(lr=3e-3),
            "early_stopping_patience": None,
            "precision": "float32",
            "memory_format": "contiguous",
        }
        return Recipe.model_validate({**settings, **changes})

    return make


@dataclass(frozen=True)
class TrialData:
    """Image files with a pixel cache of them, and the table of one trial."""

    cache: Path
    files: dict[str, Path]
    table: pd.DataFrame
    num_classes: int

    def rows(self, table: pd.DataFrame | None = None) -> TrialRows:
        pixels = ensure_pixels(self.cache, self.files, size_px=SIZE_PX)
        return TrialRows(self.table if table is None else table, pixels, self.num_classes, repeat=0, fold=1)


def write_trial_data(folder: Path, *, num_classes: int) -> TrialData:
    """Classes differ by a tint that drowns in noise, so that no score is perfect."""
    files, rows = {}, []
    parts = [name for name, count in NUM_PARTS.items() for _ in range(count)]
    for index, part in enumerate(parts):
        label = index % num_classes
        rng = np.random.default_rng([num_classes, index])
        tint = np.array([label - 1.0, 0.5, 1.0 - label]) * 8 + rng.normal(0, 18, 3)
        pixels = np.clip(rng.normal(128, 50, (SIZE_PX, SIZE_PX, 3)) + tint, 0, 255).astype(np.uint8)
        path = folder / f"{index:03d}.png"
        Image.fromarray(pixels).save(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        files[digest] = path
        source = ("wiki", "text2img", "insight", "inpainting", "other")[label]
        rows.append((f"{source}/{path.name}", digest, path.stem, source, label, part))
    table = pd.DataFrame(rows, columns=["path", "sha256", "group", "source", "label", "part"])
    return TrialData(folder / "cache", files, table, num_classes)


@pytest.fixture(scope="session")
def trial_data(tmp_path_factory: pytest.TempPathFactory) -> TrialData:
    return write_trial_data(tmp_path_factory.mktemp("two-classes"), num_classes=2)


@pytest.fixture(scope="session")
def five_class_data(tmp_path_factory: pytest.TempPathFactory) -> TrialData:
    return write_trial_data(tmp_path_factory.mktemp("five-classes"), num_classes=5)
