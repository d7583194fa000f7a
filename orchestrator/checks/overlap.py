"""Overlap of a data set with what finished models learned from, by content and by near-duplicates.

An image that a model has trained on says nothing of what the model does elsewhere. All images of an
experiment's folds count as trained on: each of them is in the training part of some fold's model; the test
images of a single split are in none. Their
content hashes come from the rows that its workers read (cache), or from the images where these are gone;
near-duplicates need the images. What can't be compared is said, never passed over. Images that a study holds
out for its end are kept out, too: `final` alone opens them.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.store.csv_files import read_csv
from orchestrator.store.evaluation_files import OverlapRecord
from orchestrator.store.fingerprint import fingerprint
from orchestrator.store.fold_files import cached_hashes
from orchestrator.store.folder import Store
from orchestrator.store.held_out_files import read_held_out
from orchestrator.store.records import ExperimentRecord
from orchestrator.store.remote.data_copy import data_folder
from trainables.data.dataset.manifest import Manifest
from trainables.data.duplicates.overlap import shared_pictures
from trainables.data.images.path_checks import printable
from trainables.files import file_sha256
from trainables.progress import OpenBar


@dataclass(frozen=True, slots=True)
class Overlap:
    """The images that models have trained on, by path with the reason, and the record of the search."""

    reasons: Mapping[str, str]
    record: OverlapRecord


@dataclass(slots=True)
class _Learned:
    """Training images of all experiments: content hash -> what it is called, and its file where it is."""

    called: dict[str, str] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    num_unknown: int = 0
    notes: list[str] = field(default_factory=list)


def find_overlap(
    store: Store, experiments: Sequence[ExperimentRecord], manifest: Manifest, *, bar: OpenBar
) -> Overlap:
    """Find the images of a data set that experiments have trained on.

    Args:
        store: the results of the experiments.
        experiments: whose folds hold the training data.
        manifest: the other data set.
        bar: opens a progress bar with a title.
    """
    learned = _learned(store, experiments, bar)
    rows = manifest.rows
    identical = {
        path: f"in the training data ({printable(learned.called[digest])})"
        for path, digest in zip(rows["path"], rows["sha256"], strict=True)
        if digest in learned.called
    }
    near: dict[str, str] = {}
    if learned.files:
        root = manifest.root.resolve()
        mine = {digest: root / path for digest, path in zip(rows["sha256"], rows["path"], strict=True)}
        name = fingerprint([sorted(mine), sorted(learned.files)])[:16]
        with bar("Comparing with the training data") as progress:
            pictures = shared_pictures(
                mine,
                learned.files,
                memory=store.cached("scans", f"overlap-{name}.memo"),
                progress=progress,
            )
        near = {
            path: f"a version of a training image ({printable(learned.called[pictures[digest]])})"
            for path, digest in zip(rows["path"], rows["sha256"], strict=True)
            if digest in pictures
        }
    apart = _held_out(store, experiments)
    held_out = {
        path: "held out for the end of the study, which `final` opens"
        for path, digest in zip(rows["path"], rows["sha256"], strict=True)
        if digest in apart and path not in identical
    }
    record = OverlapRecord(
        identical=len(identical),
        near_duplicates=len(set(near) - set(held_out)),
        held_out=len(held_out),
        compared=len(learned.called),
        unknown=learned.num_unknown,
        near=bool(learned.called) and len(learned.files) == len(learned.called) and not learned.num_unknown,
        notes=tuple(learned.notes),
    )
    return Overlap({**near, **identical, **held_out}, record)


def _held_out(store: Store, experiments: Sequence[ExperimentRecord]) -> set[str]:
    """Content hashes of the images that experiments hold out for the end of their study."""
    found: set[str] = set()
    for name in sorted({each.held_out_file for each in experiments if each.held_out_file is not None}):
        rows = read_held_out(store, name)
        found |= set() if rows is None else set(rows["sha256"])
    return found


def _learned(store: Store, experiments: Sequence[ExperimentRecord], bar: OpenBar) -> _Learned:
    found, known = _Learned(), cached_hashes(store)
    seen: set[tuple[str, str]] = set()
    for experiment in experiments:
        if experiment.fold_files is None:
            found.notes.append(
                f"no record says which images {experiment.name} was trained on, so that none of them could "
                "be excluded"
            )
        for name in experiment.fold_files or ():
            if (name, experiment.data) in seen:
                continue
            seen.add((name, experiment.data))
            _add(found, store.fold_file(name), data_folder(experiment.data), known.get(name), bar)
    return found


def _add(found: _Learned, folds: Path, root: Path, hashes: Mapping[str, str] | None, bar: OpenBar) -> None:
    """Take in the images of a fold file."""
    try:
        rows = read_csv(folds, usecols=["path", "fold"], dtype={"path": str}, keep_default_na=False)
    except (OSError, ValueError):
        found.notes.append(f"{folds} can't be read, so that images of that training data are not excluded")
        return
    is_tested = rows["fold"] >= 0
    is_single = rows.loc[is_tested, "fold"].nunique() == 1
    paths = rows.loc[~(is_tested & is_single), "path"].tolist()
    files = {path: root / path for path in paths}
    there = {path: file for path, file in files.items() if file.is_file()}
    if hashes is None:
        with bar("Reading the training data") as progress:
            hashes = {}
            for done, (path, file) in enumerate(there.items(), start=1):
                with contextlib.suppress(OSError):
                    hashes[path] = file_sha256(file)
                progress(done, len(there))
    for path in paths:
        if path not in hashes:
            found.num_unknown += 1
            continue
        found.called.setdefault(hashes[path], path)
        if path in there:
            found.files.setdefault(hashes[path], there[path])
    lacking = len(paths) - len(there)
    if lacking:
        found.notes.append(
            f"{lacking} of {len(paths)} training images are not below {root} any more: "
            + (
                "nothing of them is known, and none of them could be excluded"
                if not set(paths) & set(hashes)
                else "they were compared by their contents alone, not by near-duplicates"
            )
        )
