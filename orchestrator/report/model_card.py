"""Model card of an experiment: Markdown whose head is the metadata that model hubs read (`model-index`).

What the models were made for, on which data and by which protocol, their scores with intervals, over all and
by source, what file facts and trivial pixels reach alone, calibration, limits, and how to use the files
beside it (Mitchell et al. 2019, "Model Cards for Model Reporting"). All numbers are those of the phase's
tables; every text that people wrote is escaped.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from huggingface_hub import EvalResult, ModelCardData

from orchestrator.analysis.collect import Tables
from orchestrator.analysis.joint_models import JointModels, joint_threshold
from orchestrator.checks.shortcuts import CHECKS, auc_text, warnings
from orchestrator.report.export import grid_markdown, markdown
from orchestrator.report.grid import Grid
from orchestrator.report.sections.scores import score_grid, tuned_grid
from orchestrator.report.sections.sources import sources_grid
from orchestrator.report.summary_cells import SummaryCells
from orchestrator.store.decision_file import DecisionRecord
from orchestrator.store.records import DataRecord, ExperimentRecord, StudyRecord
from orchestrator.wording.caveats import caveat_sentences
from orchestrator.wording.numbers import capital, integer, metric_name, number, value_text

# Names that hubs have for metrics; others go by ours.
HUB_METRICS = {"auc": "roc_auc", "f1": "f1", "accuracy": "accuracy", "balanced_accuracy": "balanced_accuracy"}
SETTINGS = (
    "backbone", "pretrained", "image_size", "face_crop", "normalization", "augment", "epochs", "batch_size",
    "subsample", "precision",
)  # fmt: skip
USE = """```python
import json, numpy as np, onnxruntime
use = json.load(open("{name}.json"))  # preprocessing, calibration and threshold, and what they mean
session = onnxruntime.InferenceSession("{name}.onnx")
logits = session.run(["logits"], {{"images": images}})[0]  # images: float32 [B, 3, S, S], preprocessed
scaled = logits / use["calibration"].get("temperature", 1.0)
{probabilities}
```
"""
OF_TWO = "p_fake = 1 / (1 + np.exp(-scaled[:, 0]))"
OF_SEVERAL = """odds = np.exp(scaled - scaled.max(axis=1, keepdims=True))
p = odds / odds.sum(axis=1, keepdims=True)  # [B, C], in the order of use["classes"]"""


def model_card(tables: Tables, models: JointModels, decision: DecisionRecord | None) -> str:
    """Write the card of an experiment of a phase.

    Args:
        tables: of the phase.
        models: the experiment's finished models.
        decision: the phase's, if there is one.
    """
    experiment = models.experiment
    parts = [
        f"---\n{_metadata(tables, experiment)}---\n",
        f"# {markdown(experiment.name)}\n",
        f"{markdown(experiment.description)}\n" if experiment.description else "",
        _purpose(models),
        _training(tables.study, experiment),
        _protocol(tables.study, experiment),
        _scores(tables, experiment),
        _decides(models),
        _limits(tables, experiment, decision),
        _usage(models),
    ]
    return "\n".join(part for part in parts if part)


