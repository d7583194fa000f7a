"""A finished trial to numbers: every metric, the reasons for those that do not exist, counts of confusions.

Scores of the split `val` are those of the best epoch, which was chosen by these rows; scores of the split
`deciding` are cross-fitted between the two halves of them (`trainables.evaluation.selection`), and decisions
are taken on these.

The outcome is kept in results/cache/scores/ as plain JSON, and used again while the trial's files have the
same hash (done.json's predictions_sha256) and `FileStamp`, and this program computes in the same way. So a
phase of a thousand trials of which one is new reads the predictions of one.
"""

import csv
import math
from collections.abc import Collection, Iterable
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from orchestrator.store.folder import (
    State,
    Store,
    claimed_hash,
    read_error,
    read_metrics,
    read_trial,
    trial_state,
)
from orchestrator.store.outcome_records import MetricsRecord
from orchestrator.store.predictions import DAMAGE, Part, Predictions, read_predictions
from trainables import memo
from trainables.errors import InputError
from trainables.evaluation import classes, detection
from trainables.evaluation.curve import Curve
from trainables.evaluation.metric_values import MetricValues
from trainables.evaluation.metrics import AT_A_THRESHOLD, COMPARED, GAP, TUNED, ThresholdMetric
from trainables.evaluation.scoring import all_metrics
from trainables.evaluation.selection import HALVES, cross_fitted, half_column
from trainables.evaluation.source_pairs import count_pairs
from trainables.evaluation.thresholds import best_threshold
from trainables.files import file_stamp
from trainables.trial_files import HISTORY, METRICS, PREDICTIONS, TRIAL

ALL = "all"
DECIDING = "deciding"
CACHE = "scores"
# Real sources times sources of fakes: more would make what is kept of a trial larger than its scores.
MOST_PAIRS = 400
# Where in its experiment a trial is: (repeat, fold).
Place = tuple[int, int]
WATCHED = (PREDICTIONS, METRICS, HISTORY, TRIAL)
MAY_LACK = (HISTORY, TRIAL)
History = list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class TrialScores:
    """What a finished trial says. Plain values, so that JSON holds it.

    scores: [split, source, metric, value] of what exists; missing: [split, source, metric, reason] of what
    does not. confusion: the test rows by [actual, predicted, count]. n_train counts the inner validation
    rows (n_val) too. seconds are those of the trial, training_seconds those of its epochs on `device` with
    `threads` CPU threads; None where they were not written down, like `parameters` and `flops_per_image`, the
    epoch that was kept, and how many there were.
    `rows` and `val_rows` name the test rows and the inner validation rows by path, group and label; no rows
    have no name. `no_deciding` is why there are no deciding scores, and empty where there are. num_groups:
    how many groups of test rows each source has, and under ALL the class that has the fewest. pairs: the
    test rows as [real source, fake source, twice the pairs in order, real rows, fake rows], see `PairCount`;
    none with several classes, and none of more than MOST_PAIRS pairs of sources. `gpu_share` is the part of a
    GPU that the trial had; 1 on a CPU, and where it was not written down.
    """

    scores: list[list[Any]]
    missing: list[list[Any]]
    confusion: list[list[int]]
    num_classes: int
    n_test: int
    n_train: int
    n_val: int
    seconds: float | None
    training_seconds: float | None
    threads: int
    device: str
    parameters: int | None
    flops_per_image: int | None
    rows: str
    val_rows: str
    no_deciding: str
    num_groups: dict[str, int]
    sha256: str
    best_epoch: int | None = None
    epochs: int | None = None
    pairs: list[list[Any]] = field(default_factory=list)
    gpu_share: float = 1.0

    @property
    def spent_seconds(self) -> float | None:
        """What it cost; see `spent`. None where no time was written down."""
        seconds = self.seconds if self.training_seconds is None else self.training_seconds
        return None if seconds is None else spent(seconds, self.threads, self.device) * self.gpu_share


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a trial has no scores: its state, and the reason in words."""

    state: State
    reason: str


def spent(seconds: float, threads: float, device: str | None) -> float:
    """Return seconds of one CPU thread, or of the GPU, that were spent in `seconds`."""
    return seconds * (threads if device == "cpu" else 1)


def independent_folds(places: Collection[Place]) -> int:
    """Return how many folds a repeat has, which is what degrees of freedom come from.

    A single split that is repeated deals other images each time: there the splits count (Nadeau & Bengio
    2003).
    """
    folds = {fold for _, fold in places}
    return len(folds) if len(folds) > 1 else len(places)


def place_name(place: Place) -> str:
    """Name a fold of an experiment: fold 3, or repeat 1 fold 3."""
    return f"fold {place[1]}" if place[0] == 0 else f"repeat {place[0]} fold {place[1]}"


def is_one_device(devices: Iterable[str]) -> bool:
    """Tell whether times on these can be compared: all on a CPU ("cpu"), or all on a GPU ("cuda")."""
    kinds = set(devices)
    return len(kinds) == 1 and "+" not in next(iter(kinds))


FIELDS = tuple(field.name for field in fields(TrialScores))


class Reader:
    """Reads trials of one results folder, each file at most once while `predictions` are kept."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[Path, Predictions] = {}

    def read(self, folder: Path, *, threshold_by: ThresholdMetric) -> TrialScores | Problem:
        """Return the scores of the trial at `folder`, from the cache where it has them."""
        state = trial_state(folder)
        if state != State.DONE:
            return _unfinished(folder, state)
        try:
            key = _key(folder, threshold_by)
            path = self._store.cached(CACHE, f"{folder.name}.{threshold_by}.memo")
            known = memo.read(path, key)
            if known is not None:
                return TrialScores(**known)
            scores = _score(folder, self.predictions(folder), threshold_by)
        except DAMAGE as error:
            state = trial_state(folder)
            if state != State.DONE:
                # It was taken away, or begun again, while it was being read.
                return _unfinished(folder, state)
            text = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            return Problem(State.UNREADABLE, f"{text}; delete the trial's folder to run it again")
        memo.write(path, key, {name: getattr(scores, name) for name in FIELDS})
        return scores

    def predictions(self, folder: Path) -> Predictions:
        """Return a finished trial's predictions; raises what `read_predictions` raises."""
        if folder not in self._kept:
            self._kept[folder] = read_predictions(folder, sha256=claimed_hash(folder))
        return self._kept[folder]

    def forget(self) -> None:
        """Let go of the predictions read so far."""
        self._kept.clear()


