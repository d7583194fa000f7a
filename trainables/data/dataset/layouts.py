"""Records and words of the layouts of data folders: what a listed image is, and which files are listed.

    sources        one folder per source (wiki/, text2img/, ...), real or fake by the folder's name
    splits         (train|val|test)/<class>/: real and fake, or any class folders
    folders        the deepest folder that is called like real or fake is the class, split-like names above it
                   are splits, the rest is the source: <generator>/(train|val)/(ai|nature), and the like
    faceforensics  original_sequences/ and manipulated_sequences/<method>/, frames in a folder per video
    celebdf        Celeb-real/, YouTube-real/, Celeb-synthesis/ with List_of_testing_videos.txt
    dfdc           metadata.json beside the frames of the videos that it names
    deepfakebench  a JSON file of data set, label, split and video, with the frames of each
    csv            train.csv, validation.csv, test.csv and a folder of images each
    tables         labels.* or metadata.* (csv, jsonl, parquet): a file and a label per row

`recognition` tells which one a folder has. No image is opened to list it.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from trainables.errors import InputError

Layout = Literal[
    "sources", "splits", "folders", "faceforensics", "celebdf", "dfdc", "deepfakebench", "csv", "tables"
]
LAYOUTS: tuple[str, ...] = get_args(Layout)
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"})
# What lies beside images and claims to be none: tables, texts, and what systems leave in folders.
BESIDE_SUFFIXES = frozenset(
    ".csv .tsv .json .jsonl .parquet .txt .md .ini .db .xml .yaml .yml .html .log .npy .npz".split()
)
# Of archives that were made on macOS, of Windows and of NAS boxes: previews and properties, no images.
SYSTEM_FOLDERS = frozenset(("__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information"))
SPLIT_NAMES = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test",
}  # fmt: skip
UNLABELLED = -1
# In the root of a copy as long as images are missing from it.
UNFINISHED = ".unfinished"


@dataclass(frozen=True, slots=True)
class ListedImage:
    """A file that claims to be an image: path relative to the root, its class and where it comes from.

    `inside` is the path of the folders between its class folder and the file, "" where it lies in the class
    folder itself. `named_group` is the group that the data set's own table gives it, "" where none does.
    """

    path: str
    label: int
    source: str
    split: str
    inside: str = ""
    named_group: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a folder was read: the rule in words, the names that stand for fake and real, and what to know.

    `fake` and `real` are empty where there are several classes.
    """

    rule: str
    fake: tuple[str, ...] = ()
    real: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """A layout's files in path order; `classes[label]` is the name of a class."""

    layout: Layout
    classes: tuple[str, ...]
    images: tuple[ListedImage, ...]
    reading: Reading


def split_of(name: str) -> str:
    """Return the split that a folder, a table or a cell is called after, "" for none; case folds."""
    return SPLIT_NAMES.get(name.strip().lower(), "")


def is_beside(path: str) -> bool:
    """Tell whether a file lies beside the images and claims to be none: a table, a text, a system's file."""
    return os.path.splitext(path)[1].lower() in BESIDE_SUFFIXES


def folders_in(root: Path) -> list[str]:
    """Return the names of the folders in `root`, in order; links to folders are some, hidden ones are none.

    Raises:
        InputError: the folder can't be read.
    """
    try:
        with os.scandir(root) as entries:
            return sorted(
                entry.name for entry in entries if not _is_passed_over(entry.name) and _is_folder(entry)
            )
    except OSError as error:
        raise InputError(
            f"the folder {root} can't be read ({error.strerror}); check its permissions"
        ) from error


def _is_passed_over(folder: str) -> bool:
    """Tell whether a folder of this name is hidden, or holds what a system or an archive keeps of files."""
    return folder.startswith(".") or folder in SYSTEM_FOLDERS


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link that leads round in a circle leads to no folder.
        return False


def files_below(
    root: Path, folder: Path, *, enter: Callable[[Path], bool] = lambda link: False
) -> Iterator[str]:
    """Yield the paths of the files below `folder`, relative to `root`, without hidden ones.

    `enter` is asked of each link to a folder whether it is followed. Others are named like files, so that
    what is behind them is not left out in silence.
    """

    def fail(error: OSError) -> None:
        raise InputError(
            f"{error.filename} can't be read ({error.strerror}); check its permissions"
        ) from error

    for directory, folders, files in os.walk(folder, onerror=fail, followlinks=False):
        linked = [
            name
            for name in sorted(folders)
            if os.path.islink(os.path.join(directory, name)) and not _is_passed_over(name)
        ]
        entered = [name for name in linked if enter(Path(directory, name))]
        folders[:] = sorted(name for name in folders if not _is_passed_over(name))
        # A path object per file would take most of the time of a large folder.
        inside = Path(directory).relative_to(root).as_posix()
        for name in sorted({*files, *linked} - {*entered}):
            if not name.startswith("."):
                yield name if inside == "." else f"{inside}/{name}"
        for name in entered:
            yield from files_below(root, Path(directory, name), enter=enter)


def in_path_order(images: Iterable[ListedImage]) -> tuple[ListedImage, ...]:
    """Return images by their path."""
    return tuple(sorted(images, key=lambda image: image.path))
