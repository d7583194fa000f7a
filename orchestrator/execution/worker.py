"""One trial in one worker process: lock, run, commit, or say why not. Knows neither Ray nor MLflow.

Two runs that want the same trial at once take turns at its lock; the second finds it finished. An exception
of the trial ends here: it becomes error.json and the worker takes the next trial. A killed worker leaves no
error.json, only a checkpoint, from which the next one goes on.
"""

import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock

from orchestrator.store import provenance
from orchestrator.store.folder import State, write_trial
from orchestrator.store.records import RecipeRecord, RunRecord, TrialRecord
from trainables.data.faces import recipe_squares
from trainables.data.pixels import ensure_pixels
from trainables.data.splits.trial_rows import image_files, trial_table
from trainables.files import write_json
from trainables.recipe import Recipe
from trainables.trial_files import DONE, ERROR, FORMAT, LOCK

Task = dict[str, Any]
Report = Callable[[dict[str, Any]], None]


def run_task(task: Task, report: Report) -> None:
    """Run the trial that `task` describes; `report` gets a dictionary at the start, after each epoch, at the
    end.

    `task` holds plain values only: key, name, folder, recipe, repeat, fold, rows (parquet file), data
    (folder), cache (folder), num_classes, device, threads, bases (folders of the trials whose networks it
    combines), record (what trial.json keeps of the run), faces (parquet file, read for face crops).
    """
    folder = Path(task["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / LOCK):
        if (folder / DONE).is_file():
            report({"state": State.DONE})
            return
        (folder / ERROR).unlink(missing_ok=True)
        try:
            _run(task, folder, report)
        # The border of a trial: whatever it raised is its row in failures.csv, and no other trial's concern.
        except Exception as error:
            write_json(folder / ERROR, error_record(error))
            report({"state": State.FAILED, "message": _one_line(error)})
        else:
            report({"state": State.DONE})


def error_record(error: Exception) -> dict[str, Any]:
    """Return what error.json holds."""
    return {
        "format": FORMAT,
        "type": type(error).__name__,
        "message": _one_line(error),
        "traceback": "".join(traceback.format_exception(error)),
        "time": provenance.now(),
    }


def _run(task: Task, folder: Path, report: Report) -> None:
    # torch is imported here, in the worker, and not in the process that plans.
    import torch

    from trainables.training.loop import EpochReport
    from trainables.trial import TrialRows, read_base, run_trial

    recipe = Recipe.model_validate_json(task["recipe"])
    bases = [read_base(Path(base)) for base in task["bases"]]
    rows = pd.read_parquet(task["rows"])
    table = trial_table(rows, recipe, repeat=task["repeat"], fold=task["fold"])
    files = image_files(rows, Path(task["data"]))
    squares = recipe_squares(Path(task["faces"]), files, recipe)
    pixels = ensure_pixels(Path(task["cache"]), files, size_px=recipe.image_size, squares=squares)
    device = torch.device(task["device"])
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    here = provenance.environment().plain()
    record = TrialRecord(
        format=FORMAT,
        key=task["key"],
        experiment=task["experiment"],
        repeat=task["repeat"],
        fold=task["fold"],
        ingredients=task["ingredients"],
        recipe=RecipeRecord.model_validate_json(task["recipe"]),
        run=RunRecord(**task["record"], **here, device=name, started=provenance.now()),
    )
    write_trial(folder, record)
    report({"state": State.RUNNING, "epochs": recipe.epochs})

    def on_epoch(epoch: EpochReport) -> None:
        report({"state": State.RUNNING, **{k: v for k, v in asdict(epoch).items() if k != "val"}})

    run_trial(
        recipe,
        TrialRows(table, pixels, task["num_classes"], task["repeat"], task["fold"]),
        folder,
        bases=bases,
        on_epoch=on_epoch,
        device=device,
        threads=task["threads"],
    )


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or "no message"
    return f"{type(error).__name__}: {text}"[:500]
