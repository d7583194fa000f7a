"""What `plan`, `status`, `explain` and `data scan` print: tables for people, plain values for --json."""

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from orchestrator.checks import data_gate
from orchestrator.checks.shortcuts import CHECKS, plan_text
from orchestrator.commands.options import check_layout
from orchestrator.config.earlier_decisions import sentence
from orchestrator.config.load import ResolvedPhase, complete
from orchestrator.console import duration, progress_bar, screen, show_table
from orchestrator.execution.progress import Board, board_from_disk, time_left_from_disk
from orchestrator.execution.run import plan_question
from orchestrator.plan import identity
from orchestrator.plan.data_sets import DataSets
from orchestrator.plan.plan import Options, Study
from orchestrator.store.fingerprint import SHORT
from orchestrator.store.folder import State, Store, read_error, read_trial, trial_state
from orchestrator.store.records import TrialRecord
from trainables.data.dataset.manifest import Manifest, scan
from trainables.errors import InputError
from trainables.files import replace_file
from trainables.trial_files import TRIAL

WATCH_S = 2.0


def make_plan(question: ResolvedPhase, options: Options, *, console: Console) -> Study:
    """Plan without starting anything; what was found in the data folder is remembered."""
    with progress_bar(console, "Reading images", quiet=options.quiet) as progress:
        data = DataSets(Store.look(options.results), override=options.data, progress=progress)
        return plan_question(complete(question, data.facts), options, data)


def plan_json(study: Study) -> dict[str, Any]:
    """Return a plan as plain values."""
    return {
        "phase": study.phase.name,
        "preset": study.preset,
        "handed_over": [each.plain() for each in study.handed_over],
        "notes": list(study.notes),
        "device": study.device,
        "trials": [
            {
                "name": trial.name,
                "experiment": trial.experiment,
                "repeat": trial.repeat,
                "fold": trial.fold,
                "key": trial.key or None,
                "state": trial.state,
                "why": trial.why,
                "images": dict(trial.sizes),
                "resources": asdict(trial.share),
                "estimate_s": trial.estimate_s,
            }
            for trial in study.selected()
        ],
        "shortcuts": [
            {
                "data": str(planned.manifest.root.resolve()),
                "made": known is not None,
                "verdict": known and known.verdict,
                **{check: known and known.scores(check).plain() for check in CHECKS},
            }
            for planned, known in data_gate.known_checks(study)
        ],
    }


