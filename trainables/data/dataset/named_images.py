"""Images that a user names to have them scored: one file, a folder, or a table of files, wherever they lie.

Every file that claims to be an image is a row: a usable one, or one with the reason why it is not, so that
nothing is left out in silence. What is usable is what a scan takes (`inspection`). True labels, and the
groups that belong together, are those that a scan of the folder finds, or columns of the table
(`named_tables`); images without them are scored all the same. Videos are refused: frames are taken out of
them first.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import pandas as pd

from trainables.data.dataset.folder_trees import read_tree
from trainables.data.dataset.label_tables import TABLE_SUFFIXES
from trainables.data.dataset.layouts import UNLABELLED
from trainables.data.dataset.manifest import Manifest, scan
from trainables.data.dataset.named_tables import read_named_table
from trainables.data.dataset.polarity import BINARY, Vocabulary, fold, listed
from trainables.data.dataset.recognition import list_images
from trainables.data.images.inspection import Facts, inspect_files
from trainables.data.images.path_checks import examine, printable
from trainables.errors import InputError
from trainables.progress import OnProgress

NAMED_COLUMNS = ("path", "file", "sha256", "label", "group", "reason")
VIDEO_SUFFIXES = frozenset(".mp4 .avi .mov .mkv .webm .mpg .mpeg .m4v .wmv .flv".split())
WAY_TO_FRAMES = "take frames out of it first, as images (ffmpeg -i VIDEO -vf fps=1 FRAMES/VIDEO_%04d.png)"


@dataclass(frozen=True, slots=True, eq=False)
class NamedImages:
    """The images that were named, in order, and what to know of their labels.

    `rows` has NAMED_COLUMNS: `path` as the user knows it (relative to the folder, or as the table has it),
    `file` the absolute path, `label` an index into the model's classes (-1 = not told), `group`, and
    `reason`, which is empty where the image is usable.
    """

    rows: pd.DataFrame
    notes: tuple[str, ...] = ()

    @property
    def usable(self) -> pd.DataFrame:
        """The rows that can be scored."""
        return self.rows[self.rows["reason"] == ""]

    @property
    def are_labelled(self) -> bool:
        """Whether the true class of some image is told."""
        return bool((self.rows["label"] != UNLABELLED).any())


def name_images(
    named: Path,
    *,
    classes: Sequence[str],
    layout: str = "auto",
    group_by: str = "auto",
    real_sources: Sequence[str] = (),
    follow_links: bool = False,
    progress: OnProgress | None = None,
) -> NamedImages:
    """List the images that a path names.

    In a folder that tells no labels otherwise, those in folders called like the models' classes have them.

    Args:
        named: an image, a folder of images, or a table of files (CSV, JSON lines, Parquet).
        classes: the classes that the models tell apart, in order.
        layout: how the folder tells labels, one of LAYOUTS or auto. With auto, one that tells none has none.
        group_by: how a labelled folder is grouped, as in `scan`.
        real_sources: names of folders or labels that are real, all others being fakes.
        follow_links: read what links in a folder lead to outside it, too.
        progress: called with (done, total) images while they are looked into.

    Raises:
        InputError: there is nothing there, or none of it is a usable image; it is a video; the folder does
            not have the layout that was asked for; or the table has no column of files.
    """
    if not os.path.lexists(named):
        raise InputError(f"there is no image, folder or table {named}")
    if named.is_dir():
        found = _of_folder(
            named,
            classes,
            layout=layout,
            group_by=group_by,
            real_sources=real_sources,
            follow_links=follow_links,
            progress=progress,
        )
    elif named.suffix.lower() in TABLE_SUFFIXES:
        found = _of_table(named, classes, real_sources=real_sources, progress=progress)
    elif _is_video(named):
        raise InputError(f"{named} is a video, of which no frame is scored; {WAY_TO_FRAMES}")
    else:
        found = NamedImages(_rows([named.name], [named.absolute()], progress=progress))
    if found.usable.empty:
        first = "; ".join(f"{row.path}: {row.reason}" for row in found.rows.head(3).itertuples())
        raise InputError(f"{named}: none of the {len(found.rows)} files is a usable image ({first})")
    return found


def name_files(files: Sequence[Path], *, progress: OnProgress | None = None) -> NamedImages:
    """List image files without labels; their paths are those that were given."""
    return NamedImages(
        _rows([str(file) for file in files], [file.absolute() for file in files], progress=progress)
    )


def _of_table(
    table: Path, classes: Sequence[str], *, real_sources: Sequence[str], progress: OnProgress | None
) -> NamedImages:
    found = read_named_table(table, classes=classes, vocabulary=Vocabulary.of(real_sources))
    rows = _rows(found.paths, found.files, progress=progress)
    return NamedImages(rows.assign(label=found.labels, group=found.groups), found.notes)


def _of_folder(
    root: Path,
    classes: Sequence[str],
    *,
    layout: str,
    group_by: str,
    real_sources: Sequence[str],
    follow_links: bool,
    progress: OnProgress | None,
) -> NamedImages:
    paths = read_tree(root, follow_links=follow_links).images
    if not paths:
        raise InputError(f"no images in {root}")
    if all(map(_is_video, paths)):
        raise InputError(f"{root} holds videos ({paths[0]}), of which no frame is scored; {WAY_TO_FRAMES}")
    manifest: Manifest | None = None
    notes: tuple[str, ...] = ()
    try:
        listing = list_images(root, layout=layout, real_sources=real_sources, follow_links=follow_links)
    except InputError as error:
        if layout != "auto" or real_sources:
            raise
        is_flat = not any("/" in path for path in paths)
        why = "its images lie in no folders, and no table of labels beside them" if is_flat else str(error)
        notes = (f"No true labels are known ({why}).",)
    else:
        manifest = scan(
            root,
            layout=layout,
            group_by=group_by,
            real_sources=real_sources,
            follow_links=follow_links,
            listing=listing,
            max_unusable=1.0,
            progress=progress,
        )
    known = _known_rows(manifest) if manifest is not None else None
    seen = set(known["path"]) if known is not None else set[str]()
    others = [path for path in paths if printable(path) not in seen]
    files = [root.absolute() / path for path in others]
    parts = [_rows(others, files, progress=progress, root=root, follow_links=follow_links)]
    if manifest is not None and known is not None:
        labels, said = _labels_of(manifest, classes)
        notes = (*manifest.reading.notes, *said)
        parts.insert(0, known.assign(label=known["label"].map(labels)))
    elif max(told := [_class_above(path, classes) for path in parts[0]["path"]]) != UNLABELLED:
        parts[0] = parts[0].assign(label=told, group=parts[0]["path"])
        notes = ()
    rows = pd.concat(parts).sort_values("path", ignore_index=True)
    return NamedImages(rows[list(NAMED_COLUMNS)], notes)


def _class_above(path: str, classes: Sequence[str]) -> int:
    """The class that the deepest folder above a file is called after; -1 where none is."""
    labels = {fold(name): label for label, name in enumerate(classes)}
    return next((labels[fold(name)] for name in path.split("/")[-2::-1] if fold(name) in labels), UNLABELLED)


def _known_rows(manifest: Manifest) -> pd.DataFrame:
    """What a scan has found: its rows, and the files that it kept out."""
    root = manifest.root.absolute()
    kept_out = manifest.excluded.assign(sha256="", label=UNLABELLED, group="")
    rows = pd.concat([manifest.rows.assign(reason=""), kept_out], ignore_index=True)
    rows["reason"] = [_reason(path, why) for path, why in zip(rows["path"], rows["reason"], strict=True)]
    return rows.assign(file=[str(root / path) for path in rows["path"]])[list(NAMED_COLUMNS)]


def _labels_of(manifest: Manifest, classes: Sequence[str]) -> tuple[dict[int, int], tuple[str, ...]]:
    """Map the labels of a folder to those of the models; none where they tell other classes apart."""
    theirs = {fold(name): label for label, name in enumerate(classes)}
    if tuple(classes) == BINARY:
        fits = manifest.classes == BINARY
    else:
        fits = all(fold(name) in theirs for name in manifest.classes)
    if not fits:
        note = f"The folder's classes ({listed(manifest.classes)}) are not those of the models"
        return dict.fromkeys(range(UNLABELLED, len(manifest.classes)), UNLABELLED), (
            f"{note} ({listed(classes)}), so no true labels are known.",
        )
    found = {label: theirs[fold(name)] for label, name in enumerate(manifest.classes)}
    return {UNLABELLED: UNLABELLED, **found}, ()


def _rows(
    paths: Sequence[str],
    files: Sequence[Path],
    *,
    progress: OnProgress | None,
    root: Path | None = None,
    follow_links: bool = False,
) -> pd.DataFrame:
    """Look into files: one row each, without labels. Links may lead out of `root` if they are followed."""
    top = root if root is not None else Path(Path.cwd().anchor)
    asked = paths if root is not None else [str(file) for file in files]
    entries = examine(top, dict.fromkeys(asked), follow_links=follow_links)
    regular = [path for path, entry in entries.items() if not isinstance(entry, str)]
    facts = dict(
        zip(regular, inspect_files([top / path for path in regular], progress=progress), strict=True)
    )
    each = [facts.get(path) or Facts("", 0, 0, 0, "", str(entries[path])) for path in asked]
    return pd.DataFrame(
        {
            "path": [printable(path) for path in paths],
            "file": [printable(str(file)) for file in files],
            "sha256": [found.sha256 if not found.problem else "" for found in each],
            "label": UNLABELLED,
            "group": "",
            "reason": [_reason(path, found.problem) for path, found in zip(paths, each, strict=True)],
        },
        columns=list(NAMED_COLUMNS),
    )


def _reason(path: str, why: str) -> str:
    return f"a video; {WAY_TO_FRAMES}" if why and why != "no such file" and _is_video(path) else why


def _is_video(path: str | PurePath) -> bool:
    return PurePath(path).suffix.lower() in VIDEO_SUFFIXES
