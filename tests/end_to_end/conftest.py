"""A tiny phase on real Ray and real MLflow: two small networks, three folds, 72 noise images."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 200

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def small_experiments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An experiments folder: `plain` or `wide`, then `small` or `large`; precision is fixed."""
    folder = tmp_path_factory.mktemp("experiments")
    shared = {
        "seed": 7, "image_size": 32, "epochs": 4, "batch_size": 8, "cv_folds": 3, "val_ratio": 0.2,
        "lr": 1e-3, "backbone": "simple_cnn", "cnn_preset": "micro", "dropout": 0.3, "precision": "float32",
        "early_stopping_patience": None,
    }  # fmt: skip
    phase = {
        "title": "Width",
        "experiments": ["plain", "wide"],
        "comparisons": [
            {"question": "Is wide better?", "baseline": "plain", "treatment": "wide", "metrics": ["auc"]}
        ],
        "decision": {"choose": "auc"},
    }
    longer = {"title": "Size", "builds_on": "phase1", "experiments": ["small", "large"]}
    write(folder / "shared.json", shared)
    write(folder / "phase1" / "phase.json", phase)
    write(folder / "phase1" / "plain.json", {})
    write(folder / "phase1" / "wide.json", {"cnn_preset": "small", "epochs": 6})
    write(folder / "phase2" / "phase.json", longer)
    write(folder / "phase2" / "small.json", {"cv_folds": 2})
    write(folder / "phase2" / "large.json", {"cv_folds": 2, "image_size": 40})
    return folder


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


@pytest.fixture(scope="session")
def arguments(small_experiments: Path, faces: Path) -> Callable[[Path], list[str]]:
    """The command line of the phase, into a results folder."""

    def line(results: Path) -> list[str]:
        return [
            *(sys.executable, "-m", "orchestrator", "phase1", "--experiments", str(small_experiments)),
            *("--data", str(faces), "--results", str(results)),
        ]

    return line


@pytest.fixture(scope="session")
def run_phase(arguments: Callable[[Path], list[str]]) -> Command:
    """Run the phase to its end in a process of its own."""

    def run(results: Path, *more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*arguments(results), *more],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, shared_folder: Path, run_phase: Command) -> Path:
    """Results of a run that nothing disturbed; processes that test side by side share one."""
    results = shared_folder / "undisturbed" / "results"
    with FileLock(shared_folder / "undisturbed.lock"):
        if not results.exists():
            done = run_phase(results)
            assert done.returncode == 0, done.stderr
    # A test in another process may look at it too: each has a copy of its own.
    return Path(shutil.copytree(results, tmp_path_factory.mktemp("undisturbed") / "results"))
