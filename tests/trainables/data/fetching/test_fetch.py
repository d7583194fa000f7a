"""Data sets from a server: whole or not there, resumed, checked, and refused in one sentence."""

import contextlib
import hashlib
import io
import json
import os
import re
import socket
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from trainables.data.fetching import download as downloading
from trainables.data.fetching import fetch as fetching
from trainables.data.fetching.download import download
from trainables.data.fetching.fetch import ORIGIN_FILE, Terms, fetch_from, fetch_hub
from trainables.errors import InputError

REVISION = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "OpenRL/DeepFakeFace"


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, content in files.items():
            file.writestr(name, content)
    return stream.getvalue()


# Incompressible, so that the archive is large enough to be cut off in the middle.
SET = zipped({f"{source}/{n}.jpg": os.urandom(50_000) for source in ("wiki", "text2img") for n in range(6)})


@dataclass
class Site:
    """What the server holds, how it misbehaves, and what it was asked for."""

    files: dict[str, bytes] = field(default_factory=dict)
    breaks_after: int | None = None
    ranges: bool = True
    tag: str = '"one"'
    asked: list[tuple[str, str]] = field(default_factory=list)
    accounts: list[str] = field(default_factory=list)
    answers: dict[str, bytes] = field(default_factory=dict)
    url: str = ""


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A web server on this machine that ends with the test."""
    held = Site()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            held.asked.append((path, self.headers.get("Range", "")))
            if account := self.headers.get("Authorization"):
                held.accounts.append(account)
            if path in held.answers:
                self.start(200, held.answers[path], {"Content-Type": "application/json"})
            elif path == "/moved":
                self.start(302, b"", {"Location": "file:///etc/passwd"})
            elif path not in held.files:
                missing = "RepoNotFound" if path.startswith("/api/") else "EntryNotFound"
                self.start(404, b"no such file", {"X-Error-Code": missing})
            else:
                self.send_file(held.files[path])

        def send_file(self, content: bytes) -> None:
            headers = {"ETag": held.tag, "X-Repo-Commit": REVISION, "Accept-Ranges": "bytes"}
            wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            same = self.headers.get("If-Range", held.tag) == held.tag
            if not (wanted and held.ranges and same):
                self.start(200, content, headers)
            elif int(wanted[1]) >= len(content):
                self.start(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            else:
                first = int(wanted[1])
                headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
                self.start(206, content[first:], headers)

        def start(self, code: int, content: bytes, headers: dict[str, str]) -> None:
            self.send_response(code)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "HEAD":
                return
            if held.breaks_after is not None and len(content) > held.breaks_after:
                self.wfile.write(content[: held.breaks_after])
                self.close_connection = True
                return
            self.wfile.write(content)

    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        held.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield held
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def bar(title: str) -> Iterator[Callable[[int, int], None]]:
    yield lambda done, total: None


def images(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg"))


def left_beside(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.parent.iterdir() if path != folder)


def test_an_archive_from_an_address_becomes_a_folder(site: Site, tmp_path: Path) -> None:
    site.files["/set.zip"] = SET
    digest = hashlib.sha256(SET).hexdigest()
    done = fetch_from(f"{site.url}/set.zip?token=secret", tmp_path / "set", bar=bar, sha256=digest.upper())
    assert (done.num_files, done.archives) == (12, ("set.zip",))
    assert len(images(tmp_path / "set")) == 12 and left_beside(tmp_path / "set") == []
    origin = json.loads((tmp_path / "set" / ORIGIN_FILE).read_text())
    assert origin == {"origin": f"{site.url}/set.zip", "archives": {"set.zip": digest}}


def test_a_connection_that_breaks_again_and_again_is_taken_up_where_it_broke(
    site: Site, tmp_path: Path
) -> None:
    site.files["/set.zip"] = SET
    site.breaks_after = len(SET) // 4
    assert len(images(fetch_from(f"{site.url}/set.zip", tmp_path / "set", bar=bar).folder)) == 12
    starts = [int(wanted[6:-1] or 0) if wanted else 0 for _, wanted in site.asked]
    assert starts == sorted(starts) and len(starts) >= 4 and starts[1] > 0


def test_an_interrupted_command_goes_on_from_what_it_had(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.files["/set.zip"] = SET
    monkeypatch.setattr(downloading, "CHUNK", 10_000)

    @contextlib.contextmanager
    def impatient(title: str) -> Iterator[Callable[[int, int], None]]:
        def stop(done: int, total: int) -> None:
            if done >= total // 2:
                raise KeyboardInterrupt

        yield stop

    with pytest.raises(KeyboardInterrupt):
        fetch_from(f"{site.url}/set.zip", tmp_path / "set", bar=impatient)
    assert not (tmp_path / "set").exists()
    fetch_from(f"{site.url}/set.zip", tmp_path / "set", bar=bar)
    assert len(images(tmp_path / "set")) == 12 and left_beside(tmp_path / "set") == []
    assert site.asked[0][1] == "" and int(site.asked[1][1][6:-1]) >= len(SET) // 2


@pytest.mark.parametrize("change", ["another file", "no ranges"])
def test_a_part_of_another_file_is_never_continued(site: Site, tmp_path: Path, change: str) -> None:
    """Catches a file made of two halves of two versions."""
    part = tmp_path / "set.zip.part"
    part.write_bytes(SET[:1000] if change == "no ranges" else b"x" * 1000)
    note = {"url": f"{site.url}/set.zip", "size": len(SET), "version": '"one"'}
    (tmp_path / "set.zip.part.json").write_text(json.dumps(note))
    site.files["/set.zip"] = SET
    if change == "another file":
        site.tag = '"two"'
    else:
        site.ranges = False
    assert download(f"{site.url}/set.zip", tmp_path / "set.zip").read_bytes() == SET
    assert site.asked == [("/set.zip", "bytes=1000-")]
    assert [path.name for path in tmp_path.iterdir()] == ["set.zip"]


def test_a_part_that_is_all_of_the_file_needs_no_more(site: Site, tmp_path: Path) -> None:
    (tmp_path / "set.zip.part").write_bytes(SET)
    note = {"url": f"{site.url}/set.zip", "size": len(SET), "version": '"one"'}
    (tmp_path / "set.zip.part.json").write_text(json.dumps(note))
    site.files["/set.zip"] = SET
    assert download(f"{site.url}/set.zip", tmp_path / "set.zip").read_bytes() == SET


def test_a_wrong_checksum_is_refused_and_what_came_is_removed(site: Site, tmp_path: Path) -> None:
    site.files["/set.zip"] = SET
    with pytest.raises(InputError, match=rf"its SHA-256 is {hashlib.sha256(SET).hexdigest()}, not 0000"):
        fetch_from(f"{site.url}/set.zip", tmp_path / "set", bar=bar, sha256="0" * 64)
    assert list(tmp_path.iterdir()) == []


def test_a_refused_connection_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    with pytest.raises(
        InputError, match=r"can't be had \(.*refused\); check the address, the network"
    ) as raised:
        fetch_from(f"http://user:secret@127.0.0.1:{closed}/set.zip", tmp_path / "set", bar=bar)
    assert "secret" not in str(raised.value) and len(str(raised.value).splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_name_and_a_password_are_sent_and_not_written_down(site: Site, tmp_path: Path) -> None:
    site.files["/set.zip"] = SET
    address = site.url.replace("//", "//me:s3cret@")
    done = fetch_from(f"{address}/set.zip", tmp_path / "set", bar=bar)
    assert site.accounts == ["Basic bWU6czNjcmV0"]
    assert "s3cret" not in (done.folder / ORIGIN_FILE).read_text()


@pytest.mark.parametrize(
    ("path", "message"),
    [("/gone.zip", "the server answers 404"), ("/moved", "file:///etc/passwd.* is not (allowed|followed)")],
)
def test_an_answer_that_is_no_file_is_one_sentence(
    site: Site, tmp_path: Path, path: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        fetch_from(f"{site.url}{path}", tmp_path / "set", bar=bar)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_too_small_is_refused_before_the_download(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.files["/set.zip"] = SET
    monkeypatch.setattr(downloading, "free_bytes", lambda path: 2**20)
    with pytest.raises(InputError, match=r"1 MiB are needed in .*, where 1 MiB are free"):
        fetch_from(f"{site.url}/set.zip", tmp_path / "set", bar=bar)
    assert list(tmp_path.iterdir()) == []


def test_an_unsafe_archive_is_not_kept_for_the_next_attempt(site: Site, tmp_path: Path) -> None:
    site.files["/set.zip"] = zipped({"wiki/a.jpg": b"x", "../../evil.jpg": b"x"})
    for _ in range(2):
        with pytest.raises(InputError, match="leads out of the folder"):
            fetch_from(f"{site.url}/set.zip", tmp_path / "deep" / "set", bar=bar)
    assert len(site.asked) == 2
    assert [path.name for path in tmp_path.rglob("*")] == ["deep"]


@pytest.fixture
def hub(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A hub with the one repository, as far as its library asks."""
    archives = {
        "wiki.zip": zipped({"wiki/00/1_1960-01-01_2000.jpg": b"real" * 9000}),
        "insight.zip": zipped({"insight/00/1_1960-01-01_2000.jpg": b"fake" * 9000}),
    }
    siblings = [{"rfilename": "README.md", "size": 5}] + [
        {"rfilename": name, "size": len(content), "blobId": "0",
         "lfs": {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 1}}
        for name, content in archives.items()
    ]  # fmt: skip
    info = {
        "id": REPOSITORY, "sha": REVISION, "private": False, "disabled": False, "downloads": 1, "likes": 1,
        "tags": ["license:apache-2.0"], "siblings": siblings,
    }  # fmt: skip
    site.answers[f"/api/datasets/{REPOSITORY}"] = json.dumps(info).encode()
    for name, content in archives.items():
        site.files[f"/datasets/{REPOSITORY}/resolve/{REVISION}/{name}"] = content
    monkeypatch.setenv("HF_ENDPOINT", site.url)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_TELEMETRY", True)
    return site


