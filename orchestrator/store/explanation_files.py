"""explanations/<phase>/: images that trained models were explained on, numbers of their maps, and pictures.

    images.csv                  the chosen images: path, sha256, source, group, label, reason
    numbers.csv                 one row per experiment and image: score, outcome, numbers of the map, files
    explained.json              which trials explained which images, and what could not be explained
    <experiment>/<outcome>/<source>/<stem>-<hash>.webp .npy     the map over the image, and the map itself
    means/<experiment>-<outcome>.npy                            mean map, aligned by face, float16 [64, 64]

explained.json is written last. The name of an outcome says what an image was taken for, and whether rightly:
false_fake is a real image that was taken for a fake.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from pydantic import Field

from orchestrator.store.csv_files import read_csv
from orchestrator.store.folder import Store
from orchestrator.store.plain_names import is_inside
from orchestrator.store.record import Record
from orchestrator.store.record_file import read_record, refuse_other_name
from trainables.errors import InputError
from trainables.files import replace_file, write_json, write_text
from trainables.removal import keep_only
from trainables.trial_files import FORMAT

IMAGES, NUMBERS, RECORD = "images.csv", "numbers.csv", "explained.json"
IMAGE_COLUMNS = ("path", "sha256", "source", "group", "label", "reason")
OUTCOMES = ("true_fake", "false_fake", "true_real", "false_real")
# The ends of `explained_file`: of the overlay, of the map, and of two small pictures for a page.
OVERLAY, MAP, SMALL_IMAGE, SMALL_OVERLAY = ".webp", ".npy", "-seen.webp", "-small.webp"
UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
MOST_LETTERS, HASH_LETTERS = 60, 8


class ExplainedTrial(Record):
    """A trial of an experiment that explained `images` of the chosen images.

    `rests_on` is the hash of its key, of the images, and of the code that explains.
    """

    experiment: str
    repeat: int
    fold: int
    folder: str
    key: str
    images: int
    rests_on: str


class NotExplained(Record):
    """An experiment, or one of its folds, without explanations, and why."""

    experiment: str
    repeat: int | None = None
    fold: int | None = None
    reason: str


class ExplanationRecord(Record):
    """What was explained of a phase, of `per_experiment` images each, and what was not."""

    format: int = FORMAT
    phase: str
    per_experiment: int
    trials: tuple[ExplainedTrial, ...] = ()
    problems: tuple[NotExplained, ...] = ()
    command: str = ""
    versions: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Explanations:
    """Explanations of a phase: the `folder` that file names are below, and both tables."""

    folder: Path
    record: ExplanationRecord
    images: pd.DataFrame
    numbers: pd.DataFrame

    @property
    def experiments(self) -> list[str]:
        """The experiments that have explanations, in the order of the table."""
        return list(dict.fromkeys(self.numbers["experiment"]))

    def mean_map(self, experiment: str, outcome: str) -> np.ndarray | None:
        """Read the mean map of an experiment's images of an outcome; None where there is none."""
        try:
            found = np.load(mean_map_file(self.folder, experiment, outcome), allow_pickle=False)
        # A header may claim any size.
        except (OSError, ValueError, MemoryError):
            return None
        return np.asarray(found, dtype=np.float32)

    def digest(self) -> str:
        """Hash all that a page shows of it, 64 hexadecimal digits."""
        digest = hashlib.sha256(self.record.model_dump_json(exclude={"command", "versions"}).encode())
        for table in (self.images, self.numbers):
            digest.update(table.to_csv(index=False).encode())
        shown = [self.folder / f"{name}" for name in self.numbers["map"]]
        digest.update(str([path.is_file() for path in shown]).encode())
        return digest.hexdigest()


def explanations_folder(store: Store, phase: str) -> Path:
    """Return the folder of a phase's explanations."""
    return store.root / "explanations" / phase


def explained_file(outcome: str, source: str, path: str, sha256: str) -> str:
    """Name an image's files below the folder of an experiment, without their ends; safe on any disk."""
    name = f"{_safe(PurePosixPath(path).stem)}-{sha256[:HASH_LETTERS]}"
    return f"{outcome}/{_safe(source)}/{name}"


def mean_map_file(folder: Path, experiment: str, outcome: str) -> Path:
    """Return the path of a mean map below the folder of explanations."""
    return folder / "means" / f"{experiment}-{outcome}.npy"


def read_explanations(store: Store, phase: str) -> Explanations | None:
    """Read a phase's explanations; None where nothing was explained.

    Raises:
        InputError: a file of it is damaged, or of a newer version of the program.
    """
    folder = explanations_folder(store, phase)
    way_out = f"delete {folder}, and run `python -m orchestrator explain-images {phase}`"
    record = read_record(folder / RECORD, ExplanationRecord, way_out=way_out)
    if record is None:
        return None
    refuse_other_name(folder / RECORD, record.phase, phase, way_out=way_out)
    try:
        images, numbers = (_read_table(folder / name) for name in (IMAGES, NUMBERS))
        if not all(map(is_inside, [*numbers["experiment"], *numbers["overlay"], *numbers["map"]])):
            raise ValueError("a file is named that lies elsewhere")
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"the tables in {folder} are damaged; {way_out}") from error
    return Explanations(folder, record, images, numbers)


def write_explanations(found: Explanations) -> None:
    """Write both tables, and then the record, which says that they are there."""
    for name, table in ((IMAGES, found.images), (NUMBERS, found.numbers)):
        write_text(found.folder / name, table.to_csv(index=False, lineterminator="\n"))
    write_json(found.folder / RECORD, found.record.plain())


def write_array(path: Path, values: np.ndarray) -> None:
    """Write an array as .npy, atomically."""
    with replace_file(path) as partial, partial.open("wb") as stream:
        np.save(stream, values, allow_pickle=False)


def remove_others(store: Store, phase: str, experiment: str, kept: Iterable[str]) -> None:
    """Remove pictures and maps of an experiment that are not among `kept`, file names without their ends."""
    place, names = explanations_folder(store, phase) / experiment, set(kept)
    for folder in sorted(place.glob("*/*")):
        above = folder.relative_to(place).as_posix()
        mine = {
            f"{name.removeprefix(above)[1:]}{end}"
            for name in names
            if PurePosixPath(name).parent.as_posix() == above
            for end in _ENDS
        }
        keep_only(folder, mine, patterns=_WRITTEN, below=store.root)


_TEXTS = (
    "experiment", "path", "sha256", "source", "group", "reason", "outcome", "trial", "overlay", "map",
)  # fmt: skip
_ENDS = (OVERLAY, MAP, SMALL_IMAGE, SMALL_OVERLAY)
_WRITTEN = (f"*{OVERLAY}", f"*{MAP}")


def _read_table(path: Path) -> pd.DataFrame:
    """Read a table; texts stay texts, whatever they look like, and an empty number is NaN."""
    names = read_csv(path, nrows=0).columns
    numbers = {name: [""] for name in names if name not in _TEXTS}
    return read_csv(
        path,
        dtype=dict.fromkeys(_TEXTS, str),
        keep_default_na=False,
        na_values=numbers,
    )


def _safe(text: str) -> str:
    return UNSAFE.sub("-", text)[:MOST_LETTERS] or "-"
