"""Folders of Ray's sessions: one's own, short enough for sockets, and without what dead runs left."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from trainables.errors import InputError

ray = pytest.importorskip("ray")

from orchestrator.execution.ray_executor.session_place import session_place  # noqa: E402

HOLDS = """
import os, sys, time
from orchestrator.execution.ray_executor.session_place import session_place
with session_place() as place:
    (place / "left").touch()
    print(place, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose name is short wherever the tests' own folder is."""
    link = Path("/tmp") / f"t{os.getpid()}"
    link.symlink_to(tmp_path_factory.mktemp("sessions"))
    monkeypatch.setenv("RAY_TMPDIR", str(link))
    return link


@pytest.fixture(autouse=True)
def no_link_stays() -> None:
    (Path("/tmp") / f"t{os.getpid()}").unlink(missing_ok=True)


def test_each_run_has_its_own_and_finds_nothing_of_the_dead(short: Path) -> None:
    """Catches folders that pile up, and those of a run under way that another one removes."""
    command = [sys.executable, "-c", HOLDS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None and other.stdout is not None
        theirs = Path(other.stdout.readline().strip())
        with session_place() as mine:
            assert mine != theirs and mine.parent == theirs.parent
            assert (theirs / "left").is_file() and not list(mine.iterdir())
            (mine / "logs").touch()
        other.send_signal(signal.SIGKILL)
    with session_place() as again:
        assert again in (mine, theirs) and not list(again.iterdir())
        # What the other has left is gone, too.
        assert not (theirs / "left").exists() and not (mine / "logs").exists()


@pytest.mark.parametrize("named", ["/tmp/" + "a" * 60, "/proc/nowhere"])
def test_a_folder_that_can_not_be_used_is_said_before_ray_says_it(
    monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    """Catches `AF_UNIX path length` and `PermissionError` that are called defects of the program."""
    monkeypatch.setenv("RAY_TMPDIR", named)
    with pytest.raises(InputError, match="RAY_TMPDIR") as raised, session_place():
        pass
    assert named in str(raised.value) and "--address none" in str(raised.value)
    assert not Path("/tmp", "a" * 60).exists()


def test_a_folder_of_somebody_else_is_not_used(short: Path) -> None:
    """Catches sessions in a folder or behind a link that another user has put there."""
    elsewhere = short.resolve() / "elsewhere"
    elsewhere.mkdir()
    (short / f"ray-{os.getuid()}").symlink_to(elsewhere)
    with pytest.raises(InputError, match="somebody else"), session_place():
        pass
    assert not list(elsewhere.iterdir())


def test_without_a_name_a_long_folder_for_temporary_files_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path / ("a" * 90)))
    with session_place() as place:
        assert place.parent.parent == Path("/tmp")
