"""Report of an epoch of training, for whoever hears of it, and its row in history.csv."""

from collections.abc import Callable
from dataclasses import dataclass

from trainables.evaluation.scoring import Metrics


@dataclass(frozen=True, slots=True)
class EpochReport:
    """What an epoch gave. `epoch` counts from 1; `score` is the selection metric on inner validation rows.

    `halves` are the metrics that decisions may name on each half of these rows, by column of history.csv;
    empty where they can't be cut in two.
    """

    epoch: int
    epochs: int
    train_loss: float
    val_loss: float
    score: float
    best_score: float
    best_epoch: int
    lr: float
    seconds: float
    images_per_s: float
    val: Metrics
    halves: Metrics


OnEpoch = Callable[[EpochReport], None]


def history_row(report: EpochReport) -> dict[str, float | int | None]:
    """Return the row of history.csv that belongs to a report."""
    return {
        "epoch": report.epoch,
        "train_loss": report.train_loss,
        "val_loss": report.val_loss,
        "score": report.score,
        **{f"val_{name}": value for name, value in report.val.items() if name != "log_loss"},
        "lr": report.lr,
        "seconds": report.seconds,
        "images_per_s": report.images_per_s,
        **report.halves,
    }
