"""Sentence about the experiment whose AUCs are the furthest apart over the sources of fakes."""

import math

from orchestrator.analysis.comparing import SIGNIFICANT
from orchestrator.analysis.source_spread import LeastBalanced, SourceSpread
from orchestrator.wording.numbers import number, p_text, signed


def least_balanced_sentence(found: LeastBalanced | None) -> str:
    """Name the least balanced experiment, and say whether it is told apart; why not where there is none."""
    if found is None:
        return (
            "Which experiment is the least balanced over the sources is not said: that takes two complete "
            "ones that were trained on every source and tested on the same images."
        )
    first, second, test = found.first, found.second, found.test
    said = (
        f"Of {found.num_experiments} experiments that were trained on every source and tested on the same "
        f"folds, {first.experiment} is the least balanced: the standard deviation of its AUC over "
        f"{len(first.aucs)} sources is {_deviation(first)}. "
    )
    next_one = f"the next, {second.experiment} ({_deviation(second)})"
    if math.isnan(test.p_value):
        return f"{said}Too few folds tell it apart from {next_one}."
    bounds = f"95 % interval {signed(test.difference.low)} to {signed(test.difference.high)}"
    pairs = found.num_experiments * (found.num_experiments - 1) // 2
    corrected = f" after Holm’s correction over {pairs} pairs" if pairs > 1 else ""
    numbers = f"difference {signed(test.difference.mean)}, {bounds}, {p_text(test.p_value)}{corrected}"
    verb = "It is further apart than" if test.p_value < SIGNIFICANT else "It is not told apart from"
    return f"{said}{verb} {next_one}: {numbers}."


def _deviation(spread: SourceSpread) -> str:
    found = spread.deviation
    if found is None:
        return "unknown"
    if math.isnan(found.low):
        return number(found.mean)
    return f"{number(found.mean)}, 95 % interval {number(found.low)} to {number(found.high)}"
