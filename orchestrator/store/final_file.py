"""final/<phase>.json: scores of the chosen model on the images held out, with its one reader and one writer.

Beside it, final/<phase>.parquet holds the score of every image, by each model and by their mean, so that each
number can be computed again.
"""

from pathlib import Path

import pandas as pd

from orchestrator.store.decision_file import TakenBy
from orchestrator.store.folder import Store
from orchestrator.store.record import Record
from orchestrator.store.record_file import read_record, refuse_other_name
from trainables.evaluation.metrics import METRICS
from trainables.files import replace_file, write_json
from trainables.trial_files import FORMAT


class FinalMetric(Record):
    """A metric of the mean of all models' probabilities, and mean and std (ddof 1) of the single models.

    The interval is a bootstrap over groups of the held-out images; None where there is none.
    """

    metric: str
    value: float
    ci_low: float | None = None
    ci_high: float | None = None
    single_mean: float | None = None
    single_std: float | None = None


class FinalModel(Record):
    """A trial whose model scored the images."""

    repeat: int
    fold: int
    folder: str
    key: str
    weights_sha256: str


class Opening(Record):
    """An earlier look at the same images: what was scored, when, and the rule's metric of it."""

    phase: str
    version: int
    chosen: str
    time: str
    metric: str
    value: float | None


class FinalRecord(Record):
    """What the chosen model of a decision gave on the images that no fold holds.

    `rests_on` is the hash of decision, images and models; `earlier` are the looks before this one. `notes`
    are what a reader has to know.
    """

    format: int = FORMAT
    phase: str
    decision_version: int
    chosen: str
    metric: str
    held_out_file: str
    images: int
    groups: int
    by_class: tuple[int, ...]
    models: tuple[FinalModel, ...]
    metrics: tuple[FinalMetric, ...]
    predictions_sha256: str
    earlier: tuple[Opening, ...] = ()
    notes: tuple[str, ...] = ()
    rests_on: str
    made: TakenBy

    def headline(self) -> FinalMetric | None:
        """Return the metric that the rule chose by, whichever its name; None where these images lack it."""
        facts = METRICS.get(self.metric)
        name = self.metric if facts is None else facts.alias_of or self.metric
        return next((each for each in self.metrics if each.metric == name), None)


def final_file(store: Store, phase: str) -> Path:
    """Return the path of a phase's final scores."""
    return store.root / "final" / f"{phase}.json"


def final_predictions(store: Store, phase: str) -> Path:
    """Return the path of the scores of every image that they come from."""
    return store.root / "final" / f"{phase}.parquet"


def read_final(store: Store, phase: str) -> FinalRecord | None:
    """Return the final scores of a phase; None where the held-out images were not opened by it.

    Raises:
        InputError: the file is damaged, or of a newer version of the program.
    """
    path = final_file(store, phase)
    # Made again it would say that the images had not been opened.
    way_out = "it says that the held-out images were opened, so bring it back"
    record = read_record(path, FinalRecord, way_out=way_out)
    if record is not None:
        refuse_other_name(path, record.phase, phase, way_out=way_out)
    return record


def finals_of(store: Store, held_out_file: str) -> list[FinalRecord]:
    """Return the final scores of every phase that opened these images, by the name of the phase."""
    names = sorted(path.stem for path in (store.root / "final").glob("*.json"))
    records = (read_final(store, name) for name in names)
    return [each for each in records if each is not None and each.held_out_file == held_out_file]


def write_final(store: Store, record: FinalRecord, predictions: pd.DataFrame) -> None:
    """Write the score of every image, and then the record, which says that they are there."""
    with replace_file(final_predictions(store, record.phase), lasting=True) as partial:
        predictions.to_parquet(partial, index=False)
    write_json(final_file(store, record.phase), record.plain())
