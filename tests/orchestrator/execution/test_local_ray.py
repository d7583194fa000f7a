"""The beginning of a Ray of our own."""

import errno
import os
from pathlib import Path

import pytest
from ray._raylet import AuthenticationTokenLoader

from orchestrator.execution.ray_executor import local_ray
from trainables.errors import InputError


@pytest.mark.parametrize(
    ("call", "number"), [("create_connection", errno.ENETUNREACH), ("create_server", errno.EADDRINUSE)]
)
def test_a_machine_that_can_not_reach_itself_is_told_so_at_once(
    call: str, number: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Catches minutes of Ray's own tries, with its lines on the screen."""

    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(local_ray.socket, call, refuse)
    begun: list[str] = []
    with pytest.raises(InputError, match=f"127.0.0.1.*{os.strerror(number)}.*--address none"):
        local_ray.begin_local(lambda: begun.append("Ray"), place=tmp_path, say=begun.append)
    assert not begun


def test_a_machine_that_reaches_itself_begins(tmp_path: Path) -> None:
    begun: list[str] = []
    local_ray.begin_local(lambda: begun.append("Ray"), place=tmp_path, say=begun.append)
    assert begun == ["Ray"]


def test_no_token_outlives_a_ray_of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a process that asks the cluster it joins next for the token of its own Ray."""
    for name in (*local_ray.TOKEN, "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    with local_ray.alone_on_loopback():
        assert AuthenticationTokenLoader.instance().has_token(ignore_auth_mode=True)
    # Else it would look for one in the user's home.
    monkeypatch.setenv("HOME", "/nonexistent")
    assert not AuthenticationTokenLoader.instance().has_token(ignore_auth_mode=True)
