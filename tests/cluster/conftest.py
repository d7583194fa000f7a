"""A network of pretended machines, and the folder that all of them share: images and a small phase."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cluster.machines import HOME, Network, lack, network
from tests.conftest import PACKAGED, ROOT, run_here

STUDY = HOME / "study"
SHARED = {
    "seed": 7, "image_size": 32, "epochs": 150, "batch_size": 8, "cv_folds": 2, "val_ratio": 0.2, "lr": 1e-3,
    "backbone": "simple_cnn", "cnn_preset": "micro", "dropout": 0.3, "precision": "float32",
    "early_stopping_patience": None,
}  # fmt: skip
PHASE = {
    "title": "Width",
    "experiments": ["plain", "wide"],
    "comparisons": [
        {"question": "Is wide better?", "baseline": "plain", "treatment": "wide", "metrics": ["auc"]}
    ],
    "decision": {"choose": "auc"},
}


@pytest.fixture(scope="session")
def small_study(tmp_path_factory: pytest.TempPathFactory, faces: Path) -> Path:
    """A folder of images and experiments: two networks, two folds, long enough to be disturbed. Copy it."""
    folder = tmp_path_factory.mktemp("small")
    files = {
        "shared": SHARED,
        "phase1/phase": PHASE,
        "phase1/plain": {},
        "phase1/wide": {"cnn_preset": "small"},
    }
    for name, content in files.items():
        path = folder / "experiments" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    shutil.copytree(faces, folder / "faces")
    return folder


@pytest.fixture(scope="session")
def undisturbed(small_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of the phase by a run on this machine alone."""
    folder = tmp_path_factory.mktemp("undisturbed")
    line = ["phase1", "--experiments", str(small_study / "experiments"), "--data", str(small_study / "faces")]
    run_here([*line, "--results", str(folder / "results"), "--address", "none"], log=folder / "log.txt")
    return folder / "results"


@pytest.fixture
def study(small_study: Path, tmp_path: Path) -> Path:
    """The folder that machines share, as this one sees it; without results."""
    return Path(shutil.copytree(small_study, tmp_path / "study"))


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """The program as it is here, with changes that are not committed."""
    folder = tmp_path / "sources"
    folder.mkdir()
    for name in (*PACKAGED, "Makefile", "constraints.txt"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def machines(study: Path, tmp_path: Path) -> Iterator[Network]:
    """A network without machines yet; each sees the study."""
    if why := lack():
        pytest.skip(why)
    (tmp_path / "disks").mkdir()
    with network(tmp_path / "disks", {STUDY: study}) as made:
        yield made


@pytest.fixture(scope="session")
def shipped() -> dict[str, object]:
    """The file for `ray up` that is shipped."""
    content: dict[str, object] = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    return content
