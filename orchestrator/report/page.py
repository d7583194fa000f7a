"""A phase's page: results/ in, reports/<phase>/index.html out, with figures/ and tables/ beside it.

The page is one file that needs nothing else: no script, no font, no address. Everything on it comes from the
tables, the study record, the decision in force and the trials' folders; a trial that is missing or damaged is
named on the page and never stops it. The same inputs give the same bytes: there is no date of rendering, and
a page that already carries the hash of its inputs is left alone. Drawing is imported only when something is
drawn, and what is drawn, listed and read is bounded, whatever the number of experiments.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from orchestrator.analysis.collect import Tables, num_expected
from orchestrator.analysis.csv_text import as_csv
from orchestrator.analysis.garbage import rarely_collected
from orchestrator.decisions.decision import moved_since
from orchestrator.report import answers, charts, content, curves, export, score_tables, shortcuts
from orchestrator.report.cells import Grid
from orchestrator.report.charts import Gallery
from orchestrator.report.drawing.picture import Panel
from orchestrator.report.evidence import (
    SMALL,
    Evidence,
    Files,
    Shown,
    bounded,
    choose_shown,
    costs,
    read_evidence,
    read_files,
)
from orchestrator.report.kept import keeping
from orchestrator.report.rendering import HERE, environment
from orchestrator.store.decision_file import DecisionRecord, in_force
from orchestrator.store.folder import State, Store, trial_state
from orchestrator.store.records import DataRecord, ExperimentRecord, StudyRecord
from orchestrator.wording.verdict import headline, verdict
from trainables import memo
from trainables.files import replace_file

# Of how many experiments there are curves (of more than 6, four), rows in a figure (of more than 12, eight),
# and rows in a table.
MOST_CURVES, CURVES_OF_MANY, MOST_LINES, LINES_OF_MANY, MOST_LISTED = 6, 4, 12, 8, 50
LIBRARIES = ("matplotlib", "jinja2", "pandas", "numpy")
MOST_COMPARED, MOST_UNDEFINED, MOST_COMMANDS = 60, 50, 10


@dataclass(frozen=True, slots=True)
class Bounds:
    """Which experiments have curves, a row in a figure, and a row in a table."""

    curves: Shown
    lines: Shown
    listed: Shown


@dataclass(frozen=True, slots=True)
class Drawn:
    """Every figure of the page by its place on it."""

    forests: Gallery
    differences: Gallery
    scores: Gallery
    heat: Gallery
    held_out: Gallery
    ranked: Gallery
    learning: dict[str, tuple[Panel, ...]]
    roc: Gallery
    precision: Gallery
    reliability: Gallery
    confidence: Gallery
    cost: Gallery

    def panels(self) -> Iterator[Panel]:
        """Yield all of them."""
        for place in fields(self):
            group = getattr(self, place.name)
            if isinstance(group, Gallery):
                yield from group.panels
            else:
                for each in group.values():
                    yield from each


@rarely_collected()
def write_report(store: Store, tables: Tables) -> Path:
    """Write the page of a phase, unless it is there and its inputs are the same; return its path."""
    phase = str(tables.study.phase.name)
    folder = store.report(phase)
    page = folder / "index.html"
    decision = in_force(store, phase)
    trial_files = read_files(store, tables.study)
    inputs = _inputs(store, tables, decision, trial_files)
    if _is_current(page, inputs):
        return page
    bounds = _bounds(tables, decision)
    evidence = read_evidence(store, tables, trial_files, bounds.curves.names)
    points = costs(evidence.runs, tables.summary, headline(tables))
    with keeping(store.cached("figures", phase)):
        drawn = _draw(tables, evidence, bounds, points)
    matrices = score_tables.confusions(tables, bounds.lines.names)
    grids = _grids(tables, bounds, points, matrices)
    files: dict[str, str | bytes] = {f"tables/{name}.csv": text for name, text in tables.texts.items()}
    files["tables/trials.csv"] = as_csv(evidence.runs.drop(columns="environment"))
    shown = {name: each for name, each in grids.items() if each is not None}
    files |= {f"tables/paper/{name}": text for name, text in export.paper_files(shown).items()}
    files |= {f"figures/{name}": data for name, data in export.figure_files(drawn.panels()).items()}
    export.clear(folder, files)
    for name, data in files.items():
        with replace_file(folder / name) as partial:
            partial.write_bytes(data if isinstance(data, bytes) else data.encode())
    html = _render(store, tables, evidence, drawn, grids, matrices, bounds, decision, inputs, sorted(files))
    # Last, because it carries the hash that says that everything is there.
    with replace_file(page) as partial:
        partial.write_text(html, encoding="utf-8", newline="\n")
    return page


def _bounds(tables: Tables, decision: DecisionRecord | None) -> Bounds:
    number = len(tables.study.experiments)
    curves, lines = bounded(number, MOST_CURVES, CURVES_OF_MANY), bounded(number, MOST_LINES, LINES_OF_MANY)
    most = (curves, lines, MOST_LISTED)
    return Bounds(*(choose_shown(tables, decision, number) for number in most))


def _inputs(
    store: Store, tables: Tables, decision: DecisionRecord | None, trial_files: Mapping[str, Files]
) -> str:
    """Hash everything that the page depends on, its own code included."""
    digest = hashlib.sha256()

    def add(part: bytes) -> None:
        digest.update(len(part).to_bytes(8, "big") + part)

    add(json.dumps([tables.study.plain(), decision and decision.plain()], sort_keys=True).encode())
    for text in tables.texts.values():
        add(text.encode())
    for experiment in tables.study.experiments:
        for name in experiment.fold_files or ():
            add(str(store.fold_file(name).is_file()).encode())
        for trial in experiment.trials:
            add(trial_state(store.trial(trial.folder)).encode())
            for name in SMALL:
                add(trial_files[trial.folder].get(name, b""))
    return memo.key(digest.hexdigest(), code=__name__, libraries=LIBRARIES)


def _is_current(page: Path, inputs: str) -> bool:
    if not page.is_file() or not all((page.parent / name).is_dir() for name in ("figures", "tables")):
        return False
    with page.open(encoding="utf-8", errors="replace") as file:
        return f'<meta name="inputs" content="{inputs}">' in file.read(2000)


def _expected(tables: Tables, names: Sequence[str]) -> dict[str, int]:
    return {each.name: num_expected(each) for each in tables.study.experiments if each.name in names}


def _draw(tables: Tables, evidence: Evidence, bounds: Bounds, points: pd.DataFrame) -> Drawn:
    few, some = bounds.curves, bounds.lines
    expected = _expected(tables, few.names)
    order = {each.name: place for place, each in enumerate(tables.study.experiments, start=1)}
    return Drawn(
        forests=charts.forests(tables),
        differences=charts.differences(tables),
        scores=charts.fold_points(tables, some.names, some.note),
        heat=charts.heat(tables, some.names, some.note),
        held_out=charts.held_out(tables),
        ranked=charts.ranked(tables),
        learning=curves.learning(tables, evidence, few.names),
        roc=curves.rocs(tables, evidence, order, expected, note=few.note),
        precision=curves.precisions(evidence, order, expected, note=few.note),
        reliability=curves.reliabilities(tables, order, few.names, some.names, note=few.note),
        confidence=curves.confidences(tables, evidence, order, expected, note=few.note),
        cost=charts.cost(points, tables, some.names, some.note),
    )


def _grids(
    tables: Tables, bounds: Bounds, points: pd.DataFrame, matrices: Sequence[tuple[str, Grid]]
) -> dict[str, Grid | None]:
    """Typeset the tables of scores, by the name of their files; None where there is nothing to show."""
    names = bounds.listed.names
    summary = score_tables.Summary(tables)
    found: dict[str, Grid | None] = {
        "comparisons": answers.comparison_grid(tables, tables.comparisons.head(MOST_COMPARED), "Comparisons")
        if len(tables.comparisons)
        else None,
        "scores": shortcuts.beside(
            score_tables.scores(tables, summary, names), tables.study, summary.means("auc")
        ),
        "tuned": score_tables.tuned_scores(tables, summary, names),
        "classes": score_tables.by_class(tables, summary, bounds.lines.names),
        "sources": score_tables.sources(tables, summary, bounds.lines.names),
        "holdout": score_tables.held_out(tables),
        "ranking": score_tables.ranking(tables, names),
        "calibration": content.calibration(tables.calibration, _expected(tables, bounds.lines.names)),
        "costs": content.costs(points[points["experiment"].isin(names)], headline(tables)),
        "undefined": score_tables.not_defined(tables, MOST_UNDEFINED),
    }
    for place, (name, matrix) in enumerate(matrices, start=1):
        found[f"confusion-{place:02d}-{charts.slug(name)}"] = matrix
    return found


def _render(
    store: Store,
    tables: Tables,
    evidence: Evidence,
    drawn: Drawn,
    grids: Mapping[str, Grid | None],
    matrices: Sequence[tuple[str, Grid]],
    bounds: Bounds,
    decision: DecisionRecord | None,
    inputs: str,
    files: list[str],
) -> str:
    from markupsafe import Markup

    study, runs = tables.study, evidence.runs
    known = runs.dropna(subset=["parameters"])
    listed = [each for each in study.experiments if each.name in bounds.listed.names]
    commands = content.commands(study, runs)
    given = {
        "css": Markup((HERE / "style.css").read_text(encoding="utf-8")),
        "inputs": inputs,
        "study": study,
        "phase": study.phase,
        "verdict": verdict(tables),
        "answers": answers.answers(tables),
        "tally": answers.tally(tables),
        "num_questions": answers.num_questions(tables),
        "has_decision": decision is not None or tables.study.phase.decision is not None,
        "decided": answers.decided(
            decision, tables, *(moved_since(decision, store, tables) if decision is not None else ())
        ),
        "missing": answers.missing(tables),
        "num_trials": len(runs),
        "num_done": int((runs["state"] == State.DONE).sum()),
        "num_comparisons": len(tables.comparisons),
        "num_undefined": len(tables.missing),
        "shortcuts": shortcuts.said(study),
        "several_classes": any(each.num_classes > 2 for each in study.experiments),
        "grids": grids,
        "matrices": matrices,
        "drawn": drawn,
        "bounds": bounds,
        "data": [_data(each) for each in study.data],
        "folds": _folds(store, study),
        "listed": listed,
        "notes": content.notes(study),
        "taken_over": content.taken_over(study),
        "settings": content.settings(
            listed, dict(zip(known["experiment"], known["parameters"], strict=True))
        ),
        "trials": _trials(study, runs, bounds),
        "environment": content.environment(study, runs),
        "commands": commands[:MOST_COMMANDS],
        "num_commands": len(commands),
        "decision": decision,
        "files": files,
    }
    return environment().get_template("page.html.j2").render(given)


def _data(record: DataRecord) -> dict[str, Any]:
    return {
        "record": record,
        "facts": content.data_facts(record),
        "counts": content.data_counts(record),
        "excluded": content.excluded(record),
        "faceless": content.without_face(record),
    }


def _trials(study: StudyRecord, runs: pd.DataFrame, bounds: Bounds) -> list[tuple[ExperimentRecord, Grid]]:
    found = []
    for experiment in study.experiments:
        if experiment.name in bounds.lines.names:
            mine = runs[runs["experiment"] == experiment.name]
            if len(mine):
                found.append((experiment, content.trials(mine, experiment.recipe.cv_repeats)))
    return found


def _folds(store: Store, study: StudyRecord) -> list[tuple[str, str, Grid | None]]:
    """Describe each fold file: name, who uses it, sizes (None when the file is not there)."""
    classes = {data.root: data.classes for data in study.data}
    names = {file: classes.get(each.data, ()) for each in study.experiments for file in each.fold_files or ()}
    found = []
    for file, users in content.fold_files(study).items():
        try:
            rows = pd.read_csv(store.fold_file(file))
        except (OSError, ValueError):
            rows = pd.DataFrame()
        usable = {"label", "fold"} <= set(rows) and len(rows)
        sizes = content.fold_sizes(rows, names[file]) if usable else None
        more = len(users) - MOST_LINES
        said = ", ".join(users[:MOST_LINES]) + (f" and {more} more" if more > 0 else "")
        found.append((file, said, sizes))
    return found
