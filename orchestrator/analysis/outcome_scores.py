"""Distribution of scores by outcome, of each experiment over all of its test rows.

    outcome_scores.csv  experiment, outcome, rows, share, mean, q05, median, q95

Of two classes an outcome is true_fake, false_fake (real, taken for fake), true_real or false_real at each
trial's own threshold, and the score is P(fake). Of several classes it is right or wrong, and the score is the
largest probability. `share` is that of all rows. A wrong outcome whose scores lie at the end of the scale is
one that no other threshold would mend.
"""

from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields

import numpy as np
import pandas as pd

from orchestrator.analysis.image_tally import ImageTally

# By label and by whether it is wrong, in the order of the table.
OF_TWO = {"true_fake": (1, False), "false_real": (1, True), "true_real": (0, False), "false_fake": (0, True)}
QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True, slots=True)
class OutcomeScores:
    """Scores of the rows of one outcome; NaN where no row has it."""

    experiment: str
    outcome: str
    rows: int
    share: float
    mean: float
    q05: float
    median: float
    q95: float


def outcome_scores(tally: ImageTally) -> Iterator[OutcomeScores]:
    """Yield every outcome of every experiment that was counted."""
    for each, found in zip(tally.experiments, tally.scores, strict=True):
        scores, is_wrong = found.probabilities, found.is_wrong
        if scores.ndim == 1:
            labels = tally.images.labels[found.codes]
            outcomes = {
                name: (labels == label) & (is_wrong == wrong) for name, (label, wrong) in OF_TWO.items()
            }
        else:
            scores, outcomes = scores.max(axis=1), {"right": ~is_wrong, "wrong": is_wrong}
        for name, chosen in outcomes.items():
            part = scores[chosen].astype(np.float64)
            numbers = (
                [float(part.mean()), *np.quantile(part, QUANTILES).tolist()] if len(part) else [np.nan] * 4
            )
            yield OutcomeScores(each.name, name, len(part), len(part) / len(scores), *numbers)


def outcomes_table(found: tuple[OutcomeScores, ...]) -> pd.DataFrame:
    """Return the table named above."""
    return pd.DataFrame(map(astuple, found), columns=[each.name for each in fields(OutcomeScores)])
