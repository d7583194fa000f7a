"""Captions of the figures over all experiments: what they show, and what stands out, with its numbers."""

from collections.abc import Sequence

import pandas as pd

from orchestrator.analysis.collect import Tables
from orchestrator.analysis.costs import ExperimentCost
from orchestrator.wording.numbers import metric_name, number, signed
from orchestrator.wording.verdict import leaders, named, whole_rows
from trainables.evaluation.metrics import LOWER_IS_BETTER


def shown_note(
    taken: int,
    total: int,
    *,
    decided: Sequence[str],
    has_candidates: bool,
    has_best: bool,
    has_unscored: bool,
    metric: str,
) -> str:
    """Say how many experiments of all are shown, and why these.

    Args:
        taken: how many are shown.
        total: how many there are.
        decided: those that a decision names, the chosen one first.
        has_candidates: whether others are shown that the decision is between.
        has_best: whether some are shown for their mean.
        has_unscored: whether some are shown that have no mean.
        metric: the metric of the means.
    """
    parts = []
    if decided:
        both = "the chosen one, its runner-up"
        parts.append(both if len(decided) == 2 else f"{decided[0]}, of which the decision is")
    if has_candidates:
        parts.append("the other candidates of the decision" if decided else "the candidates of the decision")
    if has_best:
        parts.append(f"those with the best mean {metric_name(metric)}")
    if has_unscored:
        parts.append(f"the first of those without a mean {metric_name(metric)}")
    said = ", and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
    return f"Shown are {taken} of {total} experiments: {said}."


def forest_caption(drawn: Sequence[tuple[pd.DataFrame, int]], others: Sequence[str] = ()) -> str:
    """State what forests show: how many intervals exclude zero.

    Args:
        drawn: a forest's rows of comparisons.csv, and how many rows of this metric there are.
        others: metrics that have no forest.
    """
    said, cut = [], []
    for rows, every in drawn:
        name = metric_name(str(rows["metric"].iloc[0]))
        bounded = int(rows["ci_low"].notna().sum())
        clear = int(((rows["ci_low"] > 0) | (rows["ci_high"] < 0)).sum())
        if bounded:
            said.append(f"{clear} of {bounded} in {name}")
        if len(rows) < every:
            cut.append(f"{len(rows)} of {every} in {name}")
    intervals = f"Intervals that exclude zero: {', '.join(said)}. " if said else ""
    is_single = all(bool((rows["n"] == 1).all()) for rows, _ in drawn)
    bar = f"; bar: its {_interval_name(is_single=is_single)}" if said else ""
    more = f" The largest differences are shown: {', '.join(cut)}." if cut else ""
    if others:
        more += f" In the table alone: {', '.join(map(metric_name, others))}."
    return (
        f"{intervals}Diamond: mean difference over folds, treatment − baseline{bar}; shaded: differences too "
        f"small to matter.{more}"
    )


def fold_differences_caption(rows: pd.DataFrame, total: int) -> str:
    """State what differences by fold show: `rows` of comparisons.csv, of `total` that are complete."""
    name = _interval_name(is_single=bool((rows["n"] == 1).all()))
    bar = f" and its {name} (bar)" if rows["ci_low"].notna().any() else ""
    caption = f"Difference on each test fold (points), mean (diamond){bar}; shaded: too small to matter."
    if total > len(rows):
        caption += f" The first {len(rows)} of {total} that were declared and are complete."
    return caption


def _interval_name(*, is_single: bool) -> str:
    return "95 % interval by the paired bootstrap" if is_single else "corrected 95 % interval"


def fold_scores_caption(tables: Tables, *, has_interval: bool, has_bootstrap: bool) -> str:
    """State what fold scores show, and which experiment leads."""
    bars = []
    if has_interval:
        bars.append("bar: corrected 95 % t interval")
    if has_bootstrap:
        bars.append("dashed: 95 % bootstrap interval over the groups of the test images")
    what = "".join(f"; {bar}" for bar in bars)
    if len(bars) == 2:
        what += (
            ". The first says what other training data (and test images) could give, the second what other "
            "test images could give these trained models"
        )
    return (
        f"{_leader(tables)}Points: one per test fold; diamond: their mean{what}. No mean is shown where "
        "folds are missing. "
    )


def _leader(tables: Tables) -> str:
    """Say which experiment leads and by how much its rivals differ."""
    metric = tables.headline
    rows = whole_rows(tables.summary, metric).dropna(subset=["mean"])
    if len(rows) < 2:
        return ""
    means = dict(zip(rows["experiment"], rows["mean"], strict=True))
    best = leaders(means, lowest=metric in LOWER_IS_BETTER)
    last = leaders(means, lowest=metric not in LOWER_IS_BETTER)
    if len(best) == len(rows):
        return f"By {metric_name(metric)}, all {len(rows)} have a mean of {number(means[best[0]])}. "
    said = f"By {metric_name(metric)}, {named(best)} the best mean ({number(means[best[0]])})"
    return f"{said}, {last[0]} the last ({number(means[last[0]])}). " if len(last) == 1 else f"{said}. "


