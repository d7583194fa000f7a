"""One trial's stored predictions as arrays, checked: what every number of a study is computed from.

predictions.parquet is read once as bytes. Where done.json holds their hash, other bytes are refused before
anything parses them. Rows come in the order of their paths, whatever their order in the file.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
from pyarrow import compute, parquet

from orchestrator.statistics.resampled import Groups
from trainables.files import read_file
from trainables.parquet_files import refuse_bomb
from trainables.trial_files import PREDICTIONS

# The split of rows that are predicted and have no label (an official test split whose labels are kept back).
UNLABELLED = "unlabelled"
# What a damaged or half-written trial can raise while it is read.
DAMAGE = (OSError, ValueError, KeyError, TypeError, NotImplementedError, pyarrow.ArrowException)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The rows of one split, in the order of their paths.

    paths and groups are Arrow's strings, which are hashed, compared and numbered without becoming Python's;
    source names the source of each row by its place in `sources`, int64 [N]. labels and predicted classes are
    int64 [N], probabilities P(fake), [N], or one column per class, [N, C].
    """

    paths: pyarrow.StringArray
    groups: pyarrow.StringArray
    source: np.ndarray
    sources: list[str]
    labels: np.ndarray
    probabilities: np.ndarray
    predicted: np.ndarray

    @property
    def num_classes(self) -> int:
        """How many classes the model tells apart."""
        return 2 if self.probabilities.ndim == 1 else self.probabilities.shape[1]

    def key(self) -> str:
        """Name these rows by path, group and label, whatever was predicted: 64 hexadecimal digits."""
        digest = hashlib.sha256()
        for part in (_joined(self.paths), _joined(self.groups), self.labels.tobytes()):
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.hexdigest()

    def grouped(self) -> Groups:
        """Return the rows' groups for resampling."""
        codes = self.groups.dictionary_encode().indices.to_numpy().astype(np.int64)
        return Groups.of(codes, self.labels)

    def frame(self, *, repeat: int, fold: int) -> pd.DataFrame:
        """Return rows of two classes as a table: repeat, fold, source, group, label, score."""
        source = np.array(self.sources, dtype=object)[self.source]
        groups = self.groups.to_numpy(zero_copy_only=False)
        columns = {"source": source, "group": groups, "label": self.labels, "score": self.probabilities}
        return pd.DataFrame(columns).assign(repeat=repeat, fold=fold)


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """Test rows, inner validation rows where the trial kept any, and the hash of the file.

    Rows of an unlabelled test split are in the file, but no score can be computed from them.
    """

    test: Part
    val: Part | None
    sha256: str


def read_predictions(folder: Path, *, sha256: str | None) -> Predictions:
    """Read the predictions of the finished trial at `folder`.

    Args:
        folder: the trial's folder.
        sha256: what done.json says that the file's hash is; None = it says nothing.

    Raises:
        ValueError, OSError, KeyError, TypeError and others in DAMAGE: the file is gone, damaged or
        incomplete.
    """
    content = read_file(folder / PREDICTIONS)
    found = hashlib.sha256(content).hexdigest()
    if sha256 is not None and found != sha256:
        raise ValueError(f"{PREDICTIONS} is not what the trial wrote")
    refuse_bomb(content)
    table = parquet.ParquetFile(pyarrow.BufferReader(content)).read(use_threads=False)
    splits = _texts(table, "split")
    parts = {split: _part(_rows_of(table, splits, split)) for split in ("test", "val")}
    test = parts["test"]
    if test is None:
        raise ValueError(f"{PREDICTIONS} has no test rows")
    known = compute.is_in(splits, value_set=pyarrow.array([*parts, UNLABELLED]))
    if not compute.all(known).as_py():
        raise ValueError(f"{PREDICTIONS} has a row whose split is neither test, val nor {UNLABELLED}")
    return Predictions(test, parts["val"], found)


def _rows_of(table: pyarrow.Table, splits: pyarrow.StringArray, split: str) -> pyarrow.Table:
    rows = np.flatnonzero(compute.equal(splits, split).to_numpy(zero_copy_only=False))
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows):
        # As a trial writes them: one stretch, of which nothing needs to be copied.
        return table.slice(rows[0], len(rows))
    return table.take(rows)


