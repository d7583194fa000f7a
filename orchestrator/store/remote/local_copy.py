"""Copies on this machine of what is remote: pulled, worked on as any folder, pushed.

A copy is a folder; beside it lie copy-of.json, which names what it is a copy of, and seen.db, which knows
what was the same on both sides. Whoever has the folder can therefore find the remote place, and everybody
else works on it as on any other. What tells that a trial is finished is copied last, in both directions.
"""

import hashlib
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from orchestrator.store.record_file import known_record
from orchestrator.store.remote import shared_names
from orchestrator.store.remote.address import RemoteAddress, is_address, remote_address
from orchestrator.store.remote.local_places import local_place
from orchestrator.store.remote.remote_folder import RemoteFolder, Stamp, open_folder
from orchestrator.store.remote.seen_files import SeenFile, SeenFiles
from trainables.errors import InputError
from trainables.files import write_json
from trainables.progress import OnProgress
from trainables.recipe_part import Frozen
from trainables.removal import remove_file

Kind = Literal["results", "data"]
COPY_OF, SEEN = "copy-of.json", "seen.db"
AT_ONCE = 8
# After so many files the records of what was seen are kept, so that a kill repeats no more.
BATCH = 64


class CopyOf(Frozen):
    """What copy-of.json holds: the address that a folder is a copy of."""

    uri: str


@dataclass(frozen=True, slots=True)
class LocalCopy:
    """The folder `root`, which is this machine's copy of `address`."""

    address: RemoteAddress
    root: Path

    @property
    def folder(self) -> RemoteFolder:
        """The remote folder.

        Raises:
            RemoteError: it can't be used.
        """
        return open_folder(self.address)

    @property
    def seen(self) -> SeenFiles:
        """What was the same on both sides."""
        return SeenFiles(self.root.parent / SEEN)

    def name_of(self, path: Path) -> str:
        """Return the name of a file or folder of the copy."""
        return path.relative_to(self.root).as_posix()

    def pull(
        self, wanted: Callable[[str], bool] = shared_names.is_pulled, *, progress: OnProgress | None = None
    ) -> int:
        """Copy here what is new there and `wanted`, and remove what was removed there; return how many files.

        What has changed on both sides is taken from there, but for caches.
        """
        listed = {name: stamp for name, stamp in self.folder.list().items() if wanted(name)}
        seen = self.seen.all()
        gone = [name for name in seen if name not in listed and wanted(name)]
        for name in gone:
            if seen[name].is_as_before(self.root / name):
                remove_file(self.root / name, below=self.root)
        self.seen.forget(gone)
        return self._download(listed, seen, progress)

    def fetch(self, *under: str, wanted: Callable[[str], bool] | None = None) -> int:
        """Copy here what is new there, and `wanted`, of some files and folders, by name; return how many."""
        seen, listed = self.seen.all(), dict[str, Stamp]()
        for name in under:
            listed |= self.folder.stamps([name]) or self.folder.list(name)
        chosen = {name: stamp for name, stamp in listed.items() if wanted is None or wanted(name)}
        return self._download(chosen, seen, None)

    def push(self, wanted: Callable[[str], bool] = shared_names.is_pushed) -> int:
        """Copy there what is new here and `wanted`; return how many files.

        What a command writes anew as a whole is removed there where it is gone here.
        """
        here = {name: path for name, path in self._files() if wanted(name)}
        num_sent = self._upload(here)
        gone = [
            name
            for name in self.seen.all()
            if shared_names.is_rewritten(name) and name not in here and wanted(name)
        ]
        self.folder.remove(gone)
        self.seen.forget(gone)
        return num_sent

    def send(self, *under: str) -> int:
        """Copy there what is new here of some files and folders, by name; return how many files."""
        found: dict[str, Path] = {}
        for name in under:
            path = self.root / name
            inside = sorted(path.rglob("*")) if path.is_dir() else [path]
            found |= {
                self.name_of(each): each
                for each in inside
                if each.is_file() and not each.name.startswith(".") and not each.name.endswith(".lock")
            }
        return self._upload(found)

    def remove(self, *under: str) -> None:
        """Remove files and folders there, by name, as far as there are any."""
        names = [name for each in under for name in self.folder.stamps([each]) or self.folder.list(each)]
        self.folder.remove(names)
        self.seen.forget(names)

    def _files(self) -> Iterator[tuple[str, Path]]:
        for folder, _, names in os.walk(self.root):
            for name in names:
                path = Path(folder, name)
                yield self.name_of(path), path

    def _download(
        self, listed: Mapping[str, Stamp], seen: Mapping[str, SeenFile], progress: OnProgress | None
    ) -> int:
        new = [name for name, stamp in listed.items() if self._is_new_there(seen.get(name), name, stamp)]

        def copy(name: str) -> SeenFile:
            looked_ns = time.time_ns()
            self.folder.download(name, self.root / name)
            return SeenFile.of(name, self.root / name, listed[name], looked_ns)

        return self._in_batches(copy, new, progress)

    def _upload(self, files: Mapping[str, Path]) -> int:
        seen = self.seen.all()
        new = [name for name, path in files.items() if name not in seen or not seen[name].is_as_before(path)]

        def copy(name: str) -> SeenFile:
            stamp = self.folder.upload(files[name], name)
            return SeenFile.of(name, files[name], stamp, time.time_ns())

        return self._in_batches(copy, new, None)

    def _in_batches(
        self, copy: Callable[[str], SeenFile], names: Collection[str], progress: OnProgress | None
    ) -> int:
        ordered, done = sorted(names, key=shared_names.last_done), 0
        last = [name for name in ordered if shared_names.last_done(name)[0]]
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="remote") as pool:
            for part in (ordered[: len(ordered) - len(last)], last):
                for start in range(0, len(part), BATCH):
                    self.seen.note(list(pool.map(copy, part[start : start + BATCH])))
                    done += len(part[start : start + BATCH])
                    if progress:
                        progress(done, len(ordered))
        return len(ordered)

    def _is_new_there(self, seen: SeenFile | None, name: str, stamp: Stamp) -> bool:
        path = self.root / name
        if seen is None or not path.is_file():
            return seen is not None or not path.is_file() or not shared_names.is_own_cache(name)
        if seen.is_remote_as_before(stamp):
            return False
        is_changed_here = not seen.is_as_before(path)
        return not is_changed_here or (stamp != seen.stamp and not shared_names.is_own_cache(name))


