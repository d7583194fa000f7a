"""Finished trials as models: put together from their folders again, and scores of any images by them.

Images go the way of a trial: cut to faces and resized as its recipe says, normalised with the numbers that
its metrics.json keeps, and scored in batches with its best weights and its precision. What a model learned
from is not needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError
from torch import nn

from trainables.backbones import is_kernel_machine
from trainables.data.faces import Look
from trainables.data.pixels import Pixels, open_pixels
from trainables.done_record import read_done
from trainables.errors import InputError
from trainables.files import read_json
from trainables.kept_networks import kept_network
from trainables.progress import OnProgress
from trainables.recipe import Recipe
from trainables.stored_weights import weights_problem
from trainables.training import checkpoint
from trainables.training.batch_scores import batch_scores
from trainables.training.batches import Images
from trainables.training.normalization import NORMALIZATIONS, Normalization
from trainables.training.precision import torch_memory_format
from trainables.training.saved_machine import score_by_machine
from trainables.trial import first_network, read_base
from trainables.trial_files import METRICS, WEIGHTS
from trainables.trial_inputs import ImageCaches, detect_faces, prepare_pixels

AGAIN = "delete the folder of the trial and run it again"


@dataclass(frozen=True, slots=True)
class TrainedTrial:
    """A finished trial's recipe, the normalisation of its images, and the files of its weights.

    `bases` are the folders of the trials whose networks it combines. `device` is what it was trained on:
    "cpu" or "cuda".
    """

    recipe: Recipe
    normalization: Normalization | None
    weights: Path
    bases: tuple[Path, ...]
    num_classes: int
    device: str


def read_trained(folder: Path, *, num_classes: int, bases: Sequence[Path] = ()) -> TrainedTrial:
    """Read a finished trial, whose weights are loaded when it scores.

    Args:
        folder: the trial's folder.
        num_classes: classes of the data set.
        bases: the folders of the trials that an ensemble combines, in its order.

    Raises:
        InputError: it is not finished, its weights are gone or damaged, or it keeps no normalisation.
    """
    done = read_done(folder)
    if done is None:
        raise InputError(f"{folder}: is not finished; run it first")
    if problem := weights_problem(folder, done, in_full=True):
        raise InputError(f"{folder}: {problem}; {AGAIN}")
    recipe, metrics = read_base(folder).recipe, read_json(folder / METRICS)
    return TrainedTrial(
        recipe,
        _normalization(recipe, metrics.get("normalization"), folder),
        folder / WEIGHTS,
        tuple(bases),
        num_classes,
        str(metrics.get("device", "cpu")),
    )


def score_images(
    trained: TrainedTrial,
    rows: pd.DataFrame,
    *,
    root: Path,
    caches: ImageCaches,
    look: Look,
    device: torch.device,
    perturbation: str = "",
    progress: OnProgress | None = None,
) -> np.ndarray:
    """Score images by a trained model: P(fake), float64 [N], or [N, C], in the order of `rows`.

    Args:
        trained: what `read_trained` gave.
        rows: columns path and sha256.
        root: the folder that the paths are below.
        caches: where faces and pixels of the images are kept.
        look: detects faces, where the recipe crops to them.
        device: where to score.
        perturbation: what is done to the images first, like jpeg:90 (see `perturbations`); "" = nothing.
        progress: called with (done, total) images.

    Raises:
        InputError: a file changed since its hash was taken, or the disk is too small.
    """
    recipe = trained.recipe
    pixels = prepared_pixels(trained, rows, root=root, caches=caches, look=look, perturbation=perturbation)
    places = pixels.rows(rows["sha256"].tolist())
    if is_kernel_machine(recipe.backbone):
        return score_by_machine(trained.weights, pixels.array, places)
    images = images_of(trained, pixels, device=device)
    model = kept_network(trained.weights, str(device), lambda: load_network(trained, device=device))
    # Half precision was measured on the device that it was trained on.
    precision = recipe.precision if trained.device == device.type else "float32"
    return batch_scores(
        lambda rows: model(images.batch(rows)),
        places,
        at_once=2 * (recipe.micro_batch or recipe.batch_size),
        precision=precision,
        device=device,
        progress=progress,
    )


def prepared_pixels(
    trained: TrainedTrial,
    rows: pd.DataFrame,
    *,
    root: Path,
    caches: ImageCaches,
    look: Look,
    perturbation: str = "",
) -> Pixels:
    """Return the pixels of images as a trained model sees them: cut to faces and resized as its recipe says.

    Arguments and errors are those of `score_images`.
    """
    detect_faces(rows, trained.recipe, root=root, caches=caches, look=look)
    folder = prepare_pixels(rows, trained.recipe, root=root, caches=caches, perturbation=perturbation)
    return open_pixels(folder)


def images_of(trained: TrainedTrial, pixels: Pixels, *, device: torch.device) -> Images:
    """Return batches of normalised images for a trained network; not for a kernel machine."""
    assert trained.normalization is not None, "a network has one"
    return Images(
        pixels.array,
        normalization=trained.normalization,
        memory_format=trained.recipe.memory_format,
        device=device,
    )


def load_network(trained: TrainedTrial, *, device: torch.device) -> nn.Module:
    """Return the network with its best weights on `device`, in evaluation mode; not for a kernel machine.

    The weights that it is built with are overwritten, so none are fetched.

    Raises:
        InputError: its weights are not those of such a network.
    """
    recipe = trained.recipe.model_copy(update={"pretrained": False})
    bases = [read_base(folder) for folder in trained.bases]
    model = first_network(recipe, bases, num_classes=trained.num_classes)
    try:
        checkpoint.load_weights(trained.weights, model)
    except (RuntimeError, SafetensorError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{trained.weights} does not hold the weights of a {recipe.backbone} for {trained.num_classes} "
            f"classes ({reason}); {AGAIN}"
        ) from error
    model.to(device)
    model.to(memory_format=torch_memory_format(recipe.memory_format))
    return model.eval()


def _normalization(recipe: Recipe, kept: object, folder: Path) -> Normalization | None:
    if is_kernel_machine(recipe.backbone):
        return None
    if isinstance(kept, dict):
        return Normalization(tuple(kept["mean"]), tuple(kept["std"]))
    if recipe.normalization in NORMALIZATIONS:
        return Normalization(*NORMALIZATIONS[recipe.normalization])
    raise InputError(
        f"{folder}: {METRICS} keeps no normalisation, as in an earlier version of the program; {AGAIN}"
    )
