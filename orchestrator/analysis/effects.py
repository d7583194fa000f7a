"""Effects of declared comparisons as typed rows: what effects.csv says beside a row of comparisons.csv."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from orchestrator.analysis.collect import Tables

SAME = ("baseline", "treatment", "metric")


@dataclass(frozen=True, slots=True)
class Effect:
    """What backs one comparison up, by the columns of `comparing`. NaN, None and "" are not known."""

    rope: float = math.nan
    folds_won: int | None = None
    folds_tied: int | None = None
    folds_lost: int | None = None
    common_rows: int | None = None
    repeats: int | None = None
    repeats_needed: int | None = None
    hours_needed: float | None = None
    device: str = ""
    p_delong: float | None = None
    error_from: str = ""
    reason: str = ""


def effect_of(row: "pd.Series[Any]", tables: Tables) -> Effect:
    """Return the effect that belongs to a row of comparisons.csv; an empty one where there is none."""
    place = row.name
    if not isinstance(place, int | np.integer) or place >= len(tables.effects):
        return Effect()
    # Both tables have a row for each question and metric, in the same order.
    found = tables.effects.iloc[place]
    if any(found[name] != row[name] for name in SAME):
        return Effect()
    return Effect(
        rope=float(found["rope"]),
        folds_won=_count(found["folds_won"]),
        folds_tied=_count(found["folds_tied"]),
        folds_lost=_count(found["folds_lost"]),
        common_rows=_count(found["common_rows"]),
        repeats=_count(found["repeats"]),
        repeats_needed=_count(found["repeats_needed"]),
        hours_needed=None if pd.isna(found["hours_needed"]) else float(found["hours_needed"]),
        device=_text(found["device"]),
        p_delong=None if pd.isna(found["p_delong"]) else float(found["p_delong"]),
        error_from=_text(found["error_from"]),
        reason=_text(found["reason"]),
    )


def _count(value: Any) -> int | None:
    return None if pd.isna(value) else int(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
