"""A phase's page: results/ in, reports/<phase>/index.html out, with figures/ and tables/ beside it.

The page is one file that needs nothing else: no script, no font, no address. Everything on it comes from the
tables, the study record and the trials' folders; a trial that is missing or damaged is named on the page and
never stops it. The same inputs give the same bytes: there is no date of rendering, and a page that already
carries the hash of its inputs is left alone. Drawing is imported only when something is drawn.
"""

import hashlib
import importlib.metadata
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from orchestrator.collect import ALL, Tables
from orchestrator.identity import SHORT
from orchestrator.report import cells, content, shortcuts
from orchestrator.report.rendering import HERE, environment
from orchestrator.report.verdict import comparison_sentence, metric_name, verdict
from orchestrator.store import Store, read_record, trial_state
from trainables.evaluation.metrics import LOWER_IS_BETTER
from trainables.files import replace_file, write_text
from trainables.trial_files import DONE, ERROR, HISTORY, METRICS, PREDICTIONS, TRIAL

TABLES = ("comparisons", "summary", "scores", "failures", "shortcuts")
WITHOUT_COMPARISON = ("auc", "accuracy", "f1")
TRIAL_COLUMNS = [
    "experiment", "repeat", "fold", "trial", "key", "state", "auc", "best_epoch", "epochs", "seconds",
    "device", "threads", "host", "started", "parameters", "environment",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Panel:
    """A figure on the page: the name of its file, the SVG, and what it shows in words."""

    name: str
    svg: str
    label: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the trials left: a row a planned trial, and of finished ones a row an epoch and a test image."""

    runs: pd.DataFrame
    history: pd.DataFrame
    predictions: pd.DataFrame


@dataclass(slots=True)
class Drawn:
    """Every figure of the page by its place on it."""

    comparisons: list[list[Panel]] = field(default_factory=list)
    scores: list[Panel] = field(default_factory=list)
    learning: dict[str, list[Panel]] = field(default_factory=dict)
    roc: list[Panel] = field(default_factory=list)

    def panels(self) -> Iterator[Panel]:
        """Yield all of them."""
        for group in [*self.comparisons, self.scores, *self.learning.values(), self.roc]:
            yield from group


def write_report(store: Store, tables: Tables) -> Path:
    """Write the page of a phase, unless it is there and its inputs are the same; return its path."""
    folder = store.report(str(tables.study["phase"]["name"]))
    page = folder / "index.html"
    inputs = _inputs(store, tables)
    if _is_current(page, inputs):
        return page
    evidence = _evidence(store, tables)
    drawn = _draw(tables, evidence)
    matrices = content.confusions(tables.study, evidence.predictions)
    files = {f"figures/{panel.name}.svg": panel.svg for panel in drawn.panels()}
    files |= {f"tables/{name}.csv": _csv(getattr(tables, name)) for name in TABLES}
    _clear(folder, files)
    for name, text in files.items():
        write_text(folder / name, text)
    html = _render(store, tables, evidence, drawn, matrices, inputs, sorted(files))
    # Last, because it carries the hash that says that everything is there.
    with replace_file(page) as partial:
        partial.write_text(html, encoding="utf-8", newline="\n")
    return page


def _inputs(store: Store, tables: Tables) -> str:
    """Hash everything that the page depends on, its own code included."""
    digest = hashlib.sha256()

    def add(part: bytes) -> None:
        digest.update(len(part).to_bytes(8, "big") + part)

    add(json.dumps(tables.study, sort_keys=True).encode())
    for name in TABLES:
        add(_csv(getattr(tables, name)).encode())
    for experiment in tables.study["experiments"]:
        for name in experiment["fold_files"]:
            add(str((store.root / "folds" / name).is_file()).encode())
        for trial in experiment["trials"]:
            folder = store.root / trial["folder"]
            add(trial_state(folder).encode())
            # The predictions are in it by their hash, which done.json holds.
            for name in (TRIAL, HISTORY, METRICS, DONE, ERROR):
                add((folder / name).read_bytes() if (folder / name).is_file() else b"")
    for path in sorted(HERE.iterdir()):
        if path.suffix in (".py", ".j2", ".css"):
            add(path.read_bytes())
    for package in ("matplotlib", "jinja2", "pandas", "scikit-learn"):
        add(importlib.metadata.version(package).encode())
    return digest.hexdigest()


def _is_current(page: Path, inputs: str) -> bool:
    if not page.is_file() or not all((page.parent / name).is_dir() for name in ("figures", "tables")):
        return False
    with page.open(encoding="utf-8", errors="replace") as file:
        return f'<meta name="inputs" content="{inputs}">' in file.read(2000)


def _evidence(store: Store, tables: Tables) -> Evidence:
    states = {row.trial: str(row.state) for row in tables.failures.itertuples()}
    chosen = _whole(tables.scores, "auc")
    auc = dict(zip(chosen["trial"], chosen["value"], strict=True))
    runs, histories, predictions = [], [], []
    for experiment in tables.study["experiments"]:
        for trial in experiment["trials"]:
            folder = store.root / trial["folder"]
            metrics, record = read_record(folder / METRICS) or {}, read_record(folder / TRIAL) or {}
            where = {"experiment": experiment["name"], "repeat": trial["repeat"], "fold": trial["fold"]}
            where |= {"trial": folder.name, "key": trial["key"][:SHORT]}
            state = states.get(folder.name, "done")
            run = record.get("run") or {}
            best = metrics.get("best_epoch")
            runs.append(
                {
                    **where,
                    "state": state,
                    "auc": auc.get(folder.name),
                    **{name: metrics.get(name) for name in TRIAL_COLUMNS[7:10]},
                    **{name: run.get(name) for name in ("device", "host", "started")},
                    **{name: metrics.get(name) for name in ("threads", "parameters")},
                    "environment": run or None,
                }
            )
            if state == "done":
                histories.append(_read(folder / HISTORY).assign(**where, best_epoch=best))
                predictions.append(_test_rows(_read(folder / PREDICTIONS)).assign(**where))
    return Evidence(
        pd.DataFrame(runs, columns=TRIAL_COLUMNS, dtype=object), _stack(histories), _stack(predictions)
    )


def _stack(frames: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=["experiment"])


def _read(path: Path) -> pd.DataFrame:
    """Read a trial's table; an empty one when it is gone or damaged, which the page can live with."""
    try:
        return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except (OSError, ValueError):
        return pd.DataFrame()


def _test_rows(rows: pd.DataFrame) -> pd.DataFrame:
    needed = [name for name in ("label", "score", "predicted") if name in rows]
    return rows.loc[rows["split"] == "test", needed] if "split" in rows else pd.DataFrame()


def _draw(tables: Tables, evidence: Evidence) -> Drawn:
    drawn = Drawn()
    for number, rows in enumerate(content.questions(tables), start=1):
        drawn.comparisons.append(
            [_difference(row, tables, number) for _, row in rows.iterrows() if row["verdict"] != "incomplete"]
        )
    compared = list(dict.fromkeys(tables.comparisons["metric"])) or list(WITHOUT_COMPARISON)
    drawn.scores = [panel for metric in compared for panel in _scores(tables, metric)]
    for number, experiment in enumerate(tables.study["experiments"], start=1):
        name = str(experiment["name"])
        history = evidence.history[evidence.history["experiment"] == name]
        drawn.learning[name] = _learning(experiment, history, number)
        rows = evidence.predictions[evidence.predictions["experiment"] == name]
        if "score" in rows:
            drawn.roc += _roc(name, rows, number)
    return drawn


def _whole(scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    chosen = (scores["split"] == "test") & (scores["source"] == ALL) & (scores["metric"] == metric)
    return scores[chosen & scores["value"].notna()].sort_values(["repeat", "fold"], kind="stable")


def _difference(row: "pd.Series[Any]", tables: Tables, number: int) -> Panel:
    from orchestrator.report import figures

    whole = _whole(tables.scores, row["metric"])
    sides = [
        whole[whole["experiment"] == row[side]].set_index(["repeat", "fold"])["value"]
        for side in ("baseline", "treatment")
    ]
    pairs = (sides[1] - sides[0]).dropna().sort_index().rename("difference").reset_index()
    repeats = int(pairs["repeat"].max()) + 1
    pairs["label"] = [
        cells.fold_label(repeat, fold, repeats)
        for repeat, fold in zip(pairs["repeat"], pairs["fold"], strict=True)
    ]
    svg = figures.differences(
        pairs,
        mean=row["mean_diff"],
        low=row["ci_low"],
        high=row["ci_high"],
        metric=metric_name(row["metric"]),
        lower_is_better=row["metric"] in LOWER_IS_BETTER,
    )
    label = f"Differences by fold. {comparison_sentence(row, tables.summary)}"
    return Panel(f"difference-{number:02d}-{_slug(row['metric'])}", svg, label)


def _scores(tables: Tables, metric: str) -> list[Panel]:
    from orchestrator.report import figures

    summary = tables.summary[(tables.summary["source"] == ALL) & (tables.summary["metric"] == metric)]
    if summary.empty:
        return []
    name = metric_name(metric)
    svg = figures.fold_scores(_whole(tables.scores, metric), summary, metric=name)
    means = "; ".join(
        f"{experiment} {cells.number(mean)}"
        for experiment, mean in zip(summary["experiment"], summary["mean"], strict=True)
    )
    return [Panel(f"scores-{_slug(metric)}", svg, f"{name} of each test fold. Means: {means}.")]


def _learning(experiment: Mapping[str, Any], history: pd.DataFrame, number: int) -> list[Panel]:
    from orchestrator.report import figures

    if history.empty or not {"epoch", "train_loss", "val_loss"} <= set(history):
        return []
    name = str(experiment["name"])
    stem = f"{number:02d}-{_slug(name)}"
    label = f"Training and validation loss by epoch of {name}."
    panels = [Panel(f"loss-{stem}", figures.losses(history, name=name), label)]
    metric = str(experiment["recipe"].get("select_by"))
    column = f"val_{metric}"
    # Selected by log loss, the score is the loss, which is drawn already.
    if metric in LOWER_IS_BETTER or column not in history:
        metric, column = "auc", "val_auc"
    if column in history and history[column].notna().any():
        said = metric_name(metric)
        svg = figures.validation_scores(history, column, metric=said, name=name)
        panels.append(Panel(f"validation-{stem}", svg, f"Validation {said} by epoch of {name}."))
    return panels


def _roc(name: str, rows: pd.DataFrame, number: int) -> list[Panel]:
    from sklearn.metrics import roc_curve

    from orchestrator.report import figures

    curves = []
    for trial, part in rows.groupby("trial", sort=False):
        labels, scores = part["label"].to_numpy(dtype=int), part["score"].to_numpy(dtype=float)
        if 0 < labels.sum() < len(labels) and np.isfinite(scores).all():
            false_alarms, found, _ = roc_curve(labels, scores)
            curves.append(pd.DataFrame({"trial": trial, "fpr": false_alarms, "tpr": found}))
    if not curves:
        return []
    svg = figures.roc(pd.concat(curves, ignore_index=True), name=name)
    label = f"ROC curves of {name}, {len(curves)} test folds and their mean."
    return [Panel(f"roc-{number:02d}-{_slug(name)}", svg, label)]


def _render(
    store: Store,
    tables: Tables,
    evidence: Evidence,
    drawn: Drawn,
    matrices: list[tuple[str, cells.Grid]],
    inputs: str,
    files: list[str],
) -> str:
    from markupsafe import Markup

    study, runs = tables.study, evidence.runs
    of = {name: runs[runs["experiment"] == name] for name in dict.fromkeys(runs["experiment"])}
    warning_lines, warning_grid = content.warnings(tables)
    questions = [
        (rows.iloc[0], content.comparison(rows, tables.summary), panels)
        for rows, panels in zip(content.questions(tables), drawn.comparisons, strict=True)
    ]
    known = runs.dropna(subset=["parameters"])
    parameters = dict(zip(known["experiment"], known["parameters"], strict=True))
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            css=Markup((HERE / "style.css").read_text(encoding="utf-8")),
            inputs=inputs,
            study=study,
            phase=study["phase"],
            verdict=verdict(tables),
            num_trials=len(runs),
            num_done=int((runs["state"] == "done").sum()),
            warning_lines=warning_lines,
            warning_grid=warning_grid,
            questions=questions,
            uncorrected=tables.comparisons["p_value"].count() > 1
            and not tables.comparisons["p_holm"].count(),
            scores=shortcuts.beside(content.scores(tables), study),
            shortcuts=shortcuts.said(study),
            tuned=content.tuned_scores(tables),
            sources=content.sources(tables),
            several_classes=any(int(experiment["num_classes"]) > 2 for experiment in study["experiments"]),
            drawn=drawn,
            matrices=matrices,
            data=[
                (
                    content.data_facts(each),
                    content.data_counts(each),
                    content.excluded(each),
                    content.without_face(each),
                    each,
                )
                for each in study["data"]
            ],
            folds=_folds(store, study),
            settings=content.settings(study["experiments"], parameters),
            trials=[
                (experiment, content.trials(of[experiment["name"]], int(experiment["recipe"]["cv_repeats"])))
                for experiment in study["experiments"]
                if experiment["name"] in of
            ],
            environment=content.environment(study, runs),
            files=files,
        )
    )


