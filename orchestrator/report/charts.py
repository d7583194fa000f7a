"""Galleries of a phase's page: which figures, of what, with a caption that states what they show.

Drawing (matplotlib) is imported only when something is drawn. The number of panels is bounded whatever the
number of experiments; a caption says which are shown and why.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from orchestrator.analysis.collect import ALL, Tables
from orchestrator.analysis.trial_scores import is_one_device
from orchestrator.decisions.decide import SAME_COST
from orchestrator.report import answers
from orchestrator.report.drawing.picture import Panel, shorts
from orchestrator.report.evidence import bounded
from orchestrator.wording.numbers import capital, fold_label, metric_name, number, signed
from orchestrator.wording.verdict import comparison_sentence, effect_of, headline, leaders, named, whole_rows
from trainables.evaluation.metrics import LOWER_IS_BETTER

MOST_FORESTS = 3
MOST_IN_A_FOREST, FOREST_OF_MANY = 12, 8
MOST_DIFFERENCES = 6
MOST_SCORES = 3
MOST_SOURCES = 12
MOST_PAIRED, PAIRED_OF_MANY = 20, 12
WITHOUT_COMPARISON = ("auc", "accuracy", "f1")


@dataclass(frozen=True, slots=True)
class Gallery:
    """Panels side by side, and what they show; nothing is shown without panels."""

    panels: tuple[Panel, ...]
    caption: str = ""


def forests(tables: Tables) -> Gallery:
    """Draw a forest of differences for each metric compared, the largest differences of many."""
    from orchestrator.report.drawing.forest import draw_forest

    panels, kept = [], []
    ready = tables.comparisons[tables.comparisons["mean_diff"].notna()]
    metrics = list(dict.fromkeys(ready["metric"]))
    for metric in metrics[:MOST_FORESTS]:
        every = ready[ready["metric"] == metric]
        most = bounded(len(every), MOST_IN_A_FOREST, FOREST_OF_MANY)
        largest = every["mean_diff"].abs().sort_values(ascending=False, kind="stable").index[:most]
        rows = every[every.index.isin(largest)]
        kept.append((rows, len(every)))
        ropes = [effect_of(row, tables).get("rope", 0.0) for _, row in rows.iterrows()]
        drawn = draw_forest(
            rows[["treatment", "baseline", "mean_diff", "ci_low", "ci_high", "verdict"]].assign(rope=ropes),
            metric=metric_name(metric),
            lower_is_better=metric in LOWER_IS_BETTER,
        )
        said = " ".join(comparison_sentence(row, tables) for _, row in rows.iterrows())
        panels.append(Panel.of(f"forest-{slug(metric)}", drawn, said))
    if not panels:
        return Gallery(())
    caption = answers.forest_caption(kept)
    if len(metrics) > MOST_FORESTS:
        others = ", ".join(map(metric_name, metrics[MOST_FORESTS:]))
        caption += f" In the table alone: {others}."
    return Gallery(tuple(panels), caption)


def differences(tables: Tables) -> Gallery:
    """Draw the folds of the first comparisons: whether one fold makes the difference, or all of them."""
    from orchestrator.report.drawing.fold_differences import draw_fold_differences

    ready = tables.comparisons[tables.comparisons["mean_diff"].notna()]
    panels, rows = [], ready.head(MOST_DIFFERENCES)
    shown = shorts([*rows["treatment"].astype(str), *rows["baseline"].astype(str)], 21)
    for place, (_, row) in enumerate(rows.iterrows(), start=1):
        pairs = _pairs(tables, row)
        drawn = draw_fold_differences(
            pairs,
            bounds=(row["mean_diff"], row["ci_low"], row["ci_high"]),
            rope=float(effect_of(row, tables).get("rope", 0.0)),
            metric=metric_name(row["metric"]),
            about=f"{shown[str(row['treatment'])]} − {shown[str(row['baseline'])]}",
            lower_is_better=row["metric"] in LOWER_IS_BETTER,
        )
        label = f"Differences by fold. {comparison_sentence(row, tables)}"
        panels.append(Panel.of(f"difference-{place:02d}-{slug(row['metric'])}", drawn, label))
    has_interval = rows["ci_low"].notna().any()
    bar = " and its corrected 95 % interval (bar)" if has_interval else ""
    caption = f"Difference on each test fold (points), mean (diamond){bar}; shaded: too small to matter."
    if len(ready) > MOST_DIFFERENCES:
        caption += f" The first {MOST_DIFFERENCES} of {len(ready)} that were declared and are complete."
    return Gallery(tuple(panels), caption)


def _pairs(tables: Tables, row: "pd.Series[Any]") -> pd.DataFrame:
    whole = fold_values(tables.scores, row["metric"])
    sides = [
        whole[whole["experiment"] == row[side]].set_index(["repeat", "fold"])["value"]
        for side in ("baseline", "treatment")
    ]
    pairs: pd.DataFrame = (sides[1] - sides[0]).dropna().sort_index().rename("difference").reset_index()
    repeats = int(pairs["repeat"].max()) + 1
    pairs["label"] = [
        fold_label(repeat, fold, repeats) for repeat, fold in zip(pairs["repeat"], pairs["fold"], strict=True)
    ]
    return pairs


def fold_values(scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the rows of scores.csv of a metric on all test rows, those that exist, in order of folds."""
    chosen = (scores["split"] == "test") & (scores["source"] == ALL) & (scores["metric"] == metric)
    rows: pd.DataFrame = scores[chosen & scores["value"].notna()]
    ordered: pd.DataFrame = rows.sort_values(["repeat", "fold"], kind="stable")
    return ordered