def copy_of(uri: str, kind: Kind = "results") -> LocalCopy:
    """Return this machine's copy of a remote place, whose folder is made; nothing is copied yet.

    Raises:
        InputError: the address is none that is known, or the copy's place can't be written.
    """
    address = remote_address(uri)
    digest = hashlib.sha256(address.uri.encode()).hexdigest()[:12]
    root = local_place() / kind / digest / (address.name or kind)
    try:
        root.mkdir(parents=True, exist_ok=True)
        if not (root.parent / COPY_OF).is_file():
            write_json(root.parent / COPY_OF, CopyOf(uri=address.uri).model_dump())
    except OSError as error:
        raise InputError(
            f"the copy of {address.uri} can't be kept in {root} ({error.strerror}); name another place by "
            "ORCHESTRATOR_LOCAL"
        ) from error
    return LocalCopy(address, root)


def copy_at(root: Path) -> LocalCopy | None:
    """Return the copy whose folder is `root`; None where that is a folder of its own."""
    record = known_record(root.parent / COPY_OF, CopyOf)
    return None if record is None else LocalCopy(remote_address(record.uri), root)


def local_folder(text: str | Path, kind: Kind) -> Path:
    """Return a path as it is, and of an address the folder of its copy."""
    return copy_of(str(text), kind).root if is_address(text) else Path(text)


def results_folder(named: str | Path) -> Path:
    """Return a folder of results as it is; of an address its copy, up to date but for weights.

    Raises:
        InputError: the address is none that is known, or can't be used.
    """
    folder = local_folder(named, "results")
    if is_address(named) and (copy := copy_at(folder)) is not None:
        copy.pull()
    return folder


def place_text(root: Path) -> str:
    """Return what records call a folder: the address that it is a copy of, else its resolved path."""
    copy = copy_at(root.resolve())
    return str(root.resolve()) if copy is None else copy.address.uri