def _unfinished(folder: Path, state: State) -> Problem:
    error = read_error(folder)
    reason = error.message if error else ""
    return Problem(state, reason or {State.RUNNING: "still running"}.get(state, "not run to its end yet"))


def _key(folder: Path, threshold_by: str) -> str:
    """What the scores hang on: equal keys, equal scores."""
    files = {}
    for name in WATCHED:
        if name not in MAY_LACK or (folder / name).exists():
            files[name] = file_stamp((folder / name).stat())
    return memo.key([claimed_hash(folder), files, threshold_by], code=__name__, libraries=("numpy",))


def _score(folder: Path, found: Predictions, threshold_by: ThresholdMetric) -> TrialScores:
    metrics = read_metrics(folder)
    if metrics is None:
        raise ValueError(f"{METRICS} is damaged")
    table = _Table()
    test = found.test
    pairs: list[list[Any]] = []
    if test.probabilities.ndim == 1:
        curve = Curve.of(test.labels, test.probabilities.astype(np.float64))
        binary = detection.binary_metrics(test.labels, test.probabilities, test.predicted, curve=curve)
        table.add("test", ALL, binary)
        _add_sources(table, test, curve)
        pairs = _pairs(test, curve)
    else:
        table.add("test", ALL, _metrics(test))
    if found.val is not None:
        table.add("val", ALL, _metrics(found.val))
    if test.probabilities.ndim == 1:
        _add_tuned(table, found, threshold_by)
    history = _history(folder)
    no_deciding = _add_deciding(table, folder, history, metrics)
    _add_gap(table, history, metrics.best_epoch)
    counts = classes.confusion(test.labels, test.predicted, num_classes=test.num_classes)
    return TrialScores(
        scores=table.scores,
        missing=table.missing,
        confusion=[[*map(int, place), int(count)] for place, count in np.ndenumerate(counts)],
        num_classes=test.num_classes,
        n_test=metrics.n_test,
        n_train=metrics.n_train + metrics.n_val,
        n_val=metrics.n_val,
        seconds=metrics.seconds,
        training_seconds=metrics.training_seconds,
        best_epoch=metrics.best_epoch,
        epochs=metrics.epochs,
        threads=metrics.threads or 1,
        device=metrics.device,
        parameters=metrics.parameters,
        flops_per_image=metrics.flops_per_image,
        rows=test.key(),
        val_rows=found.val.key() if found.val is not None else "",
        no_deciding=no_deciding,
        num_groups=_num_groups(test),
        sha256=found.sha256,
        pairs=pairs,
        gpu_share=_gpu_share(folder),
    )


def _gpu_share(folder: Path) -> float:
    record = read_trial(folder)
    known = None if record is None else record.run.gpus
    return 1.0 if known is None else known


def _pairs(test: Part, curve: Curve) -> list[list[Any]]:
    """Count the pairs of real and fake sources among the test rows, where they are not too many."""
    fake = test.labels == 1
    num_pairs = len(np.unique(test.source[fake])) * len(np.unique(test.source[~fake]))
    if num_pairs > MOST_PAIRS:
        return []
    return [list(astuple(pair)) for pair in count_pairs(test.labels, curve, test.source, test.sources)]