def write_card(path: Path, text: str) -> None:
    """Write a card."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _metadata(tables: Tables, experiment: ExperimentRecord) -> str:
    named = Path(experiment.data).name or experiment.data
    results = [
        EvalResult(
            task_type="image-classification",
            dataset_type="local",
            dataset_name=named,
            metric_type=HUB_METRICS.get(metric, metric),
            metric_value=round(float(row["mean"]), 6),
            metric_name=f"{capital(metric_name(metric))}, mean of {row['n']} test folds",
        )
        for (name, metric), row in tables.overall.items()
        if name == experiment.name
        and metric in HUB_METRICS
        and row["n"] == row["n_expected"]
        and row["mean"] == row["mean"]
    ]
    data = ModelCardData(
        model_name=experiment.name,
        pipeline_tag="image-classification",
        tags=["deepfake-detection", *experiment.tags],
        eval_results=results or None,
    )
    return f"{data.to_yaml()}\n"


def _purpose(models: JointModels) -> str:
    classes = ", ".join(markdown(name) for name in models.classes)
    return (
        f"{len(models.trials)} of {models.num_expected} models, one per test fold, which score together. "
        f"They tell apart: {classes}.\n\n"
        "Made for research on images like those that they were tested on. A score is evidence and no proof; "
        "it is not fit to accuse a person, and on generators, cameras or compressions that are not named "
        "below nothing is known of it.\n"
    )


def _training(study: StudyRecord, experiment: ExperimentRecord) -> str:
    lines = ["## Training\n"]
    for record in _data(study, experiment):
        sources: dict[str, int] = {}
        for each in record.counts:
            sources[each.source] = sources.get(each.source, 0) + each.count
        counted = "; ".join(f"{markdown(name)} {integer(count)}" for name, count in sorted(sources.items()))
        lines.append(
            f"- data: {markdown(Path(record.root).name)}, {integer(record.images)} images in "
            f"{integer(record.groups)} groups (grouped by {markdown(record.group_by)}): {counted}"
        )
    said = experiment.recipe.plain()
    for name in SETTINGS:
        if name in said:
            value = said[name]
            shown = json.dumps(value, sort_keys=True) if isinstance(value, dict) else value_text(value)
            lines.append(f"- {name}: {markdown(shown)}")
    return "\n".join(lines) + "\n"


def _protocol(study: StudyRecord, experiment: ExperimentRecord) -> str:
    recipe = experiment.recipe
    folds = {
        "cv": f"{recipe.cv_folds} outer folds, stratified, groups whole"
        + (f", {recipe.cv_repeats} times" if recipe.cv_repeats > 1 else ""),
        "official": "the data set's own split",
        "holdout": "one grouped split",
    }[recipe.protocol]
    return (
        "## Protocol\n\n"
        f"{capital(folds)}. Best weights, thresholds and calibration come from an inner validation part of "
        "the training rows alone; test rows were scored once. Intervals: mean over folds with Student's t "
        "and the variance factor of Nadeau and Bengio (2003).\n"
    )


def _scores(tables: Tables, experiment: ExperimentRecord) -> str:
    cells, names = SummaryCells.of(tables), [experiment.name]
    grids = (
        ("Test scores", score_grid(tables, cells, names)),
        ("At a threshold tuned on validation rows", tuned_grid(tables, cells, names)),
        ("By source", sources_grid(tables, cells, names)),
    )
    shown = [f"### {title}\n\n{_turned(each)}" for title, each in grids if each is not None]
    return "\n".join(["## Scores\n", *shown])


def _turned(table: Grid) -> str:
    """A table of one row reads better as a column."""
    if len(table.rows) != 1:
        return grid_markdown(table)
    row = table.rows[0]
    lines = [
        f"| {markdown(head)} | {markdown(f'{cell.text} ({cell.note})' if cell.note else cell.text)} |"
        for head, cell in zip(table.columns[1:], row[1:], strict=True)
    ]
    return "\n".join(["| Metric | Mean ± std (95 % interval) |", "|---|---:|", *lines]) + "\n"


def _decides(models: JointModels) -> str:
    threshold = joint_threshold(models)
    fitted = sum(each.is_calibrated for each in models.trials)
    tuned = (
        f"for {metric_name(threshold.by)}, the mean of {threshold.num_models} models' thresholds on "
        f"{integer(threshold.num_rows)} inner validation rows"
        if threshold.by
        else threshold.reason
    )
    decided = (
        f"Their mean is called fake from {number(threshold.value)} on ({tuned}); a single network has a "
        "threshold of its own, `own_threshold` in the file beside it."
        if len(models.classes) == 2
        else f"{capital(threshold.reason)}."
    )
    return (
        "## Calibration and threshold\n\n"
        f"{fitted} of {len(models.trials)} models are calibrated ({models.method}), each on its own inner "
        f"validation rows. {decided}\n"
    )


def _limits(tables: Tables, experiment: ExperimentRecord, decision: DecisionRecord | None) -> str:
    lines = []
    for record in tables.study.shortcuts:
        if experiment.name in record.experiments:
            lines += [
                f"{capital(said)} alone reach {auc_text(record.scores(check))}."
                for check, said in CHECKS.items()
            ]
    lines += [*warnings(tables.study), *caveat_sentences(tables, decision)]
    failed = tables.failures[tables.failures["experiment"] == experiment.name]
    if len(failed):
        lines.append(f"{len(failed)} of its trials did not finish: no mean over all folds is given.")
    listed = "\n".join(f"- {markdown(line)}" for line in dict.fromkeys(lines))
    return f"## Limits\n\n{listed or '- None was found by the checks of this program.'}\n"


def _usage(models: JointModels) -> str:
    name = f"{models.experiment.name}-{models.trials[0].trial.column}"
    probabilities = OF_TWO if len(models.classes) == 2 else OF_SEVERAL
    return f"## Use\n\n{USE.format(name=name, probabilities=probabilities)}"


def _data(study: StudyRecord, experiment: ExperimentRecord) -> Iterator[DataRecord]:
    return (record for record in study.data if record.root == experiment.data)
