"""Listings of folder trees in which the names of folders tell the class: `sources`, `splits` and `folders`.

In `sources` a top folder is a source, in `splits` a folder below train/, val/ or test/ is a class and a
source. In `folders` the deepest folder that is called like real or fake is the class; split-like names are
splits; the first folder above that is neither, and not above all images, is the source. So fakes have the
name of their generator, and real images that lie beside fakes of a generator have a source of their own,
<generator>/<class folder>: a generator can be held out with or without the real images that came with it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from trainables.data.dataset.layouts import (
    Layout,
    ListedImage,
    Listing,
    Reading,
    files_below,
    folders_in,
    in_path_order,
    is_beside,
    split_of,
)
from trainables.data.dataset.linked_folders import LinkedFolders
from trainables.data.dataset.polarity import (
    BINARY,
    Kind,
    Vocabulary,
    is_generic,
    is_mixed,
    is_numbered,
    kind_of,
    way_out,
)
from trainables.errors import InputError

Folders = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tree:
    """The files below a data folder, relative to it and in order: images, and tables and texts beside them.

    `tops` are the folders in the root. `images` has every file that does not say of itself that it is none.
    """

    root: Path
    tops: tuple[str, ...]
    images: tuple[str, ...]
    beside: tuple[str, ...]

    def in_folders(self) -> list[tuple[str, Folders]]:
        """Return the images that lie in a folder, with the folders that they are in."""
        return [(path, tuple(path.split("/")[:-1])) for path in self.images if "/" in path]


def read_tree(root: Path, *, follow_links: bool = False) -> Tree:
    """List the files below `root`.

    Links to folders are followed in the root, and directly below split folders; others are listed as files.
    With `follow_links`, those are followed that lead out of the root, wherever they are (`linked_folders`).

    Raises:
        InputError: a folder can't be read, or a link in the root leads round in a circle.
    """
    tops = folders_in(root)
    if follow_links:
        paths = list(_files_behind_links(root, tops))
    else:
        class_folders = [
            (root / top, name) for top in tops if split_of(top) for name in folders_in(root / top)
        ]
        linked = [folder / name for folder, name in class_folders if (folder / name).is_symlink()]
        every = [
            path for folder in (*(root / top for top in tops), *linked) for path in files_below(root, folder)
        ]
        paths = list({*every} - {folder.relative_to(root).as_posix() for folder in linked})
    paths += [entry.name for entry in root.iterdir() if entry.is_file() and not entry.name.startswith(".")]
    every = sorted(set(paths))
    return Tree(
        root,
        tuple(tops),
        tuple(path for path in every if not is_beside(path)),
        tuple(path for path in every if is_beside(path)),
    )


def _files_behind_links(root: Path, tops: Iterable[str]) -> Iterator[str]:
    places = LinkedFolders(root)
    folders = [root / top for top in tops]
    for folder in folders:
        if folder.is_symlink() and not places.enter(folder):
            raise InputError(
                f"{folder} is a link to a folder that is read already, or that holds one; remove the link"
            )
    for folder in folders:
        yield from files_below(root, folder, enter=places.enter)


def folder_layout(tree: Tree, vocabulary: Vocabulary) -> Layout | None:
    """Tell which of the three layouts a tree has by its names; None where it has none of them."""
    splits = [top for top in tree.tops if split_of(top) and folders_in(tree.root / top)]
    level = 1 if splits else 0
    inside = [
        folders
        for _, folders in tree.in_folders()
        if len(folders) > level and (not splits or folders[0] in splits)
    ]
    below: dict[str, set[Kind]] = {}
    for folders in inside:
        kinds = (vocabulary.kind(folder) for folder in folders[level + 1 :])
        below.setdefault(folders[level], set()).update(kind for kind in kinds if kind)
    is_divided = any(len(kinds) == len(BINARY) for kinds in below.values())
    names = {*below, *(() if splits else tree.tops)}
    is_known = any(vocabulary.kind(name) for name in names)
    if is_divided or (not is_known and below and _are_all_placed(inside, vocabulary)):
        return "folders"
    if splits:
        return "splits"
    return "sources" if is_known or vocabulary.real_sources else None


def tells_classes(tree: Tree, layout: Layout | None, vocabulary: Vocabulary) -> bool:
    """Tell whether the folders of a layout say which images are real; class folders of splits may not."""
    if layout != "splits":
        return layout is not None
    names = {folders[1] for _, folders in tree.in_folders() if len(folders) > 1 and split_of(folders[0])}
    return any(vocabulary.kind(name) for name in names)


def list_folder_tree(tree: Tree, layout: str, vocabulary: Vocabulary, *, checked: bool) -> Listing:
    """List the images of a tree.

    Args:
        tree: the files.
        layout: sources, splits or folders.
        vocabulary: what names mean.
        checked: refuse a folder of one class that holds folders of the other one alone.

    Raises:
        InputError: the tree does not have the layout, or its names contradict each other.
    """
    if layout == "sources":
        return _list_sources(tree, vocabulary, checked)
    if layout == "splits":
        return _list_splits(tree, vocabulary, checked)
    return _list_folders(tree, vocabulary)


def _list_sources(tree: Tree, vocabulary: Vocabulary, checked: bool) -> Listing:
    if not tree.tops:
        raise InputError(f"{tree.root}: no folders of sources; there are no folders in it")
    found = vocabulary.read(tree.tops, where=f"{tree.root}, folders of sources", as_sources=True)
    images, files = [], tree.in_folders()
    if checked:
        _refuse_contradictions(
            tree, [(folders, 0, found.labels[folders[0]]) for _, folders in files], "sources"
        )
    alone = _alone_of_their_kind(_siblings(folders for _, folders in files))
    for path, folders in files:
        split, inside = _below_class(folders, 0, alone)
        images.append(ListedImage(path, found.labels[folders[0]], folders[0], split, inside))
    rule = "a folder per source, real or fake by its name"
    reading = Reading(rule, found.fake, found.real)
    return Listing("sources", found.classes, in_path_order(images), reading)


def _list_splits(tree: Tree, vocabulary: Vocabulary, checked: bool) -> Listing:
    splits = [top for top in tree.tops if split_of(top)]
    names = {name for top in splits for name in folders_in(tree.root / top)}
    if not names:
        raise InputError(
            f"{tree.root}: no class folders below {', '.join(splits) or 'train, val or test'} (splits)"
        )
    lower = {name.lower() for name in names}
    found = vocabulary.read(lower, where=f"{tree.root}, classes below {', '.join(splits)}", as_sources=False)
    files = [
        (path, folders) for path, folders in tree.in_folders() if split_of(folders[0]) and len(folders) > 1
    ]
    if checked and found.real:
        labelled = [(folders, 1, found.labels[folders[1].lower()]) for _, folders in files]
        _refuse_contradictions(tree, labelled, "splits")
    images = []
    for path, folders in files:
        name = folders[1].lower()
        images.append(
            ListedImage(path, found.labels[name], name, split_of(folders[0]), "/".join(folders[2:]))
        )
    notes = _left_out(tree, {path for path, _ in files}, "below no split and class folder")
    reading = Reading("class folders below train, val and test", found.fake, found.real, notes)
    return Listing("splits", found.classes, in_path_order(images), reading)


def _left_out(tree: Tree, listed: set[str], why: str) -> tuple[str, ...]:
    left = [path for path, _ in tree.in_folders() if path not in listed]
    if not left:
        return ()
    return (f"{len(left)} files are left out, {left[0]} for one: {why}",)


def _below_class(folders: Folders, level: int, alone: set[Folders]) -> tuple[str, str]:
    """Return the split that lies below the class folder at `level`, and the folders between and the file."""
    split, level = "", level + 1
    while level < len(folders) and (
        folders[: level + 1] in alone or (not split and split_of(folders[level]))
    ):
        split = split or split_of(folders[level])
        level += 1
    return split, "/".join(folders[level:])


def _alone_of_their_kind(siblings: Mapping[Folders, set[str]]) -> set[Folders]:
    """Return the folders that are called like real or fake and have no sibling of the same kind.

    Numbered ones (fake_000, real_video_03), and one of several, are videos or people, and tell no class.
    """
    return {
        (*parent, names[0])
        for parent, children in siblings.items()
        for names in _by_kind(children).values()
        if len(names) == 1
    }


def _by_kind(names: Iterable[str]) -> dict[Kind, list[str]]:
    found: dict[Kind, list[str]] = {}
    for name in names:
        if (kind := kind_of(name)) and not is_numbered(name):
            found.setdefault(kind, []).append(name)
    return found


def _refuse_contradictions(tree: Tree, labelled: Iterable[tuple[Folders, int, int]], layout: str) -> None:
    """Refuse a class folder that holds folders of the other class; each image has folders, level, label."""
    for folders, level, label in labelled:
        for deeper in folders[level + 1 :]:
            kind = kind_of(deeper)
            if kind and kind != BINARY[label]:
                raise InputError(
                    f"{tree.root}: {'/'.join(folders[: level + 1])} is read as {BINARY[label]}, but holds "
                    f"{deeper}, a name of {kind} images; {layout_option(layout)} goes by the former, "
                    f"{layout_option('folders')} by the latter"
                )


def layout_option(layout: str) -> str:
    """Spell the option that names a layout, for each kind of command."""
    return f"--layout {layout} (data commands; --set layout={layout} for plan and run)"


@dataclass(frozen=True, slots=True)
class _Placed:
    path: str
    folders: Folders
    level: int
    kind: Kind

    @property
    def name(self) -> str:
        return self.folders[self.level]

    @property
    def above(self) -> Folders:
        """The folders above the class folder that may be a source."""
        return tuple(
            folder
            for folder in self.folders[: self.level]
            if not (split_of(folder) or is_mixed(folder) or is_generic(folder) or kind_of(folder))
        )


def _list_folders(tree: Tree, vocabulary: Vocabulary) -> Listing:
    files = tree.in_folders()
    siblings = _siblings(folders for _, folders in files)
    alone = _alone_of_their_kind(siblings)
    placed, lost = [], []
    for path, folders in files:
        where = _class_folder(folders, vocabulary, siblings, alone)
        if where is None:
            lost.append(path)
        else:
            placed.append(_Placed(path, folders, *where))
    if lost:
        raise InputError(
            f"{tree.root}: {len(lost)} of {len(files)} files lie below no folder called like real or fake, "
            f"{lost[0]} for one; rename its folder, list the files in a labels.csv (path,label), or "
            f"{way_out([PurePosixPath(lost[0]).parts[0]])}"
        )
    _refuse_opposite_siblings(tree, placed, vocabulary, siblings)
    names = {kind: sorted({each.name for each in placed if each.kind == kind}) for kind in BINARY}
    rule = "the deepest folder called like real or fake is the class, the folder above it the source"
    reading = Reading(rule, tuple(names["fake"]), tuple(names["real"]))
    return Listing("folders", BINARY, in_path_order(_with_sources(placed, alone)), reading)


def _with_sources(placed: Sequence[_Placed], alone: set[Folders]) -> list[ListedImage]:
    """Give each image its source: the first folder above its class that is not above all images."""
    aboves = {each.above for each in placed}
    shared = 0
    while (
        min((len(above) for above in aboves), default=0) > shared + 1
        and len({above[: shared + 1] for above in aboves}) == 1
    ):
        shared += 1
    kinds: dict[str, set[Kind]] = {}
    for each in placed:
        for first in each.above[shared : shared + 1]:
            kinds.setdefault(first, set()).add(each.kind)
    images = []
    for each in placed:
        source = each.name.lower()
        for first in each.above[shared : shared + 1]:
            is_shared_with_fakes = each.kind == "real" and len(kinds[first]) > 1
            source = f"{first}/{source}" if is_shared_with_fakes else first
        above = next((split_of(folder) for folder in each.folders[: each.level] if split_of(folder)), "")
        below, inside = _below_class(each.folders, each.level, alone)
        images.append(ListedImage(each.path, BINARY.index(each.kind), source, above or below, inside))
    return images


def _are_all_placed(every: Iterable[Folders], vocabulary: Vocabulary) -> bool:
    listed = list(every)
    siblings = _siblings(listed)
    alone = _alone_of_their_kind(siblings)
    return all(_class_folder(folders, vocabulary, siblings, alone) for folders in listed)


def _class_folder(
    folders: Folders,
    vocabulary: Vocabulary,
    siblings: Mapping[Folders, set[str]],
    alone: set[Folders],
) -> tuple[int, Kind] | None:
    """Return the level and the kind of the folder that tells the class: the deepest that is known.

    Not below a folder of the same kind, one of many that are called alike. Without one, a folder whose one
    sibling is known is of the other class.
    """
    for level in reversed(range(len(folders))):
        if kind := vocabulary.kind(folders[level]):
            if level and vocabulary.kind(folders[level - 1]) == kind and folders[: level + 1] not in alone:
                continue
            return level, kind
    for level in reversed(range(len(folders))):
        others = siblings[folders[:level]] - {folders[level]}
        kinds = {vocabulary.kind(other) for other in others}
        if len(others) == 1 and kinds <= set(BINARY):
            return level, "real" if kinds == {"fake"} else "fake"
    return None


def _siblings(every: Iterable[Folders]) -> dict[Folders, set[str]]:
    """Return the folders of each folder, without split-like ones."""
    found: dict[Folders, set[str]] = {}
    for folders in set(every):
        for level, folder in enumerate(folders):
            children = found.setdefault(folders[:level], set())
            if not split_of(folder):
                children.add(folder)
    return found


def _refuse_opposite_siblings(
    tree: Tree, placed: Sequence[_Placed], vocabulary: Vocabulary, siblings: Mapping[Folders, set[str]]
) -> None:
    """Refuse real/ beside fake/ where one of them holds a folder of the other class."""
    for each in placed:
        for level, folder in enumerate(each.folders[: each.level]):
            kind = vocabulary.kind(folder)
            others = {vocabulary.kind(other) for other in siblings[each.folders[:level]]}
            if kind and kind != each.kind and each.kind in others:
                raise InputError(
                    f"{tree.root}: {'/'.join(each.folders[: each.level + 1])} is called {kind} and "
                    f"{each.kind} at once ({folder}, {each.name}); rename one of the two folders"
                )
