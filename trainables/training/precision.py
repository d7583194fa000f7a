"""Measurement of the number format and memory layout that train a model fastest here.

bf16 autocast makes a ResNet-18 about 1.7 times faster on a recent CPU and a depthwise network slower; without
hardware support it loses everywhere. So a few training steps are timed for each candidate, on the device that
will do the work. The outcome decides numbers, so the caller keeps it, and it is only asked once.

A batch that does not fit into memory is halved until it does; training then works through it in parts of that
size (`micro_batch`) and steps once, so that the effective batch stays what the recipe says.
"""

import gc
import math
import time

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from trainables.device import card
from trainables.errors import InputError
from trainables.measurement import Measurement, Speed, fastest
from trainables.models.building import build_model, num_logits
from trainables.own_memory import own_peak_mib
from trainables.recipe import MEMORY_FORMATS, MemoryFormat, Precision, RecipeKeys
from trainables.training.optimisation import build_optimizer
from trainables.training.repeatable import make_repeatable

WARM_UP_STEPS = 1
MAX_STEPS = 3
BUDGET_S = 2.0
CANDIDATES: tuple[tuple[Precision, MemoryFormat], ...] = (
    ("float32", "contiguous"),
    ("float32", "channels_last"),
    ("bf16", "channels_last"),
)


# What the allocators of the CPU say when they fail. On CUDA it is a class of exception, but for the memory
# that its libraries take for themselves.
NO_MEMORY = (
    "can't allocate memory",
    "not enough memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)


def candidates(precision: str) -> tuple[tuple[Precision, MemoryFormat], ...]:
    """Return what is to be timed: everything for "auto", else the one layout of a given precision."""
    if precision == "auto":
        return CANDIDATES
    return tuple((given, layout) for given, layout in MEMORY_FORMATS.items() if given == precision)


def measure(
    recipe: RecipeKeys,
    *,
    num_classes: int,
    device: torch.device,
    threads: int,
    memory_format: MemoryFormat | None = None,
) -> Measurement:
    """Time a few training steps of the recipe's model for each candidate (about two seconds each).

    To be called in a process of its own: memory that others took before would count.

    With `memory_format`, the recipe's precision is timed in that layout alone.

    Raises:
        InputError: not even the smallest batch fits into memory.
    """
    torch.set_num_threads(threads)
    make_repeatable(device)
    pairs = candidates(recipe.precision)
    if memory_format is not None:
        pairs = tuple((precision, memory_format) for precision, _ in pairs)
    # Weights don't matter for the time, so none are fetched; the caller's random state is left as it was.
    plain = recipe.model_copy(update={"pretrained": False})
    with torch.random.fork_rng():
        model = build_model(plain, num_classes=num_classes).to(device)
        batch_norm = has_batch_norm(model)
        speeds = [
            _largest_part(model, plain, num_logits(num_classes), device, *pair, least_part(model))
            for pair in pairs
        ]
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    # torch's version is a string of a class of its own, which would carry torch to whoever reads the answer.
    version = str(torch.__version__)
    return Measurement(
        device=device.type,
        device_name=name,
        torch_version=version,
        card=card() if device.type == "cuda" else None,
        batch_size=recipe.batch_size,
        batch_norm=batch_norm,
        speeds=tuple(speeds),
        choice=fastest(speeds),
    )


def torch_memory_format(memory_format: MemoryFormat) -> torch.memory_format:
    """Return torch's constant for a memory format."""
    return torch.channels_last if memory_format == "channels_last" else torch.contiguous_format


def autocast(precision: Precision, device: torch.device) -> torch.autocast:
    """Return the context in which forward passes run."""
    dtype = torch.float16 if precision == "fp16" else torch.bfloat16
    return torch.autocast(device.type, dtype=dtype, enabled=precision != "float32")


def peak_mib(device: torch.device) -> float:
    """Return the most memory taken so far: of the device, or of this process on the CPU; MiB."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_reserved(device)) / 2**20
    return own_peak_mib()


def is_out_of_memory(error: Exception) -> bool:
    """Tell whether an allocation failed, on whatever device."""
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in NO_MEMORY)


def has_batch_norm(model: nn.Module) -> bool:
    """Tell whether what a model makes of an image depends on the others of its part of a batch."""
    return any(isinstance(module, _BatchNorm) for module in model.modules())


def least_part(model: nn.Module) -> int:
    """Return the fewest images that a model can train on: batch normalisation can't work on one."""
    return 2 if has_batch_norm(model) else 1


def _largest_part(
    model: nn.Module,
    recipe: RecipeKeys,
    num_outputs: int,
    device: torch.device,
    precision: Precision,
    memory_format: MemoryFormat,
    least: int,
) -> Speed:
    """Time steps with the whole batch, or with the largest part of it that fits."""
    count = recipe.batch_size
    while True:
        # The peak is that of this attempt, not of a candidate before or of a batch that was too large.
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(device)
        try:
            return _time_steps(model, recipe, num_outputs, device, precision, memory_format, count)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if count == least:
                raise InputError(
                    f"{recipe.backbone} at {recipe.image_size} px does not fit into the memory of this "
                    f"{device.type} device, not even with {least} images at a time; lower image_size"
                ) from error
        # Out of the handler: the exception would hold on to the tensors of the failed step.
        count = max(least, math.ceil(count / 2))


def _time_steps(
    model: nn.Module,
    recipe: RecipeKeys,
    num_outputs: int,
    device: torch.device,
    precision: Precision,
    memory_format: MemoryFormat,
    count: int,
) -> Speed:
    layout = torch_memory_format(memory_format)
    model = model.to(memory_format=layout)
    shape = (count, 3, recipe.image_size, recipe.image_size)
    x_BCHW = torch.randn(shape, device=device).contiguous(memory_format=layout)
    step = _Step(model, x_BCHW, recipe, precision, num_outputs, device)
    for _ in range(WARM_UP_STEPS):
        step()
    best = float("inf")
    end = time.perf_counter() + BUDGET_S
    for _ in range(MAX_STEPS):
        start = time.perf_counter()
        step()
        best = min(best, time.perf_counter() - start)
        if time.perf_counter() > end:
            break
    return Speed(
        precision=precision,
        memory_format=memory_format,
        images_per_s=round(count / best, 2),
        peak_mib=round(peak_mib(device), 1),
        micro_batch=count,
    )


class _Step:
    def __init__(
        self,
        model: nn.Module,
        x_BCHW: torch.Tensor,
        recipe: RecipeKeys,
        precision: Precision,
        num_outputs: int,
        device: torch.device,
    ) -> None:
        self.model, self.x_BCHW, self.precision, self.device = model.train(), x_BCHW, precision, device
        self.optimizer = build_optimizer(model, recipe.optimizer)
        self.target = torch.zeros(len(x_BCHW), num_outputs, device=device)

    def __call__(self) -> None:
        with autocast(self.precision, self.device):
            logits = self.model(self.x_BCHW)
        loss = nn.functional.binary_cross_entropy_with_logits(logits.float(), self.target)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
