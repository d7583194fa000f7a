"""Everything that decides a trial's numbers, as one frozen schema.

`RecipeKeys` are the keys that an experiment file may set; `Recipe` adds what is resolved before a trial
starts (the memory format that belongs to the measured precision). Names, paths, resources and worker counts
are not here: they can't change a result, so they can't enter its identity.

Each key says, with its type, whether it is part of a trial's identity; one that does not is refused when this
module is imported, so a new key can't be left out of what tells trials apart.

A value whose part does not exist is not in the schema at all: asking for it is an error that names the key,
never a setting that is silently ignored.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from trainables import backbones
from trainables.data.dataset.layouts import Layout
from trainables.data.images.crops import FaceRule
from trainables.evaluation.metrics import SelectionMetric
from trainables.recipe_part import BY_ROWS, COUNTS, IF_SET, Identity, RecipePart, refuse_undeclared
from trainables.starting_weights import SUFFIXES, StartingWeights, is_weights_file

Precision = Literal["float32", "bf16", "fp16"]
MemoryFormat = Literal["contiguous", "channels_last"]

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Ratio = Annotated[float, Field(gt=0.0, lt=1.0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


# The layout that goes with a precision given by hand; what `auto` takes is measured.
MEMORY_FORMATS: dict[Precision, MemoryFormat] = {
    "float32": "contiguous",
    "bf16": "channels_last",
    "fp16": "channels_last",
}


CROP = Identity(lambda recipe, value: recipe.face_crop)
PRESET = Identity(lambda recipe, value: recipe.backbone == "simple_cnn")
# A file of weights counts by its content, which is in `weights`, not by where it lies.
NO_PATH = Identity(lambda recipe, value: not isinstance(value, str))
# Of one split there are no folds to count.
FOLDS = Identity(lambda recipe, value: recipe.protocol == "cv")


class Optimizer(RecipePart):
    """AdamW (Loshchilov & Hutter 2019), Adam (Kingma & Ba 2015) or SGD with Nesterov-free momentum."""

    type: Annotated[Literal["adamw", "adam", "sgd"], COUNTS] = "adamw"
    lr: Annotated[float, Field(gt=0.0, le=10.0, allow_inf_nan=False), COUNTS] = 1e-4
    weight_decay: Annotated[NonNegative, COUNTS] = 1e-4
    momentum: Annotated[float, Field(ge=0.0, lt=1.0), COUNTS] = 0.9


class Scheduler(RecipePart):
    """Learning rate per epoch, in each stage anew.

    `cosine_annealing`: from lr to 0 over T_max epochs (default: `epochs`); as torch has it, it rises again
    after T_max epochs: with more epochs, raise T_max too. `warmup_cosine`: rises evenly over warmup_epochs
    (in a shorter stage: over all its epochs but one), then falls to 0 by the last epoch.
    `reduce_on_plateau`: times `factor` (default 0.5) when the selection score (`mode` max, the default) or
    the validation loss (min) has not got better for more than `patience` (default 5) epochs. `none`:
    constant.
    """

    type: Annotated[Literal["cosine_annealing", "warmup_cosine", "reduce_on_plateau", "none"], COUNTS] = (
        "cosine_annealing"
    )
    T_max: Annotated[Annotated[int, Field(ge=1, le=100_000)] | None, COUNTS] = None
    warmup_epochs: Annotated[Annotated[int, Field(ge=1, le=10_000)] | None, IF_SET] = None
    mode: Annotated[Literal["max", "min"] | None, IF_SET] = None
    patience: Annotated[Annotated[int, Field(ge=0, le=10_000)] | None, IF_SET] = None
    factor: Annotated[Ratio | None, IF_SET] = None

    @model_validator(mode="after")
    def _read(self) -> Self:
        if self.type == "warmup_cosine" and self.warmup_epochs is None:
            raise ValueError("scheduler.warmup_epochs is needed by warmup_cosine")
        if self.type != "warmup_cosine" and self.warmup_epochs is not None:
            raise ValueError(f"scheduler.warmup_epochs belongs to warmup_cosine, not to {self.type}")
        for name in ("mode", "patience", "factor"):
            if self.type != "reduce_on_plateau" and getattr(self, name) is not None:
                raise ValueError(f"scheduler.{name} belongs to reduce_on_plateau, not to {self.type}")
        return self


class Loss(RecipePart):
    """Cross-entropy, binary cross-entropy, or the focal loss, with smoothing and weights by class.

    Two classes have one logit, and cross_entropy and bce are the same; bce is for two classes alone. Focal
    (Lin et al. 2017): times (1 - p) ** gamma, gamma 2 by default.
    """

    type: Annotated[Literal["cross_entropy", "bce", "focal"], COUNTS] = "cross_entropy"
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0), COUNTS] = 0.0
    class_weights: Annotated[tuple[Positive, ...] | Literal["balanced"] | None, COUNTS] = None
    gamma: Annotated[Annotated[float, Field(ge=0.0, le=10.0)] | None, IF_SET] = None

    @model_validator(mode="after")
    def _read(self) -> Self:
        if self.type != "focal" and self.gamma is not None:
            raise ValueError(f"loss.gamma belongs to focal, not to {self.type}")
        return self


class Augment(RecipePart):
    """Random changes of training images; `_p` is how likely one is, for each image on its own.

    brightness, contrast, saturation: factors from 1 - x to 1 + x. hue: up to x of a full turn. noise_std: in
    units of 0..1. random_resized_crop: least and greatest share of the image that is kept.
    """

    hflip_p: Annotated[Probability, COUNTS] = 0.0
    rotation_degrees: Annotated[float, Field(ge=0.0, le=180.0), COUNTS] = 0.0
    random_resized_crop: Annotated[tuple[Probability, Probability] | None, COUNTS] = None
    brightness: Annotated[Probability, COUNTS] = 0.0
    contrast: Annotated[Probability, COUNTS] = 0.0
    saturation: Annotated[Probability, COUNTS] = 0.0
    hue: Annotated[float, Field(ge=0.0, le=0.5), COUNTS] = 0.0
    grayscale_p: Annotated[Probability, COUNTS] = 0.0
    blur_p: Annotated[Probability, COUNTS] = 0.0
    jpeg_p: Annotated[Probability, COUNTS] = 0.0
    jpeg_quality: Annotated[
        tuple[Annotated[int, Field(ge=1, le=100)], Annotated[int, Field(ge=1, le=100)]], COUNTS
    ] = (30, 95)
    quantise_p: Annotated[Probability, COUNTS] = 0.0
    quantise_bits: Annotated[int, Field(ge=1, le=8), COUNTS] = 5
    noise_p: Annotated[Probability, COUNTS] = 0.0
    noise_std: Annotated[float, Field(ge=0.0, le=1.0), COUNTS] = 0.05
    erase_p: Annotated[Probability, COUNTS] = 0.0
    cutout_p: Annotated[Probability, COUNTS] = 0.0

    @model_validator(mode="after")
    def _possible(self) -> Self:
        low, high = self.random_resized_crop or (0.5, 1.0)
        if not 0.0 < low <= high:
            raise ValueError("augment.random_resized_crop: give the least and the greatest share, above 0")
        if self.jpeg_quality[0] > self.jpeg_quality[1]:
            raise ValueError("augment.jpeg_quality: give the least and the greatest quality")
        return self


class Mix(RecipePart):
    """Alpha of MixUp (Zhang et al. 2018) and of CutMix (Yun et al. 2019); 0 = not used."""

    mixup: Annotated[float, Field(ge=0.0, le=100.0), COUNTS] = 0.0
    cutmix: Annotated[float, Field(ge=0.0, le=100.0), COUNTS] = 0.0

    @model_validator(mode="after")
    def _used(self) -> Self:
        if not self.mixup and not self.cutmix:
            raise ValueError("mix: give mixup or cutmix an alpha above 0, or leave mix out")
        return self


class SelectWeights(RecipePart):
    """A weighted sum of validation metrics to select the best epoch by."""

    accuracy: Annotated[Probability, COUNTS] = 0.0
    balanced_accuracy: Annotated[Probability, COUNTS] = 0.0
    precision: Annotated[Probability, COUNTS] = 0.0
    recall: Annotated[Probability, COUNTS] = 0.0
    f1: Annotated[Probability, COUNTS] = 0.0
    auc: Annotated[Probability, COUNTS] = 0.0

    @model_validator(mode="after")
    def _used(self) -> Self:
        total = sum(self.model_dump().values())
        if abs(total - 1.0) > 1e-6:
            raise ValueError(f"select_by: the weights sum to {total:g}; they must sum to 1")
        return self


class Stage(RecipePart):
    """Some epochs of training in which only a part of the network learns.

    `trainable`: `head` (what follows the features; around a pretrained trunk, all that is new), `last:0.3`
    (the head, and the last 30 % of the other layers in the order in which the network defines them), or
    `all`. Frozen layers keep their weights and their statistics. `lr` is optimizer.lr where it is not given.
    """

    epochs: Annotated[int, Field(ge=0, le=10_000), COUNTS]
    trainable: Annotated[str, Field(json_schema_extra={"pattern": "^(head|all|last:[0-9.]+)$"}), COUNTS] = (
        "all"
    )
    lr: Annotated[Annotated[float, Field(gt=0.0, le=10.0, allow_inf_nan=False)] | None, COUNTS] = None

    @property
    def share(self) -> float:
        """Return which share of the layers before the head learns, 0 to 1; ValueError where it says none."""
        named = {"head": 0.0, "all": 1.0}.get(self.trainable)
        return float(self.trainable.removeprefix("last:")) if named is None else named

    @field_validator("trainable")
    @classmethod
    def _readable(cls, value: str) -> str:
        prefix, _, share = value.partition(":")
        known = value in ("head", "all") or (
            prefix == "last" and share.replace(".", "", 1).isdecimal() and 0.0 < float(share) <= 1.0
        )
        if not known:
            raise ValueError("give head, all, or last: with a share above 0 and up to 1, like last:0.3")
        return value


def share_epochs(epochs: int, wanted: tuple[int, ...]) -> tuple[int, ...]:
    """Share `epochs` out in the proportion of `wanted`, at least one to each that is not 0.

    Largest remainders get what does not divide.

    Raises:
        ValueError: nothing is wanted, or there are more stages than epochs.
    """
    total, used = sum(wanted), [number for number, count in enumerate(wanted) if count]
    if total == 0:
        raise ValueError("stages: they sum to 0 epochs; give at least one stage some")
    if epochs < len(used):
        raise ValueError(f"epochs is {epochs}, but there are {len(used)} stages; give each at least one")
    exact = [epochs * count / total for count in wanted]
    shares = [max(1, int(value)) if count else 0 for value, count in zip(exact, wanted, strict=True)]
    while sum(shares) != epochs:
        step = 1 if sum(shares) < epochs else -1
        able = [number for number in used if shares[number] + step >= 1]
        chosen = max(able, key=lambda number: (step * (exact[number] - shares[number]), -number))
        shares[chosen] += step
    return tuple(shares)


def count_folds(protocol: str, cv_folds: int) -> int:
    """Return how many trials a repeat has under a protocol."""
    return cv_folds if protocol == "cv" else 1


class RecipeKeys(RecipePart):
    """The keys of an experiment file that decide the numbers of its trials."""

    layout: Annotated[Literal["auto", Layout], BY_ROWS] = "auto"
    group_by: Annotated[str, BY_ROWS] = Field(
        "auto",
        min_length=1,
        description="auto, folder, frames, identity, basename, none, pairs, or a column of manifest.csv",
    )
    real_sources: Annotated[tuple[str, ...], BY_ROWS] = Field(
        (),
        description="folders or labels that are real, all others being fakes; none: by their names",
    )
    follow_links: Annotated[bool, BY_ROWS] = Field(False, description="follow links out of the data folder")
    train_sources: Annotated[tuple[str, ...] | None, BY_ROWS] = None
    eval_sources: Annotated[tuple[str, ...] | None, BY_ROWS] = None
    subsample: Annotated[float, Field(gt=0.0, le=1.0), BY_ROWS] = 1.0
    image_size: Annotated[int, Field(ge=16, le=1024), COUNTS] = 128
    face_crop: Annotated[bool, COUNTS] = Field(
        False, description="crop to the face that is found; without one, to the middle"
    )
    face_crop_margin: Annotated[float, Field(ge=0.0, le=4.0), CROP] = Field(
        0.6, description="share of the face's longer side that is added on each side"
    )
    face_rule: Annotated[FaceRule, CROP] = Field(
        "largest", description="of several faces, the largest or the most central"
    )
    normalization: Annotated[Literal["imagenet", "half", "real_norm", "none"], COUNTS] = Field(
        "imagenet", description="real_norm: mean and std of the fold's real training images"
    )
    augment: Annotated[Augment | Literal[False], COUNTS] = False

    backbone: Annotated[str, COUNTS] = Field(
        "simple_cnn", min_length=1, description="one of `models`, or any timm model by its name"
    )
    pretrained: Annotated[bool | str, NO_PATH] = Field(
        False,
        description="true: timm's default weights of the backbone; or a file of weights (.safetensors, .pth, "
        ".pt, .bin) beside the experiment file or in the current folder",
    )
    cnn_preset: Annotated[Literal["micro", "small", "medium", "large"], PRESET] = "medium"
    dropout: Annotated[float, Field(ge=0.0, lt=1.0), COUNTS] = 0.0

    epochs: Annotated[int, Field(ge=1, le=10_000), COUNTS] = 15
    stages: Annotated[tuple[Stage, ...] | None, IF_SET] = Field(
        None,
        description="parts of the training in which other layers learn; `epochs` is their sum, and one that "
        "is set elsewhere (--set, a preset) is shared out in their proportion",
    )
    batch_size: Annotated[int, Field(le=8192, json_schema_extra={"minimum": 2}), COUNTS] = 32
    optimizer: Annotated[Optimizer, COUNTS] = Optimizer()
    scheduler: Annotated[Scheduler, COUNTS] = Scheduler()
    early_stopping_patience: Annotated[Annotated[int, Field(ge=1)] | None, COUNTS] = 5
    loss: Annotated[Loss, COUNTS] = Loss()
    sampler: Annotated[Literal["weighted"] | None, IF_SET] = Field(
        None, description="weighted: draw training images with replacement, all classes equally often"
    )
    mix: Annotated[Mix | None, IF_SET] = None
    precision: Annotated[Literal["auto"] | Precision, COUNTS] = "auto"
    select_by: Annotated[SelectionMetric | SelectWeights, COUNTS] = "auc"
    seed: Annotated[int, Field(ge=0, lt=2**63), COUNTS] = 42

    protocol: Annotated[Literal["cv", "official", "holdout"], COUNTS] = Field(
        "cv",
        description="cv: grouped folds; official: the data set's own splits; holdout: one grouped split",
    )
    cv_folds: Annotated[int, Field(ge=2, le=100), FOLDS] = 5
    cv_repeats: Annotated[int, Field(ge=1, le=100), BY_ROWS] = 1
    val_ratio: Annotated[float, Field(gt=0.0, le=0.5), COUNTS] = 0.1
    test_ratio: Annotated[Ratio, BY_ROWS] = 0.1
    holdout_final: Annotated[Annotated[float, Field(ge=0.0, le=0.5)] | None, BY_ROWS] = Field(
        None,
        description="share of the labelled images that no fold holds, for `final` to score the chosen model "
        "on; null or 0: none",
    )

    @field_validator("pretrained")
    @classmethod
    def _names_weights(cls, value: bool | str) -> bool | str:
        if isinstance(value, str) and not is_weights_file(value):
            raise ValueError(f"give true, false, or a file of weights ({', '.join(SUFFIXES)})")
        return value

    @field_validator("batch_size")
    @classmethod
    def _more_than_one(cls, value: int) -> int:
        if value < 2:
            raise ValueError("batch normalisation can't work on 1 image; give at least 2")
        return value

    @property
    def num_folds(self) -> int:
        """Return how many trials a repeat has."""
        return count_folds(self.protocol, self.cv_folds)

    @property
    def training_stages(self) -> tuple[Stage, ...]:
        """Return the stages with the epochs that they really have; one for everything where none are set."""
        if self.stages is None:
            return (Stage(epochs=self.epochs),)
        shares = share_epochs(self.epochs, tuple(stage.epochs for stage in self.stages))
        return tuple(
            stage.model_copy(update={"epochs": share})
            for stage, share in zip(self.stages, shares, strict=True)
            if share
        )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.protocol == "official" and self.cv_repeats != 1:
            raise ValueError("cv_repeats: the official protocol has one split; leave cv_repeats at 1")
        if self.protocol == "official" and self.holdout_final:
            raise ValueError(
                "holdout_final: the official protocol has a test split of its own; leave the key out, or use "
                "protocol cv"
            )
        if self.stages is not None:
            # Raises where they can't be shared out.
            share_epochs(self.epochs, tuple(stage.epochs for stage in self.stages))
        warmup = self.scheduler.warmup_epochs
        if warmup is not None and warmup >= self.epochs:
            raise ValueError(f"scheduler.warmup_epochs is {warmup}, but there are {self.epochs} epochs")
        if backbones.is_kernel_machine(self.backbone):
            for name in ("pretrained", "augment", "mix", "sampler", "dropout", "stages"):
                if getattr(self, name):
                    raise ValueError(
                        f"{name}: {self.backbone} sees each image once, as it is; leave the key out"
                    )
        known = backbones.BACKBONES.get(self.backbone) or backbones.KERNEL_MACHINES.get(self.backbone)
        if known is None:
            return self
        if self.pretrained and known.bases:
            raise ValueError(f"pretrained: {self.backbone} starts from its bases; set pretrained to false")
        if self.pretrained is True and not known.can_be_pretrained:
            raise ValueError(
                f"pretrained: {self.backbone} has no pretrained weights; set pretrained to false, or to a "
                "file of weights"
            )
        if self.image_size < known.min_px:
            raise ValueError(
                f"image_size is {self.image_size}, too small for {self.backbone}: "
                f"at least {known.min_px}, best {known.input_px}"
            )
        if self.dropout and known.file and self.backbone != "simple_cnn":
            raise ValueError(f"dropout: {self.backbone} has dropouts of its own; leave the key out")
        return self


class Recipe(RecipeKeys):
    """A recipe with nothing left to find out: what `run_trial` is given."""

    layout: Annotated[Layout, BY_ROWS]
    precision: Annotated[Precision, COUNTS]
    memory_format: Annotated[MemoryFormat, COUNTS]
    weights: Annotated[StartingWeights | None, IF_SET] = Field(
        None, description="what `pretrained` stands for, by its content"
    )
    micro_batch: Annotated[Annotated[int, Field(ge=1)] | None, IF_SET] = Field(
        None, description="the most images at a time where a whole batch does not fit into memory"
    )


refuse_undeclared(Optimizer, Scheduler, Loss, Augment, Mix, SelectWeights, Stage, RecipeKeys, Recipe)
