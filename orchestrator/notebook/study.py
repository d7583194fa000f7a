"""A phase or single experiments, planned and run from Python with the functions that the commands call.

    study = Study("phase1", data="faces", preset="smoke")
    study.plan()                  # a data frame; starts nothing
    phase1 = study.run()          # runs what is missing, collects, decides, writes the report
    phase1.summary

Keys, folders and records are those of the command with the same options, which is what is recorded, too.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
from pydantic import JsonValue

from orchestrator.commands.options import RESULTS
from orchestrator.commands.outcome import say_outcome
from orchestrator.commands.plan import estimated_plan
from orchestrator.commands.run import run_phase
from orchestrator.commands.run_options import RunOptions
from orchestrator.console import screen
from orchestrator.notebook.results import PhaseResults, load_results
from orchestrator.plan.plan import StudyPlan
from orchestrator.store.folder import Store
from orchestrator.store.provenance import typed_as
from orchestrator.store.remote.local_copy import local_folder, results_folder

PLANNED = ("trial", "experiment", "repeat", "fold", "state", "why", "train", "val", "test", "cpus", "gpus")


class Study:
    """What a run is asked for. Nothing is read or started before `plan` or `run`.

    Args:
        names: a phase, an experiment, or several experiments.
        data: the folder of images; None = what the experiments say.
        results: the folder of results, made where it is not there.
        preset: smoke, cpu or one of your own.
        settings: keys of experiments with their values, over all files: {"epochs": 3}.
        only: a pattern of experiments' names.
        folds: the outer folds that are run; None = all.
        address: local or auto or HOST:PORT of a Ray; none = one trial after the other in this process;
            None = RAY_ADDRESS if it is set, else local.
        max_concurrent: trials at once; None = as many as there is room for.
        max_hours: a cap on the time of one `run`.
        accept_shortcut: run even though file facts alone tell real from fake.
        race: let experiments that are surely not chosen leave early.
        experiments: a folder of experiment files of your own; None = ./experiments, if there is one.
    """

    def __init__(
        self,
        names: str | Sequence[str],
        *,
        data: Path | str | None = None,
        results: Path | str = RESULTS,
        preset: str | None = None,
        settings: Mapping[str, JsonValue] | None = None,
        only: str | None = None,
        folds: Sequence[int] | None = None,
        address: str | None = None,
        max_concurrent: int | None = None,
        max_hours: float | None = None,
        accept_shortcut: bool = False,
        race: bool = False,
        experiments: Path | str | None = None,
    ) -> None:
        self.names = (names,) if isinstance(names, str) else tuple(names)
        self._options = RunOptions(
            data=None if data is None else local_folder(data, "data"),
            results=results_folder(results),
            preset=preset,
            settings=[f"{key}={json.dumps(value)}" for key, value in (settings or {}).items()],
            only=only,
            folds=None if folds is None else ",".join(map(str, folds)),
            address=address,
            max_concurrent=max_concurrent,
            max_hours=max_hours,
            accept_shortcut=accept_shortcut,
            race=race,
            experiments=None if experiments is None else Path(experiments),
        )

    def plan(self) -> pd.DataFrame:
        """Return every trial with its state and why; start nothing.

        Returns:
            One row per trial: trial, experiment, repeat, fold, state, why, train, val and test (images),
            cpus, gpus, estimate_s (seconds; NaN where nothing is known).

        Raises:
            InputError: something in the files, the data or the options has to be mended.
        """
        options = self._options
        study, _ = estimated_plan(
            options.question(self.names), replace(options.plan_options(), quiet=True), console=screen()
        )
        return _trial_rows(study)

    def run(self, *, quiet: bool = False) -> PhaseResults:
        """Run what is missing, collect, decide and write the report; say progress in plain lines.

        Trials that fail are told, and are rows of the table `failures`. Interrupt it as often as you like:
        the next call goes on where this one stopped.

        Raises:
            InputError: something has to be mended before anything starts.
        """
        options = replace(self._options, quiet=quiet)
        with typed_as(self.arguments()):
            tables = run_phase(self.names, options, options.budget())
        say_outcome(tables, Store.look(options.results), as_json=quiet)
        return self.results

    @property
    def results(self) -> PhaseResults:
        """What is stored of it by now.

        Raises:
            InputError: it has not been run.
        """
        phase = self._options.question(self.names).phase.name
        return load_results(self._options.results).phase(phase)

    def arguments(self) -> list[str]:
        """Return the arguments of the command that does the same."""
        options = self._options
        from orchestrator.config.library import find_library

        is_phase = self.names[0] in find_library(options.experiments).phases()
        given: list[tuple[str, object]] = [
            ("--data", options.data),
            ("--results", options.results if options.results != RESULTS else None),
            ("--preset", options.preset),
            *(("--set", setting) for setting in options.settings or ()),
            ("--only", options.only),
            ("--folds", options.folds),
            ("--max-concurrent", options.max_concurrent),
            ("--address", options.address),
            ("--max-hours", options.max_hours),
            ("--experiments", options.experiments),
        ]
        flags = [("--accept-shortcut", options.accept_shortcut), ("--race", options.race)]
        return [
            *(() if is_phase else ("run",)),
            *self.names,
            *(str(part) for name, value in given if value is not None for part in (name, value)),
            *(name for name, is_on in flags if is_on),
        ]


def _trial_rows(study: StudyPlan) -> pd.DataFrame:
    rows = [
        (
            trial.name,
            trial.experiment,
            trial.repeat,
            trial.fold,
            str(trial.state),
            trial.why,
            *(trial.sizes.get(part, 0) for part in ("train", "val", "test")),
            trial.share.cpus,
            trial.share.gpus,
            trial.estimate_s,
        )
        for trial in study.selected()
    ]
    table = pd.DataFrame(rows, columns=[*PLANNED, "estimate_s"])
    return table.astype({"estimate_s": float})