def fold_points(tables: Tables, names: Sequence[str], note: str) -> Gallery:
    """Draw fold scores with both intervals, for the metrics compared."""
    from orchestrator.report.drawing.fold_scores import draw_fold_scores

    panels = []
    has_interval = has_bootstrap = False
    for metric in (list(dict.fromkeys(tables.comparisons["metric"])) or list(WITHOUT_COMPARISON))[
        :MOST_SCORES
    ]:
        summary = whole_rows(tables.summary, metric)
        summary = summary[summary["experiment"].isin(names)]
        if summary.empty:
            continue
        has_interval |= bool(summary["ci_low"].notna().any())
        has_bootstrap |= bool(summary["boot_low"].notna().any())
        name = metric_name(metric)
        scores = fold_values(tables.scores, metric)
        drawn = draw_fold_scores(scores[scores["experiment"].isin(names)], summary, metric=name)
        means = "; ".join(
            f"{experiment} {number(mean)}"
            for experiment, mean in zip(summary["experiment"], summary["mean"], strict=True)
        )
        label = f"{capital(name)} of each test fold. Means: {means}."
        panels.append(Panel.of(f"scores-{slug(metric)}", drawn, label))
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
    caption = (
        f"{_leader(tables)}Points: a test fold each; diamond: their mean{what}. No mean is shown where "
        "folds are missing. "
    )
    return Gallery(tuple(panels), (caption + note).strip())


def _leader(tables: Tables) -> str:
    """Say which experiment leads and by how much its rivals differ."""
    metric = headline(tables)
    rows = whole_rows(tables.summary, metric).dropna(subset=["mean"])
    if len(rows) < 2:
        return ""
    best = leaders(rows, "mean", ascending=metric in LOWER_IS_BETTER)
    last = leaders(rows, "mean", ascending=metric not in LOWER_IS_BETTER)
    means = dict(zip(rows["experiment"], rows["mean"], strict=True))
    if len(best) == len(rows):
        return f"By {metric_name(metric)}, all {len(rows)} have a mean of {number(means[best[0]])}. "
    said = f"By {metric_name(metric)}, {named(best)} the best mean ({number(means[best[0]])})"
    return f"{said}, {last[0]} the last ({number(means[last[0]])}). " if len(last) == 1 else f"{said}. "


