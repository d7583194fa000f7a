"""Scores of detectors that are no models of ours: a CSV file with path, score and, where there are several,
detector.

A path is one of the data folder, or a file name that only one image there has. A score is P(fake), 0 to 1.
A row that can't be a score is refused with its file and line; rows of other images, and images without a row,
are counted.
"""

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from orchestrator.store.evaluation_files import ForeignDetector
from orchestrator.store.plain_names import is_plain
from trainables.errors import InputError
from trainables.files import file_sha256, read_text
from trainables.outside_text import from_spreadsheet, without_middle

COLUMNS = ("path", "score", "detector")


@dataclass(frozen=True, slots=True, eq=False)
class ForeignScores:
    """What files say of one detector: its record, and P(fake) by path, float64."""

    record: ForeignDetector
    scores: "pd.Series[float]"


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of a file: where it stands, whose score it is, of which image (as the file calls it), and the
    score.
    """

    where: str
    detector: str
    path: str
    score: float


def read_foreign(
    files: Sequence[Path], rows: pd.DataFrame, *, root: Path, taken: Iterable[str]
) -> list[ForeignScores]:
    """Read the scores of other detectors.

    Args:
        files: CSV files.
        rows: column path: the images that scores may be of.
        root: the data folder.
        taken: names that no detector may have.

    Returns:
        One for each detector, in the order of the files.

    Raises:
        InputError: a file can't be read, or a row of it is no score; a detector is there twice or called like
            an experiment; no image has a score.
    """
    found: list[ForeignScores] = []
    names = set(taken)
    places = _Places.of(rows["path"], root)
    for file in files:
        by_detector: dict[str, list[_Row]] = {}
        for row in _rows(file):
            by_detector.setdefault(row.detector, []).append(row)
        if not by_detector:
            raise InputError(f"{file} has no row; it needs the columns path and score, and a row per image")
        digest = file_sha256(file)
        for name, members in by_detector.items():
            if name in names:
                raise InputError(
                    f"{file}: a detector or experiment is already called {name!r}; "
                    "name it differently in a column detector, or rename the file"
                )
            names.add(name)
            found.append(_matched(name, file, digest, members, places))
    return found


@dataclass(frozen=True, slots=True)
class _Places:
    """The images of a folder by path, and by file name where only one has it."""

    root: Path
    paths: frozenset[str]
    by_name: dict[str, list[str]]

    @classmethod
    def of(cls, paths: Iterable[str], root: Path) -> "_Places":
        every, by_name = list(paths), dict[str, list[str]]()
        for path in every:
            by_name.setdefault(PurePosixPath(path).name, []).append(path)
        return cls(root, frozenset(every), by_name)

    def find(self, row: _Row) -> str | None:
        """Return the image that a row is of; None where there is none.

        Raises:
            InputError: several images have this file name.
        """
        said = PurePosixPath(row.path.replace("\\", "/"))
        if said.is_absolute() and said.is_relative_to(self.root.as_posix()):
            said = said.relative_to(self.root.as_posix())
        if str(said) in self.paths:
            return str(said)
        same = self.by_name.get(said.name, [])
        if len(same) > 1:
            raise InputError(
                f"{row.where}: {row.path!r} may be {same[0]} or {same[1]}; write paths relative to "
                f"{self.root}"
            )
        return same[0] if same else None


def _matched(name: str, file: Path, digest: str, rows: Sequence[_Row], places: _Places) -> ForeignScores:
    scores: dict[str, float] = {}
    lines: dict[str, str] = {}
    unknown: list[_Row] = []
    for row in rows:
        path = places.find(row)
        if path is None:
            unknown.append(row)
        elif path in scores:
            raise InputError(f"{row.where}: {path} has a score already ({lines[path]}); keep one of the two")
        else:
            scores[path], lines[path] = row.score, row.where
    if not scores:
        first = unknown[0]
        raise InputError(
            f"{file}: none of its {len(rows)} rows of {name} is of an image below {places.root} (first: "
            f"{first.path!r}); write paths relative to that folder"
        )
    missing = len(places.paths) - len(scores)
    notes = []
    if unknown:
        first = unknown[0]
        notes.append(
            f"{len(unknown)} of {len(rows)} rows are of no image there and are left out (first: "
            f"{first.where}, {first.path!r})"
        )
    if missing:
        notes.append(f"{missing} of {len(places.paths)} images have no score")
    record = ForeignDetector(
        name=name,
        file=str(file.resolve()),
        sha256=digest,
        images=len(scores),
        missing=missing,
        notes=tuple(notes),
    )
    return ForeignScores(record, pd.Series(scores, dtype="float64").sort_index())


def _rows(file: Path) -> Iterator[_Row]:
    try:
        reader = csv.DictReader(io.StringIO(read_text(file), newline=""))
        names = reader.fieldnames or []
        if lacking := [name for name in COLUMNS[:2] if name not in names]:
            has = without_middle(", ".join(names)) or "none"
            raise InputError(
                f"{file} has no column {' and '.join(lacking)} (it has: {has}); it needs path and score, and "
                "detector where it holds several"
            )
        if twice := [name for name in COLUMNS if names.count(name) > 1]:
            raise InputError(f"{file} has two columns {twice[0]}; keep one")
        for row in reader:
            yield _row(row, file=file, line=reader.line_num)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else f"it is no CSV file in UTF-8: {error}"
        raise InputError(f"--scores {file} can't be read ({reason})") from error


def _row(cells: dict[str, str | None], *, file: Path, line: int) -> _Row:
    where = f"{file} line {line}"
    path, text, name = (from_spreadsheet((cells.get(column) or "").strip()) for column in COLUMNS)
    name = name or file.stem
    if not path:
        raise InputError(f"{where} has no path")
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if not 0.0 <= score <= 1.0:
        raise InputError(f"{where}: {text!r} is no P(fake) from 0 to 1; scale the scores, or remove the row")
    if not is_plain(name):
        raise InputError(f"{where}: {name!r} is no plain name of a detector; leave out / in it")
    return _Row(where, name, path, score)
