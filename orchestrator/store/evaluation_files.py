"""evaluations/<name>/: finished models and foreign scores on another data set, with its readers and writers.

    evaluation.json              what was evaluated on what, by which command
    images.parquet               path, sha256, group, source, label: the images that are evaluated
    excluded.csv                 path, reason: those that are not
    scores/<detector>.parquet    path, condition ("clean"), and a column for each model: r<R>f<K> with
                                 P(fake), or p<c>_r<R>f<K> for each of several classes; "score" of foreign
                                 scores
    tables/*.csv                 numbers that are computed from them

A score file also keeps which weights gave each column, so that a later command scores what is new alone.
evaluation.json is written after all of them, and says that they are there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from orchestrator.store.decision_file import TakenBy
from orchestrator.store.folder import Store
from orchestrator.store.plain_names import PlainName, is_plain
from orchestrator.store.record import Record
from orchestrator.store.record_file import read_record, refuse_other_name
from orchestrator.store.records import ShortcutRecord, SourceCount
from trainables.errors import InputError
from trainables.files import replace_file, write_json
from trainables.outside_text import spreadsheet_cell
from trainables.parquet_files import read_parquet
from trainables.trial_files import FORMAT

CLEAN = "clean"
IMAGE_COLUMNS = ["path", "sha256", "group", "source", "label"]
EXCLUDED_COLUMNS = ["path", "reason"]
FOREIGN_COLUMN = "score"
# Of a score file: the weights behind each column.
_WEIGHTS = "weights"


class EvaluatedTrial(Record):
    """A trial whose model scored the images. `weights` tells these weights from those of another run."""

    repeat: int
    fold: int
    folder: str
    key: str
    weights: str

    @property
    def column(self) -> str:
        """The column of a score file that holds its scores."""
        return f"r{self.repeat}f{self.fold}"


class EvaluatedExperiment(Record):
    """An experiment whose models scored the images; `problems` are why some of its trials did not.

    `asked` is how the command named it: NAME or PHASE/NAME.
    """

    name: PlainName
    asked: str = ""
    num_expected: int
    num_classes: int = 2
    trials: tuple[EvaluatedTrial, ...]
    problems: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether every trial that the protocol asks for has scores."""
        return len(self.trials) == self.num_expected


class ForeignDetector(Record):
    """A detector that is known by scores of a file alone, and how many of the images it has none for."""

    name: PlainName
    file: str
    sha256: str
    images: int
    missing: int = 0
    notes: tuple[str, ...] = ()


class OverlapRecord(Record):
    """How the images were compared with those that models learned from.

    `compared` are images of the training data whose contents were known, `unknown` those whose were not.
    `near` tells whether near-duplicates of all of them were looked for. `held_out` are images that no model
    has seen, kept for the end of the study.
    """

    identical: int = 0
    near_duplicates: int = 0
    held_out: int = 0
    compared: int = 0
    unknown: int = 0
    near: bool = False
    notes: tuple[str, ...] = ()


class EvaluationRecord(Record):
    """evaluation.json: which detectors were evaluated on which images.

    `fingerprint` names all labelled images of the folder, those that are excluded too. `excluded` counts
    images by the reason. `shortcut` is what files alone give away on these images; None with `notes` of why.
    """

    format: int = FORMAT
    name: str
    data: str
    layout: str
    group_by: str
    classes: tuple[str, ...]
    polarity: str = ""
    fingerprint: str
    images: int
    groups: int
    counts: tuple[SourceCount, ...]
    excluded: dict[str, int]
    experiments: tuple[EvaluatedExperiment, ...] = ()
    foreign: tuple[ForeignDetector, ...] = ()
    conditions: tuple[str, ...] = (CLEAN,)
    overlap: OverlapRecord | None = None
    shortcut: ShortcutRecord | None = None
    notes: tuple[str, ...] = ()
    made: TakenBy

    @property
    def detectors(self) -> tuple[str, ...]:
        """The names of all that have scores, experiments first."""
        return (*(each.name for each in self.experiments), *(each.name for each in self.foreign))


@dataclass(frozen=True, slots=True, eq=False)
class DetectorScores:
    """The content of a score file: its rows, and the weights that gave each column."""

    table: pd.DataFrame
    weights: Mapping[str, str]

    def of(self, column: str, paths: Sequence[str], *, condition: str = CLEAN) -> np.ndarray | None:
        """Return a model's scores of images, float64 [N], or [N, C]; None where it lacks one of them."""
        names = _class_columns(self.table, column)
        if not names:
            return None
        rows = self.table[self.table["condition"] == condition].set_index("path")
        if not rows.index.is_unique or not pd.Index(paths).isin(rows.index).all():
            return None
        found = rows.loc[list(paths), names].to_numpy(dtype=np.float64)
        if not np.isfinite(found).all():
            return None
        return np.ascontiguousarray(found[:, 0] if names == [column] else found)


