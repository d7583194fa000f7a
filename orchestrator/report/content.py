"""What a phase's page says of its data, settings, trials and costs: records in, grids of text out.

No file is read and nothing is drawn here. A `Grid` is a table ready to be typeset; the template knows how a
grid looks, this module knows what its cells say.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from orchestrator.config.earlier_decisions import sentence
from orchestrator.report.cells import Cell, Grid, grid
from orchestrator.store.records import (
    DataRecord,
    Environment,
    ExperimentRecord,
    FacesRecord,
    StudyRecord,
)
from orchestrator.wording.numbers import (
    DASH,
    capital,
    class_name,
    fold_label,
    integer,
    metric_name,
    number,
    seconds,
    value_text,
    when,
)

MOST_ROWS = 50
DISPLAYED = "temperature"
ERRORS = ("ece_before", "ece_after", "brier_before", "brier_after")

Record = Mapping[str, Any]


def data_facts(data: DataRecord) -> list[tuple[str, str]]:
    """List what is known of a data set."""
    width, height = data.width, data.height
    pixels = f"{width[1]} × {height[1]} px (median)"
    if (width[0], height[0]) != (width[2], height[2]):
        pixels += f", from {width[0]} × {height[0]} to {width[2]} × {height[2]}"
    formats = ", ".join(f"{name} {integer(count)}" for name, count in data.formats.items())
    kept_out, copies = len(data.excluded), data.identical_files
    return [
        ("Folder", data.root),
        ("Layout", data.layout),
        ("Grouped by", data.group_by),
        ("Images", f"{integer(data.images)} in {integer(data.groups)} groups"),
        ("Classes", ", ".join(f"{index} = {name}" for index, name in enumerate(data.classes))),
        ("Size", pixels),
        ("Formats", formats or DASH),
        ("On disk", f"{data.bytes / 2**20:,.1f} MiB".replace(",", "\u202f")),
        (
            "Identical files",
            f"{integer(copies)} {'is a copy' if copies == 1 else 'are copies'} of another one",
        ),
        ("Kept out", f"{integer(kept_out)} {'file' if kept_out == 1 else 'files'} kept out"),
        *([("Faces", _faces(data.faces))] if data.faces is not None else []),
    ]


def _faces(faces: FacesRecord) -> str:
    """Say what the face crops found: how many images show a face, and what was done with the others."""
    without = len(faces.without_face)
    sources = ", ".join(
        f"{each.source} {integer(each.with_face)} of {integer(each.images)}" for each in faces.by_source
    )
    return (
        f"{integer(faces.with_face)} of {integer(faces.images)} images show one ({sources}); "
        f"{integer(without)} without are cut to their middle; {integer(faces.several)} show several, "
        f"of which the {' or '.join(faces.rules)} is taken"
    )


def without_face(data: DataRecord) -> Grid | None:
    """Typeset the images in which no face was found, the first 50 of them."""
    paths = data.faces.without_face if data.faces is not None else ()
    return (
        grid("Images without a face", ["File"], [[str(path)] for path in paths[:MOST_ROWS]], 1)
        if paths
        else None
    )


def data_counts(data: DataRecord) -> Grid:
    """Typeset how many images each source has, by class and by the data's own split."""
    counts = pd.DataFrame(map(dict, data.counts), columns=["source", "label", "split", "count"])
    table = counts.pivot_table(
        index=["source", "label"], columns="split", values="count", aggfunc="sum", fill_value=0
    )
    usual: dict[Any, int] = {"train": 0, "val": 1, "test": 2}
    table = table[sorted(table.columns, key=lambda split: (usual.get(split, 3), str(split)))]
    splits = [str(split) for split in table.columns]
    rows: list[list[Cell | str]] = []
    for (source, label), line in zip(table.index, table.to_numpy(dtype=int).tolist(), strict=True):
        own = [integer(value) for value in line] if splits != [""] else []
        rows.append([str(source), class_name(data.classes, int(label)), *own, integer(sum(line))])
    heads = [split or "no split" for split in splits] if splits != [""] else []
    return grid("Images by source", ["Source", "Class", *heads, "Images"], rows, 2)


def excluded(data: DataRecord) -> Grid | None:
    """Typeset the files that were kept out, the first 50 of them."""
    rows = [[each.path, each.reason] for each in data.excluded[:MOST_ROWS]]
    return grid("Files kept out", ["File", "Reason"], rows, 2) if rows else None


