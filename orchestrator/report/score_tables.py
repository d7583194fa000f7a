"""The tables of scores: data frames in, grids of text out. No file is read and nothing is drawn here.

A value that does not exist has its reason below the dash.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from orchestrator.analysis.collect import ALL, AT_A_THRESHOLD, TUNED, Tables, num_expected
from orchestrator.report.cells import Cell, Grid, grid
from orchestrator.wording.numbers import (
    DASH,
    between,
    capital,
    class_name,
    fold_label,
    integer,
    metric_name,
    number,
    p_value,
    spread,
)
from trainables.evaluation.metrics import ALIASES, COMPARED, GAP, LOWER_IS_BETTER

# Columns of the table of sources, and of that of classes.
RATES = {
    "detection_rate": "Detection rate",
    "false_alarm_rate": "False alarm rate ↓",
    "auc": "AUC against real",
}
BY_CLASS = {"precision": "Precision", "recall": "Recall", "f1": "F1", "support": "Images a fold"}
# From which loss of AUC on a held-out source a model is said to have learned what belongs to its sources.
FLAGGED, STRONG = 0.05, 0.10

Record = Mapping[str, Any]
Key = tuple[str, str, str]


class Summary:
    """summary.csv looked up by experiment, metric and source, with the reasons for what is not there."""

    def __init__(self, tables: Tables) -> None:
        rows = tables.summary.to_dict("records")
        self.rows: dict[Key, dict[Any, Any]] = {
            (str(row["experiment"]), str(row["metric"]), str(row["source"])): row for row in rows
        }
        self.scored = {key[0] for key in self.rows}
        self.reasons: dict[Key, str] = {}
        repeats = {each.name: int(each.recipe.cv_repeats) for each in tables.study.experiments}
        for row in tables.missing.to_dict("records"):
            where = fold_label(row["repeat"], row["fold"], repeats.get(row["experiment"], 1))
            key = (str(row["experiment"]), str(row["metric"]), str(row["source"]))
            if row["split"] == "test" or row["metric"] == GAP:
                self.reasons.setdefault(key, f"{row['reason']} ({where})")

    def cell(
        self, experiment: str, metric: str, source: str, *, expected: int, interval: bool = True
    ) -> Cell:
        """Write mean, standard deviation and interval of a score, or why it has none."""
        key = (experiment, metric, source)
        row = self.rows.get(key)
        if row is None:
            # No fold has anything, or the metric is not one of this source's.
            is_empty = experiment not in self.scored
            return Cell(DASH, f"0 of {expected} folds" if is_empty else "", "muted" if is_empty else "")
        if math.isnan(row["mean"]):
            reason = self.reasons.get(key)
            why = f"not defined: {reason}" if reason else f"{row['n']} of {expected} folds"
            return Cell(DASH, why, "muted")
        if metric.startswith("support["):
            # A mean of counts: 4.5 images a fold are neither 4 nor 5.
            return Cell(f"{row['mean']:.1f}".removesuffix(".0"), tone="")
        bounds = between(row["ci_low"], row["ci_high"]) if interval else ""
        shown = bounds if bounds != DASH else _bootstrap(row)
        return Cell(f"{number(row['mean'])} {spread(row['std'])}".strip(), shown)

    def means(self, metric: str) -> dict[str, float]:
        """Return the means of a metric over all sources, by experiment; NaN where there is none."""
        return {key[0]: float(row["mean"]) for key, row in self.rows.items() if key[1:] == (metric, ALL)}


def _bootstrap(row: Mapping[str, Any]) -> str:
    """Of a single split, the only interval is the bootstrap's."""
    if math.isnan(row["boot_low"]):
        return ""
    return between(row["boot_low"], row["boot_high"])


