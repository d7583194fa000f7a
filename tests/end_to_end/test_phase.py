"""A whole phase through the command line: what it leaves, what a second run, kills and errors do."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import psutil
import pytest

pytestmark = [
    pytest.mark.ray,
    pytest.mark.timeout(280),
    # MLflow uses parts of SQLAlchemy that are on their way out.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow", "ignore::DeprecationWarning:sqlalchemy"),
]

ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-m", "orchestrator")
TABLES = ("scores", "summary", "comparisons", "failures")
WAIT_S = 120
EPOCHS = {"plain": 4, "wide": 6}

Command = Callable[..., subprocess.CompletedProcess[str]]


def tables(results: Path) -> dict[str, bytes]:
    return {name: (results / "collected" / "phase1" / f"{name}.csv").read_bytes() for name in TABLES}


def tracked_runs(results: Path) -> dict[str, tuple[str, list[int]]]:
    """Name -> status and the steps of the training loss, of every run in the store."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{results / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("phase1")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    names = [run.info.run_name for run in runs]
    assert len(set(names)) == len(names), f"a run is there twice: {sorted(names)}"
    return {
        run.info.run_name: (
            run.info.status,
            [metric.step for metric in client.get_metric_history(run.info.run_id, "train_loss")],
        )
        for run in runs
    }


def expected_runs() -> dict[str, tuple[str, list[int]]]:
    trials = {
        f"{name}-r0f{fold}": ("FINISHED", list(range(1, epochs + 1)))
        for name, epochs in EPOCHS.items()
        for fold in range(3)
    }
    return {**trials, **{name: ("FINISHED", []) for name in EPOCHS}}


def until(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Wait for `condition`, as long as the process lives."""
    end = time.monotonic() + WAIT_S
    while not condition():
        assert process.poll() is None, "the run ended before it could be disturbed"
        assert time.monotonic() < end, "the run never came so far"
        time.sleep(0.02)


@pytest.fixture
def started(
    arguments: Callable[[Path], list[str]], tmp_path: Path
) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """The phase under way in a process (group) of its own, in an empty results folder."""
    results = tmp_path / "results"
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [*PROGRAM, *arguments(results)],
            cwd=ROOT, stdout=log, stderr=log, text=True, start_new_session=True,
        )  # fmt: skip
        yield process, results
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


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


def test_an_interrupted_and_then_killed_driver_loses_nothing(
    started: tuple[subprocess.Popen[str], Path],
    arguments: Callable[[Path], list[str]],
    undisturbed: Path,
    run_phase: Command,
) -> None:
    """Catches Ctrl-C that hangs, finished trials that are repeated, numbers that depend on interruptions."""
    process, results = started
    until(lambda: list(results.glob("trials/*/checkpoint/state.safetensors")), process)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    line = [*PROGRAM, *arguments(results)]
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.DEVNULL, text=True) as second:
        until(lambda: list(results.glob("trials/*/done.json")), second)
        second.kill()
    finished = {path: path.stat().st_mtime_ns for path in results.glob("trials/*/done.json")}
    again = run_phase(results)
    assert again.returncode == 0, again.stderr
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    assert tables(results) == tables(undisturbed)
    assert tracked_runs(results) == expected_runs()


@pytest.mark.slow
def test_a_killed_worker_is_replaced(
    started: tuple[subprocess.Popen[str], Path], undisturbed: Path, tmp_path: Path
) -> None:
    """Catches a lost worker that costs a trial, and what Ray prints about it on the screen."""
    process, results = started
    until(lambda: list(results.glob("trials/*/checkpoint/state.safetensors")), process)
    workers = [child for child in psutil.Process(process.pid).children(recursive=True) if is_trial(child)]
    assert workers, "no worker process was found"
    workers[0].kill()
    assert process.wait(WAIT_S) == 0
    assert tables(results) == tables(undisturbed)
    assert tracked_runs(results) == expected_runs()
    assert "raylet" not in (tmp_path / "log").read_text()


def is_trial(process: psutil.Process) -> bool:
    try:
        return "ImplicitFunc" in " ".join(process.cmdline())
    except psutil.Error:
        return False


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