def fold_sizes(counts: pd.DataFrame, classes: Sequence[str]) -> Grid:
    """Typeset the size of each outer test fold; `counts` has the columns label and fold, a row an image."""
    table = pd.crosstab(counts["fold"], counts["label"])
    rows = [
        [f"fold {fold}", *(integer(value) for value in line), integer(sum(line))]
        for fold, line in zip(table.index, table.to_numpy(dtype=int).tolist(), strict=True)
    ]
    names = [class_name(classes, int(label)) for label in table.columns]
    return grid("Images of each test fold", ["Test fold", *names, "Images"], rows)


def taken_over(study: StudyRecord) -> list[str]:
    """Say which settings come from decisions of earlier phases, a sentence a phase."""
    recipes = study.recipes()
    return [sentence(each, recipes) + "." for each in study.handed_over]


def notes(study: StudyRecord) -> list[str]:
    """Say what a reader has to know beforehand: what was assumed, left out, or decided on other data."""
    recipes = study.recipes()
    assumed = [sentence(each, recipes) for each in study.handed_over if each.is_assumed]
    crops = [note for data in study.data for note in _crops_that_cut_nothing(data)]
    return [f"{note}." for note in (*assumed, *study.notes, *crops)]


def _crops_that_cut_nothing(data: DataRecord) -> Iterator[str]:
    """Say of each margin under which most faces fill their image: what a crop gains can't be seen there."""
    faces = data.faces
    if faces is None:
        return
    for each in faces.unchanged:
        if each.images > faces.with_face / 2:
            yield (
                f"With face_crop_margin {each.margin:g}, {integer(each.images)} of the "
                f"{integer(faces.with_face)} face crops of {data.root} are the picture that there is "
                "without a crop, so what a crop gains can't be seen there; a smaller margin cuts closer"
            )


def settings(
    experiments: Sequence[ExperimentRecord], parameters: Mapping[str, int]
) -> tuple[Grid | None, Grid]:
    """Typeset the settings in which experiments differ, an experiment a row, and those that all share."""
    described = {each.name: _settings(each.recipe.plain(), parameters.get(each.name)) for each in experiments}
    names = list(next(iter(described.values())))
    differing = [name for name in names if len({each[name] for each in described.values()}) > 1]
    first = next(iter(described.values()))
    shared = [[name, first[name]] for name in names if name not in differing]
    rows = [[name, *(each[key] for key in differing)] for name, each in described.items()]
    columns = ["Experiment", *differing]
    differ = grid("Settings in which they differ", columns, rows, len(columns)) if differing else None
    return differ, grid("Settings that all share", ["Setting", "Value"], shared, 2)


