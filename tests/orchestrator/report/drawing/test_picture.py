"""Names that fit their place and stay different."""

from collections.abc import Callable

import pandas as pd

from orchestrator.report.drawing.forest import draw_forest
from orchestrator.report.drawing.picture import shorts


def test_names_that_differ_in_their_middle_stay_different(
    texts: Callable[[str], dict[str, tuple[float, float]]],
) -> None:
    """Catches a forest of one name against itself."""
    names = [f"p1_resnet18_with_a_long_name_{middle}_and_a_long_end" for middle in ("a", "b", "bb", "bbc")]
    names += ["short", "p1_resnet18_with_a_lo"]
    shown = shorts(names, 21)
    assert len(set(shown.values())) == len(names)
    assert all(len(text) <= 21 for text in shown.values())
    assert shown["short"] == "short" and shown["p1_resnet18_with_a_lo"] == "p1_resnet18_with_a_lo"
    rows = pd.DataFrame({"treatment": [names[0]], "baseline": [names[1]], "mean_diff": 0.1, "ci_low": 0.0})
    rows = rows.assign(ci_high=0.2, rope=0.01, verdict="undecided")
    found = texts(draw_forest(rows, metric="AUC", lower_is_better=False).svg)
    (against,) = [text for text in found if text.startswith("against ")]
    assert against.removeprefix("against ") not in found