def models_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return the table of backbones for people."""
    table = Table("Backbone", box=None)
    for heading in ("Parameters", "that train", "classes", "px"):
        table.add_column(heading, justify="right")
    table.add_column("Source")
    for row in rows:
        numbers = (row[name] for name in ("parameters", "trainable_parameters"))
        counts = ["-" if number is None else f"{number:,}" for number in numbers]
        table.add_row(row["name"], *counts, str(row["num_classes"]), str(row["input_px"]), row["source"])
    return table


def show_plan(study: Study, *, console: Console) -> None:
    """Print a plan."""
    left = [trial.estimate_s for trial in study.missing()]
    total = f", about {duration(sum(filter(None, left)))} of work" if left and all(left) else ""
    title = (
        f"{study.phase.title}: {len(study.selected())} trials, {len(left)} to run on {study.device}{total}"
    )
    table = Table()
    for column in ("trial", "state", "train/val/test", "resources", "estimate"):
        table.add_column(column, no_wrap=True)
    table.add_column("why", overflow="fold")
    for trial in study.selected():
        share = trial.share
        table.add_row(
            trial.name,
            trial.state,
            "/".join(str(trial.sizes.get(part, 0)) for part in ("train", "val", "test")),
            f"{share.cpus} CPU" + (f", {share.gpus:g} GPU" if share.gpus else ""),
            "?" if trial.estimate_s is None else duration(trial.estimate_s),
            trial.why,
        )
    recipes = study.recipes()
    lines = [sentence(each, recipes) for each in study.handed_over]
    lines += study.notes
    lines += [
        f"Shortcuts in {planned.manifest.root}: {plan_text(known)}"
        for planned, known in data_gate.known_checks(study)
    ]
    show_table(table, title=title, notes=list(dict.fromkeys(lines)), console=console)


def show_status(results: Path, phase: str | None, *, watch: bool, as_json: bool, console: Console) -> None:
    """Print the state of one phase or of all; with `watch` until nothing runs any more."""
    store = Store.look(results)
    every = store.studies()
    if not phase and not every:
        raise InputError(f"{store.root} has no record of a run yet; start one, for example with phase1")
    # A copy that somebody kept beside the records does not stop the others from being shown.
    phases = [phase] if phase else [name for name in every if store.known_study(name)] or every
    if as_json:
        boards = {name: _board(store, name) for name in phases}
        print(json.dumps({name: _with_time(store, name, board) for name, board in boards.items()}, indent=1))
        return
    if not watch or not console.is_terminal:
        for name in phases:
            _print_board(store, name, console)
        return
    for name in phases:
        with Live(_board(store, name).titled(), console=console, refresh_per_second=2) as live:
            while _board(store, name).counts().get(State.RUNNING):
                live.update(_board(store, name).titled())
                time.sleep(WATCH_S)


def _board(store: Store, phase: str) -> Board:
    return board_from_disk(store, store.study(phase))


def _with_time(store: Store, phase: str, board: Board) -> dict[str, Any]:
    return {**board.to_json(), "seconds_left": time_left_from_disk(store, store.study(phase), board)}


def _print_board(store: Store, phase: str, console: Console) -> None:
    board = _board(store, phase)
    left = time_left_from_disk(store, store.study(phase), board)
    notes = [] if left is None else [f"about {duration(left)} left"]
    notes += [
        f"{cell.name} failed: {cell.message}" for cell in board.cells.values() if cell.state == State.FAILED
    ]
    show_table(board.table(), title=f"{phase}: {board.headline()}", notes=notes, console=console)


def explain(store: Store, wanted: str) -> str:
    """Say where a trial on disk comes from, its state, and how it differs from the nearest finished trial."""
    folders = [
        path
        for key, path in store.folders_by_key().items()
        if wanted in path.name or (len(wanted) > SHORT and wanted.startswith(key))
    ]
    folders = [path for path in folders if path.name == wanted] or folders
    if len(folders) != 1:
        many = ", ".join(path.name for path in folders[:4])
        raise InputError(
            f"{len(folders)} trials in {store.trials} match {wanted!r}{': ' if many else ''}{many}"
        )
    folder = folders[0]
    record = read_trial(folder)
    if record is None:
        raise InputError(f"{folder / TRIAL} can't be read: nothing is known of this trial but its name")
    state, run = trial_state(folder), record.run
    lines = [
        f"{folder.name}: {state}",
        f"key       {record.key}",
        f"started   {run.started} on {run.host} ({run.device}), commit {run.git_commit}",
        f"command   {run.command}",
    ]
    if state == State.FAILED:
        error = read_error(folder)
        lines.append(f"error     {error.message if error else 'no reason kept'}")
    again = (
        "no: it is finished and its ingredients are the same"
        if state == State.DONE
        else "yes: it is not finished"
    )
    lines.append(f"again?    {again}")
    return "\n".join([*lines, *_nearest(store, folder, record)])


def _nearest(store: Store, folder: Path, record: TrialRecord) -> list[str]:
    differences = []
    for other in store.folders_by_key().values():
        known = read_trial(other)
        if other != folder and known is not None and trial_state(other) == State.DONE:
            lines = identity.difference(record.ingredients, known.ingredients)
            differences.append((len(lines), other.name, lines))
    if not differences:
        return ["nearest   no other finished trial"]
    _, name, lines = min(differences)
    return [f"nearest   {name}", *(f"          {line}" for line in lines)]


def show_scan(
    folder: Path,
    *,
    layout: str,
    group_by: str,
    real_sources: Sequence[str],
    out: Path | None,
    as_json: bool,
) -> None:
    """Scan a folder and print what it holds."""
    check_layout(layout)
    manifest = scan(folder, layout=layout, group_by=group_by, real_sources=real_sources, max_unusable=1.0)
    if out is not None:
        with replace_file(out) as partial:
            manifest.rows.to_csv(partial, index=False, lineterminator="\n")
    if as_json:
        print(json.dumps(_scan_json(manifest), indent=1))
        return
    found = _scan_json(manifest)
    how = f"{found['layout']}, by {found['group_by']}"
    title = f"{folder}: {found['images']} images, {found['groups']} groups ({how})"
    table = Table("source", "class", "split", "images")
    for row in found["counts"]:
        table.add_row(row["source"], row["class"], row["split"] or "-", str(row["images"]))
    notes = [f"kept out  {row['path']}: {row['reason']}" for row in found["excluded"]]
    show_table(table, title=title, notes=notes, console=screen())


def _scan_json(manifest: Manifest) -> dict[str, Any]:
    rows = manifest.rows
    counts = Counter(zip(rows["source"], rows["label"], rows["split"], strict=True))
    return {
        "layout": manifest.layout,
        "group_by": manifest.group_by,
        "classes": list(manifest.classes),
        "images": len(manifest.rows),
        "groups": int(manifest.rows["group"].nunique()),
        "counts": [
            {
                "source": source,
                "class": manifest.classes[label] if label >= 0 else "unlabelled",
                "split": split,
                "images": count,
            }
            for (source, label, split), count in sorted(counts.items())
        ],
        "excluded": manifest.excluded.to_dict("records"),
    }
