"""Recognition of the layout of a data folder, and the list of its images.

A layout is told from names, and from the tables that come with a data set; which rule it was is part of the
listing. What says most goes first: files made for a detector, then tables called train, then folders, which
label tables complete, then label tables alone.
"""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from trainables.data.dataset import video_sets
from trainables.data.dataset.folder_trees import (
    Tree,
    folder_layout,
    layout_option,
    list_folder_tree,
    read_tree,
    tells_classes,
)
from trainables.data.dataset.label_tables import FILE_COLUMNS, LabelTable
from trainables.data.dataset.layouts import UNFINISHED, Layout, Listing, split_of
from trainables.data.dataset.polarity import Vocabulary, listed, way_out
from trainables.data.dataset.sources_below import with_sources_below
from trainables.data.dataset.tabled_images import find_label_tables, list_tables, with_tables
from trainables.errors import InputError

# Those that are told by the names of folders; of equal ones, the first comes first in a message.
FOLDER_LAYOUTS: tuple[Layout, ...] = ("folders", "splits", "sources")
LINKS_NOTE = ("links that lead out of the folder are followed, as was asked for",)


def list_images(
    root: Path, *, layout: str, real_sources: Sequence[str], follow_links: bool = False
) -> Listing:
    """List the images below `root`.

    Args:
        root: the data folder.
        layout: one of LAYOUTS, or auto.
        real_sources: the names of folders or labels that are real, all others being fakes; none: by the word
            lists of `polarity`.
        follow_links: read what links lead to outside the folder, too.

    Raises:
        InputError: the folder is missing or unreadable, does not have the layout, or does not say which of
            its images are real.
    """
    _check_readable(root)
    tree, vocabulary = read_tree(root, follow_links=follow_links), Vocabulary.of(real_sources)
    listing = _recognised(tree, vocabulary) if layout == "auto" else _as_asked(tree, layout, vocabulary)
    if not listing.images:
        raise InputError(
            f"no images under {root} (layout {listing.layout}): name the folder that holds them with --data"
        )
    notes = (*listing.reading.notes, *_beside_note(tree), *(LINKS_NOTE if follow_links else ()))
    return replace(listing, reading=replace(listing.reading, notes=notes))


def _check_readable(root: Path) -> None:
    """Raise InputError unless `root` is a folder whose entries can be listed."""
    if not root.exists():
        raise InputError(
            f"no such data folder: {root}; name it with --data, or draw one with `data demo {root}`"
        )
    if not root.is_dir():
        raise InputError(f"{root} is a file, not a folder of images; name the folder with --data")
    if (root / UNFINISHED).exists():
        raise InputError(f"{root} is an unfinished copy of a data set; start the command that makes it again")
    try:
        os.listdir(root)
    except OSError as error:
        raise InputError(
            f"the data folder {root} can't be read ({error.strerror}); check its permissions"
        ) from error


def _recognised(tree: Tree, vocabulary: Vocabulary) -> Listing:
    if videos := video_sets.deepfakebench_videos(tree):
        return video_sets.list_deepfakebench(tree, videos, vocabulary)
    if metadata := video_sets.dfdc_tables(tree):
        return video_sets.list_dfdc(tree, metadata)
    if video_sets.is_faceforensics(tree):
        return video_sets.list_faceforensics(tree)
    if video_sets.is_celebdf(tree):
        return video_sets.list_celebdf(tree)
    found = folder_layout(tree, vocabulary)
    is_told = tells_classes(tree, found, vocabulary)
    tables = label_tables(tree, needed=found is None)
    if tables and (not is_told or _is_trained_from(tables, tree)):
        return list_tables(tree, tables, vocabulary)
    if found is not None:
        _refuse_mixed(tree, found, vocabulary)
        listing = list_folder_tree(tree, found, vocabulary, checked=True)
        return with_tables(with_sources_below(listing), tables)
    raise InputError(_no_layout(tree, vocabulary))


def _as_asked(tree: Tree, layout: str, vocabulary: Vocabulary) -> Listing:
    if layout == "deepfakebench":
        return video_sets.list_deepfakebench(tree, video_sets.deepfakebench_videos(tree), vocabulary)
    if layout == "dfdc":
        return video_sets.list_dfdc(tree, video_sets.dfdc_tables(tree))
    if layout == "faceforensics":
        return video_sets.list_faceforensics(tree)
    if layout == "celebdf":
        return video_sets.list_celebdf(tree)
    is_told = layout in ("sources", "splits", "folders")
    tables = label_tables(tree, needed=not is_told)
    if is_told:
        listing = list_folder_tree(tree, layout, vocabulary, checked=False)
        return with_tables(with_sources_below(listing), tables)
    if not tables:
        raise InputError(
            f"{tree.root}: no train.csv, validation.csv or test.csv, and no labels or metadata table, "
            f"that has a column of files ({', '.join(FILE_COLUMNS[:3])}, ...) and one called label ({layout})"
        )
    return list_tables(tree, tables, vocabulary)


