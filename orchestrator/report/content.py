"""What a phase's page says: data frames and the study record in, grids of text out.

No file is read and nothing is drawn here. A `Grid` is a table ready to be typeset; the template knows how a
grid looks, this module knows what its cells say.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from orchestrator.collect import ALL, AT_A_THRESHOLD, TUNED, Tables, num_expected
from orchestrator.report.cells import (
    DASH,
    Cell,
    Grid,
    between,
    capital,
    fold_label,
    grid,
    integer,
    number,
    p_value,
    seconds,
    spread,
    value_text,
    when,
)
from orchestrator.report.verdict import METRIC_NAMES, claim, metric_name

MOST_ROWS = 50
STATES = ("failed", "unreadable", "running", "interrupted", "missing")

Record = Mapping[str, Any]


def warnings(tables: Tables) -> tuple[list[str], Grid | None]:
    """Say what is missing: sentences, and a table of the trials that are not finished."""
    failures, lines = tables.failures, []
    asked = sum(len(experiment["trials"]) for experiment in tables.study["experiments"])
    if len(failures):
        counts = failures["state"].value_counts()
        states = ", ".join(f"{counts[state]} {state}" for state in STATES if state in counts)
        lines.append(f"{len(failures)} of {asked} planned trials are not finished: {states}.")
    for experiment in tables.study["experiments"]:
        planned, expected = len(experiment["trials"]), num_expected(experiment)
        if planned < expected:
            lines.append(f"{experiment['name']}: this run asked for {planned} of {expected} folds only.")
    if not lines:
        return [], None
    lines.append("Nothing is averaged over an incomplete set of folds.")
    repeats = max(int(each["recipe"]["cv_repeats"]) for each in tables.study["experiments"])
    rows = [
        [str(row.experiment), fold_label(row.repeat, row.fold, repeats), str(row.state), str(row.reason)]
        for row in failures.head(MOST_ROWS).itertuples()
    ]
    if len(failures) > MOST_ROWS:
        lines.append(f"The first {MOST_ROWS} of them:")
    found = grid("Trials that are not finished", ["Experiment", "Fold", "State", "Reason"], rows, 4)
    return lines, found if rows else None


def questions(tables: Tables) -> list[pd.DataFrame]:
    """Cut the comparisons into the questions that were asked, in their order."""
    asked = tables.comparisons.groupby(["question", "baseline", "treatment"], sort=False)
    return [rows for _, rows in asked]


def comparison(rows: pd.DataFrame, summary: pd.DataFrame) -> Grid:
    """Typeset the metrics of one comparison."""
    columns = ["Finding", "Verdict", "Difference", "95 % interval", "p", "Folds"]
    holm = bool(rows["p_holm"].notna().any())
    cells: list[list[Cell | str]] = []
    for _, row in rows.iterrows():
        cells.append(
            [
                claim(row, summary),
                Cell(str(row["verdict"]), tone=f"badge {row['verdict']}"),
                Cell(number(row["mean_diff"], sign=True), spread(row["std_diff"])),
                between(row["ci_low"], row["ci_high"], sign=True),
                p_value(row["p_value"]),
                str(row["n"]),
                *([p_value(row["p_holm"])] if holm else []),
            ]
        )
    return grid("Comparison", [*columns, *(["p (Holm)"] if holm else [])], cells, 2)


def scores(tables: Tables) -> Grid:
    """Typeset mean, standard deviation and interval of every metric and experiment."""
    whole = tables.summary[tables.summary["source"] == ALL]
    present = set(whole["metric"])
    metrics = [metric for metric in METRIC_NAMES if metric in present]
    return _scores("Test scores", tables, metrics, [capital(metric_name(metric)) for metric in metrics])


def tuned_scores(tables: Tables) -> Grid | None:
    """Typeset what a threshold chosen on validation rows gives; None where there is none."""
    present = set(tables.summary["metric"])
    metrics = [f"{metric}{TUNED}" for metric in AT_A_THRESHOLD if f"{metric}{TUNED}" in present]
    if not metrics:
        return None
    heads = [capital(metric_name(metric.removesuffix(TUNED))) for metric in metrics]
    return _scores("Test scores at a tuned threshold", tables, ["threshold", *metrics], ["Threshold", *heads])


def _scores(title: str, tables: Tables, metrics: Sequence[str], heads: Sequence[str]) -> Grid:
    whole = tables.summary[tables.summary["source"] == ALL]
    rows: list[list[Cell | str]] = []
    for experiment in tables.study["experiments"]:
        mine = whole[whole["experiment"] == experiment["name"]].set_index("metric")
        cells = [_score(mine, metric, num_expected(experiment)) for metric in metrics]
        rows.append([experiment["name"], *cells])
    return grid(title, ["Experiment", *heads], rows)


def sources(tables: Tables) -> Grid | None:
    """Typeset the rates of every source; None with several classes, or before a trial has finished."""
    parts = tables.summary[tables.summary["source"] != ALL]
    if parts.empty:
        return None
    columns = ("detection_rate", "false_alarm_rate", "auc")
    rows: list[list[Cell | str]] = []
    for (name, source), part in parts.groupby(["experiment", "source"], sort=False):
        mine = part.set_index("metric")
        cells = [_score(mine, metric, int(part["n_expected"].iloc[0]), interval=False) for metric in columns]
        rows.append([str(name), str(source), *cells])
    heads = ["Experiment", "Source", "Detection rate", "False alarm rate", "AUC against real"]
    return grid("Rates by source", heads, rows, 2)


def confusions(study: Record, predictions: pd.DataFrame) -> list[tuple[str, Grid]]:
    """Typeset the confusion matrix of each experiment that has test rows, summed over its folds."""
    classes = {data["root"]: data["classes"] for data in study["data"]}
    found = []
    for experiment in study["experiments"]:
        rows = predictions[predictions["experiment"] == experiment["name"]]
        if {"label", "predicted"} <= set(rows) and len(rows):
            matrix = confusion(rows, classes.get(experiment["data"], []))
            found.append((str(experiment["name"]), matrix))
    return found


def confusion(rows: pd.DataFrame, classes: Sequence[str]) -> Grid:
    """Typeset a confusion matrix; `rows` has the columns label and predicted."""
    size = max(len(classes) - 1, int(rows["label"].max()), int(rows["predicted"].max())) + 1
    names = [class_name(classes, index) for index in range(size)]
    every = range(size)
    counts = pd.crosstab(rows["label"], rows["predicted"]).reindex(index=every, columns=every, fill_value=0)
    cells: list[list[Cell | str]] = []
    for name, found in zip(names, counts.to_numpy(dtype=int).tolist(), strict=True):
        total = sum(found)
        line: list[Cell | str] = [name]
        for count in found:
            share = count / total if total else 0.0
            line.append(Cell(integer(count), f"{100 * share:.1f} %", "heat", round(share, 3)))
        cells.append(line)
    return grid("Confusion matrix", ["Actual ↓  predicted →", *names], cells)


def data_facts(data: Record) -> list[tuple[str, str]]:
    """List what is known of a data set."""
    width, height = (list(data[side]) for side in ("width", "height"))
    pixels = f"{width[1]} × {height[1]} px (median)"
    if (width[0], height[0]) != (width[2], height[2]):
        pixels += f", from {width[0]} × {height[0]} to {width[2]} × {height[2]}"
    formats = ", ".join(f"{name} {integer(count)}" for name, count in data["formats"].items())
    kept_out = len(data["excluded"])
    return [
        ("Folder", str(data["root"])),
        ("Layout", str(data["layout"])),
        ("Grouped by", str(data["group_by"])),
        ("Images", f"{integer(data['images'])} in {integer(data['groups'])} groups"),
        ("Classes", ", ".join(f"{index} = {name}" for index, name in enumerate(data["classes"]))),
        ("Size", pixels),
        ("Formats", formats or DASH),
        ("On disk", f"{data['bytes'] / 2**20:,.1f} MiB".replace(",", "\u202f")),
        ("Identical files", f"{integer(data['identical_files'])} are copies of another one"),
        ("Kept out", f"{integer(kept_out)} {'file' if kept_out == 1 else 'files'} kept out"),
        *([("Faces", _faces(data["faces"]))] if data.get("faces") else []),
    ]


def _faces(faces: Record) -> str:
    """Say what the face crops found: how many images show a face, and what was done with the others."""
    without = len(faces["without_face"])
    sources = ", ".join(
        f"{each['source']} {integer(each['with_face'])} of {integer(each['images'])}"
        for each in faces["by_source"]
    )
    return (
        f"{integer(faces['with_face'])} of {integer(faces['images'])} images show one ({sources}); "
        f"{integer(without)} without are cut to their middle; {integer(faces['several'])} show several, "
        f"of which the {' or '.join(faces['rules'])} is taken"
    )


def without_face(data: Record) -> Grid | None:
    """Typeset the images in which no face was found, the first 50 of them."""
    paths = (data.get("faces") or {}).get("without_face", [])
    return (
        grid("Images without a face", ["File"], [[str(path)] for path in paths[:MOST_ROWS]], 1)
        if paths
        else None
    )


def data_counts(data: Record) -> Grid:
    """Typeset how many images each source has, by class and by the data's own split."""
    counts = pd.DataFrame(data["counts"], columns=["source", "label", "split", "count"])
    table = counts.pivot_table(
        index=["source", "label"], columns="split", values="count", aggfunc="sum", fill_value=0
    )
    usual: dict[Any, int] = {"train": 0, "val": 1, "test": 2}
    table = table[sorted(table.columns, key=lambda split: (usual.get(split, 3), str(split)))]
    splits = [str(split) for split in table.columns]
    rows: list[list[Cell | str]] = []
    for (source, label), line in zip(table.index, table.to_numpy(dtype=int).tolist(), strict=True):
        own = [integer(value) for value in line] if splits != [""] else []
        rows.append([str(source), class_name(data["classes"], int(label)), *own, integer(sum(line))])
    heads = [split or "no split" for split in splits] if splits != [""] else []
    return grid("Images by source", ["Source", "Class", *heads, "Images"], rows, 2)


