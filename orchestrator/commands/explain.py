"""`explain`: where a trial on disk comes from, and how it differs from the nearest finished trial."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.commands.options import RESULTS, DebugOption, ResultsOption
from orchestrator.console import say
from trainables.errors import InputError

if TYPE_CHECKING:
    from orchestrator.store.folder import Store
    from orchestrator.store.records import TrialRecord


def explain_command(
    trial: Annotated[str, typer.Argument(help="A trial's folder name, or the start of its key.")],
    results: ResultsOption = RESULTS,
    debug: DebugOption = False,
) -> None:
    """Say where a trial comes from and which ingredient sets it apart from the nearest finished one.

    Example: python -m orchestrator explain p1_resnet18_baseline-r0f0-0123456789ab
    """
    from orchestrator.store.folder import Store

    for line in trial_explanation(Store.look(results), trial):
        say(line)


def trial_explanation(store: "Store", wanted: str) -> list[str]:
    """Say where a trial comes from, its state, and how it differs from the nearest finished trial.

    Raises:
        InputError: no trial or several match `wanted`, or the trial's record can't be read.
    """
    from orchestrator.store.find_experiment import find_trial
    from orchestrator.store.folder import State, read_error, read_trial, trial_state
    from trainables.trial_files import TRIAL

    folder = find_trial(store, wanted)
    record = read_trial(folder)
    if record is None:
        raise InputError(f"{folder / TRIAL} can't be read: nothing is known of this trial but its name")
    state, run, left = trial_state(folder), record.run, _elimination(store, record)
    lines = [
        f"{folder.name}: {state}",
        f"key       {record.key}",
        f"started   {run.started} on {run.host} ({run.device}), commit {run.git_commit}",
        f"command   {run.command}",
    ]
    if state == State.FAILED:
        error = read_error(folder)
        lines.append(f"error     {error.message if error else 'no reason kept'}")
    if left:
        lines.append(f"race      {left}: its score is not looked at")
    again = (
        "no: it is finished and its ingredients are the same"
        if state == State.DONE
        else ("only without --race" if left else "yes: it is not finished")
    )
    return [*lines, f"again?    {again}", *_nearest(store, folder, record)]


def _elimination(store: "Store", record: "TrialRecord") -> str:
    """Say by which phase's race a trial's experiment was eliminated before it; empty where by none."""
    from orchestrator.analysis.experiment_scores import elimination_reason
    from orchestrator.store.race_file import read_race

    for phase in store.studies():
        race = read_race(store, phase)
        gone = race.elimination_before(record.experiment, key=record.key) if race is not None else None
        if gone is not None:
            return f"{record.experiment} is {elimination_reason(gone)}, in {phase}"
    return ""


def _nearest(store: "Store", folder: Path, record: "TrialRecord") -> list[str]:
    from orchestrator.plan import identity
    from orchestrator.store.folder import State, read_trial, trial_state

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