def test_a_hub_s_archives_become_sources_after_their_licence_was_accepted(hub: Site, tmp_path: Path) -> None:
    shown: list[Terms] = []
    done = fetch_hub("dff", tmp_path / "faces", accept=shown.append, bar=bar)
    assert images(done.folder) == ["insight/00/1_1960-01-01_2000.jpg", "wiki/00/1_1960-01-01_2000.jpg"]
    (terms,) = shown
    assert (terms.repository, terms.revision, terms.licence) == (REPOSITORY, REVISION, "apache-2.0")
    assert terms.files == ("wiki.zip", "insight.zip") and terms.bytes > 72_000
    origin = json.loads((done.folder / ORIGIN_FILE).read_text())
    assert (origin["revision"], origin["licence"]) == (REVISION, "apache-2.0")
    assert left_beside(done.folder) == []


def test_a_licence_that_is_not_accepted_downloads_nothing(hub: Site, tmp_path: Path) -> None:
    def refuse(terms: Terms) -> None:
        raise InputError("not accepted")

    with pytest.raises(InputError, match="not accepted"):
        fetch_hub("dff", tmp_path / "faces", accept=refuse, bar=bar)
    assert not [path for path, _ in hub.asked if "resolve" in path]
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_of_a_hub_is_found_and_removed(hub: Site, tmp_path: Path) -> None:
    path = f"/datasets/{REPOSITORY}/resolve/{REVISION}/insight.zip"
    hub.files[path] = hub.files[path][:-1] + b"x"
    with pytest.raises(InputError, match=r"insight\.zip of OpenRL/DeepFakeFace is damaged"):
        fetch_hub("dff", tmp_path / "faces", accept=lambda terms: None, bar=bar)
    assert not (tmp_path / "faces").exists()
    assert not list(tmp_path.rglob("insight.zip")) and list(tmp_path.rglob("wiki.zip"))


