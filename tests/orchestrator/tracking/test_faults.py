"""Faults of the tracking store are told apart, and only those that pass are said to pass."""

import http.server
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from filelock import FileLock

from orchestrator.store.folder import Store
from orchestrator.tracking import TrackingError, sync
from orchestrator.tracking.address import lock, without_secrets
from orchestrator.tracking.faults import told_apart
from tests.cases import fast_first
from tests.orchestrator.tracking.seen_runs import DEAD_SERVER, study_of

LATER = "`python -m orchestrator collect phase1 --sync` catches up later"


@contextmanager
def answering(status: int) -> Iterator[str]:
    """A server that answers everything with one status; its address."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"no")

        do_POST = do_GET

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://someone:secret@127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def sentence(store: Store, study: Any) -> str:
    with pytest.raises(TrackingError) as caught:
        sync(store, study)
    said = caught.value.sentence("phase1")
    assert "\n" not in said and "nothing is lost" in said and "collect phase1 --sync`" in said
    return said


def test_a_server_that_is_away_is_caught_up_with_later(
    results: Any, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    results.add("a", folds=1)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", DEAD_SERVER)
    said = sentence(store, study_of(results))
    assert f"MLflow at {DEAD_SERVER} can't be reached now (Connection refused)" in said and LATER in said


@pytest.mark.parametrize(
    ("status", "expected", "passes"),
    fast_first(
        [
            (503, "can't be reached now (too many 503 error responses)", True),
            (401, "set MLFLOW_TRACKING_USERNAME", False),
            (403, "--allowed-hosts", False),
            (404, "name MLflow's own address in MLFLOW_TRACKING_URI", False),
        ],
        2,
    ),
)
def test_what_a_server_answers_decides_whether_it_passes(
    results: Any, store: Store, monkeypatch: pytest.MonkeyPatch, status: int, expected: str, passes: bool
) -> None:
    """Catches a password that is never right and yet said to pass, and one that is shown."""
    results.add("a", folds=1)
    study = study_of(results)
    with answering(status) as uri:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        said = sentence(store, study)
    assert expected in said and (LATER in said) == passes
    assert "secret" not in said and "someone" not in said


def test_a_database_that_another_program_has_locked_is_caught_up_with_later(
    results: Any, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    results.add("a", folds=1)
    study = study_of(results)
    monkeypatch.setattr("orchestrator.tracking.database.BUSY_TIMEOUT_S", 0.1)
    with closing(sqlite3.connect(store.tracking_database, isolation_level=None)) as other:
        other.execute("begin exclusive")
        said = sentence(store, study)
    assert f"another program keeps MLflow's sqlite:///{store.tracking_database} locked" in said
    assert LATER in said


def test_another_command_that_writes_for_long_is_caught_up_with_later(
    results: Any, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    results.add("a", folds=1)
    study = study_of(results)
    monkeypatch.setattr("orchestrator.tracking.address.LOCK_TIMEOUT_S", 0.1)
    with FileLock(lock(store).lock_file):
        said = sentence(store, study)
    assert "another command writes to MLflow's" in said and LATER in said


def test_a_database_that_can_t_be_written_is_named_with_what_to_do(store: Store) -> None:
    with (
        closing(sqlite3.connect(f"file:{store.tracking_database}?mode=ro", uri=True)) as database,
        pytest.raises(sqlite3.OperationalError) as caught,
    ):
        database.execute("create table t (a)")
    said = told_apart(caught.value, store).sentence("phase1")
    assert "can't be written (attempt to write a readonly database)" in said
    assert "make it writable" in said and "later" not in said


@pytest.mark.parametrize("uri", ["nonsense://somewhere", "postgresql+nodriver://u:p@127.0.0.1/x"])
def test_whatever_else_is_wrong_is_not_said_to_pass(
    results: Any, store: Store, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    results.add("a", folds=1)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    said = sentence(store, study_of(results))
    assert "can't be used" in said and "mend that, then" in said and "later" not in said


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://u:p@host:5000", "http://host:5000"),
        ("postgresql://u:p@/w#d@host/runs?password=x", "postgresql://host/runs"),
        ("http://host:5000", "http://host:5000"),
        ("sqlite:////home/a@b/mlflow.db", "sqlite:////home/a@b/mlflow.db"),
    ],
)
def test_no_password_is_shown(uri: str, shown: str) -> None:
    assert without_secrets(uri, uri) == shown
    assert without_secrets(f"no {uri}: gone", uri) == f"no {shown}: gone"
