"""The estimates of a plan against the truth, before and after anything was measured.

    python benchmarks/estimates.py [--small]

For three models on drawn images: seconds that `plan` expects of a trial, from the work of its network alone,
and again from the measurement that a run makes, over the seconds that the trial takes; without early
stopping, in one thread. Before a measurement the ratio is at most 3 either way, after it at most 1.5. Seconds
are those of the processor, so that what else runs here is not in them: on a machine with work of its own on
the other half of a core both the measurement and the trial are slower, not always by as much.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import torch

from orchestrator.config.experiment import Experiment
from orchestrator.plan.device_speed import device_speed
from orchestrator.plan.trial_work import images_to_train
from orchestrator.store.folder import Store
from trainables.data.dataset.manifest import scan
from trainables.data.demo import write_demo
from trainables.data.splits.trial_rows import experiment_rows
from trainables.training import precision
from trainables.trial import run_trial
from trainables.trial_inputs import ImageCaches, prepare_pixels, trial_rows
from trainables.work import known_work

MODELS = (("simple_cnn", 96), ("resnet18", 64), ("mobilenetv3_small", 64))
SMALL_MODELS = (("simple_cnn", 32),)
BEFORE, AFTER = 3.0, 1.5
# A trial of some seconds, most of it training.
TRIAL_S, FACES, SMALL_FACES = 12.0, 60, 12


class _ProcessorTime:
    """The clock of the measurement, which else counts what the machine does for others."""

    perf_counter = staticmethod(time.process_time)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", action="store_true", help="some seconds; no limit is enforced")
    small = parser.parse_args().small
    precision.time = _ProcessorTime  # type: ignore[assignment]
    torch.set_num_threads(1)
    missed = False
    print(f"{'model':24}{'images/s':>10}{'trial s':>10}  ratio before  ratio after")
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "data")
        write_demo(data, num_faces=SMALL_FACES if small else FACES, size_px=128)
        for backbone, image_size in SMALL_MODELS if small else MODELS:
            before, after = ratios(backbone, image_size, data, Path(folder), small=small)
            missed |= not (1 / BEFORE <= before <= BEFORE and 1 / AFTER <= after <= AFTER)
    return int(missed and not small)


def ratios(backbone: str, image_size: int, data: Path, folder: Path, *, small: bool) -> tuple[float, float]:
    """Return the estimated seconds of a trial over its real ones, before and after a measurement."""
    work = known_work(backbone, cnn_preset="medium", image_size=image_size)
    assert work is not None
    asked = Experiment(
        name="x",
        backbone=backbone,
        image_size=image_size,
        precision="auto",
        early_stopping_patience=None,
        subsample=1.0,
    )
    alone = 1 / device_speed(Store.look(folder), "cpu").seconds_an_image(work, batch_size=asked.batch_size)
    keys = asked.recipe_keys()
    choice = precision.measure(keys, num_classes=2, device=torch.device("cpu"), threads=1).choice
    rows = experiment_rows(scan(data), keys, repeat=0)
    num_train = len(rows) * 0.72
    epochs = 1 if small else max(1, round(TRIAL_S * choice.images_per_s / num_train))
    resolved = asked.model_copy(update={"epochs": epochs, "precision": choice.precision})
    recipe = resolved.recipe(
        memory_format=choice.memory_format,
        layout="sources",
        group_by="basename",
    )
    caches = ImageCaches(faces=folder / "faces.parquet", pixels=folder / "pixels")
    prepare_pixels(rows, recipe, root=data, caches=caches)
    trial = trial_rows(rows, recipe, root=data, caches=caches, num_classes=2, repeat=0, fold=0)
    start = time.process_time()
    run_trial(recipe, trial, folder / f"{backbone}-{image_size}", device=torch.device("cpu"), threads=1)
    took = time.process_time() - start
    sizes = {part: int((trial.table["part"] == part).sum()) for part in ("train", "val", "test")}
    images = images_to_train(sizes, resolved)
    before, after = images / alone / took, images / choice.images_per_s / took
    print(
        f"{backbone} {image_size} px".ljust(24) + f"{images / took:10.1f}{took:10.1f}"
        f"{before:10.2f} (limit {BEFORE:g}){after:10.2f} (limit {AFTER:g})",
        flush=True,
    )
    return before, after


if __name__ == "__main__":
    sys.exit(main())
