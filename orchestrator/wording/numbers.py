"""Numbers, names and times as people read them; what does not exist is a dash."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from trainables.evaluation.metrics import METRICS

# Below the first three decimals say nothing, below the second a number is a rounding error.
TINY, ROUNDING = 0.0005, 1e-12


DASH = "–"
FLOORED = (
    "the folds agree more closely than their few test images can tell: interval and test rest on what other "
    "test images would change (paired bootstrap over groups)"
)


def fold_label(repeat: Any, fold: Any, repeats: int) -> str:
    """Name a fold: fold 3, or r0f3 as in the names of trials where there are several repeats."""
    return f"r{repeat}f{fold}" if repeats > 1 else f"fold\u00a0{fold}"


def class_name(classes: Sequence[str], label: int) -> str:
    """Name a class by its label."""
    return str(classes[label]) if 0 <= label < len(classes) else "unlabelled"


def number(value: Any, *, sign: bool = False) -> str:
    """Write a score with three decimals and a true minus sign; a tiny one by its power of ten, not as 0."""
    if value is None or math.isnan(value):
        return DASH
    # What is left of a sum that is nothing, and nothing less than nothing, is nothing.
    value = 0.0 if abs(value) < ROUNDING else value
    form = ".1e" if 0.0 < abs(value) < TINY else ".3f"
    return f"{value:{'+' if sign else ''}{form}}".replace("-", "−")


def chance(value: float | None) -> str:
    """Write a probability: what is not certain is never written as 0 or 1."""
    if value is None:
        return DASH
    if 0.0 < value < 0.001:
        return "< 0.001"
    return "> 0.999" if 0.999 < value < 1.0 else number(value)


def integer(value: int) -> str:
    """Write a count, thousands apart."""
    return f"{value:,}".replace(",", "\u202f")


def operations(flops: int) -> str:
    """Write operations for an image with three digits: 1.82 GFLOPs."""
    for prefix, size in (("T", 10**12), ("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if flops >= size:
            return f"{flops / size:.3g} {prefix}FLOPs"
    return f"{flops} FLOPs"


def when(moment: Any) -> str:
    """Write an ISO 8601 time in UTC for people."""
    text = str(moment or "")
    return f"{text[:10]} {text[11:16]} UTC" if text.endswith("+00:00") else text


def p_value(value: float) -> str:
    """Write a p-value; one just below 0.05 with as many digits as show that it is."""
    if value < 0.001:
        return "< 0.001"
    return f"{math.floor(value * 1e5) / 1e5:.5f}" if 0.0495 <= value < 0.05 else number(value)


def spread(std: float) -> str:
    """Write a standard deviation; nothing where there is none."""
    return "" if math.isnan(std) else f"± {number(std)}"


def between(low: float, high: float, *, sign: bool = False) -> str:
    """Write an interval."""
    return DASH if math.isnan(low) else f"{number(low, sign=sign)} to {number(high, sign=sign)}"


def seconds(value: Any) -> str:
    """Write a duration."""
    return DASH if is_nothing(value) else integer(round(value)) if value >= 10 else f"{value:.1f}"


def value_text(value: Any) -> str:
    """Write a setting, of whatever kind it is."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        # A group of settings: what is left at nothing goes without saying.
        return ", ".join(f"{name} {value_text(inner)}" for name, inner in value.items() if inner) or DASH
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return DASH if is_nothing(value) else f"{value:g}" if isinstance(value, float) else str(value)


def is_nothing(value: Any) -> bool:
    """Tell whether there is no value to write."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def capital(text: str) -> str:
    """Start with a capital letter."""
    return text[:1].upper() + text[1:]


def metric_name(metric: str) -> str:
    """Name a metric for people."""
    root, bracket, number = metric.partition("[")
    name = METRICS[root].label if root in METRICS else root.replace("_", " ")
    return f"{name} of class {number.rstrip(']')}" if bracket else name


def signed(value: float | None) -> str:
    """Write a difference with its sign; in sentences a hyphen is the minus, until they are typeset."""
    return number(value, sign=True).replace("−", "-")


def hours_text(hours: float, device: str) -> str:
    """Say hours of training with what they are spent on: GPU hours, CPU hours."""
    kind = {"cuda": "GPU ", "cpu": "CPU "}.get(device, "")
    return f"{hours:,.1f} {kind}hours" if hours >= 0.1 else f"{hours * 60:.1f} {kind}minutes"


def p_text(p: float) -> str:
    """Say a p-value."""
    return f"p {p_value(p)}" if p < 0.001 else f"p = {p_value(p)}"


def decided_value_text(value: Any) -> str:
    """Write the value of a key in a sentence, an object by saying that it is there."""
    if isinstance(value, Mapping):
        return "on"
    if isinstance(value, bool):
        return "on" if value else "off"
    return "none" if value is None else str(value)