def excluded(data: Record) -> Grid | None:
    """Typeset the files that were kept out, the first 50 of them."""
    rows = [[str(each["path"]), str(each["reason"])] for each in data["excluded"][:MOST_ROWS]]
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


def settings(experiments: Sequence[Record], parameters: Mapping[str, int]) -> Grid:
    """Typeset the main settings, an experiment a column; a row in which they differ is marked."""
    described = [_settings(each["recipe"], parameters.get(each["name"])) for each in experiments]
    rows: list[list[Cell | str]] = []
    for name in described[0] if described else ():
        values = [each[name] for each in described]
        tone = "differs" if len(set(values)) > 1 else ""
        rows.append([Cell(name, tone=tone), *(Cell(value, tone=tone) for value in values)])
    names = [str(each["name"]) for each in experiments]
    return grid("Settings", ["Setting", *names], rows, 1 + len(names))


def _settings(recipe: Record, parameters: int | None) -> dict[str, str]:
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
    """Typeset the trials of one experiment; `runs` has the columns that `page` reads."""
    heads = ["Fold", "State", "Test AUC", "Best epoch", "Epochs", "Seconds", "Device", "Threads", "Host"]
    rows: list[list[Cell | str]] = [
        [
            fold_label(row.repeat, row.fold, repeats),
            Cell(str(row.state), tone=f"badge {row.state}"),
            number(row.auc),
            *(value_text(value) for value in (row.best_epoch, row.epochs)),
            seconds(row.seconds),
            *(value_text(value) for value in (row.device, row.threads, row.host, when(row.started))),
            Cell(str(row.key), tone="code"),
        ]
        for row in runs.itertuples()
    ]
    return grid("Trials", [*heads, "Started", "Key"], rows, 2)


