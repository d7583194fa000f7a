"""Beginning of a Ray of our own on this machine: for this user and this machine alone, and slow if need be.

Ray listens on all interfaces unless its node is at the loopback address, which it takes on Linux only where
clusters are switched off; and it lets in whoever has the token, which it would keep in the user's home, where
there may be none. So both are asked for here, for as long as the session lives.
"""

import contextlib
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import ray
from ray._private import ray_constants
from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]

from orchestrator.execution.workplace import CONNECT_TIMEOUT_S, first_line, last_line
from trainables.errors import InputError

# Ray waits half a minute for its own processes, which take longer on a disk or a machine that is busy.
TRIES, TRY_S = 3, 30
TIMED_OUT = "timed out during startup"
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


@contextlib.contextmanager
def alone_on_loopback() -> Iterator[None]:
    """Let a Ray that begins within the block listen on the loopback address alone, and ask for a token."""
    before = {name: os.environ.get(name) for name in TOKEN}
    is_cluster = ray_constants.ENABLE_RAY_CLUSTER
    os.environ.update(TOKEN)
    ray_constants.ENABLE_RAY_CLUSTER = False
    _read_environment()
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = is_cluster
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        _read_environment()


def _read_environment() -> None:
    """Let Ray in this process see what its own processes read: it has done so once, and keeps the token."""
    Config.initialize("")
    # A cluster that is joined later could not answer a process that asks it for this token.
    AuthenticationTokenLoader.instance().reset_cache()


def begin_local(begin: Callable[[], object], *, place: Path, say: Callable[[str], None]) -> None:
    """Begin a Ray whose session is at `place`; where it is slow, say so and try again.

    Raises:
        InputError: it does not start on this machine.
    """
    _check_loopback()
    for number in range(1, TRIES + 1):
        try:
            begin()
            return
        # Ray raises whatever comes; that it does not start is this machine's matter, and not a defect.
        except Exception as error:
            ray.shutdown()
            if number == TRIES or TIMED_OUT not in str(error):
                raise InputError(
                    f"Ray does not start on this machine ({last_line(str(error)) or type(error).__name__}); "
                    f"its logs are in {place}, and --address none runs without it"
                ) from error
        if number == 1:
            say(f"waiting for Ray, which is slow to start, up to {(TRIES - 1) * TRY_S} s more")


def _check_loopback() -> None:
    """Raise InputError where this machine can't reach itself, which Ray would try for minutes."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=CONNECT_TIMEOUT_S).close()
    except OSError as error:
        raise InputError(
            f"Ray needs a port of 127.0.0.1, and there is none to be had ({first_line(error)}); free one, or "
            "bring the address up (ip link set lo up), or give --address none"
        ) from error
