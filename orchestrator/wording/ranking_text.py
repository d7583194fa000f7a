"""Sentences on a ranking: who may be the best, who is not told apart, and who is balanced over sources."""

import math
from typing import Any

import pandas as pd

from orchestrator.analysis.collect import Tables
from orchestrator.analysis.comparing import SIGNIFICANT
from orchestrator.analysis.every_pair import declared_names, unseen_sources
from orchestrator.wording.lists import few_named
from orchestrator.wording.numbers import metric_name, number, p_text, signed
from orchestrator.wording.verdict import leaders


def ranking_sentences(tables: Tables) -> list[str]:
    """Say who may be the best of the experiments that are ranked, and which are not ranked.

    Where there are three experiments or more and no ranking, it says why.
    """
    ranking, names = tables.ranking, [each.name for each in tables.study.experiments]
    if ranking.empty:
        return [_why_none(tables)] if len(names) > 2 else []
    said = [_may_be_best(ranking)]
    ranked = set(ranking["experiment"])
    left = [name for name in names if name not in ranked]
    held_out = [name for name in left if _is_held_out(tables, name)]
    if held_out:
        are = "it is" if len(held_out) == 1 else "they are"
        said.append(
            f"Not ranked, since trained without a source that {are} tested on: {few_named(held_out)}."
        )
    if left := [name for name in left if name not in held_out]:
        said.append(
            "Not ranked, since folds are missing or they were not tested on the same rows: "
            f"{few_named(left)}."
        )
    return said


def _is_held_out(tables: Tables, name: str) -> bool:
    """Tell whether an experiment with all its folds was trained without a source, and is asked of nothing."""
    experiment = tables.experiments.get(name)
    if experiment is None or not experiment.is_complete or name in declared_names(tables.study.phase):
        return False
    return bool(unseen_sources(experiment))


def balance_sentences(tables: Tables) -> list[str]:
    """Say whether the experiment with the best mean is also the best on its worst source, by a paired test.

    Nothing where fewer than two comparable experiments have two sources of fakes.
    """
    compared = tables.balance[tables.balance["against"].notna()] if len(tables.balance) else tables.balance
    if compared.empty:
        return []
    rows = {str(row["experiment"]): row for row in tables.balance.to_dict("records")}
    first, metric = str(compared["against"].iloc[0]), metric_name(tables.headline)
    worst = {name: float(rows[name]["worst"]) for name in [first, *compared["experiment"]]}
    known = {name: value for name, value in worst.items() if math.isfinite(value)}
    said = f"{first} has the best mean {metric}"
    if first not in known or len(known) < 2:
        why = rows[first]["reason"] or "no other one has all of them"
        return [f"{said}; who is best on the worst source is not known: {why}."]
    best, mine = leaders(known, lowest=False), rows[first]
    score = f"{number(mine['worst'])}{interval_text(mine['worst_low'], mine['worst_high'])}"
    if first in best:
        others = [name for name in best if name != first]
        also = f"level with {few_named(others)}" if others else "also the best"
        return [
            f"{said}, and on its worst source of each fold it is {also}: AUC {score}; {_worse(compared)}."
        ]
    row = rows[best[0]]
    bounds = interval_text(row["ci_low"], row["ci_high"], sign=True)
    return [
        f"{said}, but on the worst source of each fold {best[0]} scores more: AUC {number(row['worst'])} "
        f"against {score}, difference {signed(row['difference'])}{bounds}: "
        f"{shown_text(row['p_value'], row['p_holm'])}."
    ]


def _worse(compared: pd.DataFrame) -> str:
    """Say of how many experiments it is shown that they are worse on their worst source than the first."""
    is_worse = (compared["p_holm"] < SIGNIFICANT) & (compared["difference"] < 0.0)
    count, others = int(is_worse.sum()), len(compared)
    of = f"of {others} others" if others > 1 else "of 1 other"
    are = "is" if count == 1 else "are"
    return f"{of}, {count} {are} shown to be worse there (paired by fold, Holm-corrected over all pairs)"


def interval_text(low: float, high: float, *, sign: bool = False) -> str:
    """Say a 95 % interval behind its number, in parentheses; nothing where there is none."""
    if math.isnan(low):
        return ""
    bounds = (signed(low), signed(high)) if sign else (number(low), number(high))
    return f" (95 % interval {bounds[0]} to {bounds[1]})"


def shown_text(p: float, p_holm: float) -> str:
    """Say whether a difference is shown, by its p-value and the corrected one."""
    if math.isnan(p):
        return "there is no test of it"
    corrected = "" if p_holm == p or math.isnan(p_holm) else f", Holm-corrected {p_text(p_holm)}"
    verdict = "shown" if p_holm < SIGNIFICANT else "not shown"
    return f"{verdict} ({p_text(p)}{corrected})"


def _may_be_best(ranking: pd.DataFrame) -> str:
    count, metric = len(ranking), metric_name(str(ranking["metric"].iloc[0]))
    first: pd.Series[Any] = ranking.iloc[0]
    if ranking["p_value"].isna().all():
        return (
            f"By mean {metric}, {first['experiment']} is first of {count}; {first['n']} folds give no test, "
            "so that nobody is told apart."
        )
    best = [str(name) for name in ranking.loc[ranking["may_be_best"] == "yes", "experiment"]]
    if first["rank_high"] == 1:
        return (
            f"By {metric}, {first['experiment']} is shown to be better than each of the other {count - 1} "
            "(all pairs, Holm-corrected)."
        )
    if len(best) == count:
        return (
            f"By {metric}, any of the {count} may be the best: of none is it shown that another one is "
            "better (all pairs, Holm-corrected). "
            f"The best mean, that of {first['experiment']}, proves nothing."
        )
    are = "may be the best" if len(best) > 1 else "alone may be the best"
    rest = [str(name) for name in ranking.loc[ranking["may_be_best"] != "yes", "experiment"]]
    return (
        f"By {metric}, {few_named(best)} {are}; of {few_named(rest)} it is shown that another one is better "
        "(all pairs, Holm-corrected)."
    )


def _why_none(tables: Tables) -> str:
    if all(each.recipe.num_folds * each.recipe.cv_repeats < 2 for each in tables.study.experiments):
        return "There is no ranking: a single split has no spread over folds, and gives no test."
    return (
        "There is no ranking: fewer than three experiments have all their folds and were tested on the same "
        "rows."
    )
