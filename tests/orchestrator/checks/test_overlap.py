"""Overlap with training data: which images of a fold file were trained on, and what is said of those gone."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from orchestrator.checks.overlap import Overlap, find_overlap
from orchestrator.store.folder import Store
from trainables.data.dataset.manifest import Manifest
from trainables.files import file_sha256

NAMES = ["a.png", "b.png", "c.png", "d.png"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Four pictures that are not alike."""
    folder = tmp_path / "home"
    folder.mkdir()
    for seed, name in enumerate(NAMES):
        noise = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((64, 64)).save(folder / name)
    return folder


@contextlib.contextmanager
def no_bar(title: str) -> Iterator[Any]:
    yield lambda done, total: None


def overlap(tmp_path: Path, home: Path, *folds: list[int]) -> Overlap:
    """Look for the pictures themselves among those of an experiment with a fold file for each repeat."""
    store, names = Store.open(tmp_path / "results"), []
    for repeat, each in enumerate(folds):
        names.append(f"{repeat}.csv")
        table = pd.DataFrame({"path": NAMES, "group": NAMES, "label": 0, "source": "", "fold": each})
        store.fold_file(names[-1]).parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(store.fold_file(names[-1]), index=False)
    experiment = SimpleNamespace(name="one", fold_files=tuple(names), data=str(home), held_out_file=None)
    rows = pd.DataFrame({"path": NAMES, "sha256": [file_sha256(home / name) for name in NAMES]})
    manifest = Manifest(home, "flat", "none", ("real", "fake"), rows, rows.iloc[:0])
    return find_overlap(store, [cast(Any, experiment)], manifest, bar=no_bar)


def test_every_image_of_cross_validation_was_trained_on(tmp_path: Path, home: Path) -> None:
    found = overlap(tmp_path, home, [0, 1, 0, 1])
    assert sorted(found.reasons) == NAMES and found.record.identical == 4
    assert found.reasons["a.png"] == "in the training data (a.png)" and found.record.near


def test_test_images_of_a_single_split_were_not(tmp_path: Path, home: Path) -> None:
    """Catches test images that are kept out as if they were trained on, and training images that are not."""
    found = overlap(tmp_path, home, [-1, -1, 0, -1])
    assert sorted(found.reasons) == ["a.png", "b.png", "d.png"] and found.record.compared == 3


def test_what_another_repeat_trained_on_is_kept_out(tmp_path: Path, home: Path) -> None:
    """Catches the test image of one split that the model of another split has learned from."""
    found = overlap(tmp_path, home, [-1, -1, 0, 0], [-1, -1, -1, 0])
    assert sorted(found.reasons) == ["a.png", "b.png", "c.png"]


def test_training_images_that_are_gone_are_said(tmp_path: Path, home: Path) -> None:
    (home / "a.png").rename(tmp_path / "a.png")
    (tmp_path / "other").mkdir()
    for name in NAMES[1:]:
        (tmp_path / "other" / name).write_bytes((home / name).read_bytes())
    (tmp_path / "other" / "a.png").write_bytes((tmp_path / "a.png").read_bytes())
    store = Store.open(tmp_path / "results")
    store.fold_file("0.csv").parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame({"path": NAMES, "fold": [0, 1, 0, 1]}).to_csv(store.fold_file("0.csv"), index=False)
    experiment = SimpleNamespace(name="one", fold_files=("0.csv",), data=str(home), held_out_file=None)
    other = tmp_path / "other"
    rows = pd.DataFrame({"path": NAMES, "sha256": [file_sha256(other / name) for name in NAMES]})
    manifest = Manifest(other, "flat", "none", ("real", "fake"), rows, rows.iloc[:0])
    found = find_overlap(store, [cast(Any, experiment)], manifest, bar=no_bar)
    assert sorted(found.reasons) == NAMES[1:] and (found.record.unknown, found.record.near) == (1, False)
    assert "1 of 4 training images are not below" in found.record.notes[0]