def heat(tables: Tables, names: Sequence[str], note: str) -> Gallery:
    """Draw the AUC of each experiment against each source; nothing with fewer than two that have one."""
    rows = tables.per_source
    if rows.empty:
        return Gallery(())
    aucs = rows[(rows["metric"] == "auc") & (rows["source"] != ALL) & rows["experiment"].isin(names)]
    # Of one source it is the AUC that the scores have already.
    if aucs.loc[aucs["mean"].notna(), "source"].nunique() < 2:
        return Gallery(())
    values = aucs.pivot_table(
        index="experiment", columns="source", values="mean", aggfunc="first", dropna=False
    )
    values = values.reindex([name for name in names if name in values.index])
    hardest = values.mean().sort_values(kind="stable").index
    kept = [source for source in values.columns if source in set(hardest[:MOST_SOURCES])]
    values = values[kept]
    from orchestrator.report.drawing.heat_map import draw_heat_map

    said = [f"{name}: " + ", ".join(f"{source} {number(row[source])}" for source in kept)
            for name, row in values.iterrows()]  # fmt: skip
    panel = Panel.of("sources-auc", draw_heat_map(values), f"AUC by source. {'; '.join(said)}.")
    caption = ""
    means = [number(mean) for mean in values.mean().sort_values()]
    # Means over different experiments would compare the experiments.
    if values.notna().all(axis=None) and means[0] != means[1]:
        among = "Of those shown, on average " if note else "On average "
        caption = f"{among}{hardest[0]} is the hardest source (AUC {means[0]}). "
    caption += (
        "Mean over folds of the AUC of a source’s fakes against all real images; framed: lowest shown in a "
        "row. "
    )
    if len(hardest) > MOST_SOURCES:
        caption += f"The {MOST_SOURCES} hardest of {len(hardest)} sources. "
    return Gallery((panel,), (caption + note).strip())


def held_out(tables: Tables) -> Gallery:
    """Draw what is lost on held-out sources, of many the greatest losses; nothing where none is held out."""
    rows = tables.holdout
    known = rows[rows["delta"].notna()] if len(rows) else rows
    if known.empty:
        return Gallery(())
    from orchestrator.report.drawing.held_out import draw_held_out

    most_lost = known["delta"].sort_values(ascending=False, kind="stable").index
    shown = most_lost[: bounded(len(known), MOST_IN_A_FOREST, FOREST_OF_MANY)]
    rows = known[known.index.isin(shown)]
    worst = known.loc[most_lost[0]]
    said = "; ".join(
        f"{row['experiment']} on {row['source']} {number(row['delta'], sign=True)}"
        for row in rows.to_dict("records")
    )
    panel = Panel.of("holdout", draw_held_out(rows), f"AUC lost on held-out sources: {said}.")
    lost = number(worst["delta"])
    if len(most_lost) > 1 and number(known.loc[most_lost[1], "delta"]) == lost:
        most = ""
    elif worst["delta"] > 0:
        most = f"{worst['experiment']} loses most on {worst['source']}: {lost} AUC. "
    else:
        most = (
            f"No mean is lower on a held-out source; the least gain is {worst['experiment']}’s on "
            f"{worst['source']}: {number(abs(worst['delta']))} AUC. "
        )
    bar = ", with its corrected 95 % interval" if rows["ci_low"].notna().any() else ""
    right = " An interval right of zero: the detector does not carry over unharmed." if bar else ""
    return Gallery(
        (panel,),
        f"{most}In-source minus held-out AUC of the same folds, against the same real images{bar}.{right}"
        + (f" The {len(rows)} greatest losses of {len(known)} are shown." if len(rows) < len(known) else ""),
    )


