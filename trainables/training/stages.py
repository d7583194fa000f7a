"""Stages of training: which layers learn, and the head on its own where nothing before it learns.

A head that learns alone gets the features in front of it, computed in evaluation mode and without gradients.
Where each image is always the same (no augmentation, no mixing) its features are computed once and kept in a
temporary file; the epochs then run the head alone. A kept feature and one computed on the way are the same
number, up to the rounding that the size of a batch brings.
"""

import math
import shutil
import tempfile
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from trainables.errors import InputError
from trainables.models.layers import head_of
from trainables.recipe import Precision, Stage
from trainables.training.batches import Images
from trainables.training.precision import autocast

# How many times the size of the features the disk must have free; else they are computed in every epoch.
SPARE_DISK = 2.0


class _HeadReached(Exception):
    """The forward pass has come to the head, with these arguments."""

    def __init__(self, given: tuple[Tensor, ...]) -> None:
        super().__init__()
        self.given = given


class Freezer:
    """Freezes and frees the layers of a model, stage by stage; what a model freezes itself stays frozen."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._able = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._frozen: list[nn.Module] = []

    def apply(self, stage: Stage) -> None:
        """Let the layers of `stage` learn and no others.

        Raises:
            InputError: the model has no head of its own.
        """
        for parameter in self._able:
            parameter.requires_grad_(True)
        self._frozen = self._layers_to_freeze(stage)
        for layer in self._frozen:
            layer.requires_grad_(False)

    def train(self) -> None:
        """Put the model into training mode; the statistics of frozen layers stay as they are."""
        self._model.train()
        for layer in self._frozen:
            if isinstance(layer, _BatchNorm):
                layer.eval()

    def head_alone(self) -> bool:
        """Tell whether nothing in front of the head learns."""
        name = head_of(self._model)
        return bool(name) and not any(
            parameter.requires_grad and not key.startswith(f"{name}.")
            for key, parameter in self._model.named_parameters()
        )

    def _layers_to_freeze(self, stage: Stage) -> list[nn.Module]:
        if stage.trainable == "all":
            return []
        head = head_of(self._model)
        if not head:
            raise InputError(
                f"stages: trainable {stage.trainable} needs a network with one head, which this backbone has "
                "not; use all"
            )
        layers = [
            layer
            for name, layer in self._model.named_modules()
            if f"{name}.".removeprefix(f"{head}.") == f"{name}."
            and next(layer.parameters(recurse=False), None) is not None
        ]
        return layers[: len(layers) - math.ceil(stage.share * len(layers))]


class HeadTraining:
    """Runs a model as features and head, for a stage in which the head alone learns.

    Args:
        model: the whole network.
        images: where its images come from.
        precision: of forward passes.
        device: where the model is.
        batch_size: how many images at a time when features are computed ahead.
        folder: where the temporary file of kept features goes; it has no name there.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        images: Images,
        precision: Precision,
        device: torch.device,
        batch_size: int,
        folder: Path,
    ) -> None:
        self._model, self._images, self._precision, self._device = model, images, precision, device
        self._batch_size, self._folder = batch_size, folder
        self._head = model.get_submodule(head_of(model))
        # timm drops out in front of its classifier, outside of it; our own heads hold theirs.
        self._dropout = float(getattr(model, "drop_rate", 0.0) or 0.0)
        self._kept: np.ndarray | None = None
        # Where the features of each image row are kept, -1 = nowhere.
        self._place = np.full(len(images), -1, dtype=np.int64)
        self._sees_images = False

    def keep(self, rows: np.ndarray) -> None:
        """Compute the features of the images of `rows` once, where the disk has room for them."""
        first = self._features(self._images.batch(rows[: self._batch_size]))
        shape = (len(rows), *first.shape[1:])
        needed = 4 * math.prod(shape)
        self._folder.mkdir(parents=True, exist_ok=True)
        if needed * SPARE_DISK > shutil.disk_usage(self._folder).free:
            return
        with tempfile.TemporaryFile(dir=self._folder) as file:
            kept = np.memmap(file, dtype=np.float32, mode="w+", shape=shape)
        for start in range(0, len(rows), self._batch_size):
            part = rows[start : start + self._batch_size]
            kept[start : start + len(part)] = self._features(self._images.batch(part)).cpu().numpy()
        self._kept = kept
        self._place[rows] = np.arange(len(rows))

    def train(self) -> None:
        """Put the head into training mode and all else into evaluation mode."""
        self._model.eval()
        self._head.train()

    def keeps(self, rows: np.ndarray) -> bool:
        """Tell whether the features of all `rows` are kept."""
        return bool((self._place[rows] >= 0).all())

    def of_rows(self, rows: np.ndarray) -> Tensor:
        """Return the logits [B, L] of the images of `rows`, from kept features where there are any."""
        if not self.keeps(rows):
            return self.of_images(self._images.batch(rows))
        assert self._kept is not None, "what keeps rows has kept something"
        features = torch.from_numpy(np.array(self._kept[self._place[rows]])).to(self._device)
        return self._classify(features, self._images.batch(rows) if self._sees_images else None)

    def of_images(self, x_BCHW: Tensor) -> Tensor:
        """Return the logits [B, L] of images [B, 3, S, S]."""
        return self._classify(self._features(x_BCHW), x_BCHW)

    def _features(self, x_BCHW: Tensor) -> Tensor:
        """What the head is called with, float32 [B, ...]; the images, if it wants them, are no part of it."""

        def stop(module: nn.Module, given: tuple[Tensor, ...]) -> None:
            raise _HeadReached(given)

        hook = self._head.register_forward_pre_hook(stop)
        try:
            with torch.no_grad(), autocast(self._precision, self._device):
                self._model(x_BCHW)
        except _HeadReached as reached:
            self._sees_images = len(reached.given) > 1
            return reached.given[0].float()
        finally:
            hook.remove()
        raise AssertionError("a forward pass ends in the head")

    def _classify(self, features: Tensor, x_BCHW: Tensor | None) -> Tensor:
        features = functional.dropout(features, self._dropout, training=self._head.training)
        with autocast(self._precision, self._device):
            logits = self._head(features, x_BCHW) if self._sees_images else self._head(features)
        return cast(Tensor, logits)
