"""Trials of a study handed to an executor, and what is heard of them: on the display, on disk, in MLflow."""

import contextlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from orchestrator import tracking
from orchestrator.console import say
from orchestrator.execution import worker
from orchestrator.execution.disk_referee import DiskReferee
from orchestrator.execution.executor import Event, EventKind, Executor, OnEvent, Task, TrialJob
from orchestrator.execution.progress import Board, Display, board_from_disk, mark_eliminated, score_names
from orchestrator.execution.referee import Referee
from orchestrator.execution.remote_places import RemotePlace, remote_places
from orchestrator.execution.silence import not_silent, watched_trials
from orchestrator.execution.workplace import IN_PROCESS
from orchestrator.plan.plan import Options, StudyPlan, Trial
from orchestrator.store import provenance
from orchestrator.store.folder import write_error
from orchestrator.store.outcome_records import ErrorRecord
from orchestrator.store.records import StudyRecord
from orchestrator.store.remote.local_copy import LocalCopy, copy_at
from orchestrator.store.remote.shared_names import is_pulled


def run_trials(
    study: StudyPlan,
    files: Mapping[str, Sequence[Path]],
    executor: Executor,
    options: Options,
    console: Console,
    referees: Sequence[Referee] = (),
    spent: Callable[[], str] = str,
) -> None:
    """Run what is missing, as far as no referee stops it; show it, and what is `spent`, and tell MLflow.

    Raises:
        ResultsBlockedError: the disk of results keeps nothing more; all trials have been stopped.
    """
    record = study.store.study(study.phase.name)
    tracker, board = tracking.Tracker(study.store, record), _board(study, record, spent)
    board.nodes = executor.nodes.headline
    copy, places = copy_at(study.store.root), remote_places(study)
    referees = [*referees, disk := DiskReferee()]
    shown = Display(board, console=console, quiet=options.quiet)
    with shown as display, _watched(study, options) as listen:
        for wave in study.waves():
            tasks = {trial.key: _task(study, trial, files, places.get(trial.experiment)) for trial in wave}

            def stop(keys: Collection[str], tasks: Mapping[str, Task] = tasks) -> None:
                for key in keys:
                    executor.stop(tasks[key])
                if keys:
                    mark_eliminated(board, study.store, record)

            def on_event(event: Event, stop: Callable[[Collection[str]], None] = stop) -> None:
                listen(event)
                _keep(study, copy, event)
                display.hear(event)
                if event.kind is not EventKind.SIGN:
                    tracker.touch(event.key)
                for referee in referees:
                    stop(referee.hear(event))

            def on_tick(stop: Callable[[Collection[str]], None] = stop) -> None:
                for line in executor.nodes.news():
                    display.tell(line)
                display.tick()
                for referee in referees:
                    stop(referee.tick())

            keys = _order(wave, referees)
            mark_eliminated(board, study.store, record)
            if not keys:
                continue
            executor.run(
                [tasks[key] for key in keys],
                target=worker.run_task,
                on_event=on_event,
                on_tick=on_tick,
                max_concurrent=options.max_concurrent,
                grace_s=options.grace_s,
            )
    _close(tracker, console)
    disk.close()


def _order(wave: Sequence[Trial], referees: Sequence[Referee]) -> list[str]:
    """Return the keys of the trials that every referee lets begin, in the order of the last one."""
    trials = {trial.key: trial for trial in wave}
    for referee in referees:
        trials = {key: trials[key] for key in referee.order(list(trials.values()))}
    return list(trials)


def _close(tracker: tracking.Tracker, console: Console) -> None:
    # Whatever it could not do, `finish` tries once more, and says so if it fails too.
    tracker.close()
    for note in tracker.notes:
        say(f"Note: {note}", console=console, style="yellow")


def _task(
    study: StudyPlan, trial: Trial, files: Mapping[str, Sequence[Path]], place: RemotePlace | None = None
) -> Task:
    """Describe a trial to a worker."""
    planned = study.experiment(trial.experiment)
    assert planned.recipe is not None and trial.folder is not None, "tasks are made after the measurement"
    job = TrialJob(
        key=trial.key,
        experiment=trial.experiment,
        repeat=trial.repeat,
        fold=trial.fold,
        folder=trial.folder,
        recipe=planned.recipe.model_dump_json(),
        ingredients=json.dumps(dict(trial.ingredients)),
        rows=files[trial.experiment][trial.repeat],
        data=planned.manifest.root.resolve(),
        cache=study.store.cached("pixels"),
        faces=study.store.faces_table,
        num_classes=planned.num_classes,
        command=provenance.command_line(),
        phase=study.phase.name,
        bases=tuple(base.folder for base in trial.bases if base.folder is not None),
        remote=place,
    )
    return Task((job,), trial.share, study.device)


def _board(study: StudyPlan, record: StudyRecord, spent: Callable[[], str]) -> Board:
    every = board_from_disk(study.store, record).cells
    trials = study.selected()
    weighted = all(trial.estimate_s for trial in trials)
    cells = {}
    for trial in trials:
        cell = every[trial.experiment, trial.key]
        cell.weight_s = (trial.estimate_s if weighted else None) or 1.0
        cells[trial.experiment, trial.key] = cell
    metric = score_names(planned.experiment.select_by for planned in study.experiments)
    return Board(cells, metric=metric, spent=spent)


def _folder(study: StudyPlan, event: Event) -> Path:
    trial = next(trial for trial in study.trials if trial.key == event.key)
    assert trial.folder is not None, "a trial that ran has a folder"
    return trial.folder


def _keep(study: StudyPlan, copy: LocalCopy | None, event: Event) -> None:
    """Leave error.json for a trial whose workers died again and again; fetch what another has left."""
    if event.kind is EventKind.LOST:
        lost = ErrorRecord(type="WorkerLost", message=event.message, time=provenance.now())
        write_error(_folder(study, event), lost)
    elif copy is not None and event.kind.is_last():
        # What comes after reads it on this machine: tables, MLflow, races.
        copy.fetch(study.store.called(_folder(study, event)), wanted=is_pulled)


def _watched(study: StudyPlan, options: Options) -> contextlib.AbstractContextManager[OnEvent]:
    """Return what minds the silence of workers; without Ray a trial may be looked at in a debugger."""
    if options.address == IN_PROCESS:
        return contextlib.nullcontext(lambda event: None)
    return not_silent(watched_trials(study))
