"""A folder of images as a table: one row per usable image, with content hash, label, source and group.

In:  a folder in one of the known layouts (`recognition`), and what a file holds (`inspection`).
Out: `Manifest`, whose rows are sorted by path, and the list of files that were kept out, with the reason.
What was found in a file is remembered in `memory`, a file, by path and `FileStamp`, so that a second scan
opens only what changed; near-duplicates are remembered beside it, by content.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from trainables import memo
from trainables.data.dataset import groups
from trainables.data.dataset.layouts import ListedImage, Listing, Reading
from trainables.data.dataset.recognition import list_images
from trainables.data.dataset.videos import fewest_of_a_class
from trainables.data.duplicates.near_duplicates import find_links
from trainables.data.images.inspection import Facts, inspect_files
from trainables.data.images.path_checks import examine, printable
from trainables.errors import InputError
from trainables.files import FileStamp
from trainables.progress import OnProgress

COLUMNS = ("path", "sha256", "bytes", "width", "height", "format", "label", "source", "group", "split")


# The columns of a memory that hold a `FileStamp`.
_STAMP = ("bytes_on_disk", "mtime_ns", "ctime_ns", "inode")
# Of rows that were not read from a folder.
NOT_READ = Reading("")
# With fewer groups of a class than this, ways to have more are counted.
FEW_GROUPS = 20


@dataclass(frozen=True, slots=True)
class FinerGroups:
    """A way to group that leaves more apart, and how many groups the class with the fewest has then."""

    group_by: str
    fewest: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """The usable images below `root`, and the files that were kept out.

    `rows` has the columns COLUMNS: `path` is relative to `root`, `label` indexes `classes` (1 = fake; -1 = no
    label), `split` is the data set's own split or "". `excluded` has the columns path and reason. `group_by`
    says in full how groups were made (`groups`); `links` are the near-duplicates, None where the grouping did
    not ask for them. `reading` says by which rule the folder was read, and which names mean fake and real.
    `finer` are other ways to group where a class has few groups, the nearest first. `follow_links` says that
    links may lead out of `root`.
    """

    root: Path
    layout: str
    group_by: str
    classes: tuple[str, ...]
    rows: pd.DataFrame
    excluded: pd.DataFrame
    links: pd.DataFrame | None = None
    reading: Reading = NOT_READ
    finer: tuple[FinerGroups, ...] = ()
    follow_links: bool = False

    @property
    def polarity(self) -> str:
        """Which names stand for fake and for real, in one line; the classes where there are several."""
        if not self.reading.fake and not self.reading.real:
            return f"{len(self.classes)} classes: {', '.join(self.classes)}"
        fake, real = (", ".join(names) or "none" for names in (self.reading.fake, self.reading.real))
        return f"fake = {fake}; real = {real}"

    @property
    def said(self) -> str:
        """The folder and how it was read, in the line that every command prints that reads images."""
        return f"{self.root}: {self.polarity} ({self.layout}: {self.reading.rule})"


def scan(
    root: Path,
    *,
    layout: str = "auto",
    group_by: str = "auto",
    real_sources: Sequence[str] = (),
    follow_links: bool = False,
    listing: Listing | None = None,
    max_unusable: float = 0.01,
    memory: Path | None = None,
    progress: OnProgress | None = None,
) -> Manifest:
    """Scan `root` into a manifest.

    `listing` is what `list_images` gave for the same arguments, where it was asked before. With
    `follow_links`, what links lead to outside the folder is read, too.

    Raises:
        InputError: no such layout, no usable image, or more than `max_unusable` (a share, 0 to 1) of the
        files
            can't be used.
    """
    listing = listing or list_images(
        root, layout=layout, real_sources=real_sources, follow_links=follow_links
    )
    entries = examine(root, [image.path for image in listing.images], follow_links=follow_links)
    facts = _inspect(root, entries, memory=memory, progress=progress)
    usable, excluded = _divide(listing.images, facts)
    refuse_unusable(root, excluded, num_usable=len(usable), max_unusable=max_unusable)
    rows = pd.DataFrame(usable).sort_values("path", ignore_index=True)
    by = groups.resolve(group_by, root=root, layout=listing.layout, rows=rows)
    links = None
    if "near" in groups.rules(by)[1]:
        links = find_links(root, rows, memory=memory, progress=progress)
    rows["group"] = groups.group_names(root, rows, by, links)
    finer: tuple[FinerGroups, ...] = ()
    if fewest_of_a_class(rows["group"], rows["label"]) < FEW_GROUPS:
        ways = groups.finer(by, rows)
        named = (pd.Series(groups.group_names(root, rows, way, links)) for way in ways)
        finer = tuple(
            FinerGroups(way, fewest_of_a_class(names, rows["label"]))
            for way, names in zip(ways, named, strict=True)
        )
    kept = rows[list(COLUMNS)]
    return Manifest(
        root,
        listing.layout,
        by,
        listing.classes,
        kept,
        excluded,
        links,
        reading=listing.reading,
        finer=finer,
        follow_links=follow_links,
    )


def manifest_links(
    manifest: Manifest, *, memory: Path | None = None, progress: OnProgress | None = None
) -> pd.DataFrame:
    """Return identical files and near-duplicates, which are searched for where the grouping did not ask.

    `memory` and `progress` are those of `find_links`.
    """
    if manifest.links is not None:
        return manifest.links
    return find_links(manifest.root, manifest.rows, memory=memory, progress=progress)


def _inspect(
    root: Path, entries: dict[str, FileStamp | str], *, memory: Path | None, progress: OnProgress | None
) -> dict[str, Facts]:
    known = _known(memory)
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
        _keep(memory, facts, entries)
    return facts


def _known(memory: Path | None) -> dict[str, tuple[FileStamp, Facts]]:
    """What an earlier scan found in files, with what they were known by then."""
    table = memo.read_table(memory, _memory_key())
    return {
        row["path"]: (
            (row["bytes_on_disk"], row["mtime_ns"], row["ctime_ns"], row["inode"]),
            Facts(row["sha256"], row["bytes"], row["width"], row["height"], row["format"], row["problem"]),
        )
        for row in ([] if table is None else table.to_dict("records"))
    }


def _keep(memory: Path | None, facts: dict[str, Facts], entries: dict[str, FileStamp | str]) -> None:
    rows = [
        {"path": path, **dict(zip(_STAMP, entry, strict=True)), **asdict(facts[path])}
        for path, entry in entries.items()
        if not isinstance(entry, str) and facts[path].sha256
    ]
    memo.write_table(memory, _memory_key(), pd.DataFrame(rows))


def forget_file(memory: Path, path: str) -> None:
    """Drop what is remembered of a file, by its path below the data folder: it is another one by now."""
    table = memo.read_table(memory, _memory_key())
    if table is not None:
        memo.write_table(memory, _memory_key(), table[table["path"] != path].reset_index(drop=True))


def _memory_key() -> str:
    return memo.key(["files", *_STAMP], code="trainables.data.images.inspection", libraries=("pillow",))


def _divide(
    images: Sequence[ListedImage], facts: dict[str, Facts]
) -> tuple[list[dict[str, object]], pd.DataFrame]:
    usable: list[dict[str, object]] = []
    excluded: list[dict[str, str]] = []
    for image in images:
        found = facts[image.path]
        if found.problem:
            excluded.append({"path": printable(image.path), "reason": found.problem})
        else:
            usable.append({**asdict(image), **asdict(found)})
    return usable, pd.DataFrame(excluded, columns=["path", "reason"])


def refuse_unusable(root: Path, excluded: pd.DataFrame, *, num_usable: int, max_unusable: float) -> None:
    """Raise InputError where more than `max_unusable` (a share, 0 to 1) of the files can't be used.

    Args:
        root: the data folder.
        excluded: the files that can't be used, columns path and reason.
        num_usable: how many files can be used; without any there is nothing to allow.
        max_unusable: what is allowed.
    """
    total = num_usable + len(excluded)
    reasons = excluded.head(3).groupby("reason", sort=False)["path"]
    first = "; ".join(f"{', '.join(paths)}: {reason}" for reason, paths in reasons)
    if not num_usable:
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
