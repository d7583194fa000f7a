"""`ui`: an address to open, a port that is taken, and nothing left running."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from orchestrator.commands import ui
from orchestrator.commands.ui import refuse_taken
from tests.cases import fast_first
from trainables.errors import InputError

Call = Callable[..., tuple[int, str, str]]
# A server that starts another process, as MLflow's does, and writes down which.
SERVER = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, file=open(sys.argv[1] + ".part", "w"), flush=True)
import os
os.replace(sys.argv[1] + ".part", sys.argv[1])
time.sleep(60)
"""
# A server that ends after its first visitor.
OPENS_ONCE = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    server.accept()
"""
# Who starts the tests in the background of a script may have made every process deaf to Ctrl-C.
COMMAND = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from orchestrator.commands.ui import run_group
sys.exit(run_group(sys.argv[1:]))
"""


@pytest.mark.parametrize("number", fast_first([signal.SIGTERM, signal.SIGINT], 1))
def test_all_processes_of_the_server_end_with_the_command(tmp_path: Path, number: signal.Signals) -> None:
    """Catches a server whose workers keep the port after Ctrl-C."""
    told = tmp_path / "pid"
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, sys.executable, "-c", SERVER, str(told)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        start_new_session=True,
    )
    try:
        for _ in range(600):
            if told.is_file():
                break
            time.sleep(0.05)
        child = int(told.read_text())
        assert psutil.pid_exists(child)
        process.send_signal(number)
        assert process.wait(30) == 0
        assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE
    finally:
        process.kill()


def test_the_exit_code_is_the_servers() -> None:
    assert ui.run_group([sys.executable, "-c", "raise SystemExit(3)"]) == 3


def test_a_port_that_is_taken_is_named_with_one_that_is_free(call: Call, results: Any) -> None:
    """Catches MLflow's own traceback about an address in use."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code, out, err = call("ui", "--results", results.write(), "--port", port)
    assert code == 2 and out == ""
    assert f"port {port} of 127.0.0.1 can't be used" in err and "for example --port" in err
    free = int(err.rsplit(" ", 1)[1])
    refuse_taken("127.0.0.1", free)


def test_an_address_of_another_machine_can_t_be_listened_on() -> None:
    with pytest.raises(InputError, match=r"port 5000 of 192\.0\.2\.1 can't be used"):
        refuse_taken("192.0.2.1", 5000)


@pytest.mark.parametrize("opens", [True, False])
def test_the_address_is_printed_once_it_can_be_opened(
    call: Call, results: Any, monkeypatch: pytest.MonkeyPatch, opens: bool
) -> None:
    """Catches an address that refuses the browser for as long as MLflow is being imported, or for good."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    command = [sys.executable, "-c", OPENS_ONCE if opens else "raise SystemExit(3)", str(port)]
    monkeypatch.setattr("orchestrator.tracking.serve", lambda host, port: command)
    monkeypatch.setattr("orchestrator.tracking.mark_experiments", lambda store: ())
    code, out, _ = call("ui", "--results", results.write(), "--port", port)
    assert "Starting MLflow" in out
    assert code == (0 if opens else 3)
    assert (f"http://127.0.0.1:{port}/#/experiments" in out) == opens
