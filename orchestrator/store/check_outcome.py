"""Outcomes of shortcut checks (results/checks/<hash>.json): what file facts and trivial pixels reach on each
fold.
"""

from orchestrator.store.folder import Store
from orchestrator.store.record import Record
from orchestrator.store.record_file import known_record
from orchestrator.store.run_record import Environment
from trainables.files import write_json


class FoldAuc(Record):
    """The AUC of one outer test fold, with the numbers of images; None where the fold lacks a class."""

    repeat: int
    fold: int
    n_train: int
    n_test: int
    auc: float | None


class CheckModelScores(Record):
    """A model's AUC on every fold; of a single split, the bounds of a bootstrap over its groups."""

    folds: tuple[FoldAuc, ...]
    bootstrap: tuple[float, float] | None = None


class CheckOutcome(Record):
    """What one check found.

    `alone` is the mean AUC of each fact of the file alone, the highest first. `written_alike`: all files are
    written in one way, so that bytes per pixel say what is shown.
    """

    format: int | None = None
    check: str
    data: str | None = None
    images: int | None = None
    file_facts: CheckModelScores
    trivial_pixels: CheckModelScores
    alone: tuple[tuple[str, float], ...]
    written_alike: bool
    seconds: float | None = None
    made: str | None = None
    environment: Environment | None = None


def read_outcome(store: Store, check: str) -> CheckOutcome | None:
    """Read the outcome of a check; None when it was not made, or its file is damaged."""
    return known_record(store.check_file(check), CheckOutcome)


def write_outcome(store: Store, outcome: CheckOutcome) -> None:
    """Write down the outcome of a check."""
    write_json(store.check_file(outcome.check), outcome.plain())
