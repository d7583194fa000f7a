"""Work of the networks of a plan: from the registry's table, or counted once in a process of its own.

Counting needs torch, which a plan does not import; what was counted is kept in results/cache/speeds/ where
that can be written.
"""

import json
import subprocess
import sys
from collections.abc import Sequence

from orchestrator.config.experiment import Experiment
from orchestrator.store.fingerprint import fingerprint
from orchestrator.store.folder import Store
from trainables import memo
from trainables.recipe import RecipeKeys
from trainables.work import KNOWN, Work, known_work

# What a network is taken for whose work can't be counted.
UNKNOWN = "resnet50"
Model = tuple[str, str, int]


def model_of(experiment: RecipeKeys) -> Model:
    """Return what decides the work for an image: backbone, preset and image size."""
    preset = experiment.cnn_preset if experiment.backbone == "simple_cnn" else ""
    return experiment.backbone, preset, experiment.image_size


def networks_work(experiments: Sequence[Experiment], store: Store) -> dict[Model, Work]:
    """Return the work of every model of some experiments."""
    found: dict[Model, Work] = {}
    asked: dict[Model, RecipeKeys] = {}
    for experiment in experiments:
        model, (backbone, preset, image_size) = model_of(experiment), model_of(experiment)
        work = known_work(backbone, cnn_preset=preset, image_size=image_size) or _kept(store, model)
        if work is None:
            asked[model] = experiment.recipe_keys()
        else:
            found[model] = work
    counted = _counted(list(asked.values())) if asked else []
    for model, plain in zip(asked, counted, strict=False):
        if plain is not None:
            found[model] = Work(**plain)
            _keep(store, model, found[model])
    return {model: found.get(model) or KNOWN[UNKNOWN].at(model[2]) for model in (*found, *asked)}


def _counted(recipes: Sequence[RecipeKeys]) -> list[dict[str, int] | None]:
    done = subprocess.run(
        [sys.executable, "-m", "trainables.models.counting"],
        input=json.dumps([recipe.model_dump(mode="json") for recipe in recipes]),
        capture_output=True,
        text=True,
        check=False,
    )
    found: list[dict[str, int] | None] = json.loads(done.stdout) if done.returncode == 0 else []
    return found


def _kept(store: Store, model: Model) -> Work | None:
    known = memo.read(store.cached("speeds", f"{_name(model)}.memo"), _key(model))
    return None if known is None else Work(**known)


def _keep(store: Store, model: Model, work: Work) -> None:
    # A results folder that there is not yet is not made by a plan.
    if store.root.is_dir():
        memo.write(store.cached("speeds", f"{_name(model)}.memo"), _key(model), dict(work.plain()))


def _name(model: Model) -> str:
    return fingerprint(model)[:16]


def _key(model: Model) -> str:
    return memo.key(list(model), code="trainables.models.counting", libraries=("timm",))