def label_tables(tree: Tree, *, needed: bool) -> tuple[LabelTable, ...]:
    """Return the label tables: where the root has one called train, those of splits in the root alone.

    `needed` and what is raised are those of `find_label_tables`.
    """
    tables = find_label_tables(tree, needed=needed)
    of_splits = tuple(
        table for table in tables if table.path.parent == tree.root and split_of(table.path.stem)
    )
    return of_splits if _is_trained_from(of_splits, tree) else tables


def _is_trained_from(tables: Sequence[LabelTable], tree: Tree) -> bool:
    """Tell whether one of the tables lies in the root and is called train."""
    return any(table.path.parent == tree.root and split_of(table.path.stem) == "train" for table in tables)


def _refuse_mixed(tree: Tree, found: Layout, vocabulary: Vocabulary) -> None:
    """Refuse folders called like classes beside splits: each of two layouts would leave out or misread some.

    Raises:
        InputError: with the two layouts that come nearest, what they read, and the options that name them.
    """
    used = {folders[0] for _, folders in tree.in_folders()}
    classes = [top for top in tree.tops if top in used and vocabulary.kind(top)]
    if found != "splits" or not classes:
        return
    splits = [top for top in tree.tops if top in used and split_of(top)]
    # What reads most comes first; what can't read the tree comes last.
    ways = sorted(
        (_way_to_read(tree, layout, vocabulary) for layout in FOLDER_LAYOUTS), key=lambda way: way[0]
    )
    nearest = "; or ".join(said for _, said in ways[:2])
    raise InputError(
        f"{tree.root}: {listed(classes)} (names of classes) lie beside {listed(splits)} (names of splits); "
        f"settle it with {nearest}"
    )


def _way_to_read(tree: Tree, layout: Layout, vocabulary: Vocabulary) -> tuple[float, str]:
    """Return the share of the files that a layout leaves out, more than 1 where it fails, and the option."""
    option, num_files = layout_option(layout), len(tree.images)
    try:
        listing = list_folder_tree(tree, layout, vocabulary, checked=True)
    except InputError as error:
        reason = str(error).removeprefix(str(tree.root)).lstrip(":, ")
        return 2.0, f"{option} once it can be read so ({reason})"
    reading, left = listing.reading, num_files - len(listing.images)
    names = f"fake = {', '.join(reading.fake)}; real = {', '.join(reading.real)}"
    without = f", without {left} of {num_files} files" if left else ""
    return left / num_files, f"{option}, which reads {names}{without}"


def _no_layout(tree: Tree, vocabulary: Vocabulary) -> str:
    """Say what is there, and what the two layouts that come nearest would need."""
    files = [folders for _, folders in tree.in_folders()]
    num_placed = sum(any(vocabulary.kind(folder) for folder in folders) for folders in files)
    split = next((folders for folders in files if any(map(split_of, folders[:-1]))), None)
    level = next((index for index, folder in enumerate(split or ()) if split_of(folder)), 0)
    near = [
        (
            num_placed / len(files) if files else 0.0,
            f"folders, but {len(files) - num_placed} of {len(files)} files lie below none that is called "
            "like real or fake",
        ),
        (
            0.5 if tree.tops else 0.0,
            f"sources, a folder per source: {way_out(tree.tops[:1])}" if tree.tops else "sources",
        ),
        (
            0.75 if split else 0.0,
            f"splits, if {'/'.join((split or ())[:level]) or 'the folder above them'} is named with --data",
        ),
        (0.25, "tables: a labels.csv (path,label) in the folder"),
    ]
    first, second = sorted(near, key=lambda each: -each[0])[:2]
    return (
        f"{tree.root} has none of the known layouts; here are: {listed(tree.tops) or 'no folders'}. Nearest "
        f"are {first[1]}; or {second[1]}"
    )


def _beside_note(tree: Tree) -> tuple[str, ...]:
    """Say what lies in the folders beside the images: tables, texts, and files of systems."""
    suffixes = Counter(PurePosixPath(path).suffix.lower() for path in tree.beside if "/" in path)
    if not suffixes:
        return ()
    listed = ", ".join(f"{count} {suffix}" for suffix, count in sorted(suffixes.items()))
    return (f"{suffixes.total()} files beside the images are no images and not counted ({listed})",)
