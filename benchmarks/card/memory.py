"""The memory that a model is measured to take, alone and after another, and the least in which it trains.

The ladder lets a process have no more than a multiple of the measured peak
(torch.cuda.set_per_process_memory_fraction, which does not count CUDA's own context) and trains some steps.
"""

import json

import torch

from benchmarks.card.case import Case, emit, limit, read_case
from benchmarks.card.trainers import BATCH, make_trainer
from orchestrator.plan.resources import GPU_CONTEXT_MIB, SPARE
from trainables.measurement import Measurement
from trainables.own_process import in_own_process
from trainables.recipe import RecipeKeys
from trainables.training.precision import measure

MODELS = (("resnet18", 224), ("convnext_tiny", 224), ("simple_cnn", 128))
LADDER = (2.0, SPARE, 1.0, 0.8, 0.6, 0.4)
NUM_STEPS = 4


def measured(case: Case, *models: tuple[str, int]) -> str:
    """Measure models one after the other in this process; return what was found of the last."""
    for backbone, size_px in models:
        keys = RecipeKeys(backbone=backbone, image_size=size_px, batch_size=BATCH, precision="bf16")
        found = measure(keys, num_classes=2, device=case.torch_device, threads=1)
    return found.model_dump_json()


def trains_within(case: Case, backbone: str, size_px: int, peak_mib: float, share: float) -> str:
    device = case.torch_device
    free_mib, total_mib = (value / 2**20 for value in torch.cuda.mem_get_info(device))
    allowed_mib = share * peak_mib
    torch.cuda.set_per_process_memory_fraction(min(1.0, allowed_mib / total_mib))
    fits = True
    try:
        # The pixels are not part of what is measured: few of them.
        trainer = make_trainer(case, backbone, size_px, num_images=NUM_STEPS * BATCH)
        trainer.train_one_epoch(0)
    except torch.OutOfMemoryError:
        fits = False
    return json.dumps(
        {
            "allowed_mib": round(allowed_mib),
            "fits": fits,
            "reserved_mib": round(torch.cuda.max_memory_reserved(device) / 2**20),
            "context_mib": round(total_mib - free_mib),
        }
    )


def main() -> None:
    case = read_case()
    models = (("simple_cnn", 32),) if case.small else MODELS
    for backbone, size_px in models:
        alone = Measurement.model_validate_json(in_own_process(measured, case, (backbone, size_px)))
        before = ("resnet18", 32) if case.small else ("convnext_tiny", 224)
        after = Measurement.model_validate_json(in_own_process(measured, case, before, (backbone, size_px)))
        peak_mib = alone.choice.peak_mib
        ratio = after.choice.peak_mib / peak_mib
        emit(backbone=backbone, size_px=size_px, peak_mib=peak_mib, after_another_mib=after.choice.peak_mib)
        if case.device != "cuda":
            continue
        limit(f"peak after another model over that alone, {backbone} at {size_px} px", ratio, most=1.1)
        ladder = {
            share: json.loads(in_own_process(trains_within, case, backbone, size_px, peak_mib, share))
            for share in LADDER
        }
        emit(backbone=backbone, size_px=size_px, ladder=ladder)
        name = f"{backbone} at {size_px} px"
        limit(f"trains within {SPARE} times its measured peak, {name}", float(ladder[SPARE]["fits"]), 1)
        context = max(each["context_mib"] for each in ladder.values()) / GPU_CONTEXT_MIB
        limit(f"used before the first tensor over what is planned for a context, {name}", context, most=1.0)
        if case.left_s() < 15:
            break


if __name__ == "__main__":
    main()
