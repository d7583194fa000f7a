"""Conditional writes on Google Cloud Storage, against a server that knows its rules for generations."""

import http.server
import json
import threading
import urllib.parse
from collections.abc import Iterator

import pytest

from orchestrator.store.remote import conditional
from orchestrator.store.remote.address import remote_address
from orchestrator.store.remote.conditional import ConditionalFile, conditional_file
from orchestrator.store.remote.remote_folder import RemoteError


class Objects(http.server.BaseHTTPRequestHandler):
    """Objects of one bucket by their key, with generation and content."""

    kept: dict[str, tuple[int, bytes]] = {}  # noqa: RUF012
    refuses = False

    def handle_one(self, method: str) -> tuple[int, bytes]:
        path, _, text = self.path.partition("?")
        query = dict(urllib.parse.parse_qsl(text))
        key = query.get("name") or urllib.parse.unquote(path.rpartition("/o/")[2])
        generation, content = self.kept.get(key, (0, b""))
        if self.refuses:
            return 403, b""
        if "ifGenerationMatch" in query and int(query["ifGenerationMatch"]) != generation:
            return 412, b""
        if method == "POST":
            content = self.rfile.read(int(self.headers["Content-Length"]))
            self.kept[key] = (generation := generation + 7, content)
        elif not generation:
            return 404, b""
        elif method == "DELETE":
            del self.kept[key]
        if query.get("alt") == "media":
            return 200, content
        return 200, json.dumps(
            {"generation": str(generation), "updated": "2024-01-02T03:04:05.678Z"}
        ).encode()

    def do_GET(self) -> None:
        status, body = self.handle_one(self.command)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_DELETE = do_GET

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch) -> Iterator[ConditionalFile]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Objects)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv(conditional.EMULATOR, f"127.0.0.1:{server.server_port}")
    monkeypatch.setattr(Objects, "kept", {})
    yield conditional_file(remote_address("gs://bucket/study"), "leases/phase1.json")
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_file_is_written_where_none_is_and_over_the_version_that_was_read(file: ConditionalFile) -> None:
    """Catches a lease that two runs hold, since the second write ignored the first."""
    assert file.read() is None
    assert file.write(b"one", over=None) == "7"
    assert file.write(b"two", over=None) is None
    found = file.read()
    assert found is not None
    assert (found.content, found.version) == (b"one", "7")
    assert found.age_s > 86400
    assert file.write(b"three", over="7") == "14"
    assert file.write(b"four", over="7") is None
    file.remove("7")
    assert file.read() is not None
    file.remove("14")
    assert file.read() is None
    assert set(Objects.kept) == set()


def test_a_refusal_is_a_sentence(file: ConditionalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Objects, "refuses", True)
    with pytest.raises(RemoteError, match="access is refused"):
        file.read()
