"""Figure of held-out sources: what each experiment loses on them."""

import pandas as pd

from orchestrator.report.drawing.differences import draw_differences
from orchestrator.report.drawing.picture import Picture, shorts
from orchestrator.report.kept import kept


@kept
def draw_held_out(rows: pd.DataFrame) -> Picture:
    """Draw what each experiment loses on each held-out source, with its interval.

    Args:
        rows: columns experiment, source, delta (in-source minus held-out AUC), ci_low, ci_high.
    """
    names, sources = rows["experiment"].astype(str), rows["source"].astype(str)
    shown, named = shorts(names, 30), shorts(sources, 18)
    return draw_differences(
        rows[["delta", "ci_low", "ci_high"]].to_numpy(dtype=float),
        key="holdout",
        heading="AUC lost on a source never seen",
        names=[shown[name] for name in names],
        beside=[named[source] for source in sources],
        towards="loses more →",
    )
