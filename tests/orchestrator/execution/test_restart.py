"""A command that begins again: once, whoever finds out that it has to."""

import os
import sys
import threading

import pytest

from orchestrator.execution import restart


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The programs that take the place of this one, which is a command."""
    found: list[str] = []
    monkeypatch.setattr(restart, "_is_command", [True])
    monkeypatch.setattr(restart, "_under_way", threading.Lock())
    # To be put back: beginning again sets it.
    monkeypatch.setenv(restart.AGAIN, "")
    monkeypatch.delenv(restart.AGAIN)
    monkeypatch.setattr(os, "execv", lambda path, line: found.append(path))
    return found


def test_what_is_ended_by_one_is_no_reason_for_another(
    begun: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Catches a watch over Ray that finds it gone while a silent run begins again, and ends the command."""
    monkeypatch.setattr(restart, "_end_children", lambda: restart.begin_again("raylet has ended"))
    restart.begin_again("silence")
    assert begun == [sys.executable]
    said = capfd.readouterr().err
    assert said.startswith("Warning: silence; the command begins again, once") and "raylet" not in said


def test_the_second_time_the_command_ends(
    begun: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Catches a command that begins again for ever."""

    def leave(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr(restart, "_end_children", lambda: None)
    monkeypatch.setattr(os, "_exit", leave)
    restart.begin_again("silence")
    monkeypatch.setattr(restart, "_under_way", threading.Lock())
    with pytest.raises(SystemExit) as ended:
        restart.begin_again("silence")
    assert ended.value.code == 1 and len(begun) == 1
    assert capfd.readouterr().err.splitlines()[-1].startswith("Error: silence, again; the same command")
