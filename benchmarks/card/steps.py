"""Synchronisations and copies per step, and time in kernels over the wall's, plain and augmented."""

import json
from collections.abc import Callable

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from benchmarks.card.case import Case, emit, limit, read_case
from benchmarks.card.trainers import BATCH, make_trainer, seconds_of
from trainables.own_process import in_own_process

BACKBONES = (("resnet18", 128), ("simple_cnn", 128), ("convnext_tiny", 224))
NUM_STEPS = 20
# Calls of CUDA's runtime that let the processor wait for the card.
WAITS = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize", "cudaMemcpy")
COUNTED = (*WAITS, "cudaMemcpyAsync", "cudaLaunchKernel", "cudaGraphLaunch")
# Labels, row numbers, and one more.
MOST_WAITS = 4.0


def steps_of(case: Case, backbone: str, size_px: int, augmented: bool) -> str:
    num_steps = 2 if case.small else NUM_STEPS
    trainer = make_trainer(case, backbone, size_px, num_images=num_steps * BATCH, augmented=augmented)
    device = case.torch_device
    trainer.train_one_epoch(0)
    wall_s = min(seconds_of(lambda epoch=epoch: trainer.train_one_epoch(epoch), device) for epoch in (1, 2))
    activities = [ProfilerActivity.CPU]
    if device.type == "cuda":
        activities.append(ProfilerActivity.CUDA)
    with profile(activities=activities) as recorded:
        trainer.train_one_epoch(3)
    events = recorded.key_averages()
    counts = {name: sum(each.count for each in events if each.key == name) for name in COUNTED}
    # Marks of the processor that are drawn around kernels are no work of their own.
    on_card = [each for each in events if each.device_type == DeviceType.CUDA and not each.is_user_annotation]
    kernels_s = sum(each.self_device_time_total for each in on_card) / 1e6
    return json.dumps(
        {
            "step_ms": round(1e3 * wall_s / num_steps, 3),
            "kernels_over_wall": round(kernels_s / wall_s, 4),
            "per_step": {name: round(count / num_steps, 2) for name, count in counts.items()},
            "warned": warned_synchronisations(lambda: trainer.train_one_epoch(4), device) / num_steps,
        }
    )


def warned_synchronisations(work: Callable[[], object], device: torch.device) -> int:
    """Count what torch itself says waits for the card."""
    if device.type != "cuda":
        return 0
    import warnings

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            work()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(each.message) for each in caught)


def main() -> None:
    case = read_case()
    for backbone, size_px in BACKBONES[1:2] if case.small else BACKBONES:
        for augmented in (False, True):
            size = 32 if case.small else size_px
            found = json.loads(in_own_process(steps_of, case, backbone, size, augmented))
            emit(backbone=backbone, size_px=size, augmented=augmented, **found)
            waits = sum(found["per_step"][name] for name in WAITS)
            if not augmented:
                limit(f"waits for the card per step, {backbone}", waits, most=MOST_WAITS)
        if case.left_s() < 10:
            break


if __name__ == "__main__":
    main()
