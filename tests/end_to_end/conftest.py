"""A tiny phase on real Ray and real MLflow: two small networks, three folds, 72 noise images."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from filelock import FileLock

from orchestrator import cli
from tests.conftest import run_here

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 250

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
    """What stands behind the program's name to run the phase into a results folder."""

    def line(results: Path) -> list[str]:
        return [
            *("phase1", "--experiments", str(small_experiments)),
            *("--data", str(faces), "--results", str(results)),
        ]

    return line


@pytest.fixture(scope="session")
def orchestrate() -> Command:
    """Run a command line to its end in a process of its own."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "orchestrator", *map(str, arguments)]
        return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)

    return run


@pytest.fixture(scope="session")
def run_phase(arguments: Callable[[Path], list[str]], orchestrate: Command) -> Command:
    """Run the phase to its end in a process of its own."""

    def run(results: Path, *more: str) -> subprocess.CompletedProcess[str]:
        return orchestrate(*arguments(results), *more)

    return run


@pytest.fixture
def call() -> Callable[[Iterable[object]], int]:
    """Run a command line in this process; return its exit code."""

    def run(line: Iterable[object]) -> int:
        with pytest.raises(SystemExit) as ended:
            cli.main([str(part) for part in line])
        return int(ended.value.code or 0)

    return run


@pytest.fixture
def without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a command that starts Ray fail: for what is finished already."""

    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("Ray was started though nothing is missing")

    monkeypatch.setattr("orchestrator.execution.ray_executor.session.start", refuse)


@pytest.fixture(scope="session")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, shared_folder: Path, arguments: Callable[[Path], list[str]]
) -> Path:
    """Results of a run without Ray, which nothing disturbed; processes that test side by side share one."""
    results = shared_folder / "undisturbed" / "results"
    with FileLock(shared_folder / "undisturbed.lock"):
        if not results.exists():
            results.parent.mkdir()
            run_here([*arguments(results), "--address", "none"], log=results.parent / "log.txt")
    # A test in another process may look at it too: each has a copy of its own.
    return Path(shutil.copytree(results, tmp_path_factory.mktemp("undisturbed") / "results"))
