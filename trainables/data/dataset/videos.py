"""Videos, people and folders that images belong to, read from their names and places alone.

A unit of an image is the folder below its class folder (below frames/ where there is one), or the part of its
file name before a frame number. Names of FaceForensics++ (000_003: video 000 with the face of 003) and
Celeb-DF (id0_id1_0002: person id0 with the face of id1; id0_0000: person id0) say whom a unit shows, so that
a fake can be joined with the originals of both.
"""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

import pandas as pd

from trainables.data.dataset.layouts import UNLABELLED

# Folders that say what kind of file is below them, not which video or person.
_STRUCTURE = frozenset(
    "frames images imgs image img faces face crops cropped raw c0 c23 c40 videos video jpg jpeg png".split()
)
# A frame number is set off from the name of its video, or follows the word.
_FRAME = re.compile(
    r"(?P<video>.*?[^\W_].*?)(?:[-_. ]+(?:frames?|frm|fr|f|image|img)?[-_. ]*|[-_. ]*frames?[-_. ]*)\d+", re.I
)
_FACEFORENSICS = re.compile(r"(\d{3})(?:_(\d{3}))?")
_CELEB_DF = re.compile(r"(id\d+)(?:_(id\d+))?_\d{4}")
# Real videos of Celeb-DF that come from YouTube have a number alone.
_YOUTUBE_REAL = re.compile(r"\d{5}")
_VIDEO_FILE = re.compile(r"\.(mp4|avi|mov|mkv|webm|mpe?g)$", re.I)
# A few files that are called otherwise don't hide what the names of all others say.
NEARLY_ALL = 0.95
# Fewer folders or videos of a class than this say nothing: two folders may be two generators.
SEVERAL = 3
# With so many of each class, folders can be dealt into folds.
_ENOUGH = 5


def folders(rows: pd.DataFrame) -> "pd.Series[str]":
    """Return the folder of each image below its class folder, "" for none.

    Of nested folders it is the outermost of which each class has enough for folds (a person's, not that of
    one of the person's videos), else all of them.

    Args:
        rows: columns inside and label.
    """
    parts = rows["inside"].str.split("/").map(below_structure)
    for depth in range(1, int(parts.map(len).max() or 1)):
        outer = parts.map(lambda names, depth=depth: "/".join(names[:depth]))
        if fewest_of_a_class(outer, rows["label"]) >= _ENOUGH:
            return outer
    return parts.map("/".join)


def videos(rows: pd.DataFrame) -> "pd.Series[str]":
    """Return the video of each image: its folder, or its name without the frame number; "" for none.

    Numbered folders that only keep large numbers of files apart are none.

    Args:
        rows: columns path, source and inside.
    """
    names = rows["inside"].str.split("/").map(below_structure).map("/".join)
    if _are_buckets(rows, names):
        names = names.map(lambda _: "")
    stems = rows["path"].map(lambda path: PurePosixPath(path).stem)
    # id0_id1_0002 is a video of which there is one image, and 0002 no frame number.
    is_flat = names == ""
    whole = is_flat.any() and show_ids(stems[is_flat], rows["source"][is_flat])
    return names.where(~is_flat, stems if whole else stems.map(_video_of))


def are_folders(rows: pd.DataFrame) -> bool:
    """Tell whether nearly all images lie in folders that are videos or people."""
    names = folders(rows)
    if (names != "").mean() < NEARLY_ALL or fewest_of_a_class(names, rows["label"]) < SEVERAL:
        return False
    return not _are_buckets(rows, names)


def are_videos(rows: pd.DataFrame) -> bool:
    """Tell whether nearly all images share a video with others of their source, and classes have several."""
    names = videos(rows)
    # sd_000.jpg, sd_001.jpg ...: what all files of a source begin with says nothing of videos.
    is_sole = names.groupby(rows["source"]).transform("nunique") == 1
    names = names.mask(is_sole & (rows["inside"] == ""), "")
    shared = (names != "") & rows.assign(video=names).duplicated(["source", "video"], keep=False)
    return bool(shared.mean() >= NEARLY_ALL) and fewest_of_a_class(names, rows["label"]) >= SEVERAL


def show_ids(names: "pd.Series[str]", sources: "pd.Series[str]") -> bool:
    """Tell whether nearly all units are called as in FaceForensics++ or Celeb-DF."""
    units = pd.DataFrame({"name": names.map(_last), "source": sources}).drop_duplicates()
    faces, celebs, numbers = (
        units["name"].map(lambda name, pattern=pattern: pattern.fullmatch(name) is not None)
        for pattern in (_FACEFORENSICS, _CELEB_DF, _YOUTUBE_REAL)
    )
    if celebs.any() and (celebs | numbers).mean() >= NEARLY_ALL:
        return True
    # Numbers of three digits and pairs of them, never both in one source: 001_002 may be a photo of 001.
    is_pair = units["name"].str.contains("_")
    pure = is_pair.groupby(units["source"]).mean().map(lambda share: min(share, 1 - share) <= 1 - NEARLY_ALL)
    return bool(faces.mean() >= NEARLY_ALL and pure.all() and is_pair.any() and not is_pair.all())


def ids(name: str) -> tuple[str, ...]:
    """Return the videos (FaceForensics++) or persons (Celeb-DF) that a unit shows, else its name."""
    match = _FACEFORENSICS.fullmatch(_last(name)) or _CELEB_DF.fullmatch(_last(name))
    return tuple(each for each in match.groups() if each) if match else (name,)


def without_suffix(name: str) -> str:
    """Return the name of a video without the suffix of its file."""
    return _VIDEO_FILE.sub("", name)


def below_structure(parts: Sequence[str]) -> Sequence[str]:
    """Return the names of folders below the last one that is called by what kind of file it holds."""
    last = max((place for place, name in enumerate(parts) if name.lower() in _STRUCTURE), default=-1)
    return parts[last + 1 :]


def _video_of(stem: str) -> str:
    match = _FRAME.fullmatch(stem)
    return match["video"] if match else ""


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def fewest_of_a_class(names: "pd.Series[str]", labels: "pd.Series[int]") -> int:
    """Return the number of names ("" is none) in the class that has the fewest; 0 where a class has none."""
    labelled = labels != UNLABELLED
    counts = names.where(names != "")[labelled].groupby(labels[labelled]).nunique()
    return int(counts.min()) if len(counts) else 0


def _are_buckets(rows: pd.DataFrame, names: "pd.Series[str]") -> bool:
    """Tell whether folders only keep large numbers of files apart: numbered, with file names of their own."""
    outer = names.map(lambda name: name.split("/")[0])
    stems = rows["path"].map(lambda path: PurePosixPath(path).stem)
    if not outer.str.isdecimal().all():
        return False
    if any(stem.startswith(folder) for stem, folder in zip(stems[:100], outer[:100], strict=True)):
        return False
    return unique_stems(rows)


def unique_stems(rows: pd.DataFrame) -> bool:
    """Tell whether nearly all file names are there once in their source."""
    stems = rows["path"].map(lambda path: PurePosixPath(path).stem)
    return bool(rows.assign(stem=stems).duplicated(["source", "stem"], keep=False).mean() <= 1 - NEARLY_ALL)