def environment(study: Record, runs: pd.DataFrame) -> Grid:
    """Typeset versions and surroundings of the process that planned, and of the trials: they may be older."""
    planned = _surroundings(study["environment"])
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


def _surroundings(record: Record) -> dict[str, str]:
    commit = str(record.get("git_commit") or "unknown")
    state = {True: "with uncommitted changes", False: "clean", None: DASH}[record.get("git_dirty")]
    return {
        **{str(name): str(version) for name, version in (record.get("versions") or {}).items()},
        "git commit": commit,
        "working tree": state,
        "host": str(record.get("host", DASH)),
        "platform": str(record.get("platform", DASH)),
    }


def class_name(classes: Sequence[str], label: int) -> str:
    """Name a class by its label."""
    return str(classes[label]) if 0 <= label < len(classes) else "unlabelled"


def _score(rows: pd.DataFrame, metric: str, expected: int, *, interval: bool = True) -> Cell:
    if metric not in rows.index:
        return Cell(DASH)
    row: dict[Any, Any] = rows.loc[[metric]].iloc[0].to_dict()
    if math.isnan(row["mean"]):
        return Cell(DASH, f"{row['n']} of {expected} folds", "muted")
    bounds = between(row["ci_low"], row["ci_high"]) if interval else ""
    return Cell(f"{number(row['mean'])} {spread(row['std'])}".strip(), bounds)
