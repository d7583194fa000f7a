"""Unpacking archives that strangers made: zip and tar (plain, gz, bz2, xz), into a new folder, or not at all.

An archive is data from outside. Refused as a whole, before or while unpacking: names that lead out of the
folder (absolute, "..", a drive letter, a backslash), links, devices and pipes, two entries of one name,
encryption, more entries or bytes than `Limits` allow, and contents that are out of proportion to the
archive's size. Sizes in headers may lie, so bytes are counted as they come. Permissions and owners are not
taken over. What desktop systems add for themselves (`__MACOSX/`, `.DS_Store`, `Thumbs.db`) is left out.
"""

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, NamedTuple, cast

from trainables.errors import InputError
from trainables.files import DISK_IS_FULL, free_bytes
from trainables.progress import OnProgress

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
CHUNK = 2**20
MAX_TAIL_CHUNKS = 1024
# Left free on the disk whatever an archive holds: a machine with a full disk is hard to mend.
SPARE_BYTES = 256 * 2**20
DESKTOP_FILES = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may hold. Photos hardly shrink: a set of JPEG files is about as large as its archive.

    `max_ratio` is the largest size of the contents as a multiple of the archive's; the first `free_bytes`
    don't count, since a small archive of drawings may well shrink to a hundredth.
    """

    max_entries: int = 5_000_000
    max_bytes: int = 2**41
    max_ratio: float = 100.0
    ratio_from_bytes: int = 64 * 2**20


class NoRoom(InputError):
    """The disk is too small; the archive itself is in order."""


class ArchiveMember(NamedTuple):
    """One member: where it goes, whether it is a folder, how to open it."""

    name: str
    is_folder: bool
    open: Callable[[], IO[bytes] | None]


def is_archive(path: Path) -> bool:
    """Tell by its name whether `path` is an archive that can be unpacked."""
    return path.name.lower().endswith(SUFFIXES)


def unpack(
    archive: Path, folder: Path, *, limits: Limits | None = None, progress: OnProgress | None = None
) -> int:
    """Unpack `archive` into `folder`, which must be new or empty; return the number of files.

    `progress(done, total)` counts bytes of contents; of a tar archive, whose contents are not known before
    they come, bytes of the archive. Files that were written before a refusal stay in `folder`: give it one
    that can be thrown away.

    Raises:
        InputError: the archive is damaged, unsafe or no archive, or the disk is too small for it.
    """
    limits = limits or Limits()
    folder.mkdir(parents=True, exist_ok=True)
    with _readable(archive, folder):
        # By its first bytes: a tar archive that ends with a zip file would pass for one with
        # zipfile.is_zipfile.
        if _first_bytes(archive) in (b"PK\x03\x04", b"PK\x05\x06"):
            return _unpack_zip(archive, folder, limits, progress)
        return _unpack_tar(archive, folder, limits, progress)


def _first_bytes(archive: Path) -> bytes:
    with archive.open("rb") as stream:
        return stream.read(4)


@contextmanager
def _readable(archive: Path, folder: Path) -> Iterator[None]:
    """Turn every way in which an archive can be broken into one sentence."""
    try:
        yield
    except InputError:
        raise
    except OSError as error:
        if error.errno in DISK_IS_FULL:
            raise NoRoom(
                f"the disk is full: {archive.name} does not fit into {folder} "
                f"({free_bytes(folder) // 2**20} MiB free); free some or name a folder on another disk"
            ) from error
        if error.filename is not None:
            raise InputError(f"{error.filename} can't be read or written ({error.strerror})") from error
        # gzip and bz2 say in this way that their data is damaged.
        raise InputError(f"{archive} is damaged ({error}); fetch it again") from error
    except tarfile.ReadError as error:
        raise InputError(f"{archive} is no zip or tar archive, or damaged ({error})") from error
    except (NotImplementedError, RuntimeError) as error:
        raise InputError(f"{archive} can't be unpacked ({error}); unpack it with another program") from error
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
        raise InputError(f"{archive} is damaged ({error}); fetch it again") from error


def _unpack_zip(archive: Path, folder: Path, limits: Limits, progress: OnProgress | None) -> int:
    told = progress or _silent
    with zipfile.ZipFile(archive) as file:
        members = file.infolist()
        total = sum(member.file_size for member in members)
        needed = total + SPARE_BYTES
        if needed > (free := free_bytes(folder)):
            raise NoRoom(
                f"{archive.name} holds {total // 2**20} MiB, and {free // 2**20} MiB are free in {folder}; "
                "free some or name a folder on another disk"
            )
        entries = (_zip_entry(archive, file, member) for member in members)
        return _write(archive, folder, entries, limits, lambda written: told(written, total))


def _zip_entry(archive: Path, file: zipfile.ZipFile, member: zipfile.ZipInfo) -> ArchiveMember:
    if member.flag_bits & 0x1:
        raise InputError(f"{archive}: {member.filename!r} is encrypted; unpack it with another program")
    mode = member.external_attr >> 16
    # Archives of other systems have no mode, or only permissions, in this place.
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise InputError(f"{archive}: {member.filename!r} is a link or a device, which is not unpacked")
    # `filename` has been made safe to read by; `orig_filename` is what the archive says.
    name = member.orig_filename
    return ArchiveMember(name, member.is_dir(), lambda: file.open(member))


def _unpack_tar(archive: Path, folder: Path, limits: Limits, progress: OnProgress | None) -> int:
    size, told = archive.stat().st_size, progress or _silent
    # As a stream: what follows a refused member is not even decompressed.
    with (
        archive.open("rb") as raw,
        _decompressed(raw, _first_bytes(archive)) as stream,
        tarfile.open(fileobj=stream, mode="r|") as file,
    ):
        entries = (_tar_entry(archive, file, member) for member in file)
        num_files = _write(archive, folder, entries, limits, lambda _: told(min(raw.tell(), size), size))
        # The checksum of a gz file comes after the last entry, and is looked at when the end is reached.
        for _ in range(MAX_TAIL_CHUNKS):
            if not stream.read(CHUNK):
                break
        told(size, size)
        return num_files


def _decompressed(raw: BinaryIO, first: bytes) -> BinaryIO:
    """Open the stream inside; unlike tarfile's own stream mode, gzip compares the checksum."""
    if first.startswith(b"\x1f\x8b"):
        return cast(BinaryIO, gzip.open(raw))
    if first.startswith(b"BZh"):
        return cast(BinaryIO, bz2.open(raw))
    return cast(BinaryIO, lzma.open(raw)) if first.startswith(b"\xfd7zX") else raw