def ranked(tables: Tables) -> Gallery:
    """Draw mean ranks and every pair, of many only the best; nothing with fewer than six experiments."""
    if tables.ranking.empty:
        return Gallery(())
    from orchestrator.report.drawing.pair_matrix import draw_pair_matrix
    from orchestrator.report.drawing.ranks import draw_ranks

    best = tables.ranking.head(bounded(len(tables.ranking), MOST_PAIRED, PAIRED_OF_MANY))
    names = [str(name) for name in best["experiment"]]
    place = {name: number for number, name in enumerate(names)}
    differences, is_sure = np.full((len(names),) * 2, np.nan), np.zeros((len(names),) * 2, dtype=bool)
    pairs = tables.pairs[tables.pairs["first"].isin(names) & tables.pairs["second"].isin(names)]
    for row in pairs.to_dict("records"):
        first, second = place[row["first"]], place[row["second"]]
        differences[second, first], differences[first, second] = row["mean_diff"], -row["mean_diff"]
        is_sure[second, first] = is_sure[first, second] = row["p_holm"] < 0.05
    top = best.iloc[0]
    ranks = zip(names, best["mean_rank"], strict=True)
    rank_said = f"Mean ranks: {'; '.join(f'{name} {rank:.2f}' for name, rank in ranks)}."
    sure = int(is_sure.sum()) // 2
    panels = [Panel.of("ranks", draw_ranks(best), rank_said)]
    if np.isfinite(differences).any():
        drawn = draw_pair_matrix(differences, is_sure)
        said = f"Differences of all pairs; {sure} of {len(pairs)} are told apart after Holm’s correction."
        panels.append(Panel.of("pairs", drawn, said))
    leader = named(leaders(tables.ranking, "mean_rank", ascending=True))
    more = f" The best {len(best)} of {len(tables.ranking)}." if len(best) < len(tables.ranking) else ""
    return Gallery(
        tuple(panels),
        f"{leader} the best mean rank ({top['mean_rank']:.2f}); {sure} of {len(pairs)} pairs "
        "are told apart by the corrected resampled t-test after Holm’s correction over all pairs (dots). "
        "Blue: the row’s experiment scores higher; orange: lower; numbers are places in the table. Basis: "
        f"{top['basis']}; ranks describe, they prove nothing.{more}",
    )


def cost(points: pd.DataFrame, tables: Tables, names: Sequence[str], note: str) -> Gallery:
    """Draw the score over parameters and over training time; `points` is what `evidence.costs` gave."""
    metric = headline(tables)
    ready = points[points["mean"].notna() & points["experiment"].isin(names)]
    what = {"parameters": "parameters"}
    if is_one_device(ready["device"]):
        what["seconds"] = f"training {ready['unit'].iloc[0]} a trial"
    panels: list[Panel] = []
    for column, called in what.items():
        rows = ready[ready[column].notna() & (ready[column] > 0)]
        if rows.empty:
            continue
        from orchestrator.report.drawing.cost import draw_cost

        drawn = draw_cost(
            rows.assign(cost=rows[column].astype(float)), cost=called, metric=metric_name(metric)
        )
        said = "; ".join(
            f"{row['number']} = {row['experiment']}: {row[column]:,.0f}, {number(row['mean'])}"
            for row in rows.to_dict("records")
        )
        panels.append(
            Panel.of(f"cost-{column}", drawn, f"{capital(metric_name(metric))} over {called}. {said}.")
        )
    if not panels:
        return Gallery(())
    bar = " with its corrected 95 % interval" if ready["ci_low"].notna().any() else ""
    caption = f"Mean over folds{bar}; numbers as in the table. Further left is cheaper. "
    return Gallery(tuple(panels), (_cheapest(points, metric) + caption + note).strip())


def _cheapest(points: pd.DataFrame, metric: str) -> str:
    """Say whether the best of the complete experiments is also the cheapest of them to train."""
    whole = points[points["mean"].notna()]
    if len(whole) and not is_one_device(whole["device"]):
        return "Training times on different devices are not compared. "
    if len(whole) < 2 or whole["seconds"].isna().any():
        return ""
    tied = leaders(whole, "mean", ascending=metric in LOWER_IS_BETTER)
    # Of those with the best mean, the cheapest.
    best = whole[whole["experiment"].isin(tied)].sort_values("seconds", kind="stable").iloc[0]
    cheap = whole.sort_values("seconds", kind="stable").iloc[0]
    if best["seconds"] <= cheap["seconds"] * (1.0 + SAME_COST):
        return (
            f"{best['experiment']} has the best mean, and no complete experiment was cheaper to train by "
            f"more than {100 * SAME_COST:g} %. "
        )
    share, behind = cheap["seconds"] / best["seconds"], abs(best["mean"] - cheap["mean"])
    return (
        f"{best['experiment']} has the best mean; {cheap['experiment']} is the cheapest complete one to "
        f"train, in {100 * share:.3g} % of its time, and {signed(behind)[1:]} behind. "
    )


def slug(text: str) -> str:
    """Make a name for a file of any text."""
    return re.sub(r"[^A-Za-z0-9_]+", "-", str(text))[:60]
