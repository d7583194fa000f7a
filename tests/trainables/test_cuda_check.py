"""Sentences on GPUs that can't be used, and what a machine without one answers."""

from dataclasses import replace
from pathlib import Path

import pytest

from trainables.cuda_check import CudaFacts, cuda_problem, has_card
from trainables.device import driver_version

WORKS = CudaFacts(("T4",), (15000.0,), "2.15.0", "13.2", "580.65.06", "13.2")


@pytest.mark.parametrize(
    ("facts", "counted", "said"),
    [
        (WORKS, 1, ""),
        (WORKS, 2, "torch 2.15.0 (CUDA 13.2, driver 580.65.06) can use 1 of them: it sees no more"),
        (replace(WORKS, names=(), torch_cuda=""), 1, "is a build for the CPU"),
        (replace(WORKS, names=(), driver_cuda="12.4"), 1, "it needs driver 580.65.06 or later"),
        # Within a major version an older driver runs a newer CUDA.
        (replace(WORKS, driver_cuda="13.0"), 1, ""),
        (replace(WORKS, error="no kernel image"), 1, "can use it not: no kernel image; see nvidia-smi"),
        (CudaFacts(error="Segmentation fault"), 1, "torch does not start there: Segmentation fault"),
    ],
)  # fmt: skip
def test_a_gpu_that_is_counted_and_does_not_work(facts: CudaFacts, counted: int, said: str) -> None:
    found = cuda_problem(facts, where="box", counted=counted)
    assert said in found and bool(found) == bool(said)


def test_the_driver_and_the_card_are_read_from_files(tmp_path: Path) -> None:
    file = tmp_path / "version"
    file.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar 5\n")
    assert driver_version((tmp_path / "gone", file)) == "550.54.15" and driver_version(()) == ""
    assert not has_card(tmp_path)
    for name in ("nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    assert not has_card(tmp_path)
    (tmp_path / "nvidia0").touch()
    assert has_card(tmp_path)
