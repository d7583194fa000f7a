"""The cost of fanning out: empty trials through the Ray executor against a bare Ray Tune loop.

    python benchmarks/fanout.py [--trials 40] [--small]

Both run the same number of trials that do nothing but report once, with the same resources, on the same Ray,
after it has started and each has made one small run. Rounds alternate in order; the median of the rounds'
ratios counts, at most 1.5. Also how much the driver's memory grew over our runs.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

# Before Ray, which reads the environment that this package sets when it is imported.
from orchestrator.execution.executor import Event, EventKind, Report, Task, TrialJob
from orchestrator.execution.ray_executor import session
from orchestrator.execution.ray_executor.fan_out import RayExecutor
from orchestrator.plan.resources import Share

# isort: split
from ray import tune

ROUNDS = 5
# On a machine so busy that fewer rounds take as long, no more of them are begun.
BUDGET_S = 120.0
WARM_UP_TRIALS = 4
MAX_RATIO = 1.5
MAX_GROWTH_MIB = 30.0


def main() -> int:
    """Print seconds per trial, the ratio and the growth; return 1 when a limit is passed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--small", action="store_true", help="one round of 8; no limit is enforced")
    wanted = parser.parse_args()
    trials, rounds = (8, 1) if wanted.small else (wanted.trials, ROUNDS)
    ours_s, bare_s, growth_mib = [], [], 0.0
    with (
        tempfile.TemporaryDirectory() as folder,
        session.start(log=Path(folder) / "ray.log") as executor,
    ):
        run_ours(executor, tasks_of(WARM_UP_TRIALS))
        run_bare(tasks_of(WARM_UP_TRIALS))
        start = time.perf_counter()
        for number in range(rounds):
            if number and time.perf_counter() - start > BUDGET_S:
                break
            tasks = tasks_of(trials)
            if number % 2:
                bare_s.append(run_bare(tasks))
            before_mib = memory_mib()
            ours_s.append(run_ours(executor, tasks))
            growth_mib += memory_mib() - before_mib
            if not number % 2:
                bare_s.append(run_bare(tasks))
    ratio = statistics.median(ours / bare for ours, bare in zip(ours_s, bare_s, strict=True))
    each = [statistics.median(seconds) / trials for seconds in (ours_s, bare_s)]
    print(
        f"{len(ours_s)} rounds of {trials} empty trials: {each[0]:.3f} s per trial, bare Tune {each[1]:.3f} s"
    )
    print(f"ours / bare Tune = {ratio:.2f}   (limit {MAX_RATIO})")
    print(f"driver memory growth {growth_mib:.1f} MiB over our runs   (limit {MAX_GROWTH_MIB:.0f})")
    return int(not wanted.small and (ratio > MAX_RATIO or growth_mib > MAX_GROWTH_MIB))


def tasks_of(count: int) -> list[Task]:
    return [Task((job_of(f"{count}-{number}"),), Share(1, 0.0, 1), "cpu") for number in range(count)]


def job_of(key: str) -> TrialJob:
    nowhere = Path()
    return TrialJob(
        key, "empty", 0, 0, nowhere, "{}", "{}", nowhere, nowhere, nowhere, nowhere, 2, "", "none"
    )


def empty_trial(task: Task, report: Report) -> None:
    report(Event(EventKind.DONE, task.key))


def run_ours(executor: RayExecutor, tasks: list[Task]) -> float:
    """Seconds of `tasks` through the project's own module."""
    seen: set[str] = set()
    start = time.perf_counter()
    executor.run(
        tasks,
        target=empty_trial,
        on_event=lambda event: seen.add(event.key),
        on_tick=lambda: None,
    )
    seconds = time.perf_counter() - start
    assert len(seen) == len(tasks), f"only {len(seen)} of {len(tasks)} trials reported"
    return seconds


def run_bare(tasks: list[Task]) -> float:
    """Seconds of `tasks` through Ray Tune as its documentation shows it."""

    def trial(config: dict[str, Any]) -> None:
        tune.report({"state": "done"})

    with tempfile.TemporaryDirectory() as folder:
        tuner = tune.Tuner(
            tune.with_resources(trial, {"cpu": 1}),
            param_space={"task": tune.grid_search(tasks)},
            tune_config=tune.TuneConfig(reuse_actors=True),
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        )
        start = time.perf_counter()
        results = tuner.fit()
        seconds = time.perf_counter() - start
    assert not results.errors and len(results) == len(tasks), "not every trial ended well"
    return seconds


def memory_mib() -> float:
    return float(psutil.Process().memory_info().rss) / 2**20


if __name__ == "__main__":
    sys.exit(main())