def _part(table: pyarrow.Table) -> Part | None:
    if table.num_rows == 0:
        return None
    paths = _texts(table, "path")
    if not _ascend(paths):
        order = compute.sort_indices(paths)
        table, paths = table.take(order), paths.take(order)
        if not _ascend(paths):
            raise ValueError(f"{PREDICTIONS} has an image twice in one split")
    labels, predicted = (_whole_numbers(table, name) for name in ("label", "predicted"))
    probabilities = _probabilities(table)
    # A softmax in float32 may be a hair above 1; NaN is left to the metrics, which name it.
    if bool(np.any((probabilities < 0.0) | (probabilities > 1.0 + 1e-6))):
        raise ValueError(f"{PREDICTIONS} has a score that is no probability from 0 to 1")
    num_classes = 2 if probabilities.ndim == 1 else probabilities.shape[1]
    for name, values in (("label", labels), ("predicted", predicted)):
        if values.min() < 0 or values.max() >= num_classes:
            raise ValueError(f"{PREDICTIONS} has a {name} outside 0 to {num_classes - 1}")
    source, sources = _coded(_texts(table, "source"))
    return Part(paths, _texts(table, "group"), source, sources, labels, probabilities, predicted)


def _texts(table: pyarrow.Table, name: str) -> pyarrow.StringArray:
    column = table[name].combine_chunks()
    if pyarrow.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if column.null_count or not (
        pyarrow.types.is_string(column.type) or pyarrow.types.is_large_string(column.type)
    ):
        raise ValueError(f"{PREDICTIONS} has a row whose {name} is no text")
    return column.cast(pyarrow.string())


def _ascend(texts: pyarrow.StringArray) -> bool:
    """Tell whether each text comes after the one before it: in order, and none twice."""
    return bool(compute.all(compute.less(texts[:-1], texts[1:])).as_py())


def _joined(texts: pyarrow.StringArray) -> bytes:
    """Return the texts as UTF-8, one line each."""
    whole = compute.binary_join(pyarrow.ListArray.from_arrays([0, len(texts)], texts), "\n")
    return bytes(whole[0].as_buffer())


def _coded(texts: pyarrow.StringArray) -> tuple[np.ndarray, list[str]]:
    """Number the distinct texts in their order: codes int64 [N], and the texts."""
    encoded = texts.dictionary_encode()
    names = encoded.dictionary.to_pylist()
    order = np.argsort(np.array(names), kind="stable")
    place = np.empty(len(names), dtype=np.int64)
    place[order] = np.arange(len(names))
    return place[encoded.indices.to_numpy()], sorted(names)


def _probabilities(table: pyarrow.Table) -> np.ndarray:
    if "score" in table.column_names:
        return _numbers(table, "score", "score that is no probability from 0 to 1")
    names = [name for name in table.column_names if name[:1] == "p" and name[1:].isdigit()]
    if len(names) < 2:
        raise KeyError("score")
    columns = [
        _numbers(table, f"p{index}", "score that is no probability from 0 to 1")
        for index in range(len(names))
    ]
    return np.stack(columns, axis=1)


def _numbers(table: pyarrow.Table, name: str, otherwise: str) -> np.ndarray:
    """Return a column of numbers; one of anything else (texts, dates, nothing) has `otherwise`."""
    column = table[name]
    if not (pyarrow.types.is_integer(column.type) or pyarrow.types.is_floating(column.type)):
        raise ValueError(f"{PREDICTIONS} has a {otherwise}")
    return np.asarray(column.to_numpy())


def _whole_numbers(table: pyarrow.Table, name: str) -> np.ndarray:
    column = table[name]
    if column.null_count:
        raise ValueError(f"{PREDICTIONS} has a row without {name}")
    values = _numbers(table, name, f"{name} that is no whole number")
    if not np.all(np.isfinite(values)) or bool(np.any(values != np.floor(values))):
        raise ValueError(f"{PREDICTIONS} has a {name} that is no whole number")
    return values.astype(np.int64)