def _num_groups(test: Part) -> dict[str, int]:
    codes = test.groups.dictionary_encode().indices.to_numpy()
    of_sources = _num_held(test.source, codes, len(test.sources))
    of_classes = _num_held(test.labels, codes, test.num_classes)
    return {**dict(zip(test.sources, of_sources, strict=True)), ALL: min(of_classes)}


def _num_held(kinds: np.ndarray, codes: np.ndarray, number: int) -> list[int]:
    """Count the groups that hold each kind of rows; both int [N]."""
    holds = np.zeros((number, int(codes.max()) + 1), dtype=bool)
    holds[kinds, codes] = True
    return [int(count) for count in holds.sum(axis=1)]


class _Table:
    """Rows of scores and of reasons, as they come."""

    def __init__(self) -> None:
        self.scores: list[list[Any]] = []
        self.missing: list[list[Any]] = []

    def add(self, split: str, source: str, found: MetricValues) -> None:
        self.scores += [[split, source, name, value] for name, value in found.values.items()]
        self.missing += [[split, source, name, reason] for name, reason in found.reasons.items()]

    def put(self, split: str, metric: str, value: float | None, reason: str = "") -> None:
        found = MetricValues()
        found.put(metric, value, reason)
        self.add(split, ALL, found)


def _metrics(part: Part) -> MetricValues:
    return all_metrics(part.labels, part.probabilities, part.predicted)


def _add_sources(table: _Table, test: Part, curve: Curve) -> None:
    per_source = detection.source_metrics(test.labels, curve, test.predicted, test.source, test.sources)
    for source, found in per_source.items():
        table.add("test", source, found)
    table.put("test", "source_auc_variance", *detection.auc_variance(per_source))


def _add_tuned(table: _Table, found: Predictions, threshold_by: ThresholdMetric) -> None:
    """The test metrics that hang on a threshold, at the one that suits the inner validation rows best."""
    val, test = found.val, found.test
    threshold, reason = None, "no inner validation rows to choose a threshold by"
    if val is not None:
        threshold = best_threshold(val.labels, val.probabilities, metric=threshold_by)
        reason = "the inner validation rows are of one class"
    table.put("test", "threshold", threshold, reason)
    if threshold is None:
        tuned = MetricValues(reasons=dict.fromkeys(AT_A_THRESHOLD, reason))
    else:
        decided = (test.probabilities >= threshold).astype(np.int64)
        tuned = detection.threshold_metrics(test.labels, decided)
    renamed = MetricValues()
    for name in AT_A_THRESHOLD:
        renamed.put(f"{name}{TUNED}", tuned.values.get(name), tuned.reasons.get(name, ""))
    table.add("test", ALL, renamed)


def _history(folder: Path) -> History:
    """The rows of history.csv; none when it is gone or damaged."""
    try:
        with (folder / HISTORY).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error):
        return []


def _add_deciding(table: _Table, folder: Path, history: History, metrics: MetricsRecord) -> str:
    """Cross-fit every metric that a rule may choose by between the halves; else return why that can't be."""
    if metrics.n_val_halves is None:
        return (
            "it was trained by an earlier version, which kept no scores of the halves of its validation part"
        )
    if not metrics.n_val_halves:
        return "its validation part is too small for two halves with images of every class"
    record = read_trial(folder)
    if record is None or not history:
        return f"its {TRIAL if record is None else HISTORY} is gone or damaged"
    try:
        halves = [[_half_of(row, half) for row in history] for half in HALVES]
        table.add(DECIDING, ALL, cross_fitted(halves, record.recipe.select_by))
    except InputError:
        return f"not every epoch in its {HISTORY} has the scores of the halves of its validation part"
    except (ValueError, TypeError):
        return f"its {HISTORY} is damaged"
    return ""


def _half_of(row: dict[str, str], half: str) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for metric in COMPARED:
        if (text := row.get(half_column(metric, half))) is not None:
            found[metric] = float(text) if text else None
    return found


def _add_gap(table: _Table, history: History, best_epoch: object) -> None:
    """Validation loss minus training loss of the epoch whose weights were kept."""
    try:
        best = next(row for row in history if int(row["epoch"]) == best_epoch)
        train, val = float(best["train_loss"]), float(best["val_loss"])
    except (ValueError, KeyError, TypeError, StopIteration):
        train = val = math.nan
    is_there = math.isfinite(train) and math.isfinite(val)
    reason = f"{HISTORY} has no losses of the best epoch"
    table.put("train", "train_loss", train if is_there else None, reason)
    table.put("val", GAP, val - train if is_there else None, reason)
