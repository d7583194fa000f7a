"""Figure of gains by source: what each source of fakes gains from one choice."""

import pandas as pd

from orchestrator.report.drawing.differences import draw_differences
from orchestrator.report.drawing.picture import Picture, shorts
from orchestrator.report.kept import kept


@kept
def draw_gains(rows: pd.DataFrame, *, about: str) -> Picture:
    """Draw the gain in AUC of each source with its interval.

    Args:
        rows: columns source, gain, ci_low, ci_high.
        about: the choice, with both values.
    """
    sources = rows["source"].astype(str)
    shown = shorts(sources, 34)
    return draw_differences(
        rows[["gain", "ci_low", "ci_high"]].to_numpy(dtype=float),
        key=f"gains {about}",
        heading=shorts([about], 42)[about],
        names=[shown[source] for source in sources],
        beside=(),
        towards="gain in AUC →",
    )
