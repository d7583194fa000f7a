"""One file over HTTP that survives interruptions: resumed by Range, checked, never half under its name.

While it is fetched, `<name>.part` grows and `<name>.part.json` says what it is a part of (address, entity tag
or date, size). A second attempt asks for the rest if the server still has the same file (If-Range), and
starts anew if it has not. A connection that breaks is taken up again at once as long as each attempt brings
something.
"""

import base64
import contextlib
import http
import http.client
import os
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from trainables.errors import InputError
from trainables.files import file_sha256, free_bytes, read_json, write_json
from trainables.progress import OnProgress

TIMEOUT_S = 30.0
CHUNK = 2**20
MAX_FRUITLESS = 3


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """What a server said of a file: its whole size (0 = not said), and what names this version."""

    size: int
    version: str
    start: int


class _SameKind(urllib.request.HTTPRedirectHandler):
    """Follow redirections over HTTP alone: not to files of this machine, nor from HTTPS to plain HTTP."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        allowed = {"https"} if urlsplit(req.full_url).scheme == "https" else {"http", "https"}
        if urlsplit(newurl).scheme not in allowed:
            raise InputError(f"{shown(req.full_url)} redirects to {shown(newurl)}, which is not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def shown(url: str) -> str:
    """Return an address without a password or a signature in it, for messages."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def file_name(url: str) -> str:
    """Name the file that an address leads to."""
    name = re.sub(r"[^A-Za-z0-9._-]", "_", unquote(urlsplit(url).path).rpartition("/")[2]).lstrip(".")
    return name or "download"


def download(
    url: str,
    target: Path,
    *,
    sha256: str | None = None,
    room_for: float = 1.0,
    progress: OnProgress | None = None,
) -> Path:
    """Fetch `url` to the file `target`, unless it is there and its checksum is right.

    Args:
        url: an http or https address.
        target: the file to make.
        sha256: what the file must hash to, hexadecimal; None = not checked.
        room_for: how many times the file's size has to be free on the disk before it is fetched.
        progress: called with (bytes, bytes in all, or 0 if the server does not say).

    Raises:
        InputError: no such file or server, a full disk, or another content than `sha256` promises.
    """
    if target.is_file() and (sha256 is None or file_sha256(target) == sha256.lower()):
        return target
    part = target.with_name(f"{target.name}.part")
    target.parent.mkdir(parents=True, exist_ok=True)
    fruitless = 0
    while True:
        before = _size(part)
        try:
            _fetch(url, part, room_for=room_for, progress=progress)
            break
        except (http.client.HTTPException, ConnectionError, TimeoutError, urllib.error.URLError) as error:
            fruitless = fruitless + 1 if _size(part) <= before else 0
            if isinstance(error, urllib.error.HTTPError) or fruitless >= _attempts(error):
                raise _unreachable(url, part, error) from error
    found = file_sha256(part) if sha256 else ""
    if sha256 and found != sha256.lower():
        part.unlink()
        _note(part).unlink(missing_ok=True)
        raise InputError(
            f"{shown(url)} is not what it should be: its SHA-256 is {found}, not {sha256.lower()}; "
            "check the address and the checksum (what was fetched is removed)"
        )
    os.replace(part, target)
    _note(part).unlink(missing_ok=True)
    return target


def _attempts(error: Exception) -> int:
    """A refused connection or an unknown name won't mend itself in a second; a broken one may."""
    return 1 if isinstance(error, urllib.error.URLError) else MAX_FRUITLESS


def _fetch(url: str, part: Path, *, room_for: float, progress: OnProgress | None) -> None:
    known, have = _known(url, part), _size(part)
    request = _request(url)
    if have and known:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", known.version)
    elif have:
        part.unlink()
    try:
        response = urllib.request.build_opener(_SameKind).open(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        # All of it was here already when the last attempt ended.
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and known and have == known.size:
            return
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)
        raise
    with response:
        answer = _answer(response, have)
        _check_room(part, answer, room_for)
        if answer.version:
            write_json(_note(part), {"url": url, "size": answer.size, "version": answer.version})
        done = answer.start
        try:
            with part.open("r+b" if answer.start else "wb") as stream:
                stream.seek(answer.start)
                stream.truncate()
                while piece := response.read(CHUNK):
                    stream.write(piece)
                    done += len(piece)
                    if progress:
                        progress(done, answer.size)
        except OSError as error:
            if error.filename is None and isinstance(error, ConnectionError | TimeoutError):
                raise
            raise InputError(f"{part} can't be written ({error.strerror}); what is there stays") from error
    if answer.size and done < answer.size:
        raise http.client.IncompleteRead(b"", answer.size - done)


def _request(url: str) -> urllib.request.Request:
    """Ask for the file as it is; a name and password in the address become a header."""
    parts = urlsplit(url)
    account, _, host = parts.netloc.rpartition("@")
    request = urllib.request.Request(urlunsplit(parts._replace(netloc=host)))
    request.add_header("Accept-Encoding", "identity")
    if account:
        secret = base64.b64encode(unquote(account).encode()).decode("ascii")
        # Not repeated to where a redirection leads.
        request.add_unredirected_header("Authorization", f"Basic {secret}")
    return request


def _answer(response: Any, have: int) -> RemoteFile:
    headers, start = response.headers, 0
    tag = headers.get("ETag", "")
    # A weak tag may stand for other bytes, and can't be asked for with If-Range.
    version = tag if tag and not tag.startswith("W/") else headers.get("Last-Modified", "")
    if response.status == http.HTTPStatus.PARTIAL_CONTENT:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", ""))
        if not found or int(found[1]) != have:
            raise http.client.HTTPException("the server sends another part than it was asked for")
        size, start = int(found[2]) if found[2] != "*" else 0, have
    else:
        length = headers.get("Content-Length", "")
        size = int(length) if length.isdecimal() else 0
    return RemoteFile(size, version, start)


def _check_room(part: Path, answer: RemoteFile, room_for: float) -> None:
    needed, free = int(answer.size * room_for) - answer.start, free_bytes(part.parent)
    if needed > free:
        raise InputError(
            f"{needed / 2**20:.0f} MiB are needed in {part.parent}, where {free / 2**20:.0f} MiB are free; "
            "free some or name a folder on another disk"
        )


def _known(url: str, part: Path) -> RemoteFile | None:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        note = read_json(_note(part))
        if note["url"] == url and note["version"]:
            return RemoteFile(int(note["size"]), str(note["version"]), 0)
    return None


def _note(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _unreachable(url: str, part: Path, error: Exception) -> InputError:
    if isinstance(error, urllib.error.HTTPError):
        return InputError(f"{shown(url)} can't be had: the server answers {error.code} {error.reason}")
    reason = getattr(error, "reason", None) or error
    kept = (
        f"; {_size(part) // 2**20} MiB are kept, the same command goes on from there" if _size(part) else ""
    )
    return InputError(
        f"{shown(url)} can't be had ({reason or type(error).__name__}); check the address, the network and "
        f"the proxy{kept}"
    )
