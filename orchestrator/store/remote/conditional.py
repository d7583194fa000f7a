"""Conditional writes of small remote files: only where there is none yet, or over a version that was read.

pyarrow's file systems have no such writes, so each kind of place has its own way: S3 by If-None-Match and
If-Match (boto3), Google Cloud Storage by generations (its JSON interface), file:// under a lock.
"""

import hashlib
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock

from orchestrator.store.remote.address import RemoteAddress
from orchestrator.store.remote.remote_folder import RemoteError, fault_sentence, told

TIMEOUT_S = 30.0
# What a store answers where the condition does not hold, or another writer is at it.
NOT_SO = (409, 412)
NOT_THERE = 404
TOKEN_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
GCS, EMULATOR = "https://storage.googleapis.com", "STORAGE_EMULATOR_HOST"


@dataclass(frozen=True, slots=True)
class Versioned:
    """A small remote file: its content, its version, and its age by the clock of the place it lies at."""

    content: bytes
    version: str
    age_s: float


class ConditionalFile(Protocol):
    """A small remote file that is written on conditions."""

    def read(self) -> Versioned | None:
        """Return the file; None where there is none."""

    def write(self, content: bytes, *, over: str | None) -> str | None:
        """Write over a version, or where there is no file (None); return the version, or None."""

    def remove(self, version: str) -> None:
        """Remove the file if it has this version."""


def conditional_file(address: RemoteAddress, name: str) -> ConditionalFile:
    """Return a small file of a remote folder.

    Raises:
        RemoteError: what this kind of place needs is not installed.
    """
    return _KINDS[address.scheme](address, name)


@dataclass(frozen=True, slots=True)
class _LockedFile:
    address: RemoteAddress
    name: str

    @property
    def path(self) -> Path:
        return Path(self.address.inside(self.name))

    def read(self) -> Versioned | None:
        with told(self.address, self.name):
            try:
                content = self.path.read_bytes()
                age_s = time.time() - self.path.stat().st_mtime
            except FileNotFoundError:
                return None
        return Versioned(content, hashlib.sha256(content).hexdigest(), age_s)

    def write(self, content: bytes, *, over: str | None) -> str | None:
        with told(self.address, self.name):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._lock():
                there = self.read()
                if (there and there.version) != over:
                    return None
                partial = self.path.with_name(f".{self.path.name}.partial")
                partial.write_bytes(content)
                os.replace(partial, self.path)
        return hashlib.sha256(content).hexdigest()

    def remove(self, version: str) -> None:
        with told(self.address, self.name), self._lock():
            there = self.read()
            if there is not None and there.version == version:
                self.path.unlink()

    def _lock(self) -> FileLock:
        return FileLock(self.path.with_name(f".{self.path.name}.lock"))


@dataclass(frozen=True, slots=True)
class _S3Object:
    address: RemoteAddress
    name: str

    def read(self) -> Versioned | None:
        status, answer = self._ask("get_object")
        if status == NOT_THERE:
            return None
        age = (
            parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]) - answer["LastModified"]
        )
        return Versioned(answer["Body"].read(), answer["ETag"], age.total_seconds())

    def write(self, content: bytes, *, over: str | None) -> str | None:
        condition = {"IfNoneMatch": "*"} if over is None else {"IfMatch": over}
        status, answer = self._ask("put_object", Body=content, **condition)
        # The version that is to be replaced may be gone.
        return None if status in (*NOT_SO, NOT_THERE) else str(answer["ETag"])

    def remove(self, version: str) -> None:
        there = self.read()
        if there is not None and there.version == version:
            self._ask("delete_object")

    def _ask(self, operation: str, **arguments: object) -> tuple[int, Any]:
        """Call an operation of S3; return the status and the answer.

        Raises:
            RemoteError: it was answered with an error that says nothing of the file, or not at all.
        """
        try:
            import boto3
            from botocore.config import Config
            from botocore.exceptions import BotoCoreError, ClientError
        except ImportError as error:
            raise RemoteError(
                f"{self.address.uri}: results there need boto3, which is not installed; "
                "pip install 'deepfake-orchestrator[cluster]'"
            ) from error
        limits = Config(connect_timeout=10, read_timeout=TIMEOUT_S, retries={"mode": "standard"})
        try:
            call = getattr(boto3.client("s3", config=limits), operation)
            answer = call(Bucket=self.address.bucket, Key=self.address.key(self.name), **arguments)
        except ClientError as error:
            status = int(error.response["ResponseMetadata"]["HTTPStatusCode"])
            if status in NOT_SO or error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return status, error.response
            raise RemoteError(fault_sentence(self.address, str(error), name=self.name)) from error
        except BotoCoreError as error:
            raise RemoteError(fault_sentence(self.address, str(error), name=self.name)) from error
        return int(answer["ResponseMetadata"]["HTTPStatusCode"]), answer


