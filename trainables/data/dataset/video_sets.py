"""Listings of published sets of video frames, whose own files or folders say what names alone can't.

FaceForensics++ (Roessler et al. 2019), Celeb-DF (Li et al. 2020), DFDC (Dolhansky et al. 2020), and the JSON
files of DeepfakeBench (Yan et al. 2023), which list frames by data set, label, split and video.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pydantic import JsonValue

from trainables.data.dataset.folder_trees import Tree
from trainables.data.dataset.label_tables import FileIndex
from trainables.data.dataset.layouts import ListedImage, Listing, Reading, in_path_order, split_of
from trainables.data.dataset.polarity import BINARY, Vocabulary, fold, kind_of
from trainables.data.dataset.videos import below_structure
from trainables.errors import InputError

ORIGINALS, MANIPULATED = "original_sequences", "manipulated_sequences"
CELEB_SOURCES = ("celeb_real", "youtube_real", "celeb_synthesis")
TESTING_LIST = "List_of_testing_videos.txt"
DFDC_TABLE = "metadata.json"
# A file that is in several splits is tested: what is tested must not be trained on.
SPLIT_ORDER = ("test", "val", "train")
_LISTED_VIDEO = re.compile(r"[01]\s+(\S.*)")


def is_faceforensics(tree: Tree) -> bool:
    """Tell whether a tree has the two folders of FaceForensics++, at any depth."""
    folders = {folder for _, parts in tree.in_folders() for folder in parts}
    return {ORIGINALS, MANIPULATED} <= {fold(folder) for folder in folders}


def list_faceforensics(tree: Tree) -> Listing:
    """List the frames of FaceForensics++: the source is youtube, actors, or the method of manipulation.

    Raises:
        InputError: there are no frames below the folders of originals and of methods.
    """
    images, num_masks = [], 0
    for path, folders in tree.in_folders():
        folded = [fold(folder) for folder in folders]
        level = next((index for index, name in enumerate(folded) if name in (ORIGINALS, MANIPULATED)), None)
        if level is None or level + 1 >= len(folders):
            continue
        if "masks" in folded[level + 2 :]:
            num_masks += 1
            continue
        label = int(folded[level] == MANIPULATED)
        images.append(
            ListedImage(path, label, folders[level + 1], "", "/".join(below_structure(folders[level + 2 :])))
        )
    if not images:
        raise InputError(
            f"{tree.root}: no frames below {ORIGINALS}/ and {MANIPULATED}/<method>/ (faceforensics)"
        )
    notes = (f"{num_masks} files below masks/ are no images of faces and left out",) if num_masks else ()
    rule = "FaceForensics++: a source per method of manipulation and per set of originals, a folder per video"
    reading = Reading(rule, (MANIPULATED,), (ORIGINALS,), notes)
    return Listing("faceforensics", BINARY, in_path_order(images), reading)


def is_celebdf(tree: Tree) -> bool:
    """Tell whether a folder is Celeb-DF with its list of videos to test on."""
    tops = {fold(top) for top in tree.tops}
    return bool(tops & set(CELEB_SOURCES)) and TESTING_LIST in tree.beside


def list_celebdf(tree: Tree) -> Listing:
    """List the frames of Celeb-DF: videos of its list are the test split, all others train.

    Raises:
        InputError: the list can't be read.
    """
    where = tree.root / TESTING_LIST
    try:
        lines = where.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise InputError(f"{where} can't be read as text: {error}") from error
    found = [_LISTED_VIDEO.fullmatch(line.strip()) for line in lines]
    tested: dict[str, set[str]] = {}
    for match in found:
        if match:
            folder, _, name = match[1].partition("/")
            tested.setdefault(folder, set()).add(PurePosixPath(name).stem)
    images = []
    for path, folders in tree.in_folders():
        if fold(folders[0]) not in CELEB_SOURCES:
            continue
        split = "test" if _video_of(path, tested.get(folders[0], ())) else "train"
        label = int(kind_of(folders[0]) == "fake")
        images.append(ListedImage(path, label, folders[0], split, "/".join(below_structure(folders[1:]))))
    names = {
        label: tuple(sorted({each.source for each in images if each.label == label})) for label in (0, 1)
    }
    rule = f"Celeb-DF: a source per folder, the videos of {TESTING_LIST} are its test split"
    return Listing("celebdf", BINARY, in_path_order(images), Reading(rule, names[1], names[0]))


def _video_of(path: str, videos: Collection[str]) -> str | None:
    """Return the video that a frame is of: a folder or the file is called like it, the latter with more."""
    *folders, name = PurePosixPath(path).parts
    for folder in reversed(folders):
        for called in (folder, PurePosixPath(folder).stem):
            if called in videos:
                return called
    stem = PurePosixPath(name).stem
    while stem:
        if stem in videos:
            return stem
        shorter = re.match(r"(.+)[_.-]", stem)
        stem = shorter[1] if shorter else ""
    return None


@dataclass(frozen=True, slots=True)
class _Video:
    """What a metadata.json says of one video."""

    label: str
    split: str
    group: str


def dfdc_tables(tree: Tree) -> dict[str, Mapping[str, JsonValue]]:
    """Return the metadata.json files of DFDC below a folder, by their path."""
    names = [path for path in tree.beside if PurePosixPath(path).name == DFDC_TABLE]
    found = {path: _read_json(tree.root / path) for path in names}
    return {
        path: content for path, content in found.items() if isinstance(content, dict) and _is_dfdc(content)
    }


def _is_dfdc(content: Mapping[str, JsonValue]) -> bool:
    return bool(content) and all(isinstance(video, dict) and "label" in video for video in content.values())


def list_dfdc(tree: Tree, found: Mapping[str, Mapping[str, JsonValue]]) -> Listing:
    """List the frames of DFDC: a metadata.json speaks of the frames below its folder.

    A fake is in the group of its original. Frames lie in a folder per video, or are called after it.

    Args:
        tree: the files.
        found: what `dfdc_tables` gave.

    Raises:
        InputError: a label is neither FAKE nor REAL, or no frame is of a video that is named.
    """
    tables = {
        PurePosixPath(path).parent: _dfdc_videos(str(tree.root / path), content)
        for path, content in found.items()
    }
    images, lost = [], []
    for path in tree.images:
        folder = next((parent for parent in PurePosixPath(path).parents if parent in tables), None)
        name = _video_of(path, tables[folder]) if folder is not None else None
        if folder is None or name is None:
            lost.append(path)
            continue
        video = tables[folder][name]
        images.append(
            ListedImage(path, BINARY.index(video.label), video.label, video.split, name, video.group)
        )
    if not images:
        raise InputError(
            f"{tree.root}: no image is of a video that {DFDC_TABLE} names (dfdc); frames lie in a folder "
            "called like the video, or begin with its name"
        )
    notes = (
        (f"{len(lost)} files are of no video in {DFDC_TABLE} and left out, {lost[0]} for one",)
        if lost
        else ()
    )
    rule = f"DFDC: labels in {DFDC_TABLE}, a fake is in the group of its original"
    return Listing("dfdc", BINARY, in_path_order(images), Reading(rule, ("FAKE",), ("REAL",), notes))


def _dfdc_videos(where: str, content: Mapping[str, JsonValue]) -> dict[str, _Video]:
    videos = {}
    for name, facts in content.items():
        assert isinstance(facts, dict), "what is no table of DFDC was left aside"
        kind = kind_of(str(facts["label"]))
        if kind is None:
            raise InputError(f"{where}: {name} has label {facts['label']!r}, which is neither FAKE nor REAL")
        stem = PurePosixPath(name).stem
        original = PurePosixPath(str(facts.get("original") or name)).stem
        videos[stem] = _Video(kind, split_of(str(facts.get("split") or "")), original)
    return videos


@dataclass(frozen=True, slots=True)
class ListedVideo:
    """A video of a JSON file of DeepfakeBench: its label and split there, and the paths of its frames."""

    table: str
    label: str
    split: str
    video: str
    frames: tuple[str, ...]


def deepfakebench_videos(tree: Tree) -> tuple[ListedVideo, ...]:
    """Return what JSON files in the root, or in a folder of it, list as DeepfakeBench does."""
    names = [path for path in tree.beside if path.endswith(".json") and path.count("/") <= 1]
    return tuple(video for path in names for video in _videos(path, _read_json(tree.root / path)))


def list_deepfakebench(tree: Tree, every: Sequence[ListedVideo], vocabulary: Vocabulary) -> Listing:
    """List the frames that JSON files of DeepfakeBench name; the source is the label there, as FF-DF.

    Paths there are of another machine: a frame is the file below the root whose path ends as the listed one
    does, by the longest such ending. A frame in several splits is in the one that is tested.

    Args:
        tree: the files.
        every: what `deepfakebench_videos` gave.
        vocabulary: what names mean.

    Raises:
        InputError: a path leads upwards, labels contradict each other or don't say which is real, or no frame
            is there.
    """
    labels = {listed.label for listed in every}
    found = vocabulary.read(labels, where=f"{tree.root}, labels of its JSON files", as_sources=True)
    index, images, splits, num_missing = FileIndex(tree.images), dict[str, ListedImage](), set[str](), 0
    for listed in every:
        for frame in listed.frames:
            path = _frame(frame, index, where=str(tree.root / listed.table))
            if path is None:
                num_missing += 1
                continue
            label = found.labels[listed.label]
            image = ListedImage(path, label, listed.label, listed.split, listed.video)
            before = images.setdefault(path, image)
            if before.label != image.label:
                raise InputError(
                    f"{tree.root / listed.table}: {path} is {before.source} and {image.source} at once"
                )
            if before.split != image.split:
                splits.add(path)
                images[path] = min(before, image, key=lambda each: SPLIT_ORDER.index(each.split))
    if not images:
        raise InputError(
            f"{tree.root}: none of the {num_missing} frames that its JSON files name is below it "
            "(deepfakebench); name the folder that holds frames and JSON files with --data"
        )
    notes = []
    if splits:
        notes.append(
            f"{len(splits)} frames are in several splits of the JSON files; they count as the one tested"
        )
    if num_missing:
        notes.append(f"{num_missing} frames that the JSON files name are not there")
    rule = "DeepfakeBench: labels, splits and videos in JSON files"
    reading = Reading(rule, found.fake, found.real, tuple(notes))
    return Listing("deepfakebench", BINARY, in_path_order(images.values()), reading)


def _frame(listed: str, index: FileIndex, *, where: str) -> str | None:
    """Return the file below the root that a listed frame is, by the longest ending of its path."""
    parts = PurePosixPath(listed.replace("\\", "/")).parts
    if ".." in parts:
        raise InputError(f"{where}: {listed!r} leads upwards; paths of frames go down from a folder")
    return next((path for start in range(len(parts)) if (path := index.at("/".join(parts[start:])))), None)


def _videos(table: str, content: JsonValue) -> Iterator[ListedVideo]:
    """Yield the videos of {data set: {label: {split: {video: {label, frames}}}}}.

    FaceForensics++ has a level for the compression between split and video.
    """
    for data_set in _objects(content):
        for label, splits in data_set.items():
            for split, videos in splits.items() if isinstance(splits, dict) else ():
                if not split_of(split) or not isinstance(videos, dict):
                    continue
                for name, video in _leaves(videos):
                    yield ListedVideo(table, label, split_of(split), name, tuple(map(str, video)))


def _leaves(videos: Mapping[str, JsonValue]) -> Iterator[tuple[str, list[JsonValue]]]:
    for name, video in videos.items():
        if not isinstance(video, dict):
            continue
        frames = video.get("frames")
        if isinstance(frames, list):
            yield name, frames
        else:
            yield from _leaves(video)


def _objects(content: JsonValue) -> Iterator[Mapping[str, JsonValue]]:
    for value in content.values() if isinstance(content, dict) else ():
        if isinstance(value, dict):
            yield value


def _read_json(path: Path) -> JsonValue:
    """Read a JSON file; None for one that is none: what lies beside images may be anything."""
    try:
        content: JsonValue = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None
    return content
