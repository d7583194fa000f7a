"""Flags that are set before a GPU computes, which need none to be looked at; a CPU is left alone."""

from collections.abc import Iterator

import pytest
import torch

from trainables.training.repeatable import GpuSettings, gpu_settings, make_repeatable


@pytest.fixture(autouse=True)
def flags(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give back every flag as it was."""
    # Set and deleted, so that what the code sets is taken away again.
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    cudnn, cublas = torch.backends.cudnn, torch.backends.cuda.matmul
    before = (cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32, cublas.allow_tf32)
    fills = torch.utils.deterministic.fill_uninitialized_memory
    yield
    cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32, cublas.allow_tf32 = before
    torch.utils.deterministic.fill_uninitialized_memory = fills
    torch.use_deterministic_algorithms(False)


def test_a_gpu_computes_float32_as_float32_and_in_the_same_order() -> None:
    """Catches convolutions in TF32, which is torch's default, and algorithms chosen by timing."""
    torch.backends.cudnn.allow_tf32 = True
    assert gpu_settings() == GpuSettings(tf32=True, deterministic=False)
    make_repeatable(torch.device("cuda"))
    assert gpu_settings() == GpuSettings(tf32=False, deterministic=True)
    assert not torch.backends.cudnn.benchmark
    # What has no deterministic form warns, and does not end a trial.
    assert torch.is_deterministic_algorithms_warn_only_enabled()


def test_a_cpu_is_left_as_it_was() -> None:
    make_repeatable(torch.device("cpu"))
    assert not torch.are_deterministic_algorithms_enabled()
