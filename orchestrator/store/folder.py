"""results/: where everything lies, and what state each trial is in, read from disk alone.

    folds/<hash>.csv                       which image is in which outer fold
    holdout/<ratio>-seed<seed>-<data>.csv  the images that are in no fold, for the end of the study
    final/<phase>.json <phase>.parquet     what the chosen model gave on them, opened once
    trials/<experiment>-r<R>f<K>-<key12>/  trial.json history.csv metrics.json predictions.parquet, weights,
                                           done.json (finished), error.json (failed), checkpoint/ (under way)
    studies/<phase>.json                   what a phase's last run planned, for `collect`, `report`, `status`
    decisions/<phase>.json checks/         frozen outcomes; what was looked for in the data
    races/<phase>.json                     which experiments left a race, after which fold, and by what
    precision/<model>-<size>-<device>.json the measured number format and memory layout
    weights/<model>.json                   which of timm's weights `pretrained` stands for, by tag and hash
    collected/<phase>/ reports/<phase>/    tables, and the page
    exports/<experiment>/                  models for other programs, and a card
    cache/ logs/                           pixels, scans; Ray's output: may be deleted at any time
    mlflow.db mlflow/                      the tracking store when no other is named

A trial is finished if and only if done.json can be read. A trial is being run while its folder's lock is
held; the operating system lets go of it when the process dies, however it dies.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from filelock import FileLock, Timeout

from orchestrator.store.fingerprint import SHORT
from orchestrator.store.outcome_records import ErrorRecord, MetricsRecord
from orchestrator.store.plain_names import is_plain
from orchestrator.store.record_file import known_record, read_record, refuse_other_name
from orchestrator.store.records import StudyRecord, TrialRecord
from orchestrator.store.usable_folder import check_cache, check_version, try_writing
from trainables.done_record import is_whole, read_done
from trainables.errors import InputError
from trainables.files import write_json
from trainables.measurement import Measurement
from trainables.trial_files import CHECKPOINT, ERROR, FORMAT, LOCK, METRICS, TRIAL
from trainables.versions import FACES


class State(StrEnum):
    """How far a trial is, by its folder; the last two are found out by those who read more than that."""

    # done.json is there, and whole.
    DONE = "done"
    # It ended with an error, which error.json holds.
    FAILED = "failed"
    # A living process holds its lock.
    RUNNING = "running"
    # It was begun and nobody is at it; it goes on from its last checkpoint.
    INTERRUPTED = "interrupted"
    # It has no folder, or nothing is in it.
    MISSING = "missing"
    # It is done, and its files are damaged.
    UNREADABLE = "unreadable"
    # Its experiment left a race before it; what the trial has is not looked at.
    ELIMINATED = "eliminated"


@dataclass(frozen=True, slots=True)
class Store:
    """The results folder at `root` (absolute)."""

    root: Path

    @classmethod
    def reopen(cls, root: Path) -> "Store":
        """Open a results folder that a run has made, or raise InputError: a mistyped name makes none."""
        if not root.is_dir():
            raise InputError(f"there is no results folder {root}; name one with --results")
        return cls.open(root)

    @classmethod
    def open(cls, root: Path) -> "Store":
        """Open or create a results folder.

        Raises:
            InputError: it can't be written, is no folder, or was made by a newer version.
        """
        store = cls(root.resolve())
        check_version(store.root, store.version_file)
        try:
            store.root.mkdir(parents=True, exist_ok=True)
            try_writing(store.root)
        except (OSError, FileExistsError) as error:
            raise InputError(
                f"the results folder {root} can't be written ({error.strerror}); name another with --results"
            ) from error
        check_cache(store.cache)
        if not store.version_file.exists():
            write_json(store.version_file, {"format": FORMAT})
        return store

    @classmethod
    def look(cls, root: Path) -> "Store":
        """Open a results folder for reading alone; it need not exist."""
        store = cls(root.resolve())
        if store.root.exists() and not store.root.is_dir():
            raise InputError(f"{root} is a file, not a folder of results; name another with --results")
        check_version(store.root, store.version_file)
        return store

    @property
    def version_file(self) -> Path:
        """The file that says which format the folder has."""
        return self.root / "results.json"

    @property
    def trials(self) -> Path:
        """The folder of all trials."""
        return self.root / "trials"

    @property
    def cache(self) -> Path:
        """The folder of what can be built again."""
        return self.root / "cache"

    @property
    def logs(self) -> Path:
        """The folder of what was kept off the screen."""
        return self.root / "logs"

    @property
    def artifacts(self) -> Path:
        """The folder of what MLflow keeps beside its database."""
        return self.root / "mlflow"

    @property
    def tracking_database(self) -> Path:
        """The tracking store when no other is named."""
        return self.root / "mlflow.db"

    def trial(self, folder: str) -> Path:
        """The folder of a trial, by what records call it: trials/<name>."""
        return self.root / folder

    def called(self, folder: Path) -> str:
        """What records call a folder of results."""
        return folder.relative_to(self.root).as_posix()

    def fold_file(self, name: str) -> Path:
        """The file that says which image is in which outer fold."""
        return self.root / "folds" / name

    def precision_file(self, model: str) -> Path:
        """The record of the measured number format of a model."""
        return self.root / "precision" / f"{model}.json"

    def weights_file(self, model: str) -> Path:
        """The record of the weights that timm has for a model."""
        return self.root / "weights" / f"{model}.json"

    def check_file(self, check: str) -> Path:
        """The record of what was looked for in a data set."""
        return self.root / "checks" / f"{check}.json"

    def decision_file(self, phase: str, *, version: int | None = None) -> Path:
        """The file of a phase's decision: the one in force, or a `version` that was replaced."""
        return self.root / "decisions" / f"{phase if version is None else f'{phase}.v{version}'}.json"

    @property
    def faces_table(self) -> Path:
        """The table of all faces that this version of the detector has found, whatever folder they lie in."""
        return self.cached("faces", f"mtcnn-{FACES}.parquet")

    def cached(self, kind: str, *names: str) -> Path:
        """A folder of the cache, or what it holds under a name."""
        return self.cache.joinpath(kind, *names)

    def collected(self, phase: str) -> Path:
        """The folder of a phase's tables."""
        return self.root / "collected" / phase

    def report(self, phase: str) -> Path:
        """The folder of a phase's page."""
        return self.root / "reports" / phase

    def exports(self, experiment: str) -> Path:
        """The folder of an experiment's models for other programs."""
        return self.root / "exports" / experiment

    def race_file(self, phase: str) -> Path:
        """The record of a phase's race: which experiments left it, and when."""
        return self.root / "races" / f"{phase}.json"

    def study_file(self, phase: str) -> Path:
        """The record of what a phase's last run planned."""
        return self.root / "studies" / f"{phase}.json"

    def study(self, phase: str) -> StudyRecord:
        """Read the record of a phase's last run.

        Raises:
            InputError: `phase` is no plain name, there is no record of it, or the record is damaged.
        """
        known = ", ".join(self.studies()) or "none"
        if not is_plain(phase):
            raise InputError(f"{phase!r} is no name of a phase (there are: {known}); give its name, no path")
        path, way_out = self.study_file(phase), f"run {phase!r} again, which repeats no finished trial"
        record = read_record(path, StudyRecord, way_out=way_out)
        if record is None:
            raise InputError(f"{self.root} has no record of {phase!r} (there are: {known}); run it first")
        refuse_other_name(path, record.phase.name, phase, way_out=f"move it away, and {way_out}")
        return record

    def known_study(self, phase: str) -> StudyRecord | None:
        """Read the record of a phase's last run; None where there is none that can be read."""
        try:
            return self.study(phase)
        except InputError:
            return None

    def write_study(self, record: StudyRecord) -> None:
        """Write the record of a phase's run."""
        write_json(self.study_file(record.phase.name), record.plain())

    def studies(self) -> list[str]:
        """Name the phases that have a record, in order."""
        return sorted(path.stem for path in (self.root / "studies").glob("*.json"))

    def folders_by_key(self) -> dict[str, Path]:
        """Map the short key of every trial on disk to its folder."""
        if not self.trials.is_dir():
            return {}
        return {path.name[-SHORT:]: path for path in sorted(self.trials.iterdir()) if path.is_dir()}

    def new_folder(self, experiment: str, repeat: int, fold: int, key: str) -> Path:
        """Name the folder of a trial that has none yet."""
        return self.trials / f"{experiment}-r{repeat}f{fold}-{key[:SHORT]}"


