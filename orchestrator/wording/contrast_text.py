"""Contrasts in sentences: a mean with its interval and p, what changed, and what is shown of it."""

import math

from pydantic import JsonValue

from orchestrator.analysis.choices import Choice
from orchestrator.analysis.contrasts import Contrast
from orchestrator.wording.numbers import decided_value_text, p_text, signed, value_text


def contrast_text(found: Contrast) -> str:
    """Say a mean with its interval, its p-value, corrected where it is one of several, and its folds."""
    if math.isnan(found.mean):
        return found.reason
    if math.isnan(found.low):
        return f"{signed(found.mean)} ({found.reason})"
    said = f"95 % interval {signed(found.low)} to {signed(found.high)}, {p_text(found.p_value)}"
    if not math.isnan(found.p_holm) and found.p_holm != found.p_value:
        said += f", Holm-corrected {p_text(found.p_holm)}"
    more = f"; {found.reason}" if found.reason else ""
    return f"{signed(found.mean)} ({said}, {found.n} folds{more})"


def change_text(key: str, before: JsonValue, after: JsonValue) -> str:
    """Name a key with both values; groups of settings by what is in them where on and off are not enough."""
    one, other = decided_value_text(before), decided_value_text(after)
    if one == other:
        one, other = value_text(before), value_text(after)
    return f"{key} {one} → {other}"


def choice_text(choice: Choice) -> str:
    """Name a choice: every key that it changes, with both values; a preset may have made some alike."""
    values = zip(choice.keys, choice.before, choice.after, strict=True)
    return ", ".join(change_text(key, before, after) for key, before, after in values if before != after)
