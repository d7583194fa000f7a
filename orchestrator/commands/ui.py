"""`ui`: MLflow's pages for a results folder, served on this machine until the command is ended.

MLflow's server may be several processes. They are one process group, which ends with the command, whether by
Ctrl-C or by a signal. Its address is printed once it can be opened.
"""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.commands.options import RESULTS, DebugOption, ResultsOption
from orchestrator.console import say
from trainables.errors import InputError

if TYPE_CHECKING:
    from orchestrator.store.folder import Store

# How long MLflow's processes have to end by themselves.
GRACE_S = 5.0
POLL_S = 0.2
# MLflow's jobs judge traces of language models, of which there are none; seven processes would wait for them.
WITHOUT_JOBS = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def ui_command(
    results: ResultsOption = RESULTS,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 5000,
    debug: DebugOption = False,
) -> None:
    """Serve MLflow's pages for the results, on this machine alone.

    Example: python -m orchestrator ui --port 5001
    """
    from orchestrator.store.folder import Store
    from orchestrator.store.remote.local_copy import copy_at
    from orchestrator.tracking import (
        TrackingError,
        mark_experiments,
        moved_sentence,
        serve,
        serve_settings,
    )

    refuse_taken(host, port)
    store = Store.look(results)
    try:
        if copy_at(store.root) is not None:
            _catch_up(store)
        notes = mark_experiments(store)
    except TrackingError as error:
        raise InputError(error.sentence(next(iter(store.studies()), "PHASE"))) from error
    for line in filter(None, [moved_sentence(store), *notes]):
        say(line)
    say("Starting MLflow")
    code = run_group(
        serve(host=host, port=port),
        settings=serve_settings(store),
        after_start=lambda server: _say_when_open(server, host, port),
    )
    raise typer.Exit(code)


def _catch_up(store: "Store") -> None:
    """Make MLflow's database say what remote results say: it lies on each machine, and is never remote."""
    from orchestrator.tracking import is_synced, sync

    for name in store.studies():
        study = store.known_study(name)
        if study is not None and not is_synced(store, study):
            sync(store, study)


def refuse_taken(host: str, port: int) -> None:
    """Raise InputError where something listens on a port already, or nobody may, with one that is free."""
    try:
        _bind(host, port)
    except OSError as error:
        free = next((each for each in range(port + 1, min(port + 100, 65536)) if _is_free(host, each)), None)
        way_out = "name another with --port" if free is None else f"name another, for example --port {free}"
        raise InputError(f"port {port} of {host} can't be used ({error.strerror}); {way_out}") from error


def run_group(
    command: Sequence[str],
    *,
    settings: Mapping[str, str] | None = None,
    after_start: Callable[["subprocess.Popen[bytes]"], None] | None = None,
) -> int:
    """Run a command as a process group of its own until it ends, or this process is told to.

    Args:
        command: program and arguments.
        settings: variables of its environment, on top of those of this process.
        after_start: called once with the running process, which it may wait for.

    Returns:
        The command's exit code; 0 where this process was told to end, since that is how it is ended.
    """
    environment = {**WITHOUT_JOBS, **os.environ, **(settings or {})}
    with (
        subprocess.Popen(command, start_new_session=True, env=environment) as process,
        _interrupted_by_signals(),
    ):
        try:
            if after_start is not None:
                after_start(process)
            return process.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            _end_group(process)


def _say_when_open(server: "subprocess.Popen[bytes]", host: str, port: int) -> None:
    """Wait until the server takes connections, and print its address; nothing where it ends before."""
    while server.poll() is None:
        try:
            socket.create_connection((host, port), timeout=POLL_S).close()
        except OSError:
            time.sleep(POLL_S)
        else:
            say(f"MLflow: http://{host}:{port}/#/experiments (Ctrl-C ends it)")
            return


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        # What has ended by itself leaves no group.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)


@contextlib.contextmanager
def _interrupted_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block as Ctrl-C does."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_free(host: str, port: int) -> bool:
    try:
        _bind(host, port)
    except OSError:
        return False
    return True


def _bind(host: str, port: int) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as listener:
        # As servers do, so that a port that was left a moment ago counts as free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