def evaluation_folder(store: Store, name: str) -> Path:
    """Return the folder of an evaluation."""
    return store.root / "evaluations" / name


def evaluation_file(store: Store, name: str) -> Path:
    """Return the path of an evaluation's record."""
    return evaluation_folder(store, name) / "evaluation.json"


def evaluation_tables_folder(store: Store, name: str) -> Path:
    """Return the folder of an evaluation's tables."""
    return evaluation_folder(store, name) / "tables"


def evaluation_report(store: Store, name: str) -> Path:
    """Return the folder of an evaluation's page."""
    return store.report(f"evaluation-{name}")


def evaluations(store: Store) -> list[str]:
    """Name the evaluations that have a record, in order."""
    return sorted(path.parent.name for path in (store.root / "evaluations").glob("*/evaluation.json"))


def check_evaluation_name(name: str) -> None:
    """Raise InputError unless a name is that of one folder."""
    if not is_plain(name) or name.startswith("."):
        raise InputError(f"--name {name!r} is no name of a folder; give a plain one, like celeb_df")


def read_evaluation(store: Store, name: str) -> EvaluationRecord | None:
    """Return the record of an evaluation; None where there is none.

    Raises:
        InputError: it is damaged, or of a newer version of the program.
    """
    path = evaluation_file(store, name)
    way_out = "delete its folder and evaluate again"
    record = read_record(path, EvaluationRecord, way_out=way_out)
    if record is not None:
        refuse_other_name(path, record.name, name, way_out=way_out)
    return record


def read_evaluated_images(store: Store, name: str) -> pd.DataFrame:
    """Read the images of an evaluation, columns IMAGE_COLUMNS, in the order of their paths.

    Raises:
        InputError: the table is gone or damaged.
    """
    path = evaluation_folder(store, name) / "images.parquet"
    try:
        return read_parquet(path, columns=IMAGE_COLUMNS)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} can't be read; delete its folder and evaluate again") from error


def read_scores(store: Store, name: str, detector: str) -> DetectorScores | None:
    """Read the scores of a detector; None where there are none that can be read."""
    try:
        table = read_parquet(_score_file(store, name, detector))
    except (OSError, ValueError):
        return None
    if not {"path", "condition"} <= set(table.columns):
        return None
    return DetectorScores(table, dict(table.attrs.get(_WEIGHTS, {})))


def write_scores(store: Store, name: str, detector: str, scores: DetectorScores) -> None:
    """Write the scores of a detector, with the weights that gave them."""
    path = _score_file(store, name, detector)
    table = scores.table.sort_values(["condition", "path"], ignore_index=True)
    table.attrs[_WEIGHTS] = dict(scores.weights)
    with replace_file(path, lasting=True) as partial:
        table.to_parquet(partial, index=False)


def write_evaluation(
    store: Store, record: EvaluationRecord, *, images: pd.DataFrame, excluded: pd.DataFrame
) -> None:
    """Write which images there are and which were kept out, and then the record."""
    folder = evaluation_folder(store, record.name)
    with replace_file(folder / "images.parquet", lasting=True) as partial:
        images[IMAGE_COLUMNS].to_parquet(partial, index=False)
    with replace_file(folder / "excluded.csv", lasting=True) as partial:
        cells = excluded[EXCLUDED_COLUMNS].map(spreadsheet_cell)
        cells.to_csv(partial, index=False, lineterminator="\n")
    write_json(evaluation_file(store, record.name), record.plain())


def score_columns(column: str, scores: np.ndarray) -> dict[str, np.ndarray]:
    """Return the columns of a score file for a model's scores, float [N] or [N, C]."""
    if scores.ndim == 1:
        return {column: scores.astype(np.float64)}
    return {f"p{c}_{column}": scores[:, c].astype(np.float64) for c in range(scores.shape[1])}


def without_model(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return a score table without the columns of a model."""
    return table.drop(columns=_class_columns(table, column))


def _class_columns(table: pd.DataFrame, column: str) -> list[str]:
    """The columns of a model: its own, or one for each class."""
    if column in table:
        return [column]
    names = [name for name in table.columns if name.endswith(f"_{column}") and name[:1] == "p"]
    return sorted(names, key=lambda name: int(name[1:].partition("_")[0]))


def _score_file(store: Store, name: str, detector: str) -> Path:
    return evaluation_folder(store, name) / "scores" / f"{detector}.parquet"