@dataclass(frozen=True, slots=True)
class _GcsObject:
    address: RemoteAddress
    name: str

    def read(self) -> Versioned | None:
        about = self._ask("GET", self._place())
        if about is None:
            return None
        facts, now = json.loads(about[0]), parsedate_to_datetime(about[1])
        content = self._ask("GET", self._place(alt="media", generation=facts["generation"]))
        if content is None:
            return None
        age = now - datetime.fromisoformat(facts["updated"])
        return Versioned(content[0], str(facts["generation"]), age.total_seconds())

    def write(self, content: bytes, *, over: str | None) -> str | None:
        query = {"uploadType": "media", "name": self.address.key(self.name), "ifGenerationMatch": over or "0"}
        host = self._host() or GCS
        url = f"{host}/upload/storage/v1/b/{self.address.bucket}/o?{urllib.parse.urlencode(query)}"
        answer = self._ask("POST", url, content)
        return None if answer is None else str(json.loads(answer[0])["generation"])

    def remove(self, version: str) -> None:
        self._ask("DELETE", self._place(ifGenerationMatch=version))

    def _host(self) -> str:
        host = os.environ.get(EMULATOR, "").rstrip("/")
        return host if not host or "://" in host else f"http://{host}"

    def _place(self, **query: str) -> str:
        key = urllib.parse.quote(self.address.key(self.name), safe="")
        host = self._host() or GCS
        return f"{host}/storage/v1/b/{self.address.bucket}/o/{key}?{urllib.parse.urlencode(query)}"

    def _ask(self, method: str, url: str, content: bytes | None = None) -> tuple[bytes, str] | None:
        """Send a request; return content and date of the answer, None where the condition does not hold.

        Raises:
            RemoteError: it was answered with another error, or not at all.
        """
        headers = {"Content-Type": "application/octet-stream"}
        if not self._host():
            headers["Authorization"] = f"Bearer {self._token()}"
        request = urllib.request.Request(url, data=content, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
                return answer.read(), answer.headers["Date"]
        except urllib.error.HTTPError as error:
            with error:
                if error.code in (*NOT_SO, NOT_THERE):
                    return None
            said = "forbidden" if error.code in (401, 403) else str(error)
            raise RemoteError(fault_sentence(self.address, said, name=self.name)) from error
        except OSError as error:
            raise RemoteError(fault_sentence(self.address, f"timeout: {error}", name=self.name)) from error

    def _token(self) -> str:
        try:
            import google.auth
            import google.auth.exceptions
            import google.auth.transport.requests
        except ImportError as error:
            raise RemoteError(
                f"{self.address.uri}: results there need google-auth, which is not installed; "
                "pip install 'deepfake-orchestrator[gcp]'"
            ) from error
        try:
            credentials, _ = google.auth.default(scopes=[TOKEN_SCOPE])
            credentials.refresh(google.auth.transport.requests.Request())  # type: ignore[no-untyped-call]
        except google.auth.exceptions.GoogleAuthError as error:
            raise RemoteError(fault_sentence(self.address, "forbidden", name=self.name)) from error
        return str(credentials.token)


_KINDS: dict[str, Callable[[RemoteAddress, str], ConditionalFile]] = {
    "file": _LockedFile, "s3": _S3Object, "gs": _GcsObject,
}  # fmt: skip
