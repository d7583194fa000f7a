"""Files of a remote folder: listed, copied, removed. The one module that knows pyarrow's file systems.

A file appears whole or not at all: objects by the store's own rule, files of file:// by renaming. Whatever
the store refuses is one sentence.
"""

import functools
import os
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from orchestrator.store.plain_names import is_inside
from orchestrator.store.remote.address import RemoteAddress
from trainables.errors import InputError
from trainables.files import replace_file

# As the libraries of AWS read them, the first that is set.
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
PARTIAL = ".partial"
ATTEMPTS, CONNECT_S = 5, 10.0


class RemoteError(InputError):
    """A remote place can't be used; the message says what, where, and the way out."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a listing says of a remote file: bytes, and when it was written (ns since 1970)."""

    size: int
    written_ns: int


@dataclass(frozen=True, slots=True)
class RemoteFolder:
    """A remote folder that was opened; names are relative to it."""

    address: RemoteAddress
    _system: Any

    def list(self, under: str = "") -> dict[str, Stamp]:
        """Return all files below a folder, by name."""
        from pyarrow import fs

        start = self.address.inside(under)
        with told(self.address):
            found = self._system.get_file_info(fs.FileSelector(start, allow_not_found=True, recursive=True))
        files = {
            str(PurePosixPath(each.path).relative_to(self.address.path)): Stamp(each.size, each.mtime_ns)
            for each in found
            if each.type == fs.FileType.File and not each.path.endswith(PARTIAL)
        }
        # A store of objects takes any name; one like ../x would be written outside of the copy.
        return {name: stamp for name, stamp in files.items() if is_inside(name)}

    def stamps(self, names: Collection[str]) -> dict[str, Stamp]:
        """Return those of some files that are there, by name."""
        from pyarrow import fs

        with told(self.address):
            found = self._system.get_file_info([self.address.inside(name) for name in names])
        return {
            name: Stamp(each.size, each.mtime_ns)
            for name, each in zip(names, found, strict=True)
            if each.type == fs.FileType.File
        }

    def download(self, name: str, to: Path) -> None:
        """Copy a file here, in one step as others see it."""
        with replace_file(to) as partial, told(self.address, name):
            _copy_file(self._system, self.address.inside(name), None, str(partial))

    def upload(self, path: Path, name: str) -> Stamp:
        """Copy a file there, in one step as others see it."""
        target = self.address.inside(name)
        with told(self.address, name):
            if self.address.scheme == "file":
                Path(target).parent.mkdir(parents=True, exist_ok=True)
                partial = f"{target}.{os.getpid()}-{threading.get_ident()}{PARTIAL}"
                _copy_file(None, str(path), self._system, partial)
                os.replace(partial, target)
            else:
                # By the library in one call: a signal that ends a loop of our own would leave half an object.
                _copy_file(None, str(path), self._system, target)
        return self.stamps([name])[name]

    def remove(self, names: Collection[str]) -> None:
        """Remove files; those that are gone already are left out."""
        for name in self.stamps(names):
            with told(self.address, name):
                self._system.delete_file(self.address.inside(name))


def _copy_file(source: Any, path: str, target: Any, to: str) -> None:
    from pyarrow import fs

    here = fs.LocalFileSystem()
    fs.copy_files(
        path, to, source_filesystem=source or here, destination_filesystem=target or here, use_threads=False
    )


@functools.cache
def open_folder(address: RemoteAddress) -> RemoteFolder:
    """Open a remote folder, once in a process.

    Raises:
        RemoteError: it can't be reached, there is no such bucket, or access to it is refused.
    """
    from pyarrow import fs

    with told(address):
        system = _SYSTEMS[address.scheme]()
        if address.scheme != "file":
            # A listing takes a bucket that is not there for an empty one.
            found = system.get_file_info(address.bucket)
            if found.type == fs.FileType.NotFound:
                raise RemoteError(fault_sentence(address, NO_BUCKET[0]))
    return RemoteFolder(address, system)


def _s3() -> Any:
    from pyarrow import fs

    scheme, _, host = next((os.environ[name] for name in ENDPOINTS if os.environ.get(name)), "").partition(
        "://"
    )
    return fs.S3FileSystem(
        endpoint_override=host.rstrip("/") or None,
        scheme=scheme or None,
        connect_timeout=CONNECT_S,
        allow_delayed_open=True,
        background_writes=False,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
    )


def _gs() -> Any:
    from datetime import timedelta

    from pyarrow import fs

    return fs.GcsFileSystem(retry_time_limit=timedelta(seconds=30))


def _file() -> Any:
    from pyarrow import fs

    return fs.LocalFileSystem()


_SYSTEMS: dict[str, Callable[[], Any]] = {"s3": _s3, "gs": _gs, "file": _file}

# What errors of the libraries hold, in lower case, and what it means.
REFUSED = ("access_denied", "access denied", "accessdenied", "forbidden", "unauthorized", "http status 403",
           "invalidaccesskeyid", "invalid_access_key_id", "signature_does_not_match", "signaturedoesnotmatch",
           "invalid_client_token_id", "unrecognized_client", "expired_token", "expiredtoken",
           "unable to locate credentials", "missing_authentication_token")  # fmt: skip
NO_BUCKET = ("no_such_bucket", "nosuchbucket", "bucket does not exist")
UNREACHABLE = ("network_connection", "could not resolve", "couldn't resolve", "could not connect", "curlcode",
               "timed out", "timeout", "connection refused")  # fmt: skip


@contextmanager
def told(address: RemoteAddress, name: str = "") -> Iterator[None]:
    """Turn what a library of object storage raises into one sentence.

    Raises:
        RemoteError: with that sentence.
    """
    try:
        yield
    except OSError as error:
        raise RemoteError(fault_sentence(address, str(error), name=name)) from error


def fault_sentence(address: RemoteAddress, error: str, *, name: str = "") -> str:
    """Say what is wrong with a remote place, where, and the way out."""
    where, text = f"{address.uri}{f'/{name}' if name else ''}", error.lower()
    if any(each in text for each in NO_BUCKET):
        return f"{where}: there is no bucket {address.bucket}; make it, or mend the name"
    if any(each in text for each in REFUSED):
        return (
            f"{where}: access is refused, or no credentials were found; give this machine some "
            "(AWS_PROFILE, a role, GOOGLE_APPLICATION_CREDENTIALS) that may read and write there"
        )
    if any(each in text for each in UNREACHABLE):
        also = ", the region, and AWS_ENDPOINT_URL if it is set" if address.scheme == "s3" else ""
        return f"{where} can't be reached; see to the network{also}"
    first = (error.strip().splitlines() or ["no reason given"])[0][:300]
    return f"{where} can't be used ({first}); see that it exists and that you may write there"
