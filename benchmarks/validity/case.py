"""One row of the table of simulated studies: the limit, an earlier version's figure, and this version's."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Case:
    """What a simulation found.

    Attributes:
        name: what is simulated, and what is counted.
        audit: the figure of the version that an audit looked at; "-" where there was none.
        measured: the figure of this version, a number first.
        limit: what it must not pass, as it is printed.
        is_held: whether it is within the limit.
    """

    name: str
    audit: str
    measured: str
    limit: str
    is_held: bool


def at_most(name: str, *, audit: str, share: float, limit: float, studies: int) -> Case:
    """A share of studies that has an upper limit; two standard errors above it are chance."""
    error = math.sqrt(limit * (1.0 - limit) / studies)
    return Case(name, audit, percent(share), f"limit {percent(limit)}", share <= limit + 2.0 * error)


def at_least(name: str, *, audit: str, share: float, limit: float, studies: int) -> Case:
    """A share of studies that has a lower limit; two standard errors below it are chance."""
    error = math.sqrt(limit * (1.0 - limit) / studies)
    return Case(name, audit, percent(share), f"limit {percent(limit)}", share >= limit - 2.0 * error)


def between(name: str, *, audit: str, share: float, low: float, high: float, studies: int) -> Case:
    """A share of studies that has limits on both sides; two standard errors beyond them are chance."""
    errors = [math.sqrt(edge * (1.0 - edge) / studies) for edge in (low, high)]
    is_held = low - 2.0 * errors[0] <= share <= high + 2.0 * errors[1]
    return Case(name, audit, percent(share), f"limits {100 * low:g} to {100 * high:g} %", is_held)


def percent(share: float) -> str:
    """Write a share of studies."""
    return f"{100 * share:.3g} %"