def _tar_entry(archive: Path, file: tarfile.TarFile, member: tarfile.TarInfo) -> ArchiveMember:
    if not (member.isreg() or member.isdir()):
        raise InputError(f"{archive}: {member.name!r} is a link or a device, which is not unpacked")
    return ArchiveMember(member.name, member.isdir(), lambda: file.extractfile(member))


def _write(
    archive: Path,
    folder: Path,
    entries: Iterator[ArchiveMember],
    limits: Limits,
    on_bytes: Callable[[int], None],
) -> int:
    allowed = max(limits.ratio_from_bytes, limits.max_ratio * archive.stat().st_size)
    allowed = min(allowed, limits.max_bytes)
    written, num_files = 0, 0
    for number, entry in enumerate(entries, 1):
        if number > limits.max_entries:
            raise InputError(f"{archive} has more than {limits.max_entries:,} entries; it is not unpacked")
        target = folder / _safe_name(archive, entry.name)
        if "__MACOSX" in target.relative_to(folder).parts or target.name in DESKTOP_FILES:
            continue
        if entry.is_folder:
            target.mkdir(parents=True, exist_ok=True)
            continue
        for part in _parts(archive, entry, target):
            written += part
            if written > allowed:
                raise InputError(
                    f"{archive} unpacks to more than {allowed / 2**20:.0f} MiB, out of proportion to its "
                    f"size ({archive.stat().st_size / 2**20:.1f} MiB); "
                    "it is taken for a bomb and not unpacked"
                )
            on_bytes(written)
        num_files += 1
    return num_files


def _parts(archive: Path, entry: ArchiveMember, target: Path) -> Iterator[int]:
    """Write one file; yield the size of each piece before it is written."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        stream = target.open("xb")
    except (FileExistsError, IsADirectoryError) as error:
        raise InputError(f"{archive} has two entries called {entry.name!r}; it is not unpacked") from error
    source = entry.open()
    assert source is not None, "a regular member has content"
    with stream, source:
        while piece := source.read(CHUNK):
            yield len(piece)
            stream.write(piece)


def _safe_name(archive: Path, name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    drive = len(name) > 1 and name[1] == ":" and name[0].isalpha()
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\x00" in name or drive:
        raise InputError(
            f"{archive}: the entry {name!r} leads out of the folder; the archive is not unpacked"
        )
    return path


def _silent(done: int, total: int) -> None:
    pass
