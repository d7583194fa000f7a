"""explanations/<phase>/hard/: evidence on hard examples and doubted labels, which needs the trained models.

hard.csv      one row per image, for people; its columns are the fields of `Evidence`
hard.json     the same, and what could not be found out: what the page reads; written last
<name>.webp   pictures: what the model saw, the map laid over it, and the nearest training image
"""

import csv
import hashlib
import io
from pathlib import Path

from orchestrator.store.folder import Store
from orchestrator.store.record import Record
from orchestrator.store.record_file import read_record
from trainables.errors import InputError
from trainables.files import write_json, write_text
from trainables.outside_text import spreadsheet_cell
from trainables.trial_files import FORMAT

TABLE, RECORD = "hard.csv", "hard.json"
OTHER_CLASS, SAME_CLASS = "other_class", "same_class"


class Evidence(Record):
    """What is known of an image that is hard or whose label is doubted.

    `score` is P(fake) of two classes by the trial that tested it, else the probability of its own class.
    `nearest_...` is the training image of that trial with the most similar features (cosine, -1 to 1), and
    `duplicate_...` a training image that is a version of the same picture; `alarm` is other_class where that
    has another label, same_class where it has the same, "" without one. `seen`, `overlay` and `nearest` are
    names of pictures in the folder, "" where there is none.
    """

    path: str
    sha256: str
    source: str
    label: int
    is_hard: bool
    is_doubted: bool
    experiment: str
    trial: str
    score: float
    format: str
    width: int
    height: int
    bytes: int
    nearest_path: str
    nearest_source: str
    nearest_label: int
    nearest_similarity: float
    alarm: str = ""
    duplicate_path: str = ""
    duplicate_label: int = -1
    duplicate_kind: str = ""
    duplicate_similarity: float = 0.0
    seen: str = ""
    overlay: str = ""
    nearest: str = ""


class HardRecord(Record):
    """The evidence of a phase, by the models of one experiment; `problems` are trials without, and why.

    `rests_on` is the hash of the images, the trials and the code that it comes from.
    """

    format: int = FORMAT
    phase: str
    experiment: str
    rests_on: str
    rows: tuple[Evidence, ...] = ()
    problems: tuple[str, ...] = ()


def hard_folder(store: Store, phase: str) -> Path:
    """Return the folder of a phase's evidence."""
    return store.root / "explanations" / phase / "hard"


def read_hard(store: Store, phase: str) -> HardRecord | None:
    """Read a phase's evidence; None where none was gathered.

    Raises:
        InputError: it is damaged.
    """
    way_out = f"delete it, and run `python -m orchestrator explain-images {phase}`"
    return read_record(hard_folder(store, phase) / RECORD, HardRecord, way_out=way_out)


def known_hard(store: Store, phase: str) -> HardRecord | None:
    """Read a phase's evidence; None where there is none that can be read."""
    try:
        return read_hard(store, phase)
    except InputError:
        return None


def write_hard(store: Store, record: HardRecord) -> None:
    """Write the table, and then the record, which says that everything is there."""
    folder, stream = hard_folder(store, record.phase), io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(Evidence.model_fields)
    for row in record.rows:
        values = row.model_dump().values()
        writer.writerow(spreadsheet_cell(value) if isinstance(value, str) else value for value in values)
    write_text(folder / TABLE, stream.getvalue())
    write_json(folder / RECORD, record.model_dump(mode="json"))


def evidence_digest(store: Store, phase: str) -> str:
    """Hash what a page shows of the evidence; of none it is the hash of nothing."""
    folder, record = hard_folder(store, phase), known_hard(store, phase)
    digest = hashlib.sha256()
    if record is not None:
        digest.update(record.model_dump_json().encode())
        names = [name for row in record.rows for name in (row.seen, row.overlay, row.nearest) if name]
        digest.update(str([name for name in names if (folder / name).is_file()]).encode())
    return digest.hexdigest()
