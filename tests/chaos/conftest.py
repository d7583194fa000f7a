"""The small phase of the tests from end to end, and the table of what was done to it."""

from collections import Counter, defaultdict

import pytest

from tests.end_to_end.conftest import arguments, small_experiments, undisturbed

# What comes after the faults of a study, which is none.
IN_PEACE = "run to its end"

__all__ = ["arguments", "small_experiments", "undisturbed"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a row for each kind of fault: how often it was played, and how the commands ended."""
    played: dict[str, Counter[str]] = defaultdict(Counter)
    longest_s: dict[str, float] = defaultdict(float)
    passed = 0
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, value in getattr(report, "user_properties", ()):
                if name == "fault":
                    kind, how, seconds = value
                    played[kind][how.rsplit(": ", 1)[-1]] += 1
                    longest_s[kind] = max(longest_s[kind], seconds)
                elif name == "finished_s":
                    longest_s[IN_PEACE] = max(longest_s[IN_PEACE], value)
                    passed += 1
    if not played:
        return
    write = terminalreporter.write_line
    write("")
    write("| fault | played | longest command | and then |")
    write("|---|---|---|---|")
    for name, ends in sorted(played.items()):
        ended = ", ".join(f"{n} x {end}" for end, n in sorted(ends.items()))
        write(f"| {name} | {ends.total()} | {longest_s[name]:.0f} s | {ended} |")
    total = sum(ends.total() for ends in played.values())
    write(
        f"{total} faults; {passed} studies ended with the tables of the quiet one; "
        f"the longest command {max(longest_s.values()):.0f} s"
    )
