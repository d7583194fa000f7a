"""One row per experiment: the settings that vary within a phase, headline scores, sources, costs, comparison.

overview.csv has a column for each setting that differs between the experiments, named as in an experiment
file (with a dot within an object), and `trained_without`, the sources that training left out. Then the mean,
standard deviation and interval of the headline metrics, the AUC of each source, the spread of these over the
sources of fakes, validation minus training loss, parameters and FLOPs per image, and the first comparison
that the phase declares with the experiment as its treatment.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from pydantic import JsonValue

from orchestrator.analysis.experiment_scores import Gathered
from orchestrator.analysis.source_aucs import data_sources, is_trained_on
from orchestrator.analysis.source_spread import SourceSpread, against_all
from orchestrator.analysis.trial_scores import ALL
from orchestrator.store.records import StudyRecord
from trainables.evaluation.metrics import GAP
from trainables.recipe import RecipeKeys

HEADLINE = ("auc", "accuracy", "f1", "eer", GAP)
# What they come to is in `trained_without`, and in the rows that were tested.
BY_SOURCES = ("train_sources", "eval_sources")
NUMBERS = ("mean", "std", "ci_low", "ci_high")


@dataclass(frozen=True, slots=True)
class DeclaredDifference:
    """What the first comparison of a treatment says: it minus its baseline; NaN where it is incomplete."""

    baseline: str
    metric: str
    mean_diff: float
    ci_low: float
    ci_high: float
    p_value: float
    p_holm: float
    verdict: str


@dataclass(frozen=True, slots=True)
class OverviewRow:
    """An experiment beside the others of its phase; None is not known, or not there.

    `settings` are those that vary within the phase, the same keys in every row. `is_baseline`: a comparison
    has it as its baseline.
    """

    experiment: str
    settings: tuple[tuple[str, JsonValue], ...]
    trained_without: tuple[str, ...]
    is_baseline: bool
    parameters: int | None
    flops: int | None
    spread: SourceSpread | None
    difference: DeclaredDifference | None


def overview_rows(
    study: StudyRecord,
    experiments: Mapping[str, Gathered],
    *,
    comparisons: pd.DataFrame,
    spreads: Sequence[SourceSpread],
) -> tuple[OverviewRow, ...]:
    """Return a row for each experiment, in the order of the study.

    Args:
        study: the phase.
        experiments: what its trials said, by name.
        comparisons: comparisons.csv.
        spreads: how far the sources are apart.
    """
    recipes = {name: each.record.recipe for name, each in experiments.items()}
    settings = varying_settings(recipes)
    differences = _differences(comparisons)
    baselines = {comparison.baseline for comparison in study.phase.comparisons}
    by_name = against_all(spreads)
    found = []
    for name, each in experiments.items():
        trials = each.trials.values()
        counts = [trial.parameters for trial in trials if trial.parameters is not None]
        flops = [trial.flops_per_image for trial in trials if trial.flops_per_image is not None]
        sources = [source for side in data_sources(study, each) for source in side]
        found.append(
            OverviewRow(
                name,
                tuple((key, values[name]) for key, values in settings.items()),
                tuple(source for source in sources if not is_trained_on(each, source)),
                name in baselines,
                max(counts, default=None),
                max(flops, default=None),
                by_name.get(name),
                differences.get(name),
            )
        )
    return tuple(found)


def varying_settings(recipes: Mapping[str, RecipeKeys]) -> dict[str, dict[str, JsonValue]]:
    """Return the keys in which recipes differ, sources apart: key -> experiment -> value in plain JSON.

    A key that holds an object everywhere is given by its parts that differ: optimizer.lr.
    """
    plain = {name: recipe.model_dump(mode="json") for name, recipe in recipes.items()}
    found: dict[str, dict[str, JsonValue]] = {}
    for key in RecipeKeys.model_fields:
        values = {name: each[key] for name, each in plain.items()}
        if key in BY_SOURCES or not _differ(list(values.values())):
            continue
        if all(isinstance(value, dict) for value in values.values()):
            for part in dict.fromkeys(part for value in values.values() for part in value):
                parts = {name: value.get(part) for name, value in values.items()}
                if _differ(list(parts.values())):
                    found[f"{key}.{part}"] = parts
        else:
            found[key] = values
    return found


def overview_table(rows: Sequence[OverviewRow], summary: pd.DataFrame) -> pd.DataFrame:
    """Return overview.csv from its rows and summary.csv."""
    scores = {
        (str(row["experiment"]), str(row["metric"]), str(row["source"])): row
        for row in summary.to_dict("records")
        if row["metric"] in HEADLINE
    }
    sources = sorted({source for _, metric, source in scores if metric == "auc" and source != ALL})
    lines = []
    for row in rows:
        line: dict[str, object] = {"experiment": row.experiment}
        line |= {key: _text(value) for key, value in row.settings}
        line["trained_without"] = " + ".join(row.trained_without)
        for metric in HEADLINE:
            known = scores.get((row.experiment, metric, ALL))
            line |= {f"{metric}_{name}": math.nan if known is None else known[name] for name in NUMBERS}
        for source in sources:
            known = scores.get((row.experiment, "auc", source))
            line[f"auc[{source}]"] = math.nan if known is None else known["mean"]
        deviation = None if row.spread is None else row.spread.deviation
        line["source_spread"] = math.nan if deviation is None else deviation.mean
        line["parameters"], line["flops_per_image"] = row.parameters, row.flops
        line |= _compared(row.difference)
        lines.append(line)
    frame = pd.DataFrame(lines)
    counts = [name for name in ("parameters", "flops_per_image") if name in frame]
    return frame.astype(dict.fromkeys(counts, "Int64"))


def _differences(comparisons: pd.DataFrame) -> dict[str, DeclaredDifference]:
    found: dict[str, DeclaredDifference] = {}
    for row in comparisons.to_dict("records"):
        difference = DeclaredDifference(
            str(row["baseline"]),
            str(row["metric"]),
            mean_diff=float(row["mean_diff"]),
            ci_low=float(row["ci_low"]),
            ci_high=float(row["ci_high"]),
            p_value=float(row["p_value"]),
            p_holm=float(row["p_holm"]),
            verdict=str(row["verdict"]),
        )
        found.setdefault(str(row["treatment"]), difference)
    return found


def _compared(difference: DeclaredDifference | None) -> dict[str, object]:
    if difference is None:
        names = ("baseline", "compared_by", "mean_diff", "diff_low", "diff_high", "p_value", "p_holm")
        blank: dict[str, object] = dict.fromkeys(names, math.nan)
        return {**blank, "baseline": "", "compared_by": "", "verdict": ""}
    return {
        "baseline": difference.baseline,
        "compared_by": difference.metric,
        "mean_diff": difference.mean_diff,
        "diff_low": difference.ci_low,
        "diff_high": difference.ci_high,
        "p_value": difference.p_value,
        "p_holm": difference.p_holm,
        "verdict": difference.verdict,
    }


def _differ(values: Sequence[JsonValue]) -> bool:
    return len({json.dumps(value, sort_keys=True) for value in values}) > 1


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)
