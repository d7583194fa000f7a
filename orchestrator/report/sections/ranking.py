"""Section of the ranking: scores, the ranks that tests leave open, and balance over sources."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from orchestrator.analysis.collect import Tables
from orchestrator.report.drawing.pair_matrix import draw_pair_matrix
from orchestrator.report.drawing.ranks import draw_ranks
from orchestrator.report.drawing.standing import draw_standing
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.material import Material
from orchestrator.report.section import Figure, Panel, Section, Table, figure, note, prose
from orchestrator.report.shown import bounded
from orchestrator.wording.captions import ranking_caption
from orchestrator.wording.numbers import DASH, between, capital, metric_name, number, p_value
from orchestrator.wording.ranking_text import balance_sentences, ranking_sentences

MOST_PAIRED, PAIRED_OF_MANY = 20, 12
# Of fewer experiments mean ranks over a few folds say nothing that the differences don't.
MIN_MEAN_RANKS = 6


def ranking_section(material: Material) -> Section | None:
    """Rank the experiments, or say why they can't be; None of fewer than three."""
    tables = material.tables
    said = [prose(sentence) for sentence in ranking_sentences(tables)]
    if not said:
        return None
    found = ranking_grid(tables, material.bounds.listed.names)
    if found is None:
        return Section.of("ranking", "Ranking", said)
    said += [prose(sentence) for sentence in balance_sentences(tables)]
    return Section.of(
        "ranking", "Ranking", [*said, ranking_figure(tables), Table(found, "ranking"), note(*_note(tables))]
    )


def _note(tables: Tables) -> tuple[str, ...]:
    balance = (
        "Worst source: mean over folds of the lowest AUC of a source’s fakes against all real images, which "
        "is low in part by chance; spread: that of the standard deviation over sources. "
    )
    return (
        "Experiments with the same folds and rows, the best mean first. Differences to it are paired by "
        "fold; p is Holm-corrected over all pairs, since the best was picked after its score was seen. "
        "Ranks: from one and how many are shown to be better, to the number of experiments less how many "
        "are shown to be worse; all these ranges hold at once with 95 %. "
        f"{balance if len(tables.balance) else ''}"
        "Mean rank is over folds, and two that share a letter have mean ranks closer than Nemenyi’s critical "
        "difference; the folds are of one data set and share training images, so that mean ranks describe "
        "and the pairs’ tests decide.",
    )


def ranking_grid(tables: Tables, names: Sequence[str]) -> Grid | None:
    """Typeset the ranking, the best first; None with fewer than three experiments on the same folds."""
    if tables.ranking.empty:
        return None
    balance = {row["experiment"]: row for row in tables.balance.to_dict("records")}
    rows = [_row(row, balance) for row in tables.ranking.to_dict("records") if row["experiment"] in names]
    metric = capital(metric_name(str(tables.ranking["metric"].iloc[0])))
    heads = ["Place", "Experiment", metric, "Ranks", "To the best", "p"]
    heads += ["Worst source", "Spread"] if balance else []
    return grid("Ranking", [*heads, "Mean rank", "Alike"], rows, 2)


def _row(row: Mapping[Any, Any], balance: Mapping[Any, Mapping[Any, Any]]) -> list[GridCell | str]:
    low, high = row["rank_low"], row["rank_high"]
    ranks = str(low) if low == high else f"{low} to {high}"
    is_best = row["p_value"] != row["p_value"] and row["to_best"] == 0.0
    cells: list[GridCell | str] = [
        str(row["rank"]),
        str(row["experiment"]),
        _with_bounds(row["mean"], row["ci_low"], row["ci_high"]),
        GridCell(ranks, "may be the best" if row["may_be_best"] else ""),
        DASH if is_best else _with_bounds(row["to_best"], row["to_best_low"], row["to_best_high"], sign=True),
        DASH if row["p_holm"] != row["p_holm"] else p_value(row["p_holm"]),
    ]
    if balance:
        mine = balance.get(row["experiment"])
        cells += [DASH, DASH] if mine is None else _balance_cells(mine)
    return [*cells, f"{row['mean_rank']:.2f}", str(row["letters"])]


def _balance_cells(row: Mapping[Any, Any]) -> list[GridCell | str]:
    if row["worst"] != row["worst"]:
        return [GridCell(DASH, str(row["reason"]), "muted"), DASH]
    worst = _with_bounds(row["worst"], row["worst_low"], row["worst_high"])
    spread = _with_bounds(row["spread"], row["spread_low"], row["spread_high"])
    return [GridCell(worst.text, f"{worst.note}, mostly {row['worst_source']}".removeprefix(", ")), spread]


def _with_bounds(value: float, low: float, high: float, *, sign: bool = False) -> GridCell:
    bounds = between(low, high, sign=sign)
    return GridCell(number(value, sign=sign), "" if bounds == DASH else bounds)


def ranking_figure(tables: Tables) -> Figure | None:
    """Draw differences to the best, and every pair, of many only the best; None without a ranking."""
    if tables.ranking.empty:
        return None
    best = tables.ranking.head(bounded(len(tables.ranking), MOST_PAIRED, PAIRED_OF_MANY))
    names = [str(name) for name in best["experiment"]]
    place = {name: number for number, name in enumerate(names)}
    differences, is_sure = np.full((len(names),) * 2, np.nan), np.zeros((len(names),) * 2, dtype=bool)
    pairs = tables.pairs[tables.pairs["first"].isin(names) & tables.pairs["second"].isin(names)]
    for row in pairs.to_dict("records"):
        first, second = place[row["first"]], place[row["second"]]
        differences[second, first], differences[first, second] = row["mean_diff"], -row["mean_diff"]
        is_sure[second, first] = is_sure[first, second] = row["p_holm"] < 0.05
    metric = metric_name(str(best["metric"].iloc[0]))
    gaps = "; ".join(
        f"{row['experiment']} {number(row['to_best'], sign=True)}, "
        f"rank {row['rank_low']} to {row['rank_high']}"
        for row in best.to_dict("records")
    )
    columns = ["experiment", "to_best", "to_best_low", "to_best_high", "rank_low", "rank_high", "may_be_best"]
    panels = [
        Panel("standing", draw_standing(best[columns], metric=metric), f"Difference to the best: {gaps}.")
    ]
    if len(tables.ranking) >= MIN_MEAN_RANKS:
        by_rank = best.sort_values(["mean_rank", "experiment"], kind="stable")
        ranks = zip(by_rank["experiment"], by_rank["mean_rank"], strict=True)
        said = f"Mean ranks: {'; '.join(f'{name} {rank:.2f}' for name, rank in ranks)}."
        panels.append(Panel("ranks", draw_ranks(by_rank), said))
    sure = int(is_sure.sum()) // 2
    if np.isfinite(differences).any():
        said = f"Differences of all pairs; {sure} of {len(pairs)} are told apart after Holm’s correction."
        panels.append(Panel("pairs", draw_pair_matrix(differences, is_sure), said))
    caption = ranking_caption(tables.ranking, shown=len(best), num_sure=sure, num_pairs=len(pairs))
    return figure(panels, caption)