def scores(tables: Tables, summary: Summary, names: Sequence[str]) -> Grid:
    """Typeset mean, standard deviation and interval of every metric of the experiments `names`."""
    present = {metric for _, metric, source in summary.rows if source == ALL}
    metrics = [metric for metric in COMPARED if metric in present and metric not in ALIASES]
    several = any(each.num_classes > 2 for each in tables.study.experiments)
    heads = {metric: capital(metric_name(metric)) for metric in metrics}
    if several and "macro_f1" in present:
        heads |= {"f1": "Macro F1", "auc": "AUC, one-vs-rest"}
    if GAP in present:
        heads[GAP] = "Loss gap, val − train"
    return _scores("Test scores", tables, summary, names, heads)


def tuned_scores(tables: Tables, summary: Summary, names: Sequence[str]) -> Grid | None:
    """Typeset what a threshold chosen on validation rows gives; None where there is none."""
    present = {metric for _, metric, _ in summary.rows}
    metrics = [f"{metric}{TUNED}" for metric in AT_A_THRESHOLD if f"{metric}{TUNED}" in present]
    if not metrics:
        return None
    heads = {"threshold": "Threshold"}
    heads |= {metric: capital(metric_name(metric.removesuffix(TUNED))) for metric in metrics}
    return _scores("Test scores at a tuned threshold", tables, summary, names, heads)


def _scores(
    title: str, tables: Tables, summary: Summary, names: Sequence[str], heads: Mapping[str, str]
) -> Grid:
    records = {each.name: each for each in tables.study.experiments}
    rows: list[list[Cell | str]] = []
    for name in names:
        expected = num_expected(records[name])
        rows.append([name, *(summary.cell(name, metric, ALL, expected=expected) for metric in heads)])
    # An arrow where less is more; without one, more is more.
    titles = [f"{said} ↓" if metric in LOWER_IS_BETTER else said for metric, said in heads.items()]
    return grid(title, ["Experiment", *titles], rows)


def by_class(tables: Tables, summary: Summary, names: Sequence[str]) -> Grid | None:
    """Typeset precision, recall, F1 and number of images of each class; None with two classes."""
    rows: list[list[Cell | str]] = []
    classes = {data.root: data.classes for data in tables.study.data}
    for each in tables.study.experiments:
        name, count = each.name, each.num_classes
        if name not in names or (name, "recall[0]", ALL) not in summary.rows:
            continue
        for index in range(count):
            called = class_name(classes.get(each.data, ()), index)
            cells = [
                summary.cell(name, f"{metric}[{index}]", ALL, expected=num_expected(each), interval=False)
                for metric in BY_CLASS
            ]
            rows.append([name, called, *cells])
    heads = ["Experiment", "Class", *BY_CLASS.values()]
    return grid("Scores by class", heads, rows, 2) if rows else None


def sources(tables: Tables, summary: Summary, names: Sequence[str]) -> Grid | None:
    """Typeset the rates of every source; None with several classes, or before a trial has finished."""
    rows: list[list[Cell | str]] = []
    worst = {
        (row["experiment"], row["source"])
        for row in tables.per_source.to_dict("records")
        if row["is_worst"] == "yes"
    }
    found: dict[str, list[str]] = {}
    for experiment, _, source in summary.rows:
        if source != ALL and source not in found.setdefault(experiment, []):
            found[experiment].append(source)
    records = {each.name: each for each in tables.study.experiments}
    for name in names:
        expected = num_expected(records[name])
        for source in sorted(found.get(name, [])):
            cells = [summary.cell(name, metric, source, expected=expected) for metric in RATES]
            mark = Cell(source, "lowest AUC" if (name, source) in worst else "")
            rows.append([name, mark, *cells])
    heads = ["Experiment", "Source", *RATES.values()]
    return grid("Rates by source", heads, rows, 2) if rows else None


