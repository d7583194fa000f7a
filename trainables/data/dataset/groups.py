"""Groups of images that must never be on two sides of a split: `group_by` to one group name for each image.

    none       each file alone
    basename   the same file name without its suffix, in whatever folder
    identity   the person of a name like <wikiid>_<birth>_<year>.jpg; other names as basename
    COLUMN     a column of manifest.csv (columns path and COLUMN)
    near       versions of one picture (`near_duplicates`)
    pairs      the pairs listed in pairs.csv (columns first and second; each a path, a file name without
               suffix, or an identity); what is connected by pairs, directly or through others, is one group
    auto       what fits: see `resolve`

`near` and `pairs` join what another rule left apart, so they are used with one: "basename+near+pairs" is what
`auto` may resolve to, and can be asked for in these words. Identical files share a group under every rule. A
group is called by the first name, in order, of what it joins, whatever the order of the files is.
"""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pandas as pd

from trainables.errors import InputError

if TYPE_CHECKING:
    from scipy.cluster.hierarchy import DisjointSet

MANIFEST_FILE = "manifest.csv"
PAIRS_FILE = "pairs.csv"
PAIR_COLUMNS = ("first", "second")
# The names of DeepFakeFace and of the data it was made of: page of the person, birth, year of the photo.
_IDENTITY = re.compile(r"(\d+)_\d{4}-\d{1,2}-\d{1,2}_\d{4}")
# A few files that are called otherwise don't hide what the names of all others say.
_NEARLY_ALL = 0.95
_ALONE = ("none", "basename", "identity")
_JOINING = ("near", "pairs")


def resolve(group_by: str, *, root: Path, layout: str, paths: Sequence[str]) -> str:
    """Say in full how the images below `root` are grouped.

    `auto` is identity where nearly all names of a sources layout have that form, else basename (sources) or
    none (splits, csv); and in each case near-duplicates, and pairs where there is a pairs.csv.
    """
    if layout != "sources":
        first = "none"
    else:
        named = sum(_IDENTITY.fullmatch(PurePosixPath(path).stem) is not None for path in paths)
        first = "identity" if named >= _NEARLY_ALL * len(paths) else "basename"
    if group_by == "auto":
        return f"{first}+near" + ("+pairs" if (root / PAIRS_FILE).is_file() else "")
    if group_by in _JOINING:
        return f"{first}+{group_by}"
    return group_by


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
        rows: columns path and sha256.
        resolved: what `resolve` gave.
        links: what `find_links` gave; needed by `near` alone.

    Raises:
        InputError: manifest.csv or pairs.csv does not say what it should.
    """
    from scipy.cluster.hierarchy import DisjointSet

    rule, joining = rules(resolved)
    paths = list(rows["path"])
    names = _first_names(root, paths, rule)
    sets = DisjointSet(names)
    owner: dict[str, str] = {}
    for name, digest in zip(names, rows["sha256"], strict=True):
        sets.merge(owner.setdefault(digest, name), name)
    name_of = dict(zip(paths, names, strict=True))
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


def _first_names(root: Path, paths: Sequence[str], rule: str) -> list[str]:
    if rule == "none":
        return list(paths)
    if rule == "basename":
        return [PurePosixPath(path).stem for path in paths]
    if rule == "identity":
        return [_identity(PurePosixPath(path).stem) for path in paths]
    return _from_column(root / MANIFEST_FILE, paths, rule)


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
    by_path = dict(zip(table["path"], table[column], strict=True))
    lost = [path for path in paths if not by_path.get(path)]
    if lost:
        raise InputError(
            f"{table_path}: {len(lost)} images have no {column}, {lost[0]} for one; add their rows"
        )
    return [str(by_path[path]) for path in paths]


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
    """Read a CSV file whose cells are all text; an empty cell is ""."""
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} can't be read as CSV ({error}); mend or remove it") from error
