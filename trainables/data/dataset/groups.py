"""Groups of images that must never be on two sides of a split: `group_by` to one group name for each image.

    none       each file alone
    basename   the same file name without its suffix, in whatever folder
    identity   the person of a name like <wikiid>_<birth>_<year>.jpg; other names as basename
    folder     the folder below the class folder: a video or a person; a file in no such folder alone
    frames     the video: the folder, or the file name without its frame number (<video>_frame30.jpg)
    COLUMN     a column of manifest.csv (columns path and COLUMN)
    ids        fakes and the originals of both ids in their names (FaceForensics++, Celeb-DF): see `videos`
    table      what the data set's own table says to be one group or one original
    near       versions of one picture (`near_duplicates`)
    pairs      the pairs listed in pairs.csv (columns first and second; each a path, a file name without
               suffix, or an identity); what is connected by pairs, directly or through others, is one group
    auto       what fits: see `resolve`

The last four join what another rule left apart, so they are used with one: "frames+ids+near" is what `auto`
may resolve to, and can be asked for in these words. Identical files share a group under every rule. A group
is called by the first name, in order, of what it joins, whatever the order of the files is.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pandas as pd

from trainables.data.dataset import videos
from trainables.data.dataset.label_tables import as_posix, read_cells
from trainables.errors import InputError

if TYPE_CHECKING:
    from scipy.cluster.hierarchy import DisjointSet

MANIFEST_FILE = "manifest.csv"
PAIRS_FILE = "pairs.csv"
PAIR_COLUMNS = ("first", "second")
# The names of DeepFakeFace and of the data it was made of: page of the person, birth, year of the photo.
_IDENTITY = re.compile(r"(\d+)_\d{4}-\d{1,2}-\d{1,2}_\d{4}")
_ALONE = {
    "none": "each file by itself",
    "basename": "the file's name",
    "identity": "the person in the file's name",
    "folder": "the folder below the class folder",
    "frames": "the video (its folder, or the file's name without the frame number)",
}
_JOINING = {
    "ids": "fakes with the originals of the ids in their names",
    "table": "what the data set's own table puts together",
    "near": "near-duplicates",
    "pairs": f"the pairs of {PAIRS_FILE}",
}


def resolve(group_by: str, *, root: Path, layout: str, rows: pd.DataFrame) -> str:
    """Say in full how the images below `root` are grouped.

    `auto` is the table alone where that groups every image; else the first of these that nearly all images
    have: the identity in their names (sources layout); a folder below the class folder, of which each class
    has several; a frame number behind the name of a video, of which each class has several; else basename in
    the sources layout, unless sources hold a file name several times (000.png in many folders) or lie below
    class folders (`sources_below`), and none in the others. It joins over ids where nearly all videos are
    called so, over the table where that groups some images, near-duplicates in each case, and pairs where
    there is a pairs.csv.

    `rows` has the columns path, label, source, inside and named_group, of which the last two are those of
    `ListedImage`.
    """
    if group_by != "auto" and group_by not in ("near", "pairs"):
        return group_by
    first, joined = _fitting(layout, rows)
    if group_by != "auto":
        return "+".join([first, *joined, group_by])
    return "+".join([first, *joined, "near", *(["pairs"] if (root / PAIRS_FILE).is_file() else [])])


def _fitting(layout: str, rows: pd.DataFrame) -> tuple[str, list[str]]:
    """Return the rule that fits the names of the images, and what their names and table join."""
    named = rows["named_group"] != ""
    if named.all():
        return "none", ["table"]
    table = ["table"] if named.any() else []
    people = rows["path"].map(lambda path: _IDENTITY.fullmatch(PurePosixPath(path).stem) is not None)
    if layout == "sources" and people.mean() >= videos.NEARLY_ALL:
        return "identity", table
    names = videos.videos(rows)
    if (names != "").mean() >= videos.NEARLY_ALL and videos.show_ids(names, rows["source"]):
        return "frames", ["ids", *table]
    if videos.are_folders(rows):
        return "folder", table
    if videos.are_videos(rows):
        return "frames", table
    # Sources below class folders number their files, each on its own.
    are_tops = (rows["path"].str.partition("/")[0] == rows["source"]).all()
    is_named = layout == "sources" and are_tops and videos.unique_stems(rows)
    return "basename" if is_named else "none", table


def described(resolved: str) -> str:
    """Say in words what `resolve` gave."""
    first, joining = rules(resolved)
    said = _ALONE.get(first, f"the column {first} of {MANIFEST_FILE}")
    joined = [words for name, words in _JOINING.items() if name in joining]
    return f"{said}, joining {' and '.join(joined)}" if joined else said


def finer(resolved: str, rows: pd.DataFrame) -> list[str]:
    """Return ways to group that leave more apart, the nearest first: without what joins whole groups.

    By basename is none where sources hold a file name several times. `rows` are those of `resolve`.
    """
    first, joining = rules(resolved)
    if first not in _ALONE or first == "none":
        return []
    kept = [name for name in _JOINING if name in joining and name != "ids"]
    ways = ["+".join([first, *kept])] if "ids" in joining else []
    # Names in pairs.csv may be those of groups, which another rule has not.
    if "pairs" not in joining:
        others = ["frames"] if first == "folder" else []
        others += ["basename"] if videos.unique_stems(rows) else []
        ways += ["+".join([rule, *kept]) for rule in (*others, "none")]
    return [way for way in dict.fromkeys(ways) if way != resolved]


def rules(resolved: str) -> tuple[str, frozenset[str]]:
    """Divide what `resolve` gave into the rule that names groups and those that join them."""
    first, *more = resolved.split("+")
    if first in _ALONE and set(more) <= set(_JOINING):
        return first, frozenset(more)
    return resolved, frozenset()


def group_names(root: Path, rows: pd.DataFrame, resolved: str, links: pd.DataFrame | None) -> list[str]:
    """Return the group of each row.

    Args:
        root: the data folder.
        rows: columns path and sha256; and label, source, inside and named_group, for rules that need them.
        resolved: what `resolve` gave.
        links: what `find_links` gave; needed by `near` alone.

    Raises:
        InputError: manifest.csv or pairs.csv does not say what it should.
    """
    from scipy.cluster.hierarchy import DisjointSet

    rule, joining = rules(resolved)
    paths = list(rows["path"])
    names = _first_names(root, rows, rule)
    sets = DisjointSet(names)
    owner: dict[str, str] = {}
    for name, digest in zip(names, rows["sha256"], strict=True):
        sets.merge(owner.setdefault(digest, name), name)
    name_of = dict(zip(paths, names, strict=True))
    if "ids" in joining:
        _join_shown(names, [videos.ids(name) for name in names], sets)
    if "table" in joining:
        _join_shown(names, _named_groups(names, list(rows["named_group"])), sets)
    if "near" in joining:
        assert links is not None, "near-duplicates are searched for before they are joined"
        for first, second in zip(links["first"], links["second"], strict=True):
            sets.merge(name_of[first], name_of[second])
    if "pairs" in joining:
        _join_pairs(root / PAIRS_FILE, name_of, sets)
    called: dict[str, str] = {}
    for joined in sets.subsets():
        called.update(dict.fromkeys(joined, min(joined)))
    return [called[name] for name in names]


def _first_names(root: Path, rows: pd.DataFrame, rule: str) -> list[str]:
    paths = list(rows["path"])
    if rule == "none":
        return paths
    if rule == "basename":
        return [PurePosixPath(path).stem for path in paths]
    if rule == "identity":
        return [_identity(PurePosixPath(path).stem) for path in paths]
    if rule not in _ALONE:
        return _from_column(root / MANIFEST_FILE, paths, rule)
    names = videos.folders(rows) if rule == "folder" else videos.videos(rows)
    if not (names != "").any():
        lack = "folder below its class folder" if rule == "folder" else "frame number behind a video's name"
        raise InputError(
            f"group_by is {rule}, but no image of {root} has a {lack}; use auto, basename or none"
        )
    return list(names.where(names != "", rows["path"]))


def _named_groups(names: Sequence[str], given: Sequence[str]) -> list[tuple[str, ...]]:
    """The group that the table gives each image, and its own video where that is the group of another."""
    groups = [videos.without_suffix(group) for group in given]
    known = set(groups) - {""}
    own = [PurePosixPath(name).name for name in names]
    return [
        tuple(each for each in (group, video) if each in known)
        for group, video in zip(groups, own, strict=True)
    ]


def _join_shown(names: Sequence[str], shown: Sequence[tuple[str, ...]], sets: "DisjointSet[str]") -> None:
    """Join names that show one thing, and each with what is called like a thing that it shows."""
    for name, things in zip(names, shown, strict=True):
        for thing in things:
            sets.add(thing)
            sets.merge(name, thing)


def _identity(stem: str) -> str:
    match = _IDENTITY.fullmatch(stem)
    return match[1] if match else stem


def _from_column(table_path: Path, paths: Sequence[str], column: str) -> list[str]:
    if not table_path.is_file():
        raise InputError(
            f"group_by is {column!r}, but {table_path} does not exist; use basename, none, or add the file"
        )
    table = read_text_table(table_path)
    missing = {"path", column} - set(table.columns)
    if missing:
        raise InputError(
            f"{table_path} has no column {' or '.join(sorted(missing))}; "
            f"its columns: {', '.join(table.columns)}"
        )
    by_path = _by_path(table_path, table["path"], table[column], lines=table.index)
    lost = [path for path in paths if not by_path.get(path)]
    if lost:
        raise InputError(
            f"{table_path}: {len(lost)} images have no {column}, {lost[0]} for one; add their rows"
        )
    return [str(by_path[path]) for path in paths]


def _by_path(
    table_path: Path, paths: Iterable[str], groups: Iterable[str], *, lines: Iterable[int]
) -> dict[str, str]:
    """Return the group of each path, however it is written; rows that contradict each other are refused."""
    found: dict[str, tuple[str, int]] = {}
    for cell, group, line in zip(paths, groups, lines, strict=True):
        path = as_posix(cell)
        before, first = found.setdefault(path, (group, line))
        if before != group:
            raise InputError(
                f"{table_path}: {path} has two groups, {before or 'none'} in line {first} and "
                f"{group or 'none'} in line {line}; keep one of the two rows"
            )
    return {path: group for path, (group, _) in found.items()}


def _join_pairs(table_path: Path, name_of: dict[str, str], sets: "DisjointSet[str]") -> None:
    from scipy.cluster.hierarchy import DisjointSet

    if not table_path.is_file():
        raise InputError(
            f"group_by asks for pairs, but {table_path} does not exist; add it (columns first,second: paths, "
            "or file names without suffix), or use auto, basename or none"
        )
    table = read_text_table(table_path)
    if set(PAIR_COLUMNS) - set(table.columns):
        raise InputError(
            f"{table_path} needs the columns first,second; its columns: {', '.join(table.columns)}"
        )
    table = table.assign(**{column: table[column].map(as_posix) for column in PAIR_COLUMNS})
    # A name that no image has still connects the images that are paired with it.
    named = {name for column in PAIR_COLUMNS for name in table[column] if name}
    parties = DisjointSet(named)
    for first, second in zip(table["first"], table["second"], strict=True):
        if first and second:
            parties.merge(first, second)
    owner: dict[str, str] = {}
    for path, group in name_of.items():
        for name in {path, PurePosixPath(path).stem, group} & named:
            sets.merge(owner.setdefault(parties[name], group), group)
    if named and not owner:
        raise InputError(
            f"{table_path} names no image of this folder, {min(named)} for one; "
            "first and second are paths below the folder, or file names without suffix"
        )


def read_text_table(path: Path) -> pd.DataFrame:
    """Read a CSV file whose cells are all text, as label tables are read: one row per line of the index."""
    columns, rows = read_cells(path)
    if not columns:
        raise InputError(f"{path} can't be read as UTF-8 CSV (it has no first line); mend or remove it")
    return pd.DataFrame(
        [cells for _, cells in rows], index=[line for line, _ in rows], columns=list(columns), dtype=object
    )
