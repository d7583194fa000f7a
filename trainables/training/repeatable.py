"""Settings of torch under which a trial on a GPU gives the same bits again, and what they are.

Convolutions and matrix products in float32 are computed in float32 (no TF32), cuDNN chooses its algorithms
without timing them, and operations with a deterministic form take it. Some have none (the backward passes of
torch's bilinear interpolation, adaptive average pooling and reflection padding add up in whatever order
threads come); our networks have forms of their own for these (`trainables.models.resampling`). A timm network
may still meet one: torch then warns, and the comparison of bits (`trainables.same_bits`) says what it means.

On the CPU nothing is set: its operations are deterministic for a number of threads.
"""

import os
from dataclasses import dataclass

import torch

# Work space of fixed places: products that share one add up in an order that differs (cuBLAS, "Results
# reproducibility").
CUBLAS_WORKSPACE = ":4096:8"


@dataclass(frozen=True, slots=True)
class GpuSettings:
    """What the GPU computes under: is float32 rounded to TF32, and are operations deterministic."""

    tf32: bool
    deterministic: bool


def make_repeatable(device: torch.device) -> None:
    """Let what this process computes on a GPU from now on be the same each time; on the CPU, do nothing."""
    if device.type != "cuda":
        return
    # Read when the first product is computed.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", CUBLAS_WORKSPACE)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    # Memory that nobody has written to yet need not be filled: nothing here reads it.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.use_deterministic_algorithms(True, warn_only=True)


def gpu_settings() -> GpuSettings:
    """Return what this process computes under on a GPU."""
    return GpuSettings(
        tf32=bool(torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32),
        deterministic=torch.are_deterministic_algorithms_enabled()
        and bool(torch.backends.cudnn.deterministic),
    )
