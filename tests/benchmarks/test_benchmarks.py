"""Every benchmark in its small size: it runs to its end and prints its figures with their limits."""

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCHMARKS = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py"))
# Simulations: modules of a package, all behind one command.
QUESTIONS = sorted(
    path.stem
    for path in (ROOT / "benchmarks" / "validity").glob("*.py")
    if path.stem not in ("__init__", "__main__", "case")
)
# What a benchmark can be asked for, where that is more than one thing.
COMMANDS = {"data": ("build", "epoch"), "duplicates": ("images", "hashes"), "throughput": ("loop", "smoke")}
STARTS_RAY = {("fanout",), ("throughput", "smoke")}
TIMEOUT_S = 280
FIGURE = re.compile(r"([\w.]+)[^\d\n]*?\(limits? ")


def cases() -> list[object]:
    found: list[object] = [pytest.param(("validity", each), id=f"validity {each}") for each in QUESTIONS]
    for name in BENCHMARKS:
        for command in [(name, each) for each in COMMANDS.get(name, ())] or [(name,)]:
            marks = [pytest.mark.ray] if command in STARTS_RAY else []
            found.append(pytest.param(command, marks=marks, id=" ".join(command)))
    return found


def command_of(name: str) -> list[str]:
    return ["-m", "benchmarks.validity"] if name == "validity" else [f"benchmarks/{name}.py"]


def test_there_is_something_to_run() -> None:
    """Catches a search that finds no benchmark, and commands of one that is gone."""
    assert {"fanout", *COMMANDS} <= set(BENCHMARKS) and "equals" in QUESTIONS


@pytest.mark.slow
@pytest.mark.parametrize("command", cases())
def test_a_benchmark_ends_with_figures(command: tuple[str, ...]) -> None:
    """Catches a benchmark that was left behind by the code that it times, or that prints no number."""
    name, *rest = command
    done = subprocess.run(
        [sys.executable, *command_of(name), *rest, "--small"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures = [float(before) for before in FIGURE.findall(done.stdout)]
    assert figures, done.stdout
    assert all(math.isfinite(figure) for figure in figures), done.stdout
