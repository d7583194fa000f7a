"""The most memory of a process."""

import subprocess
import sys
from pathlib import Path

import pytest

from trainables import own_memory

ROOT = Path(__file__).parents[2]
CHILD = "from trainables.own_memory import own_peak_mib; print(own_peak_mib())"
PARENT = f"""
import subprocess, sys
from trainables.own_memory import own_peak_mib
held = b"x" * (400 * 2**20)
print(own_peak_mib())
subprocess.run([sys.executable, "-c", {CHILD!r}], check=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system tells nothing else")
def test_the_memory_of_who_started_a_process_is_not_its_own() -> None:
    """Catches trials that are taken to need what the program that began them held."""
    said = subprocess.run(
        [sys.executable, "-u", "-c", PARENT], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    parent, child = map(float, said.split())
    assert parent > 400 and 1 < child < 100


@pytest.mark.parametrize("content", [None, "Name:\tpython\nVmRSS:\t  100 kB\n"])
def test_without_a_mark_of_the_kernel_it_is_what_the_library_says(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_memory, "STATUS", tmp_path / "status")
    if content is not None:
        (tmp_path / "status").write_text(content)
    assert 10 < own_memory.own_peak_mib() < 2**20
