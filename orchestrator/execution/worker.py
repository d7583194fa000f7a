"""The trials of a task in one worker process: lock, run, commit, or say why not.

Two runs that want the same trial at once take turns at its lock; the second finds it finished. An exception
of the trial ends here: it becomes error.json and the worker takes the next trial. A killed worker leaves no
error.json, only a checkpoint, from which the next one goes on; nor does one whose CUDA context broke.
"""

import contextlib
import json
import traceback
from pathlib import Path

import pandas as pd
from filelock import FileLock
from pydantic import JsonValue

from orchestrator.execution.executor import Event, EventKind, Report, Task, TrialJob
from orchestrator.execution.remote_trial import RemoteTrial
from orchestrator.plan.data_sets import look_again
from orchestrator.store import provenance
from orchestrator.store.bits_file import read_bits
from orchestrator.store.disk_faults import disk_fault
from orchestrator.store.folder import Store, write_error, write_trial
from orchestrator.store.outcome_records import ErrorRecord
from orchestrator.store.records import RecipeRecord, TrialRecord
from orchestrator.store.run_record import RunRecord
from trainables.broken_context import BrokenContextError, breaks_context
from trainables.device import card, place_of
from trainables.done_record import is_whole
from trainables.errors import ChangedFileError
from trainables.recipe import Recipe
from trainables.removal import remove_file
from trainables.trial_files import ERROR, FORMAT, LOCK
from trainables.trial_inputs import ImageCaches, trial_rows


def run_task(task: Task, report: Report) -> None:
    """Run the trials of `task`, one after the other.

    `report` hears of each at its start, after each epoch and at its end.
    """
    for job in task.trials:
        try:
            _run_job(job, task, report)
        except OSError as error:
            # Where nothing can be written no trial can run, nor leave an error.
            if (fault := disk_fault(error, job.folder.parent.parent)) is None:
                raise
            report(Event(EventKind.BLOCKED, job.key, message=fault))


def _run_job(job: TrialJob, task: Task, report: Report) -> None:
    remote = RemoteTrial.of(job)
    job = job if remote is None else remote.job
    job.folder.mkdir(parents=True, exist_ok=True)
    with FileLock(job.folder / LOCK):
        if remote is not None:
            job = remote.fetch()
        if is_whole(job.folder):
            _end(job, report, remote)
            return
        remove_file(job.folder / ERROR, below=job.folder)
        try:
            _run(job, task, report, remote)
        # The border of a trial: whatever it raised is its row in failures.csv, and no other trial's concern.
        except Exception as error:
            if breaks_context(error):
                # Nothing more can be computed in this process, and it may be no fault of the trial.
                raise BrokenContextError(one_line(error)) from error
            if isinstance(error, ChangedFileError):
                look_again(Store(job.folder.parent.parent), error)
            if fault := disk_fault(error, job.folder.parent.parent):
                report(Event(EventKind.BLOCKED, job.key, message=fault))
                return
            write_error(job.folder, error_record(error))
            if remote is not None:
                remote.fail()
            report(Event(EventKind.FAILED, job.key, message=one_line(error)))
        else:
            _end(job, report, remote)


def _end(job: TrialJob, report: Report, remote: RemoteTrial | None) -> None:
    if remote is not None:
        remote.commit()
    report(Event(EventKind.DONE, job.key))


def device_facts(task: Task, *, results: Path) -> dict[str, JsonValue]:
    """Return what a run's record says of its device, by field; what is not known is left out.

    On a GPU the settings are set, under which a trial will compute.
    """
    import torch

    from trainables.training.repeatable import gpu_settings, make_repeatable

    verdict = read_bits(results, device=task.device, place=place_of(task.device))
    facts: dict[str, JsonValue] = {} if verdict is None else {"bits": verdict.stamp}
    if task.device != "cuda":
        return {"device": "cpu", **facts}
    device = torch.device(task.device)
    make_repeatable(device)
    return {
        "device": torch.cuda.get_device_name(device),
        "card": card(),
        "gpus": task.share.gpus,
        "tf32": gpu_settings().tf32,
        **facts,
    }


def error_record(error: Exception) -> ErrorRecord:
    """Return what error.json holds."""
    return ErrorRecord(
        type=type(error).__name__,
        message=one_line(error),
        traceback="".join(traceback.format_exception(error)),
        time=provenance.now(),
    )


def _run(job: TrialJob, task: Task, report: Report, remote: RemoteTrial | None) -> None:
    # torch is imported here, in the worker, and not in the process that plans.
    import torch

    from trainables.training.epoch_report import EpochReport
    from trainables.trial import read_base, run_trial

    recipe = Recipe.model_validate_json(job.recipe)
    bases = [read_base(base) for base in job.bases]
    rows = trial_rows(
        pd.read_parquet(job.rows),
        recipe,
        root=job.data,
        caches=ImageCaches(faces=job.faces, pixels=job.cache),
        num_classes=job.num_classes,
        repeat=job.repeat,
        fold=job.fold,
    )
    record = _trial_record(job, task)
    write_trial(job.folder, record)
    report(Event(EventKind.STARTED, job.key, epochs=recipe.epochs))

    def on_epoch(epoch: EpochReport) -> None:
        if remote is not None:
            remote.keep()
        report(
            Event(
                EventKind.EPOCH,
                job.key,
                epoch=epoch.epoch,
                epochs=epoch.epochs,
                best_score=epoch.best_score,
            )
        )

    def on_sign() -> None:
        report(Event(EventKind.SIGN, job.key))

    def on_smaller_parts(micro_batch: int) -> None:
        run = record.run.model_copy(update={"micro_batch": micro_batch})
        write_trial(job.folder, record.model_copy(update={"run": run}))

    with contextlib.nullcontext() if remote is None else remote.kept_when_stopped():
        run_trial(
            recipe,
            rows,
            job.folder,
            bases=bases,
            on_epoch=on_epoch,
            on_checkpoint=None if remote is None else remote.keep,
            on_sign=on_sign,
            on_smaller_parts=on_smaller_parts,
            device=torch.device(task.device),
            threads=task.share.threads,
            pixels_mib=task.share.pixels_mib,
        )


def _trial_record(job: TrialJob, task: Task) -> TrialRecord:
    """Describe the trial as it begins."""
    here = provenance.environment().plain()
    return TrialRecord(
        format=FORMAT,
        key=job.key,
        experiment=job.experiment,
        repeat=job.repeat,
        fold=job.fold,
        ingredients=json.loads(job.ingredients),
        recipe=RecipeRecord.model_validate_json(job.recipe),
        run=RunRecord(
            command=job.command,
            phase=job.phase,
            **here,
            **device_facts(task, results=job.folder.parent.parent),
            started=provenance.now(),
        ),
    )


def one_line(error: Exception) -> str:
    """Say an error in a line: its type and its message."""
    text = " ".join(str(error).split()) or "no message"
    return f"{type(error).__name__}: {text}"[:500]
