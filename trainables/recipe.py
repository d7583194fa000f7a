"""Everything that decides a trial's numbers, as one frozen schema.

`RecipeKeys` are the keys that an experiment file may set; `Recipe` adds what is resolved before a trial
starts (the memory format that belongs to the measured precision). Names, paths, resources and worker counts
are not here: they can't change a result, so they can't enter its identity.

A value whose part does not exist yet (a face crop, training stages) is not in the schema at all: asking for
it is an error that names the key, never a setting that is silently ignored.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from trainables.models import registry

Precision = Literal["float32", "bf16"]
MemoryFormat = Literal["contiguous", "channels_last"]

Ratio = Annotated[float, Field(gt=0.0, lt=1.0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


# The layout that goes with a precision given by hand; what `auto` takes is measured.
MEMORY_FORMATS: dict[Precision, MemoryFormat] = {"float32": "contiguous", "bf16": "channels_last"}


class Frozen(BaseModel):
    """Immutable, strict about types, and closed: an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())


class Optimizer(Frozen):
    """AdamW (Loshchilov & Hutter 2019), Adam (Kingma & Ba 2015) or SGD with Nesterov-free momentum."""

    type: Literal["adamw", "adam", "sgd"] = "adamw"
    lr: Annotated[float, Field(gt=0.0, le=10.0, allow_inf_nan=False)] = 1e-4
    weight_decay: NonNegative = 1e-4
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9


class Scheduler(Frozen):
    """Learning rate per epoch: cosine from lr to 0 over T_max epochs (default: `epochs`), or constant.

    As torch has it, the rate rises again after T_max epochs: with more epochs, raise T_max too.
    """

    type: Literal["cosine_annealing", "none"] = "cosine_annealing"
    T_max: Annotated[int, Field(ge=1, le=100_000)] | None = None


class Loss(Frozen):
    """Cross-entropy (binary with one logit for two classes), with smoothing and weights by class."""

    type: Literal["cross_entropy"] = "cross_entropy"
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    class_weights: tuple[Positive, ...] | Literal["balanced"] | None = None


class RecipeKeys(Frozen):
    """The keys of an experiment file that decide the numbers of its trials."""

    layout: Literal["auto", "sources", "splits", "csv"] = "auto"
    group_by: str = Field(
        "auto", min_length=1, description="auto, basename, none, or a column of manifest.csv"
    )
    real_sources: tuple[str, ...] = Field(("wiki", "real"), min_length=1)
    train_sources: tuple[str, ...] | None = None
    eval_sources: tuple[str, ...] | None = None
    subsample: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    image_size: Annotated[int, Field(ge=16, le=1024)] = 128
    face_crop: Literal[False] = False
    face_crop_margin: Annotated[float, Field(ge=0.0, le=4.0)] = 0.6
    normalization: Literal["imagenet", "half", "none"] = "imagenet"
    augment: Literal[False] = False

    backbone: str = Field(
        "simple_cnn", min_length=1, description="one of `models`, or any timm model by its name"
    )
    pretrained: bool = False
    cnn_preset: Literal["micro", "small", "medium", "large"] = "medium"
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0

    epochs: Annotated[int, Field(ge=1, le=10_000)] = 15
    batch_size: Annotated[int, Field(ge=2, le=8192)] = 32
    optimizer: Optimizer = Optimizer()
    scheduler: Scheduler = Scheduler()
    early_stopping_patience: Annotated[int, Field(ge=1)] | None = 5
    loss: Loss = Loss()
    precision: Literal["auto"] | Precision = "auto"
    select_by: Literal["auc", "accuracy", "balanced_accuracy", "f1", "average_precision", "log_loss"] = "auc"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 42

    protocol: Literal["cv"] = "cv"
    cv_folds: Annotated[int, Field(ge=2, le=100)] = 5
    cv_repeats: Annotated[int, Field(ge=1, le=100)] = 1
    val_ratio: Annotated[float, Field(gt=0.0, le=0.5)] = 0.1
    test_ratio: Ratio = 0.1

    @model_validator(mode="after")
    def _possible(self) -> Self:
        known = registry.BACKBONES.get(self.backbone)
        if known is None:
            return self
        if self.pretrained and not known.can_be_pretrained:
            raise ValueError(
                f"pretrained: {self.backbone} has no pretrained weights; set pretrained to false"
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

    layout: Literal["sources", "splits", "csv"]
    precision: Precision
    memory_format: MemoryFormat