def _settings(recipe: Mapping[str, Any], parameters: int | None) -> dict[str, str]:
    optimizer, scheduler, loss = (recipe.get(name) or {} for name in ("optimizer", "scheduler", "loss"))
    size = recipe.get("image_size")
    values = {
        "Backbone": recipe.get("backbone"),
        "Preset": recipe.get("cnn_preset") if recipe.get("backbone") == "simple_cnn" else None,
        "Pretrained": recipe.get("pretrained"),
        "Parameters": None if parameters is None else integer(parameters),
        "Image size": f"{size} × {size} px",
        "Normalisation": recipe.get("normalization"),
        "Augmentation": recipe.get("augment"),
        "Face crop": recipe.get("face_crop"),
        "Share of the data": f"{100 * recipe.get('subsample', 1.0):g} %",
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


def _score_name(select_by: object) -> str:
    return value_text(select_by) if isinstance(select_by, dict) else metric_name(str(select_by))


def trials(runs: pd.DataFrame, repeats: int) -> Grid:
    """Typeset the trials of one experiment; `runs` has the columns that `evidence` reads."""
    heads = ["Fold", "State", "Test AUC", "Best epoch", "Epochs", "Seconds", "Device", "Threads", "Host"]
    rows: list[list[Cell | str]] = [
        [
            fold_label(row["repeat"], row["fold"], repeats),
            Cell(str(row["state"]), tone=f"badge {row['state']}"),
            number(row["auc"]),
            *(value_text(row[name]) for name in ("best_epoch", "epochs")),
            seconds(row["seconds"]),
            *(value_text(row[name]) for name in ("device", "threads", "host")),
            when(row["started"]),
            Cell(str(row["key"]), tone="code"),
            Cell(str(row["predictions_sha256"] or "")[:12] or DASH, tone="code"),
        ]
        for row in runs.to_dict("records")
    ]
    return grid("Trials", [*heads, "Started", "Key", "Predictions, SHA-256"], rows, 2)


def environment(study: StudyRecord, runs: pd.DataFrame) -> Grid:
    """Typeset versions and surroundings of the process that planned, and of the trials: they may be older."""
    planned = _surroundings(study.environment)
    ran: dict[str, list[str]] = {}
    for run in runs["environment"]:
        for name, value in _surroundings(run).items() if run else ():
            if value not in ran.setdefault(name, []):
                ran[name].append(value)
    rows: list[list[Cell | str]] = []
    for name, value in planned.items():
        found = ran.get(name, [])
        tone = "differs" if found and found != [value] else ""
        rows.append(
            [Cell(name, tone=tone), Cell(value, tone=tone), Cell(", ".join(found) or DASH, tone=tone)]
        )
    return grid("Environment", ["", "Planned with", "Trials ran with"], rows, 3)


def _surroundings(record: Environment) -> dict[str, str]:
    state = {True: "with uncommitted changes", False: "clean", None: DASH}[record.git_dirty]
    return {
        **record.versions,
        "git commit": record.git_commit or "unknown",
        "working tree": state,
        "host": record.host or DASH,
        "platform": record.platform or DASH,
    }


def costs(points: pd.DataFrame, metric: str) -> Grid:
    """Typeset what each experiment cost beside its score; `points` is what `evidence.costs` gave."""
    rows: list[list[Cell | str]] = []
    for row in points.to_dict("records"):
        known = row["seconds"] == row["seconds"]
        rows.append(
            [
                str(row["number"]),
                str(row["experiment"]),
                integer(int(row["parameters"])) if row["parameters"] == row["parameters"] else DASH,
                Cell(seconds(row["seconds"]), str(row["unit"]) if known else ""),
                _hours(row["hours"]) if known else DASH,
                str(row["device"]) or DASH,
                number(row["mean"]),
            ]
        )
    heads = [
        "#",
        "Experiment",
        "Parameters",
        "Training a trial",
        "Hours in all",
        "Device",
        capital(metric_name(metric)),
    ]
    return grid("Costs", heads, rows, 2)


def _hours(value: float) -> str:
    return "< 0.01" if value < 0.01 else f"{value:,.2f}"


def calibration(rows: pd.DataFrame, expected: Mapping[str, int]) -> Grid | None:
    """Typeset ECE and Brier score before and after each calibration; None where there are no rows.

    Args:
        rows: calibration.csv.
        expected: the experiments to show, and how many folds each should have.
    """
    fits: dict[tuple[str, str], list[Record]] = {}
    # A column in which no row has a number holds None.
    known = rows.astype(dict.fromkeys(ERRORS, float)) if len(rows) else rows
    for row in known.to_dict("records"):
        if row["experiment"] in expected:
            fits.setdefault((row["experiment"], row["method"]), []).append(
                {str(key): row[key] for key in row}
            )
    cells: list[list[Cell | str]] = []
    for (name, method), part in fits.items():
        unfitted = [row for row in part if row["outcome"] == "not fitted"]
        if method != DISPLAYED and len(unfitted) == len(part):
            # Of several classes: these methods are for two.
            continue
        # A mean over some of the folds stands for nothing.
        is_whole = len(part) == expected[name]
        means = [_mean(part, column) if is_whole else DASH for column in ERRORS]
        said = f"{len(part) - len(unfitted)} of {expected[name]} folds"
        reasons = dict.fromkeys(str(row["reason"]) for row in unfitted)
        cells.append([name, method, *means, Cell(said, "; ".join(reasons))])
    heads = [
        "Experiment",
        "Method",
        "ECE before ↓",
        "ECE after ↓",
        "Brier before ↓",
        "Brier after ↓",
        "Fitted in",
    ]
    return grid("Calibration", heads, cells, 2) if cells else None


def _mean(rows: Sequence[Record], column: str) -> str:
    """Average a number that every row has; a dash where one lacks it."""
    values = [float(row[column]) for row in rows]
    return number(math.fsum(values) / len(values)) if all(map(math.isfinite, values)) else DASH


def fold_files(study: StudyRecord) -> dict[str, list[str]]:
    """Return who uses each fold file, and of which repeat where there are several."""
    users: dict[str, list[str]] = {}
    for experiment in study.experiments:
        several = len(experiment.fold_files or ()) > 1
        for repeat, file in enumerate(experiment.fold_files or ()):
            users.setdefault(file, []).append(experiment.name + (f" (repeat {repeat})" if several else ""))
    return users


def commands(study: StudyRecord, runs: pd.DataFrame) -> list[str]:
    """Return the commands that planned this phase and that ran its trials, each once."""
    return list(dict.fromkeys([str(study.command), *map(str, runs["command"].dropna())]))
