"""Card, driver, torch and settings of trials; and networks with an operation that is not deterministic."""

import json
import platform

import torch

from benchmarks.card.case import Case, emit, limit, read_case
from trainables.backbones import BACKBONES
from trainables.device import card, gpus
from trainables.models.building import build_model
from trainables.own_process import ProcessEndedError, in_own_process
from trainables.recipe import RecipeKeys
from trainables.training.repeatable import gpu_settings, make_repeatable

SIZE_PX, SMALL_BACKBONES = 96, ("simple_cnn", "three_cnn")


def facts_of(case: Case) -> str:
    device = case.torch_device
    make_repeatable(device)
    settings = gpu_settings()
    found: dict[str, object] = {
        "place": card() or platform.processor() or "cpu",
        "torch": torch.__version__,
        "python": platform.python_version(),
        "tf32": settings.tf32,
        "deterministic": settings.deterministic,
        "gpus": [each.name for each in gpus()],
    }
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        found |= {
            "name": properties.name,
            "capability": list(torch.cuda.get_device_capability(device)),
            "memory_mib": round(properties.total_memory / 2**20),
            "multiprocessors": properties.multi_processor_count,
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "bf16": torch.cuda.is_bf16_supported(),
        }
    return json.dumps(found)


def strict_step(case: Case, backbone: str) -> str:
    """Train one step where an operation without a deterministic form is an error; return what it said."""
    device = case.torch_device
    make_repeatable(device)
    torch.use_deterministic_algorithms(True)
    entry = BACKBONES[backbone]
    recipe = RecipeKeys(backbone=backbone, image_size=max(SIZE_PX, entry.min_px), pretrained=False)
    model = build_model(recipe, num_classes=2).to(device).train()
    x_BCHW = torch.rand(4, 3, recipe.image_size, recipe.image_size, device=device)
    try:
        model(x_BCHW).float().sum().backward()
    except RuntimeError as error:
        if "deterministic" not in str(error):
            raise
        return str(error).split(" does not")[0]
    return ""


def main() -> None:
    case = read_case()
    facts = json.loads(in_own_process(facts_of, case))
    emit(**facts)
    if case.device == "cuda":
        limit(
            "settings that are deterministic, without TF32",
            float(facts["deterministic"] and not facts["tf32"]),
            1,
        )
    names = SMALL_BACKBONES if case.small else [name for name, entry in BACKBONES.items() if not entry.bases]
    without: dict[str, str] = {}
    checked = 0
    for name in names:
        if case.left_s() < 5:
            break
        try:
            said = in_own_process(strict_step, case, name)
        except ProcessEndedError as error:
            said = str(error)
        checked += 1
        if said:
            without[name] = said
    emit(networks=checked, without_a_deterministic_form=without)
    limit("networks with deterministic operations alone", 1 - len(without) / max(checked, 1), 1)


if __name__ == "__main__":
    main()
