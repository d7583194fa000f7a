"""The same phase with Ray and without: the same numbers, the same page, the same keys."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.outcome import tables, tracked_runs

pytestmark = [
    pytest.mark.ray,
    pytest.mark.timeout(280),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow", "ignore::DeprecationWarning:sqlalchemy"),
]


@pytest.mark.slow
def test_a_study_with_ray_has_the_tables_of_one_without(
    undisturbed: Path, run_phase: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """Catches numbers that hang on who runs a trial: its threads, or random state left by the last one."""
    results = tmp_path / "results"
    done = run_phase(results)
    assert done.returncode == 0, done.stderr
    assert tables(results) == tables(undisturbed)
    assert tracked_runs(results) == tracked_runs(undisturbed)
    for folder in sorted((undisturbed / "trials").iterdir()):
        other = results / "trials" / folder.name
        assert (other / "predictions.parquet").read_bytes() == (folder / "predictions.parquet").read_bytes()
        mine, theirs = (json.loads((each / "trial.json").read_text()) for each in (other, folder))
        assert (mine["key"], mine["ingredients"]) == (theirs["key"], theirs["ingredients"])
