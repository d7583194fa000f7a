"""Fixtures for both packages: small folders of noise images, drawn once, in the layouts that are read."""

import gc
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import settings
from PIL import Image

from orchestrator import cli
from orchestrator.execution.executor import output_in

ROOT = Path(__file__).parents[1]
PACKAGED = ("orchestrator", "trainables", "experiments", "cluster", "setup.py", "pyproject.toml", "README.md")
SOURCES = ("wiki", "text2img", "inpainting")
NUM_BASENAMES = 12

# No test runs on somebody's cluster.
os.environ.pop("RAY_ADDRESS", None)

# A busy machine takes its time over an example, which is no fault of what is tested.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

Draw = Callable[[Path], Path]
MakeFaces = Callable[..., Path]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Import everything that is tested without a look for garbage in between, a fifth of that time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def all_is_collected_at_the_end() -> Iterator[None]:
    yield
    gc.unfreeze()


@pytest.fixture(scope="module", autouse=True)
def no_collection_of_what_stays(all_is_collected_at_the_end: None) -> None:
    """Hide what was imported so far from the collector: gc.collect(), by a trial or a library, took 0.2 s."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def hangup_is_heard() -> Iterator[None]:
    """Let SIGHUP end what a test starts, also where `nohup`, which makes all deaf to it, runs the tests."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


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


@pytest.fixture(scope="session")
def trained_study(shared_folder: Path, faces: Path) -> Path:
    """Results of a finished phase1 on `faces`: `plain` and `wide`, two folds each. Don't change them."""
    folder = shared_folder / "trained"
    shared = {
        "seed": 7, "image_size": 32, "epochs": 2, "batch_size": 8, "cv_folds": 2, "val_ratio": 0.25,
        "lr": 1e-3, "backbone": "simple_cnn", "cnn_preset": "micro", "precision": "float32",
    }  # fmt: skip
    phase = {
        "title": "Width",
        "experiments": ["plain", "wide"],
        "comparisons": [{"question": "Is wide better?", "baseline": "plain", "treatment": "wide"}],
        "decision": {"choose": "auc"},
    }
    files = {
        "shared.json": shared,
        "phase1/phase.json": phase,
        "phase1/plain.json": {},
        "phase1/wide.json": {"cnn_preset": "small"},
    }
    with FileLock(shared_folder / "trained.lock"):
        if not (folder / "results" / "reports" / "phase1" / "index.html").exists():
            for name, content in files.items():
                path = folder / "experiments" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(content))
            line = ["phase1", "--address", "none", "--quiet", "--data", str(faces)]
            line += ["--experiments", str(folder / "experiments"), "--results", str(folder / "results")]
            run_here(line, log=folder / "log.txt")
    return folder / "results"


def run_here(line: list[str], *, log: Path) -> None:
    """Run a command to a good end in this process, which has loaded the heavy libraries already."""
    with output_in(log), pytest.raises(SystemExit) as ended:
        cli.main(line)
    assert not ended.value.code, log.read_text(encoding="utf-8")


@pytest.fixture
def own_faces(tmp_path: Path, faces: Path) -> Path:
    """A copy of `faces` that a test may change."""
    return Path(shutil.copytree(faces, tmp_path / "own_faces"))


@pytest.fixture(scope="session")
def wheel(shared_folder: Path) -> Path:
    """The wheel of this repository, built from a copy, without the network."""
    folder = shared_folder / "wheel"
    with FileLock(shared_folder / "wheel.lock"):
        if not list(folder.glob("*.whl")):
            copy = shared_folder / "packaged"
            copy.mkdir()
            for name in PACKAGED:
                (shutil.copytree if (ROOT / name).is_dir() else shutil.copy2)(ROOT / name, copy / name)
            pip("wheel", "--no-build-isolation", "--wheel-dir", str(folder), str(copy))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(shared_folder: Path, wheel: Path) -> Path:
    """A folder that the wheel is installed into; what it needs is taken from this environment."""
    folder = shared_folder / "installed"
    with FileLock(shared_folder / "installed.lock"):
        if not folder.exists():
            pip("install", "--target", str(folder), str(wheel))
    return folder


def pip(*arguments: str) -> None:
    """Run pip on this machine alone."""
    alone = ("--no-deps", "--no-index", "--disable-pip-version-check")
    done = subprocess.run(
        [sys.executable, "-m", "pip", arguments[0], *alone, *arguments[1:]],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