def sources_caption(values: pd.DataFrame, *, num_sources: int, is_choice: bool) -> str:
    """State what the AUC by source shows, and which source is the hardest.

    Args:
        values: AUC of each experiment (a row) against each source (a column) that is shown.
        num_sources: how many sources there are.
        is_choice: whether only some of the experiments are shown.
    """
    caption = ""
    means = values.mean().sort_values(kind="stable")
    said = [number(mean) for mean in means]
    # Means over different experiments would compare the experiments.
    if values.notna().all(axis=None) and said[0] != said[1]:
        among = "Of those shown, on average " if is_choice else "On average "
        caption = f"{among}{means.index[0]} is the hardest source (AUC {said[0]}). "
    caption += (
        "Mean over folds of the AUC of a source’s fakes against all real images; framed: lowest shown in a "
        "row. "
    )
    if num_sources > len(means):
        caption += f"The {len(means)} hardest of {num_sources} sources. "
    return caption


def held_out_caption(known: pd.DataFrame, shown: pd.DataFrame) -> str:
    """State what is lost on held-out sources, and where most.

    Args:
        known: rows of holdout.csv that have a delta, the greatest loss first.
        shown: those that are drawn.
    """
    worst = known.iloc[0]
    lost = number(worst["delta"])
    if len(known) > 1 and number(known.iloc[1]["delta"]) == lost:
        most = ""
    elif worst["delta"] > 0:
        most = f"{worst['experiment']} loses most on {worst['source']}: {lost} AUC. "
    else:
        most = (
            f"No mean is lower on a held-out source; the least gain is {worst['experiment']}’s on "
            f"{worst['source']}: {number(abs(worst['delta']))} AUC. "
        )
    bar = ", with its corrected 95 % interval" if shown["ci_low"].notna().any() else ""
    right = " An interval right of zero: the detector does not carry over unharmed." if bar else ""
    cut = f" The {len(shown)} greatest losses of {len(known)} are shown." if len(shown) < len(known) else ""
    what = "In-source minus held-out AUC of the same folds, against the same real images"
    return f"{most}{what}{bar}.{right}{cut}"


def ranking_caption(ranking: pd.DataFrame, *, shown: int, num_sure: int, num_pairs: int) -> str:
    """State what differences to the best and pairs show.

    Args:
        ranking: ranking.csv, the best first.
        shown: how many of its rows are drawn.
        num_sure: how many of the pairs that are drawn are told apart.
        num_pairs: how many pairs are drawn.
    """
    top, metric = ranking.iloc[0], str(ranking["metric"].iloc[0])
    means = dict(zip(ranking["experiment"].astype(str), ranking["mean"], strict=True))
    best = named(leaders(means, lowest=metric in LOWER_IS_BETTER))
    more = f" The best {shown} of {len(ranking)}." if shown < len(ranking) else ""
    return (
        f"{best} the best mean {metric_name(metric)} ({number(top['mean'])}); {num_sure} of {num_pairs} "
        "pairs are told apart by the corrected resampled t-test after Holm’s correction over all pairs "
        "(dots). Bars: corrected 95 % intervals. Blue: the row’s experiment scores higher; orange: lower; "
        f"numbers are places in the table. Basis: {top['basis']}.{more}"
    )


def cost_caption(costs: Sequence[ExperimentCost], metric: str, *, has_interval: bool, has_front: bool) -> str:
    """State what scores over costs show, and whether the best of all `costs` is also the cheapest."""
    bar = " with its corrected 95 % interval" if has_interval else ""
    front = (
        "Line: the best score for at most that cost; blue: on the front, hollow where the advantage over the "
        "next cheaper one there is not shown. "
        if has_front
        else ""
    )
    caption = f"Mean over folds{bar}; numbers as in the table. Further left is cheaper. {front}"
    return _cheapest(costs, metric) + caption


def _cheapest(costs: Sequence[ExperimentCost], metric: str) -> str:
    """Say whether the best of the complete experiments is also the cheapest of them, as a tie is decided."""
    whole = [each for each in costs if each.mean == each.mean]
    amounts = {"FLOPs per image": [each.flops for each in whole]}
    amounts["parameters"] = [each.parameters for each in whole]
    known = [name for name, values in amounts.items() if all(value == value for value in values)]
    if len(whole) < 2 or not known:
        return ""
    cost = {each.experiment: amount for each, amount in zip(whole, amounts[known[0]], strict=True)}
    means = {each.experiment: each.mean for each in whole}
    tied = leaders(means, lowest=metric in LOWER_IS_BETTER)
    # Of those with the best mean, the cheapest.
    best = min((each for each in whole if each.experiment in tied), key=lambda each: cost[each.experiment])
    cheap = min(whole, key=lambda each: cost[each.experiment])
    if cost[best.experiment] <= cost[cheap.experiment]:
        return f"{best.experiment} has the best mean, and no complete experiment has fewer {known[0]}. "
    share, behind = cost[cheap.experiment] / cost[best.experiment], abs(best.mean - cheap.mean)
    return (
        f"{best.experiment} has the best mean; {cheap.experiment} is the cheapest complete one, with "
        f"{100 * share:.3g} % of its {known[0]}, and {signed(behind)[1:]} behind. "
    )