def _folds(store: Store, study: Mapping[str, Any]) -> list[tuple[str, str, cells.Grid | None]]:
    """Describe each fold file: name, who uses it, sizes (None when the file is not there)."""
    users: dict[str, list[str]] = {}
    classes = {data["root"]: data["classes"] for data in study["data"]}
    names: dict[str, list[str]] = {}
    for experiment in study["experiments"]:
        for repeat, file in enumerate(experiment["fold_files"]):
            several = len(experiment["fold_files"]) > 1
            users.setdefault(file, []).append(experiment["name"] + (f" (repeat {repeat})" if several else ""))
            names[file] = classes.get(experiment["data"], [])
    found = []
    for file, used_by in users.items():
        rows = _read(store.root / "folds" / file)
        usable = {"label", "fold"} <= set(rows) and len(rows)
        sizes = content.fold_sizes(rows, names[file]) if usable else None
        found.append((file, ", ".join(used_by), sizes))
    return found


def _csv(table: pd.DataFrame) -> str:
    return str(table.to_csv(index=False, lineterminator="\n"))


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "-", str(text))[:60]


def _clear(folder: Path, files: Mapping[str, str]) -> None:
    """Remove what an earlier page wrote and this one doesn't: a figure of a dropped experiment misleads."""
    for old in [*folder.glob("figures/*.svg"), *folder.glob("tables/*.csv")]:
        if old.relative_to(folder).as_posix() not in files:
            old.unlink()
    for name in ("figures", "tables"):
        (folder / name).mkdir(parents=True, exist_ok=True)
