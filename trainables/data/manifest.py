"""A folder of images as a table: one row a usable image, with content hash, label, source and group.

In:  a folder in one of three layouts (`layouts`), and what a file holds (`inspection`).
Out: `Manifest`, whose rows are sorted by path, and the list of files that were kept out, with the reason.
What was found in a file is remembered by path, size and modification time in `memory`, a parquet file, so
that a second scan opens only what changed.

Identical files always share a group, whatever `group_by` says: the same picture on both sides of a split is
leakage by any definition.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from trainables.data.entries import Stamp, examine, printable
from trainables.data.inspection import RULES, Facts, Progress, inspect_files
from trainables.data.layouts import Candidate, list_images
from trainables.errors import InputError
from trainables.files import replace_file

COLUMNS = ("path", "sha256", "bytes", "width", "height", "format", "label", "source", "group", "split")


@dataclass(frozen=True, slots=True)
class Manifest:
    """The usable images below `root`, and the files that were kept out.

    `rows` has the columns COLUMNS: `path` is relative to `root`, `label` indexes `classes` (1 = fake; -1 = no
    label), `split` is the data set's own split or "". `excluded` has the columns path and reason.
    """

    root: Path
    layout: str
    group_by: str
    classes: tuple[str, ...]
    rows: pd.DataFrame
    excluded: pd.DataFrame


def scan(
    root: Path,
    *,
    layout: str = "auto",
    group_by: str = "auto",
    real_sources: Sequence[str] = ("wiki", "real"),
    max_unusable: float = 0.01,
    memory: Path | None = None,
    progress: Progress | None = None,
) -> Manifest:
    """Scan `root` into a manifest.

    Raises:
        InputError: no such layout, no usable image, or more than `max_unusable` (a share, 0 to 1) of the
        files
            can't be used.
    """
    listing = list_images(root, layout=layout, real_sources=real_sources)
    facts = _inspect(root, listing.candidates, memory=memory, progress=progress)
    usable, excluded = _divide(listing.candidates, facts)
    _check_share(root, usable, excluded, max_unusable=max_unusable)
    rows = pd.DataFrame(usable).sort_values("path", ignore_index=True)
    by = group_by if group_by != "auto" else ("basename" if listing.layout == "sources" else "none")
    rows["group"] = _groups(root, rows, by)
    return Manifest(root, listing.layout, by, listing.classes, rows[list(COLUMNS)], excluded)


def _inspect(
    root: Path, candidates: Sequence[Candidate], *, memory: Path | None, progress: Progress | None
) -> dict[str, Facts]:
    known = _read_memory(memory)
    entries = examine(root, [candidate.path for candidate in candidates])
    facts: dict[str, Facts] = {}
    unknown: list[str] = []
    for path, entry in entries.items():
        remembered = known.get(path)
        if isinstance(entry, str):
            facts[path] = Facts("", 0, 0, 0, "", entry)
        elif remembered and remembered[0] == entry:
            facts[path] = remembered[1]
        else:
            unknown.append(path)
    if unknown:
        found = inspect_files([root / path for path in unknown], progress=progress)
        facts.update(zip(unknown, found, strict=True))
        _write_memory(memory, facts, entries)
    return facts


def _read_memory(memory: Path | None) -> dict[str, tuple[Stamp, Facts]]:
    if memory is None or not memory.is_file():
        return {}
    try:
        return {
            row["path"]: (
                (row["bytes_on_disk"], row["mtime_ns"]),
                Facts(
                    row["sha256"], row["bytes"], row["width"], row["height"], row["format"], row["problem"]
                ),
            )
            for row in pd.read_parquet(memory).to_dict("records")
            if row["rules"] == RULES
        }
    except (OSError, ValueError, KeyError):
        # A damaged memory is no loss: every file is read again and the memory is written anew.
        return {}


def _write_memory(memory: Path | None, facts: dict[str, Facts], entries: dict[str, Stamp | str]) -> None:
    if memory is None:
        return
    rows = [
        {"path": path, "bytes_on_disk": entry[0], "mtime_ns": entry[1], "rules": RULES, **asdict(facts[path])}
        for path, entry in entries.items()
        if not isinstance(entry, str) and facts[path].sha256
    ]
    # A scan must work where nothing can be written; it is then only slower the next time.
    with contextlib.suppress(OSError), replace_file(memory) as partial:
        pd.DataFrame(rows).to_parquet(partial, index=False)


def _divide(
    candidates: Sequence[Candidate], facts: dict[str, Facts]
) -> tuple[list[dict[str, object]], pd.DataFrame]:
    usable: list[dict[str, object]] = []
    excluded: list[dict[str, str]] = []
    for candidate in candidates:
        found = facts[candidate.path]
        if found.problem:
            excluded.append({"path": printable(candidate.path), "reason": found.problem})
        else:
            usable.append({**asdict(candidate), **asdict(found)})
    return usable, pd.DataFrame(excluded, columns=["path", "reason"])


def _check_share(
    root: Path, usable: Sequence[object], excluded: pd.DataFrame, *, max_unusable: float
) -> None:
    total = len(usable) + len(excluded)
    first = "; ".join(f"{row.path}: {row.reason}" for row in excluded.head(3).itertuples())
    if not usable:
        raise InputError(f"{root}: none of the {total} files is a usable image ({first})")
    share = len(excluded) / total
    if share > max_unusable:
        raise InputError(
            f"{root}: {len(excluded)} of {total} files ({share:.1%}) can't be used ({first}); "
            "mend or remove them, "
            f"or allow them with --set max_unusable={_round_up(share)}"
        )


def _round_up(share: float) -> float:
    return min(1.0, int(share * 100 + 1) / 100)


def _groups(root: Path, rows: pd.DataFrame, by: str) -> list[str]:
    """One group name a row: what must stay on one side of every split."""
    if by == "none":
        names = list(rows["path"])
    elif by == "basename":
        names = [Path(path).stem for path in rows["path"]]
    else:
        names = _groups_from_column(root, rows, by)
    return _join_identical(names, list(rows["sha256"]))


def _groups_from_column(root: Path, rows: pd.DataFrame, column: str) -> list[str]:
    table_path = root / "manifest.csv"
    if not table_path.is_file():
        raise InputError(
            f"group_by is {column!r}, but {table_path} does not exist; use basename, none, or add the file"
        )
    try:
        table = pd.read_csv(table_path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{table_path} can't be read as CSV: {error}") from error
    missing = {"path", column} - set(table.columns)
    if missing:
        raise InputError(
            f"{table_path} has no column {' or '.join(sorted(missing))}; "
            f"its columns: {', '.join(table.columns)}"
        )
    by_path = dict(zip(table["path"], table[column], strict=True))
    lost = [path for path in rows["path"] if not by_path.get(path)]
    if lost:
        raise InputError(
            f"{table_path}: {len(lost)} images have no {column}, {lost[0]} for one; add their rows"
        )
    return [str(by_path[path]) for path in rows["path"]]


def _join_identical(names: list[str], hashes: list[str]) -> list[str]:
    """Give groups that share a file's content one name: the first of them in order."""
    parent = {name: name for name in names}

    def top(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    owner: dict[str, str] = {}
    for name, digest in zip(names, hashes, strict=True):
        first, second = sorted((top(owner.setdefault(digest, name)), top(name)))
        parent[second] = first
    return [top(name) for name in names]
