"""MLflow's side of a study, brought up to date with results/ by whoever holds the tracking store's lock.

MLflow experiment = phase, parent run = experiment, child run = trial. Runs are found again by tags, metrics
by the steps that are already there, so bringing the store up to date any number of times leaves one run per
trial and one value per step. What left a race is KILLED, trials that were stopped by that and the experiment,
which a tag says too, until they are run after all.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from orchestrator.store.csv_files import read_csv
from orchestrator.store.fingerprint import fingerprint
from orchestrator.store.folder import State, Store, read_error, read_metrics, read_trial, trial_state
from orchestrator.store.race_file import EliminationRecord, read_race
from orchestrator.store.records import ExperimentRecord, PlannedTrial, StudyRecord, TrialRecord
from orchestrator.tracking.address import tracking_uri
from orchestrator.tracking.phase_experiment import phase_experiment
from trainables.evaluation.selection import is_half_column
from trainables.trial_files import HISTORY

KEY, ROLE, STATE_OF_FILES = "orchestrator.key", "orchestrator.role", "orchestrator.files"
ELIMINATED, PARENT = "orchestrator.eliminated", "mlflow.parentRunId"
BATCH = 500


class Mirror:
    """MLflow's side of one study."""

    def __init__(self, store: Store, study: StudyRecord, client: Any) -> None:
        self.store, self.study, self.client = store, study, client
        self.experiment_id, self.notes = phase_experiment(client, store, study.phase.name)
        self.runs = self._found()
        self._known_steps: dict[tuple[str, str], set[int]] = {}

    def _found(self, filter_string: str = "") -> dict[tuple[str, str], Any]:
        """The runs of the phase that are there by now, by role and key."""
        runs: dict[tuple[str, str], Any] = {}
        token = None
        while True:
            page = self.client.search_runs(
                [self.experiment_id], filter_string=filter_string, max_results=1000, page_token=token
            )
            for run in page:
                tags = run.data.tags
                runs[tags.get(ROLE, ""), tags.get(KEY, "")] = run
            token = page.token
            if not token:
                return runs

    def parent(self, experiment: ExperimentRecord) -> Any:
        """The run of an experiment, found or made."""
        return self._run("experiment", experiment_key(experiment), experiment.name, {})

    def trial(self, experiment: ExperimentRecord, trial: PlannedTrial) -> None:
        """Bring one trial's run up to date with its folder."""
        folder = self.store.trial(trial.folder)
        state = trial_state(folder)
        record = read_trial(folder)
        if record is None:
            return
        parent = self.parent(experiment)
        key = f"{experiment.name}/{trial.key}"
        name = f"{experiment.name}-r{trial.repeat}f{trial.fold}"
        run = self._run("trial", key, name, {PARENT: parent.info.run_id})
        if run.info.status == "FINISHED":
            return
        self._parameters(run, record)
        self._history(run, folder, record)
        if state == State.DONE:
            self._result(run, folder, record)
            self._end(run, "FINISHED")
        elif state == State.FAILED:
            error = read_error(folder)
            self.client.set_tag(run.info.run_id, "error", error.message[:5000] if error else "")
            self._end(run, "FAILED")
        else:
            self._end(run, "KILLED" if is_left_out(self._elimination(experiment), trial) else "RUNNING")

    def _elimination(self, experiment: ExperimentRecord) -> EliminationRecord | None:
        """How an experiment has left the phase's race by now."""
        race = read_race(self.store, self.study.phase.name)
        return None if race is None else race.elimination(experiment)

    def finish(self) -> None:
        """Write means, tables and report to the parent runs."""
        phase = self.study.phase.name
        folders = {"tables": self.store.collected(phase), "report": self.store.report(phase)}
        summary = read_csv(folders["tables"] / "summary.csv")
        for experiment in self.study.experiments:
            parent = self.parent(experiment)
            rows = summary[(summary["experiment"] == experiment.name) & (summary["source"] == "all")]
            values = {
                f"test_{row['metric']}_{kind}": float(row[kind])
                for row in rows.to_dict("records")
                for kind in ("mean", "std")
                if pd.notna(row[kind])
            }
            known = parent.data.metrics
            new = {name: value for name, value in values.items() if known.get(name) != value}
            self._log(
                parent,
                [(name, value, 0, _milliseconds(self.study.started)) for name, value in new.items()],
            )
            state = state_of(self.store, self.study)
            if parent.data.tags.get(STATE_OF_FILES) != state:
                for name, folder in folders.items():
                    if folder.is_dir():
                        self.client.log_artifacts(parent.info.run_id, str(folder), name)
                self.client.set_tag(parent.info.run_id, STATE_OF_FILES, state)
            elimination = self._elimination(experiment)
            self._tag_elimination(parent, elimination)
            done = all(
                trial_state(self.store.trial(trial.folder)) == State.DONE for trial in experiment.trials
            )
            unfinished = "RUNNING" if elimination is None else "KILLED"
            self._end(parent, "FINISHED" if done else unfinished)

    def _tag_elimination(self, parent: Any, elimination: EliminationRecord | None) -> None:
        """Say on an experiment's run that it left a race, after which fold and behind whom."""
        if elimination is not None:
            after = f"after r{elimination.repeat}f{elimination.fold}, behind {elimination.leader}"
            self.client.set_tag(parent.info.run_id, ELIMINATED, after)
        elif ELIMINATED in parent.data.tags:
            self.client.delete_tag(parent.info.run_id, ELIMINATED)

    def _run(self, role: str, key: str, name: str, tags: dict[str, str]) -> Any:
        """A run by its key, found or made; another process may have made it since this one looked."""
        if (role, key) not in self.runs:
            self.runs |= self._found(f"tags.`{ROLE}` = '{role}' and tags.`{KEY}` = '{key}'")
        if (role, key) not in self.runs:
            tags = {**tags, ROLE: role, KEY: key}
            self.runs[role, key] = self.client.create_run(self.experiment_id, run_name=name, tags=tags)
        return self.runs[role, key]

    def _parameters(self, run: Any, record: TrialRecord) -> None:
        if run.data.params:
            return
        from mlflow.entities import Param

        flat = pd.json_normalize(record.recipe.plain()).iloc[0].to_dict()
        flat |= {"repeat": record.repeat, "fold": record.fold, "device": record.run.device}
        params = [Param(str(name), str(value)[:500]) for name, value in flat.items()]
        self.client.log_batch(run.info.run_id, params=params)
        self.runs[run.data.tags[ROLE], run.data.tags[KEY]] = self.client.get_run(run.info.run_id)

    def _history(self, run: Any, folder: Path, record: TrialRecord) -> None:
        try:
            history = read_csv(folder / HISTORY).astype(float).dropna(subset=["epoch", "seconds"])
        except (OSError, ValueError, KeyError):
            # Gone, or damaged: the page has what is left.
            return
        clock = _milliseconds(str(record.run.started))
        values = []
        for row in history.to_dict("records"):
            step = int(row.pop("epoch"))
            clock += int(1000 * row["seconds"])
            values += [
                (str(name), float(value), step, clock)
                for name, value in row.items()
                # Those of the halves are for decisions; a page of MLflow would be twice as long with them.
                if pd.notna(value)
                and not is_half_column(str(name))
                and step not in self._steps(run, str(name))
            ]
        self._log(run, values)
        for name, _, step, _ in values:
            self._steps(run, name).add(step)

    def _steps(self, run: Any, metric: str) -> set[int]:
        """The steps of a metric that the store has; it is asked once, and what is logged here is added."""
        place = (run.info.run_id, metric)
        if place not in self._known_steps:
            history = self.client.get_metric_history(run.info.run_id, metric)
            self._known_steps[place] = {value.step for value in history}
        return self._known_steps[place]

    def _result(self, run: Any, folder: Path, record: TrialRecord) -> None:
        metrics = read_metrics(folder)
        if metrics is None:
            return
        final = {f"test_{name}": value for name, value in metrics.test.items()}
        final |= {name: getattr(metrics, name) for name in ("best_epoch", "training_seconds", "peak_mib")}
        known = self.client.get_run(run.info.run_id).data.metrics
        clock = _milliseconds(str(record.run.started))
        self._log(
            run,
            [
                (name, float(value), metrics.best_epoch or 0, clock)
                for name, value in final.items()
                if value is not None and name not in known
            ],
        )

    def _log(self, run: Any, values: list[tuple[str, float, int, int]]) -> None:
        from mlflow.entities import Metric

        for start in range(0, len(values), BATCH):
            metrics = [
                Metric(name, value, timestamp, step)
                for name, value, step, timestamp in values[start : start + BATCH]
            ]
            self.client.log_batch(run.info.run_id, metrics=metrics)

    def _end(self, run: Any, status: str) -> None:
        if run.info.status != status:
            if status == "RUNNING":
                self.client.update_run(run.info.run_id, status)
            else:
                self.client.set_terminated(run.info.run_id, status)
            key = (run.data.tags[ROLE], run.data.tags[KEY])
            self.runs[key] = self.client.get_run(run.info.run_id)


