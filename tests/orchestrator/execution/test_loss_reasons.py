"""Reasons of lost workers, out of texts as Ray has them."""

from pathlib import Path

import pytest

pytest.importorskip("ray")

from orchestrator.execution.ray_executor.loss_reasons import loss_reason

DIED = """Failure # 1 (occurred at 2026-11-27_12-29-38)
The actor died unexpectedly before finishing this task.
\tclass_name: ImplicitFunc
\tpid: 30137
\tip: 127.0.0.1
The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR Worker exit detail: """
CUT_OFF = (
    "Worker unexpectedly exits with a connection error code 2. End of file. Some common causes include: (1) "
    "the process was killed by the OOM killer due to high memory usage, (2) ..."
)
MEMORY = """Failure # 1 (occurred at 2026-11-27_12-33-08)
1 worker(s) were killed due to the node running low on memory. Memory on the node (IP: 127.0.0.1, ID: f74a) was 5.38GB used / 23.54GB limit (0.228543)
OOM kill reason: Memory usage 5781532672B exceeded threshold of 505530208B (2.0% of 25276510208B limit)
Refer to the documentation on how to address the out of memory issue: https://docs.ray.io/en/latest/.
"""  # noqa: E501


def test_too_little_memory_is_said_with_what_to_lower(tmp_path: Path) -> None:
    """Catches "Failure # 1 (occurred at ...)", and advice on Ray's own settings, as the reason."""
    found = loss_reason(MEMORY, logs=tmp_path)
    assert found.of_memory
    assert "out of memory" in found.text and "5.38GB of 23.54GB" in found.text
    assert "batch_size" in found.text and "--max-concurrent" in found.text and "docs.ray.io" not in found.text


@pytest.mark.parametrize(
    ("detail", "log", "said"),
    [
        ("Worker exits unexpectedly. Worker exits with an exit code 5.", "", "exit code 5"),
        (CUT_OFF, ":job_id:01\n*** SIGSEGV received at time=1795782602 on cpu 0 ***\n", "SIGSEGV"),
        (CUT_OFF, ":job_id:01\n", "was killed"),
    ],
)
def test_how_a_process_ended_is_said(tmp_path: Path, detail: str, log: str, said: str) -> None:
    (tmp_path / "worker-aa-01-30137.err").write_text(log)
    # Of another process.
    (tmp_path / "worker-bb-01-30138.err").write_text("*** SIGBUS received at time=1 ***\n")
    found = loss_reason(DIED + detail, logs=tmp_path)
    assert said in found.text and not found.of_memory and "SIGBUS" not in found.text
    assert len(found.text) < 250


def test_what_nobody_foresaw_is_its_last_line(tmp_path: Path) -> None:
    assert (
        loss_reason("Traceback\nOddError: wires crossed\n", logs=tmp_path).text == "OddError: wires crossed"
    )
    assert loss_reason("", logs=tmp_path).text == "no reason given"
