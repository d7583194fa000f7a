"""Section of the scores: fold scores drawn, every metric typeset, and beside it what shortcuts reach."""

from collections.abc import Mapping, Sequence

from orchestrator.analysis.collect import ALL, AT_A_THRESHOLD, TUNED, Tables, num_expected
from orchestrator.analysis.fold_values import fold_values
from orchestrator.report.drawing.fold_scores import draw_fold_scores
from orchestrator.report.export import slug
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.material import Material
from orchestrator.report.section import Block, Details, Figure, Panel, Section, Table, figure, link, note
from orchestrator.report.shortcuts import beside_scores
from orchestrator.report.summary_cells import SummaryCells
from orchestrator.wording.captions import fold_scores_caption
from orchestrator.wording.caveats import mixed_sentence
from orchestrator.wording.numbers import capital, metric_name, number
from orchestrator.wording.rough import rough_intervals
from orchestrator.wording.verdict import whole_rows
from trainables.evaluation.metrics import ALIASES, COMPARED, GAP, LOWER_IS_BETTER

MOST_DRAWN = 3
WITHOUT_COMPARISON = ("auc", "accuracy", "f1")


def scores_section(material: Material) -> Section:
    """Show every metric of every experiment on the test folds."""
    bounds, tables = material.bounds, material.tables
    every = score_grid(tables, material.summary, bounds.listed.names)
    every = beside_scores(every, material.study, material.summary.means("auc"))
    blocks: list[Block | None] = [
        fold_scores_figure(tables, bounds.lines.names, bounds.lines.note),
        Table(every, "scores", "wide"),
    ]
    if bounds.listed.note:
        blocks.append(note(f"{bounds.listed.note} All of them: ", link("tables/summary.csv"), "."))
    if mixed := mixed_sentence(tables):
        blocks.append(note(mixed))
    blocks.append(_columns(material))
    if (tuned := tuned_grid(tables, material.summary, bounds.listed.names)) is not None:
        said = note(
            "The same at another threshold than 0.5: the one that is best on the fold’s inner validation "
            "images, by the metric that threshold_by names (balanced accuracy unless said otherwise)."
        )
        folded = (Table(tuned, "tuned", "wide"), said)
        blocks.append(Details(("At a threshold chosen on the validation images",), folded))
    return Section.of("scores", "Scores on the test folds", blocks, name="Scores")


def _columns(material: Material) -> Block:
    classes = (
        "An image is called fake from P(fake) = 0.5 on; recall is the share of fakes found."
        if not material.has_several_classes
        else "The predicted class is the one that the model decides for; precision, recall and F1 are macro "
        "averages and the AUC is one against the rest. Brier score: summed over classes, 0 to 2."
    )
    shortcuts = (
        " Beside the AUC: the AUC that two models reach on the same folds without looking at a face, one on "
        "facts of the files, one on trivial pixels (colour, an 8 × 8 thumbnail, a radial spectrum). A "
        "detector that is not clearly above them has not been shown to look at anything else; the shortcut "
        "share is how much of its AUC above chance file facts, and below them trivial pixels, reach alone."
    )
    return note(
        "Mean over folds ± standard deviation (ddof 1); below it the Nadeau–Bengio corrected 95 % t "
        "interval, on the scale of log odds for rates, of a single split the bootstrap’s. "
        f"{rough_intervals(material.tables.experiments)}↓: lower is better. {classes} "
        "EER: where false alarms equal misses. ECE: expected calibration error, bins of equal mass. "
        "Loss gap: validation loss − training loss at the epoch kept."
        f"{shortcuts if material.study.shortcuts else ''}"
    )


def score_grid(tables: Tables, summary: SummaryCells, names: Sequence[str]) -> Grid:
    """Typeset mean, standard deviation and interval of every metric of the experiments `names`."""
    present = {metric for _, metric, source in summary.rows if source == ALL}
    metrics = [metric for metric in COMPARED if metric in present and metric not in ALIASES]
    several = any(each.num_classes > 2 for each in tables.study.experiments)
    heads = {metric: capital(metric_name(metric)) for metric in metrics}
    if several and "macro_f1" in present:
        heads |= {"f1": "Macro F1", "auc": "AUC, one-vs-rest"}
    if GAP in present:
        heads[GAP] = "Loss gap, val − train"
    return _grid("Test scores", tables, summary, names, heads)


def tuned_grid(tables: Tables, summary: SummaryCells, names: Sequence[str]) -> Grid | None:
    """Typeset what a threshold chosen on validation rows gives; None where there is none."""
    present = {metric for _, metric, _ in summary.rows}
    metrics = [f"{metric}{TUNED}" for metric in AT_A_THRESHOLD if f"{metric}{TUNED}" in present]
    if not metrics:
        return None
    heads = {"threshold": "Threshold"}
    heads |= {metric: capital(metric_name(metric.removesuffix(TUNED))) for metric in metrics}
    return _grid("Test scores at a tuned threshold", tables, summary, names, heads)


def _grid(
    title: str, tables: Tables, summary: SummaryCells, names: Sequence[str], heads: Mapping[str, str]
) -> Grid:
    records = {each.name: each for each in tables.study.experiments}
    rows: list[list[GridCell | str]] = []
    for name in names:
        expected = num_expected(records[name])
        rows.append([name, *(summary.cell(name, metric, ALL, expected=expected) for metric in heads)])
    # An arrow where less is more; without one, more is more.
    titles = [f"{said} ↓" if metric in LOWER_IS_BETTER else said for metric, said in heads.items()]
    return grid(title, ["Experiment", *titles], rows)


def fold_scores_figure(tables: Tables, names: Sequence[str], shown: str) -> Figure | None:
    """Draw fold scores with both intervals, for the metrics compared; `shown` says whose."""
    panels = []
    has_interval = has_bootstrap = False
    metrics = list(dict.fromkeys(tables.comparisons["metric"])) or list(WITHOUT_COMPARISON)
    for metric in metrics[:MOST_DRAWN]:
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
        said = f"{capital(name)} of each test fold. Means: {means}."
        panels.append(Panel(f"scores-{slug(metric)}", drawn, said))
    caption = fold_scores_caption(tables, has_interval=has_interval, has_bootstrap=has_bootstrap)
    return figure(panels, (caption + shown).strip())