def experiment_key(experiment: ExperimentRecord) -> str:
    """Name an experiment's parent run: one recipe on the same rows is one run, whatever folds were asked."""
    return fingerprint([experiment.name, experiment.recipe.plain(), experiment.fold_files])


def is_left_out(elimination: EliminationRecord | None, trial: PlannedTrial) -> bool:
    """Tell whether a trial is not needed, since its experiment left a race before it."""
    return elimination is not None and trial.key in elimination.left_out


def state_of(store: Store, study: StudyRecord) -> str:
    """Hash what `sync` mirrors: the state of each trial and the tables."""
    race, trials = read_race(store, study.phase.name), []
    for experiment in study.experiments:
        elimination = None if race is None else race.elimination(experiment)
        for trial in experiment.trials:
            state = trial_state(store.trial(trial.folder))
            left = state != State.DONE and is_left_out(elimination, trial)
            trials.append((trial.key, State.ELIMINATED if left else state))
    tables = store.collected(study.phase.name)
    texts = (
        [path.read_text(encoding="utf-8") for path in sorted(tables.glob("*.csv"))] if tables.is_dir() else []
    )
    return fingerprint([trials, texts, tracking_uri(store)])


def _milliseconds(iso: str) -> int:
    return int(pd.Timestamp(iso).timestamp() * 1000)
