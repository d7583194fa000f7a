"""Resources that an experiment asks for a trial of it, as its file writes them."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from trainables.recipe_part import Frozen


def _at_most_one(gpus: float) -> float:
    if gpus > 1.0:
        raise ValueError(
            "a trial trains on one GPU; give 1 or a part of it, several trials share several GPUs"
        )
    return gpus


OneGpu = Annotated[
    float,
    AfterValidator(_at_most_one),
    Field(gt=0.0, allow_inf_nan=False, json_schema_extra={"maximum": 1.0}),
]


class Resources(Frozen):
    """What a trial asks for; None = found out. `gpus` is one, or a part of one: a trial trains on one GPU."""

    cpus: Annotated[int, Field(ge=1)] | None = None
    gpus: OneGpu | None = None
    workers: Literal[1] = 1
