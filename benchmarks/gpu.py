"""A GPU in one command of at most nine minutes: how fast trials are on it, and whether they repeat.

    python benchmarks/gpu.py > benchmarks/gpu/<card>.json
    python benchmarks/gpu.py --parts sanity,bits --seconds 60
    python benchmarks/gpu.py --small --device cpu

Prints one JSON: the card, what each part found, every ratio with its limit, and what was broken. Exits with 1
where a limit was passed or a part failed. Each part is a program of its own with a share of the seconds, the
most valuable first; one that fails or takes too long is recorded with what it had found, and the others go
on. A part whose package is not installed is skipped, and says so. Nothing is fetched. benchmarks/README.md
says what each number means.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
DEFAULT_S, SMALL_S = 520.0, 240.0
# A part that was begun with less would find nothing.
LEAST_S = 8.0
MISSING = "ModuleNotFoundError: No module named"


@dataclass(frozen=True)
class Part:
    """A program of `benchmarks.card`, and its share of all seconds."""

    name: str
    share: float


PARTS = (
    Part("sanity", 0.07),
    Part("bits", 0.06),
    Part("speed", 0.24),
    Part("together", 0.13),
    Part("steps", 0.06),
    Part("memory", 0.09),
    Part("study", 0.29),
    Part("faces", 0.06),
)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [part.name for part in PARTS]
    parser.add_argument("--parts", default=",".join(names), help="which, in this order")
    parser.add_argument("--seconds", type=float, help=f"for all of them; default {DEFAULT_S:.0f}")
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), help="default: a GPU, or with --small what there is"
    )
    parser.add_argument("--small", action="store_true", help="tiny versions; no limit is enforced")
    wanted = parser.parse_args()
    chosen = wanted.parts.split(",")
    if unknown := sorted(set(chosen) - set(names)):
        print(f"Error: no part {', '.join(unknown)}; there are {', '.join(names)}", file=sys.stderr)
        return 2
    from trainables.device import card, device_type

    device = wanted.device or device_type()
    if (device == "cpu" and not wanted.small) or (device == "cuda" and device_type() != "cuda"):
        print(
            "Error: there is no GPU that torch can use here; --small --device cpu tries it out",
            file=sys.stderr,
        )
        return 2
    seconds = wanted.seconds or (SMALL_S if wanted.small else DEFAULT_S)
    report = run_parts([part for part in PARTS if part.name in chosen], device, seconds, small=wanted.small)
    report = {
        "card": card() if device == "cuda" else "cpu",
        "device": device,
        "small": wanted.small,
        **report,
    }
    print(json.dumps(report, indent=1))
    is_good = not report["broken"] and not report["failed"]
    return int(bool(report["failed"]) or (not is_good and not wanted.small))


def run_parts(parts: list[Part], device: str, seconds: float, *, small: bool) -> dict[str, Any]:
    """Run the parts in order; time that one leaves goes to those behind it."""
    from benchmarks.card.case import Limit

    started, left_share = time.monotonic(), sum(part.share for part in parts)
    found: dict[str, Any] = {}
    limits: list[Limit] = []
    for part in parts:
        left_s = seconds - (time.monotonic() - started)
        budget_s = left_s * part.share / left_share
        left_share -= part.share
        if left_s < LEAST_S:
            found[part.name] = {"failed": "no time was left", "found": []}
            continue
        print(f"{part.name}: up to {budget_s:.0f} s", file=sys.stderr, flush=True)
        lines, outcome = run_part(part.name, device, budget_s, min(left_s, 1.5 * budget_s + 5.0), small=small)
        limits += [Limit(**line["limit"]) for line in lines if "limit" in line]
        found[part.name] = {**outcome, "found": [line for line in lines if "limit" not in line]}
    return {
        "seconds": round(time.monotonic() - started, 1),
        "limits": [{"is_kept": each.is_kept, "said": each.said()} for each in limits],
        "broken": [each.said() for each in limits if not each.is_kept],
        "failed": [name for name, each in found.items() if "failed" in each],
        "skipped": [name for name, each in found.items() if "skipped" in each],
        "parts": found,
    }


def run_part(
    name: str, device: str, budget_s: float, most_s: float, *, small: bool
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Run one part; return the lines that it said, and how it ended."""
    command = command_of(name, device, budget_s, small=small)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    if device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    start = time.monotonic()
    outcome: dict[str, Any] = {}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            said, errors = process.communicate(timeout=SMALL_S if small else most_s)
        except subprocess.TimeoutExpired:
            outcome["failed"] = f"it took longer than {most_s:.0f} s"
            os.killpg(process.pid, signal.SIGKILL)
            said, errors = process.communicate()
    last = errors.strip().splitlines()[-1:] or [f"it ended with {process.returncode}"]
    if process.returncode != 0 and not outcome:
        outcome["skipped" if MISSING in last[0] else "failed"] = last[0]
        outcome["errors"] = errors[-3000:]
    outcome["seconds"] = round(time.monotonic() - start, 1)
    return [line for line in map(parsed, said.splitlines()) if line], outcome


def command_of(name: str, device: str, budget_s: float, *, small: bool) -> list[str]:
    command = [sys.executable, "-m", f"benchmarks.card.{name}", "--device", device]
    return [*command, "--seconds", f"{budget_s:.1f}", *(["--small"] if small else [])]


def parsed(line: str) -> dict[str, Any]:
    """Read a line that a part said; what a library printed is nothing."""
    try:
        content = json.loads(line)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


if __name__ == "__main__":
    sys.exit(main())
