"""Section of what was run: experiments, their settings and where these come from, their trials."""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from orchestrator.analysis.trial_facts import TrialFacts
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.material import Material
from orchestrator.report.section import (
    Block,
    Definitions,
    Details,
    Heading,
    Section,
    Span,
    Table,
    link,
    note,
    prose,
)
from orchestrator.store.records import ExperimentRecord, RecipeRecord
from orchestrator.wording.attention_text import how_to_explain
from orchestrator.wording.numbers import (
    DASH,
    fold_label,
    integer,
    metric_name,
    number,
    seconds,
    value_text,
    when,
)
from orchestrator.wording.settings_text import handed_over_sentences


def runs_section(material: Material) -> Section:
    """Show what was run, and how."""
    study, bounds = material.study, material.bounds
    listed = [each for each in study.experiments if each.name in bounds.listed.names]
    parameters = {each.experiment: each.parameters for each in material.trials if each.parameters is not None}
    differing, shared = settings_grids(listed, parameters)
    said = tuple(
        ((Span(each.name, "verbatim"),), (Span(each.description or "No description.", "verbatim"),))
        for each in listed
    )
    blocks: list[Block | None] = [
        Definitions(said, "experiments"),
        *map(prose, handed_over_sentences(study)),
    ]
    if differing is not None:
        blocks += [
            Heading("Settings in which the experiments differ"),
            Table(differing, style="settings"),
        ]
    title = "Settings" if differing is None else shared.label
    folded = Details((f"{title} ({len(shared.rows)})",), (Table(shared, style="settings"),))
    blocks += [folded, Heading("Trials")]
    for experiment in study.experiments:
        mine = [each for each in material.trials if each.experiment == experiment.name]
        if mine and experiment.name in bounds.lines.names:
            summary = ("Trials of ", Span(experiment.name, "name"), f" ({len(mine)})")
            table = Table(trial_grid(mine, experiment.recipe.cv_repeats), style="trials")
            blocks.append(Details(summary, (table,)))
    every = f"{bounds.lines.note} Every trial, with the hash of its predictions: ".lstrip()
    blocks.append(note(every, link("tables/trials.csv"), "."))
    if material.explained is None:
        command = Span(how_to_explain(study.phase.name), "code")
        blocks.append(note("What the models look at is shown after ", command, "."))
    return Section.of("runs", "What was run", blocks, name="Runs")


def settings_grids(
    experiments: Sequence[ExperimentRecord], parameters: Mapping[str, int]
) -> tuple[Grid | None, Grid]:
    """Typeset the settings in which experiments differ, one row per experiment, and those that all share."""
    described = {each.name: _settings(each.recipe, parameters.get(each.name)) for each in experiments}
    names = list(next(iter(described.values())))
    differing = [name for name in names if len({each[name] for each in described.values()}) > 1]
    first = next(iter(described.values()))
    shared = [[name, first[name]] for name in names if name not in differing]
    rows = [[name, *(each[key] for key in differing)] for name, each in described.items()]
    columns = ["Experiment", *differing]
    differ = grid("Settings in which they differ", columns, rows, len(columns)) if differing else None
    return differ, grid("Settings that all share", ["Setting", "Value"], shared, 2)


def _settings(record: RecipeRecord, parameters: int | None) -> dict[str, str]:
    recipe = record.plain()
    optimizer, scheduler, loss = (_part(recipe.get(name)) for name in ("optimizer", "scheduler", "loss"))
    size = recipe.get("image_size")
    values = {
        "Backbone": recipe.get("backbone"),
        "Preset": recipe.get("cnn_preset") if recipe.get("backbone") == "simple_cnn" else None,
        "Pretrained": recipe.get("pretrained")
        if record.weights is None
        else record.weights.called(record.pretrained),
        "Parameters": None if parameters is None else integer(parameters),
        "Image size": f"{size} × {size} px",
        "Normalisation": recipe.get("normalization"),
        "Augmentation": recipe.get("augment"),
        "Face crop": recipe.get("face_crop"),
        "Share of the data": f"{100 * record.subsample:g} %",
        "Training sources": recipe.get("train_sources") or "all",
        "Test sources": recipe.get("eval_sources") or "all",
        "Epochs at most": recipe.get("epochs"),
        "Patience, epochs": recipe.get("early_stopping_patience"),
        "Batch size": recipe.get("batch_size"),
        "Optimiser": optimizer.get("type"),
        "Learning rate": optimizer.get("lr"),
        "Weight decay": optimizer.get("weight_decay"),
        "Schedule": scheduler.get("type"),
        "Loss": loss.get("type"),
        "Label smoothing": loss.get("label_smoothing"),
        "Class weights": loss.get("class_weights"),
        "Sampler": recipe.get("sampler"),
        "Mixing": recipe.get("mix"),
        "Dropout": recipe.get("dropout"),
        "Selected by": f"validation {_score_name(recipe.get('select_by'))}",
        "Precision": recipe.get("precision"),
        "Memory format": recipe.get("memory_format"),
        "Protocol": recipe.get("protocol"),
        "Folds × repeats": f"{recipe.get('cv_folds')} × {recipe.get('cv_repeats')}",
        "Validation share": recipe.get("val_ratio"),
        "Seed": recipe.get("seed"),
    }
    return {name: value_text(value) for name, value in values.items()}


def _part(value: JsonValue) -> dict[str, JsonValue]:
    return value if isinstance(value, dict) else {}


def _score_name(select_by: object) -> str:
    return value_text(select_by) if isinstance(select_by, dict) else metric_name(str(select_by))


def trial_grid(trials: Sequence[TrialFacts], repeats: int) -> Grid:
    """Typeset the trials of one experiment."""
    heads = ["Fold", "State", "Test AUC", "Best epoch", "Epochs", "Seconds", "Device", "Threads", "Host"]
    rows: list[list[GridCell | str]] = [
        [
            fold_label(each.repeat, each.fold, repeats),
            GridCell(str(each.state), tone=f"badge {each.state}"),
            number(each.auc),
            value_text(each.best_epoch),
            value_text(each.epochs),
            seconds(each.seconds),
            value_text(each.device),
            value_text(each.threads),
            value_text(each.host),
            when(each.started),
            GridCell(each.key, tone="code"),
            GridCell((each.predictions_sha256 or "")[:12] or DASH, tone="code"),
        ]
        for each in trials
    ]
    return grid("Trials", [*heads, "Started", "Key", "Predictions, SHA-256"], rows, 2)
