"""Sentences on what a sweep has tried: how many settings, what became of them, and the best so far."""

import pandas as pd

from orchestrator.analysis.tried import FAILED, FINISHED, UNFINISHED, UNSCORED
from orchestrator.store.sweep_record import SweepRecord
from orchestrator.wording.numbers import between, metric_name, number
from trainables.evaluation.metrics import LOWER_IS_BETTER

# What is said of settings that have no score, by their state.
LACKING = {
    FAILED: "failed",
    UNFINISHED: "not finished",
    UNSCORED: "without a deciding score (no halves of the validation part, or of an earlier version)",
}


def tried_sentences(sweep: SweepRecord, rows: pd.DataFrame) -> list[str]:
    """Say how many settings of a sweep were tried, how many have a score, and which is the best so far.

    `rows` are those of tried.csv that are its own.
    """
    apart = rows.drop_duplicates("experiment")
    counts = apart["state"].value_counts()
    said = [f"{counts[state]} {text}" for state, text in LACKING.items() if state in counts]
    again = len(rows) - len(apart)
    repeated = f", {again} of them proposed again" if again else ""
    lacking = f"; {', '.join(said)}" if said else ""
    lines = ["Each of them was tried, and has a score."]
    if said or again:
        lines = [f"{len(apart)} different settings were tried{repeated}{lacking}."]
    scored = apart[apart["state"] == FINISHED]
    if scored.empty:
        return [*lines, "None of them has a score."]
    metric = str(rows["metric"].iloc[0])
    ordered = scored.sort_values("mean", ascending=metric in LOWER_IS_BETTER, kind="stable")
    best = ordered.iloc[0]
    lines.append(
        f"The best mean {metric_name(metric)} on validation rows is {number(best['mean'])} "
        f"(95 % interval {between(best['ci_low'], best['ci_high'])}, {best['n']} folds), of number "
        f"{best['number']}, {best['experiment']}. It is the best of {len(scored)}, and the best of several "
        "is in part the luckiest: what choosing adds to a score stands with the decision."
    )
    if sweep.base in set(scored["experiment"]):
        place = [*ordered["experiment"]].index(sweep.base) + 1
        lines.append(f"{sweep.base} as it is comes {place}. of them.")
    return lines


def tried_caption(metric: str, *, num_shown: int, num_scored: int) -> str:
    """Say what the figure of a sweep shows."""
    lacking = num_shown - num_scored
    without = f" {lacking} without a score {'are' if lacking > 1 else 'is'} left out." if lacking else ""
    return (
        f"Mean {metric_name(metric)} on validation rows of each setting in the order of their numbers "
        f"(diamonds; bars: 95 % intervals of their folds), and the best so far (line).{without}"
    )
