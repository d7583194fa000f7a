"""A whole phase through the command line: what it leaves, what a second run and errors do."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.end_to_end.outcome import EPOCHS, expected_runs, tables, tracked_runs

pytestmark = [
    pytest.mark.ray,
    pytest.mark.timeout(280),
    # MLflow uses parts of SQLAlchemy that are on their way out.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow", "ignore::DeprecationWarning:sqlalchemy"),
]


Command = Callable[..., subprocess.CompletedProcess[str]]


def test_a_run_leaves_every_fold_done_and_recorded(undisturbed: Path) -> None:
    """Catches a lost trial, an image that is tested twice or never, folds that differ between experiments."""
    done = sorted(undisturbed.glob("trials/*/done.json"))
    assert len(done) == 6
    folds = list((undisturbed / "folds").glob("*.csv"))
    assert len(folds) == 1, "both experiments use the same fold file"
    assigned = pd.read_csv(folds[0]).set_index("path")["fold"]
    for name in EPOCHS:
        predictions = pd.concat(
            pd.read_parquet(path) for path in undisturbed.glob(f"trials/{name}-*/predictions.parquet")
        )
        tested = predictions[predictions["split"] == "test"].set_index("path")["fold"]
        assert tested.sort_index().equals(assigned.sort_index().astype(tested.dtype))
    assert tracked_runs(undisturbed) == expected_runs()
    page = (undisturbed / "reports" / "phase1" / "index.html").read_text()
    assert "wide" in page and "plain" in page
    kept = [path.name for path in undisturbed.rglob("*") if path.suffix in (".pkl", ".pickle", ".pt", ".pth")]
    assert kept == []


def test_a_second_run_starts_no_ray_and_changes_no_table(
    undisturbed: Path,
    arguments: Callable[[Path], list[str]],
    without_ray: None,
    call: Callable[[list[str]], int],
) -> None:
    """Catches a finished trial that is run again."""
    before = tables(undisturbed)
    assert call(arguments(undisturbed)) == 0
    assert tables(undisturbed) == before


@pytest.fixture
def obstructed(tmp_path: Path, undisturbed: Path) -> tuple[Path, Path]:
    """Results of which two trials are missing, and what is in the way of one of them."""
    results = Path(shutil.copytree(undisturbed, tmp_path / "results"))
    victim, other = (
        next(path.parent.name for path in undisturbed.glob(f"trials/{name}-*/done.json"))
        for name in ("plain-r0f1", "wide-r0f2")
    )
    for name in (victim, other):
        shutil.rmtree(results / "trials" / name)
    obstacle = results / "trials" / victim / "predictions.parquet"
    obstacle.mkdir(parents=True)
    return results, obstacle


@pytest.mark.slow
def test_a_failed_trial_is_a_row_and_stops_no_other(
    obstructed: tuple[Path, Path], run_phase: Command
) -> None:
    """Catches an error of one trial that ends the run, is retried for nothing, or is averaged away."""
    results, obstacle = obstructed
    victim = obstacle.parent.name
    failed = run_phase(results, "--json")
    assert failed.returncode == 1, failed.stderr
    assert len(list(results.glob("trials/*/done.json"))) == 5
    assert json.loads((results / "trials" / victim / "error.json").read_text())["type"] == "IsADirectoryError"
    outcome = json.loads(failed.stdout)
    assert [row["trial"] for row in outcome["failures"]] == [victim]
    assert outcome["comparisons"][0]["verdict"] == "incomplete"
    summary = pd.read_csv(results / "collected" / "phase1" / "summary.csv")
    assert summary.loc[summary["experiment"] == "plain", "mean"].isna().all()


@pytest.mark.slow
def test_a_failed_trial_runs_again_when_nothing_is_in_its_way(
    obstructed: tuple[Path, Path], run_phase: Command, undisturbed: Path
) -> None:
    """Catches a failure that stays, or numbers that depend on it."""
    results, obstacle = obstructed
    assert run_phase(results).returncode == 1
    obstacle.rmdir()
    assert run_phase(results).returncode == 0
    assert tables(results) == tables(undisturbed)
    assert tracked_runs(results) == expected_runs()
