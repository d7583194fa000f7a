"""A settled process keeps the memory that it frees.

The C library needs some rounds until a block that it has kept fits the next, aligned one: those are not
counted.
"""

import platform
import subprocess
import sys

import pytest

STEPS = """
import resource, sys, threading
import torch
from trainables.training import processor

def faults():
    for _ in range(12):
        torch.empty(16 << 20).fill_(1.0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.empty(16 << 20).fill_(1.0)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before, torch.get_num_threads())

if sys.argv[1] == "settled":
    processor.settle(1)
worker = threading.Thread(target=faults)
worker.start()
worker.join()
"""


def run_steps(how: str) -> tuple[int, int]:
    answer = subprocess.run(
        [sys.executable, "-c", STEPS, how], capture_output=True, text=True, check=True, timeout=120
    )
    faults, threads = answer.stdout.split()
    return int(faults), int(threads)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the setting is the GNU C library's")
def test_freed_memory_is_used_again() -> None:
    left_alone, _ = run_steps("left alone")
    settled, threads = run_steps("settled")
    assert threads == 1
    assert settled * 20 < left_alone
