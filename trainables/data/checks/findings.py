"""Findings of a check of the data: each is one sentence with the cases behind it.

`error`: a run on this data is refused. `warning`: it runs, and its numbers may mislead. `note`: worth
knowing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
# One case behind a finding: column -> value.
Case = Mapping[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    `name` is a stable identifier, `sentence` says what, where and what to do about it, `rows` are the cases
    in plain values (those of one finding have the same keys).
    """

    name: str
    severity: Severity
    sentence: str
    rows: tuple[Case, ...] = ()


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """Order findings by severity, keeping the order among equals."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