def held_out(tables: Tables) -> Grid | None:
    """Typeset what each experiment loses on sources that it was not trained on; None where none is so.

    A loss above FLAGGED says that what was learned belongs to the sources trained on; above STRONG, clearly.
    """
    rows: list[list[Cell | str]] = []
    for row in tables.holdout.to_dict("records"):
        reason = row["reason"] if isinstance(row["reason"], str) else ""
        rows.append(
            [
                str(row["experiment"]),
                str(row["source"]),
                number(row["in_source"]),
                number(row["held_out"]),
                Cell(number(row["delta"], sign=True), reason or spread(_plain(row["std"]))),
                between(_plain(row["ci_low"]), _plain(row["ci_high"]), sign=True),
                p_value(_plain(row["p_value"])),
                _flag(_plain(row["delta"])),
                f"{row['n']} of {row['n_expected']}",
            ]
        )
    heads = [
        "Experiment", "Held-out source", "AUC in-source", "AUC held out", "Delta", "95 % interval", "p",
        "Source-specific", "Folds",
    ]  # fmt: skip
    return grid("Held-out sources", heads, rows, 2) if rows else None


def _flag(delta: float) -> Cell | str:
    if delta > STRONG:
        return Cell("strong", f"above {STRONG:g}", "badge worse")
    return Cell("flagged", f"above {FLAGGED:g}", "badge undecided") if delta > FLAGGED else DASH


def ranking(tables: Tables, names: Sequence[str]) -> Grid | None:
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


def confusions(tables: Tables, names: Sequence[str]) -> list[tuple[str, Grid]]:
    """Typeset the confusion matrix of each of `names` that has test rows, summed over its folds."""
    classes = {data.root: data.classes for data in tables.study.data}
    found = []
    for each in tables.study.experiments:
        if each.name not in names:
            continue
        rows = tables.confusion[tables.confusion["experiment"] == each.name]
        if len(rows):
            found.append((each.name, _confusion(rows, classes.get(each.data, ()))))
    return found


def _confusion(rows: pd.DataFrame, classes: Sequence[str]) -> Grid:
    size = max(len(classes) - 1, int(rows["actual"].max()), int(rows["predicted"].max())) + 1
    names = [class_name(classes, index) for index in range(size)]
    table = np.zeros((size, size), dtype=np.int64)
    places = [rows[side].to_numpy(dtype=np.int64) for side in ("actual", "predicted")]
    np.add.at(table, tuple(places), rows["count"].to_numpy(dtype=np.int64))
    cells: list[list[Cell | str]] = []
    for name, found in zip(names, table.tolist(), strict=True):
        total = sum(found)
        line: list[Cell | str] = [name]
        for count in found:
            share = count / total if total else 0.0
            line.append(Cell(integer(count), f"{100 * share:.1f} %", "heat", round(share, 3)))
        cells.append(line)
    return grid("Confusion matrix", ["Actual ↓  predicted →", *names], cells)


def not_defined(tables: Tables, most: int) -> Grid | None:
    """Typeset scores that do not exist though their trial is finished, the same reason once a trial."""
    repeats = max(int(each.recipe.cv_repeats) for each in tables.study.experiments)
    kept = tables.missing[tables.missing["split"] != "train"]
    rows: list[list[Cell | str]] = []
    keys = ["experiment", "repeat", "fold", "split", "source", "reason"]
    for place, part in kept.groupby(keys, sort=False):
        experiment, repeat, fold, split, source, reason = place
        every = [str(name) for name in dict.fromkeys(part["metric"])]
        tuned = [metric_name(name.removesuffix(TUNED)) for name in every if name.endswith(TUNED)]
        said = [metric_name(name) for name in every if not name.endswith(TUNED)]
        metrics = ", ".join([*said, *([f"at the tuned threshold: {', '.join(tuned)}"] if tuned else [])])
        where = f"{split}, {source}" if source != ALL else str(split)
        rows.append([str(experiment), fold_label(repeat, fold, repeats), where, metrics, str(reason)])
        if len(rows) == most:
            break
    heads = ["Experiment", "Fold", "Rows", "Scores", "Not defined, because"]
    return grid("Scores that do not exist", heads, rows, 5) if rows else None


def _plain(value: Any) -> float:
    return math.nan if value is None else float(value)
