"""A fresh user's first commands, from the installed wheel, in an empty folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(1500)]

TIMEOUT_S = 600


def test_a_shipped_phase_and_one_of_ones_own_run_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    """Catches a worker, a template or a preset that is found in a checkout only."""

    def call(folder: Path, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "orchestrator", *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(installed)},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    call(tmp_path, "init", "study")
    study = tmp_path / "study"
    call(study, "data", "demo", "demo-data")
    call(study, "phase1", "--data", "demo-data", "--preset", "smoke")
    finished = {path.parent for path in (study / "results" / "trials").glob("*/done.json")}
    assert len(finished) == 10
    out = call(study, "mine", "--data", "demo-data", "--preset", "smoke")
    assert "mine_small" in out
    # The baseline is that of phase 1, and has not been run again.
    again = {path.parent for path in (study / "results" / "trials").glob("*/done.json")} - finished
    assert len(again) == 5 and all(path.name.startswith("mine_small-") for path in again)
    for phase in ("phase1", "mine"):
        assert (study / "results" / "reports" / phase / "index.html").is_file()
        assert (study / "results" / "decisions" / f"{phase}.json").is_file()
