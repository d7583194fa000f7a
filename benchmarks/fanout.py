"""What fanning out costs: 40 trials that do nothing, after Ray has started.

    python benchmarks/fanout.py

Prints seconds a trial and how much the driver's memory grew, and fails when a limit is passed.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from orchestrator import launch

MAX_SECONDS_A_TRIAL = 0.15
MAX_GROWTH_MIB = 30.0


def empty_trial(task: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> None:
    report({"state": "done"})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=40)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, launch.start(log=Path(folder) / "ray.log") as cluster:
        run(cluster, 4)  # starts the worker processes
        before_mib = memory_mib()
        seconds = run(cluster, wanted.trials)
        growth_mib = memory_mib() - before_mib
    print(f"trials                {wanted.trials}")
    print(f"seconds a trial       {seconds / wanted.trials:.3f}   (limit {MAX_SECONDS_A_TRIAL})")
    print(f"driver memory growth  {growth_mib:.1f} MiB   (limit {MAX_GROWTH_MIB:.0f})")
    return int(seconds / wanted.trials > MAX_SECONDS_A_TRIAL or growth_mib > MAX_GROWTH_MIB)


def run(cluster: launch.Cluster, trials: int) -> float:
    tasks = [{"key": f"{trials}-{number}", "cpus": 1, "gpus": 0.0} for number in range(trials)]
    seen: set[str] = set()
    start = time.perf_counter()
    launch.run(
        cluster,
        tasks,
        target=empty_trial,
        on_event=lambda key, event: seen.add(key),
        on_tick=lambda: None,
    )
    assert len(seen) == trials, f"only {len(seen)} of {trials} trials reported"
    return time.perf_counter() - start


def memory_mib() -> float:
    return float(psutil.Process().memory_info().rss) / 2**20


if __name__ == "__main__":
    sys.exit(main())