def read_trial(folder: Path) -> TrialRecord | None:
    """Read what the trial at `folder` is; None when that is not there or damaged."""
    return known_record(folder / TRIAL, TrialRecord)


def write_trial(folder: Path, record: TrialRecord) -> None:
    """Write down what the trial at `folder` is."""
    write_json(folder / TRIAL, record.plain())


def read_metrics(folder: Path) -> MetricsRecord | None:
    """Read what the finished trial at `folder` found; None when that is not there or damaged."""
    return known_record(folder / METRICS, MetricsRecord)


def claimed_hash(folder: Path) -> str | None:
    """Return the SHA-256 of the predictions of the finished trial at `folder`; None when nobody knows."""
    done = read_done(folder)
    return None if done is None else done.predictions_sha256


def read_error(folder: Path) -> ErrorRecord | None:
    """Read why the trial at `folder` failed; None when that is not there or damaged."""
    return known_record(folder / ERROR, ErrorRecord)


def write_error(folder: Path, record: ErrorRecord) -> None:
    """Write down why the trial at `folder` failed."""
    write_json(folder / ERROR, record.model_dump(mode="json"))


def read_measurement(path: Path) -> Measurement | None:
    """Read what was measured of a model; None when it was not, or the file is damaged."""
    return known_record(path, Measurement)


def write_measurement(path: Path, measurement: Measurement) -> None:
    """Write down what was measured of a model."""
    write_json(path, measurement.model_dump(mode="json"))


def trial_state(folder: Path | None) -> State:
    """Tell the state of the trial at `folder`."""
    if folder is None or not folder.is_dir():
        return State.MISSING
    if read_done(folder) is not None:
        return State.DONE
    if is_locked(folder / LOCK):
        return State.RUNNING
    if (folder / ERROR).is_file():
        return State.FAILED
    is_begun = (folder / CHECKPOINT).is_dir() or (folder / TRIAL).is_file()
    return State.INTERRUPTED if is_begun else State.MISSING


def state_to_plan(folder: Path) -> State:
    """Tell the state of a trial for a run, which does a finished one again whose predictions are damaged."""
    state = trial_state(folder)
    return State.UNREADABLE if state == State.DONE and not is_whole(folder) else state


def is_locked(path: Path) -> bool:
    """Tell whether a living process holds the lock at `path`."""
    if not path.exists():
        return False
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except (Timeout, OSError):
        return True
    lock.release()
    return False
