"""MLflow's side of a study, brought up to date with results/; the one module that knows MLflow.

MLflow experiment = phase, parent run = experiment, child run = trial. Runs are found again by tags, metrics
by the steps that are already there, so bringing the store up to date any number of times leaves one run per
trial and one value per step. What left a race is KILLED, trials that were stopped by that and the experiment,
which a tag says too, until they are run after all.
"""

import logging
import os
import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from orchestrator.store.fingerprint import fingerprint
from orchestrator.store.folder import State, Store, read_error, read_metrics, read_trial, trial_state
from orchestrator.store.race_file import EliminationRecord, read_race
from orchestrator.store.records import ExperimentRecord, PlannedTrial, StudyRecord, TrialRecord
from orchestrator.tracking.address import lock, tracking_errors, tracking_uri
from trainables.evaluation.selection import is_half_column
from trainables.trial_files import HISTORY

KEY, ROLE, STATE_OF_FILES = "orchestrator.key", "orchestrator.role", "orchestrator.files"
ELIMINATED, PARENT = "orchestrator.eliminated", "mlflow.parentRunId"
# What MLflow's pages tell training from traces of language models by; without it they open with the traces.
KIND = {"mlflow.experimentKind": "custom_model_development"}
BATCH = 500


class Mirror:
    """MLflow's side of one study."""

    def __init__(self, store: Store, study: StudyRecord) -> None:
        self.store, self.study = store, study
        self.client = _client(tracking_uri(store))
        self.experiment_id = self._experiment_id(study.phase.name)
        self.runs = self._existing_runs()
        self._known_steps: dict[tuple[str, str], set[int]] = {}

    def _experiment_id(self, name: str) -> str:
        found = self.client.get_experiment_by_name(name)
        if found is not None:
            _mark(self.client, found)
            return str(found.experiment_id)
        local = tracking_uri(self.store).startswith("sqlite:")
        location = self.store.artifacts.as_uri() if local else None
        return str(self.client.create_experiment(name, artifact_location=location, tags=KIND))

    def _existing_runs(self) -> dict[tuple[str, str], Any]:
        runs: dict[tuple[str, str], Any] = {}
        token = None
        while True:
            page = self.client.search_runs([self.experiment_id], max_results=1000, page_token=token)
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
        summary = pd.read_csv(folders["tables"] / "summary.csv")
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
        run = self.runs.get((role, key))
        if run is None:
            tags = {**tags, ROLE: role, KEY: key}
            run = self.client.create_run(self.experiment_id, run_name=name, tags=tags)
            self.runs[role, key] = run
        return run

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
        path = folder / HISTORY
        if not path.is_file():
            return
        history = pd.read_csv(path)
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


def mark_experiments(store: Store) -> None:
    """Mark what earlier versions left unmarked, so that its pages open with the runs.

    Raises:
        TrackingError: the store can't be reached.
    """
    names = store.studies()
    if not names:
        return
    with tracking_errors(), lock(store):
        client = _client(tracking_uri(store))
        for name in names:
            found = client.get_experiment_by_name(name)
            if found is not None:
                _mark(client, found)


def _mark(client: Any, experiment: Any) -> None:
    for name, value in KIND.items():
        if experiment.tags.get(name) != value:
            client.set_experiment_tag(experiment.experiment_id, name, value)


def _client(uri: str) -> Any:
    for name, value in {
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
        # Nobody but the user's own server hears of a run.
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }.items():
        os.environ.setdefault(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow import MlflowClient

        # Importing MLflow sets its loggers up; what they would say of a new database is nobody's concern.
        for name in ("alembic", "mlflow", "urllib3"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        return MlflowClient(uri)


def _milliseconds(iso: str) -> int:
    return int(pd.Timestamp(iso).timestamp() * 1000)
