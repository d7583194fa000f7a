"""Two commands that run the same phase into the same new results at the same moment."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.conftest import ROOT, TIMEOUT_S
from tests.end_to_end.outcome import expected_runs, tables, tracked_runs

pytestmark = [
    pytest.mark.slow,
    # MLflow uses parts of SQLAlchemy that are on their way out.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow", "ignore::DeprecationWarning:sqlalchemy"),
]


def test_both_end_well_with_one_run_of_each_trial(
    arguments: Callable[[Path], list[str]], undisturbed: Path, tmp_path: Path
) -> None:
    """Catches a second parent and run of each trial, and a command that fails on the other's files."""
    results = tmp_path / "results"
    line = [sys.executable, "-m", "orchestrator", *arguments(results), "--address", "none"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    both = [
        subprocess.Popen(
            line, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=TIMEOUT_S)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert "Traceback" not in "".join(said) and "MLflow at" not in "".join(said), said
    assert tables(results) == tables(undisturbed)
    assert tracked_runs(results) == expected_runs()
    assert not list(results.rglob("*.partial"))