def test_a_hub_needs_room_for_archives_and_contents(
    hub: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "free_bytes", lambda path: 100_000)
    with pytest.raises(InputError, match=r"GiB are needed in .* for archives and contents"):
        fetch_hub("dff", tmp_path / "faces", accept=lambda terms: None, bar=bar)
    assert not [path for path, _ in hub.asked if "resolve" in path]


@pytest.mark.parametrize("problem", ["no such repository", "refused", "offline", "breaks"])
def test_a_hub_that_refuses_is_one_sentence(
    hub: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: str
) -> None:
    message = {
        "no such repository": "has no data set OpenRL/DeepFakeFace",
        "refused": "can't be (reached|had) from",
        "offline": "can't be reached from here; .*data fetch --from",
        "breaks": "can't be had from .*the same command goes on",
    }[problem]
    if problem == "no such repository":
        hub.answers.clear()
    elif problem == "refused":
        with socket.create_server(("127.0.0.1", 0)) as server:
            monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
    elif problem == "offline":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    else:
        hub.files.clear()
    with pytest.raises(InputError, match=message) as raised:
        fetch_hub("dff", tmp_path / "faces", accept=lambda terms: None, bar=bar)
    assert len(str(raised.value).splitlines()) == 1
    assert not (tmp_path / "faces").exists()


def test_an_unknown_data_set_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no data set 'ff' is known; there are: dff"):
        fetch_hub("ff", tmp_path / "faces", accept=lambda terms: None, bar=bar)
