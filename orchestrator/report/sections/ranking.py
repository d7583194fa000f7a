"""Section of the ranking: mean ranks over the folds, and which pairs are told apart."""

from collections.abc import Sequence

import numpy as np

from orchestrator.analysis.collect import Tables
from orchestrator.report.drawing.pair_matrix import draw_pair_matrix
from orchestrator.report.drawing.ranks import draw_ranks
from orchestrator.report.grid import Grid, grid
from orchestrator.report.material import Material
from orchestrator.report.section import Figure, Panel, Section, Table, figure, note
from orchestrator.report.shown import bounded
from orchestrator.wording.captions import ranking_caption
from orchestrator.wording.numbers import capital, metric_name, number

MOST_PAIRED, PAIRED_OF_MANY = 20, 12


def ranking_section(material: Material) -> Section | None:
    """Rank the experiments; None with fewer than six on the same folds."""
    found = ranking_grid(material.tables, material.bounds.listed.names)
    if found is None:
        return None
    said = note(
        "Experiments with the same folds and rows, ranked on each fold, 1 being the best. Two that share a "
        "letter have mean ranks closer than Nemenyi’s critical difference. The folds are of one data set and "
        "share training images: the ranks describe these results, the pairs’ tests decide."
    )
    return Section.of("ranking", "Ranking", [ranking_figure(material.tables), Table(found, "ranking"), said])


def ranking_grid(tables: Tables, names: Sequence[str]) -> Grid | None:
    """Typeset mean ranks, the best first; None with fewer than six experiments on the same folds."""
    rows = [
        [
            str(place),
            str(row["experiment"]),
            f"{row['mean_rank']:.2f}",
            number(row["mean"]),
            str(row["letters"]),
        ]
        for place, row in enumerate(tables.ranking.to_dict("records"), start=1)
        if row["experiment"] in names
    ]
    metric = capital(metric_name(str(tables.ranking["metric"].iloc[0]))) if rows else ""
    heads = ["Place", "Experiment", "Mean rank", metric, "Alike"]
    return grid("Ranking", heads, rows, 2) if rows else None


def ranking_figure(tables: Tables) -> Figure | None:
    """Draw mean ranks and every pair, of many only the best; None with fewer than six experiments."""
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
    ranks = zip(names, best["mean_rank"], strict=True)
    said = f"Mean ranks: {'; '.join(f'{name} {rank:.2f}' for name, rank in ranks)}."
    sure = int(is_sure.sum()) // 2
    panels = [Panel("ranks", draw_ranks(best), said)]
    if np.isfinite(differences).any():
        drawn = draw_pair_matrix(differences, is_sure)
        said = f"Differences of all pairs; {sure} of {len(pairs)} are told apart after Holm’s correction."
        panels.append(Panel("pairs", drawn, said))
    caption = ranking_caption(tables.ranking, shown=len(best), num_sure=sure, num_pairs=len(pairs))
    return figure(panels, caption)
