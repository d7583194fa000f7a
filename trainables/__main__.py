"""One trial on a machine without Ray and MLflow, with the same numbers.

    python -m trainables RECIPE.json --data DIR --fold 0 --out DIR [--base DIR --base DIR]

RECIPE.json is a recipe, an experiment file's keys, or the trial.json of a finished trial. What is left open
in it (layout, precision) is found out here, as the orchestrator does; a trial.json leaves nothing open.
"""

import argparse
import functools
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import torch
from pydantic import JsonValue, ValidationError

from trainables.backbones import is_kernel_machine
from trainables.data.dataset.manifest import scan
from trainables.data.faces import local_detector
from trainables.data.splits.trial_rows import experiment_rows
from trainables.device import device_type
from trainables.errors import InputError
from trainables.files import read_json
from trainables.models.building import check_backbone
from trainables.output_width import UNWRAPPED
from trainables.outside_text import visible
from trainables.recipe import MEMORY_FORMATS, Recipe, RecipeKeys
from trainables.recipe_part import RecipePart
from trainables.starting_weights import StartingWeights
from trainables.training.epoch_report import EpochReport
from trainables.training.precision import measure
from trainables.trial import read_base, run_trial
from trainables.trial_inputs import ImageCaches, detect_faces, trial_rows

# What says how a data folder is read.
DATA_KEYS = ("layout", "group_by", "real_sources", "follow_links")
Keys = TypeVar("Keys", bound=RecipePart)


def trial_command() -> int:
    """Run one trial; return the exit code: 0 done, 2 the input can't be used."""
    # In a file or a pipe nothing is wrapped; argparse takes COLUMNS, or 80 columns, otherwise.
    width = None if sys.stdout.isatty() and sys.stderr.isatty() else UNWRAPPED
    parser = argparse.ArgumentParser(
        prog="python -m trainables",
        description=__doc__,
        formatter_class=functools.partial(argparse.RawDescriptionHelpFormatter, width=width),
    )
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder of images")
    parser.add_argument("--fold", type=int, required=True, help="outer fold, from 0")
    parser.add_argument("--repeat", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="folder of the trial")
    parser.add_argument(
        "--base", type=Path, action="append", default=[], help="folder of a finished trial to combine"
    )
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    wanted = parser.parse_args()
    try:
        metrics = _run(wanted)
    except InputError as error:
        print(visible(f"Error: {error}"), file=sys.stderr)
        return 2
    print(json.dumps({name: metrics[name] for name in ("val", "test", "best_epoch", "seconds")}, indent=1))
    return 0


def _run(wanted: argparse.Namespace) -> Mapping[str, JsonValue]:
    values = _values(wanted.recipe)
    asked = _validated(RecipeKeys, {name: values[name] for name in DATA_KEYS if name in values})
    manifest = scan(
        wanted.data,
        layout=asked.layout,
        group_by=asked.group_by,
        real_sources=asked.real_sources,
        follow_links=asked.follow_links,
    )
    print(visible(manifest.said), file=sys.stderr)
    device_name = device_type()
    device = torch.device(device_name)
    recipe = _resolve(
        {**values, "layout": manifest.layout, "group_by": manifest.group_by},
        num_classes=len(manifest.classes),
        device=device,
        threads=wanted.threads,
    )
    if not 0 <= wanted.fold < recipe.num_folds:
        raise InputError(f"--fold {wanted.fold}: the recipe has the folds 0 to {recipe.num_folds - 1}")
    rows = experiment_rows(manifest, recipe, repeat=wanted.repeat)
    caches = ImageCaches(faces=wanted.out / "faces.parquet", pixels=wanted.out / "pixels")
    detect_faces(rows, recipe, root=wanted.data, caches=caches, look=local_detector(device_name))
    return run_trial(
        recipe,
        trial_rows(
            rows,
            recipe,
            root=wanted.data,
            caches=caches,
            num_classes=len(manifest.classes),
            repeat=wanted.repeat,
            fold=wanted.fold,
        ),
        wanted.out,
        bases=[read_base(base) for base in wanted.base],
        on_epoch=_say,
        device=device,
        threads=wanted.threads,
    )


def _values(path: Path) -> Mapping[str, JsonValue]:
    try:
        content = read_json(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} can't be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: a JSON object is needed")
    return dict(content.get("recipe", content))


def _resolve(
    values: Mapping[str, JsonValue], *, num_classes: int, device: torch.device, threads: int
) -> Recipe:
    """Complete a recipe; a precision that is left open is measured."""
    if is_kernel_machine(str(values.get("backbone", ""))):
        values = {**values, "precision": "float32"}
    asked = _validated(RecipeKeys, {name: values[name] for name in values if name in RecipeKeys.model_fields})
    if asked.pretrained:
        # The record of a trial says which weights it had; it is that trial only with these.
        known = values.get("weights")
        pinned = None if known is None else _validated(StartingWeights, known)
        found = check_backbone(asked, num_classes=num_classes, weights=pinned).weights
        values = {**values, "weights": None if found is None else found.model_dump(mode="json")}
    precision = values.get("precision", "auto")
    if precision != "auto":
        layout = next((layout for given, layout in MEMORY_FORMATS.items() if given == precision), None)
        return _validated(Recipe, {"memory_format": layout, **values})
    first = _validated(Recipe, {**values, "precision": "float32", "memory_format": "contiguous"})
    choice = measure(
        first.model_copy(update={"precision": "auto"}),
        num_classes=num_classes,
        device=device,
        threads=threads,
    ).choice
    return first.model_copy(update={"precision": choice.precision, "memory_format": choice.memory_format})


def _validated(model: type[Keys], values: JsonValue | Mapping[str, JsonValue]) -> Keys:
    try:
        return model.model_validate_json(json.dumps(values))
    except ValidationError as error:
        raise InputError(f"the recipe is not valid: {error}") from error


def _say(epoch: EpochReport) -> None:
    print(
        f"epoch {epoch.epoch}/{epoch.epochs}  loss {epoch.train_loss:.4f}  score {epoch.score:.4f}",
        file=sys.stderr,
    )


if __name__ == "__main__":
    sys.exit(trial_command())
