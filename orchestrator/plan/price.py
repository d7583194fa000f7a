"""The price of an hour of training, as a number or as the name of an instance in a list of prices.

The list is cluster/prices.json here, else the one that is shipped; it is the user's to edit, and nothing is
looked up anywhere. A number is the price of one GPU, or of the machine where it has none; the price of an
instance is shared out among its GPUs.
"""

import math
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from orchestrator.config.json_text import read_object
from orchestrator.store.price_record import PriceRecord
from trainables.errors import InputError, nearest
from trainables.recipe_part import Frozen

PRICES = Path("cluster", "prices.json")
# What a price without a currency is in.
CURRENCY = "USD"
Device = Literal["cpu", "cuda"]


class InstancePrice(Frozen):
    """A line of the list: an instance, its GPUs, and what an hour of all of it costs."""

    instance: str
    gpu: str = ""
    gpus: Annotated[int, Field(ge=0)] = 0
    per_hour: Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
    currency: str = CURRENCY
    date: str = ""


class _List(Frozen):
    about: str = ""
    instances: tuple[InstancePrice, ...]


def find_price(asked: str, *, device: str, file: Path | None = None) -> PriceRecord:
    """Return the price that `asked` stands for.

    Args:
        asked: a number above 0, or the name of an instance in any case.
        device: "cuda" or "cpu": what the hours are of.
        file: the list of prices; None = the user's here, else the shipped one.

    Raises:
        InputError: no positive number and no instance of the list, or the list is damaged.
    """
    per: Literal["GPU", "machine"] = "GPU" if device == "cuda" else "machine"
    try:
        value = float(asked)
    except ValueError:
        return _of_instance(asked, per=per, file=file or _file())
    if not math.isfinite(value) or value <= 0.0:
        raise InputError(f"--price {asked}: give what an hour costs, a number above 0, for example 1.2")
    return PriceRecord(per_hour=value, per=per, currency=CURRENCY)


def read_prices(file: Path) -> tuple[InstancePrice, ...]:
    """Read a list of prices.

    Raises:
        InputError: it can't be read, is no JSON, or a line of it is wrong.
    """
    try:
        return _List.model_validate(read_object(file), strict=False).instances
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(
            f"{file}: {place}: {first['msg']}; a line has instance, gpu, gpus, per_hour, currency and date"
        ) from error


def prices_by_instance() -> dict[str, InstancePrice]:
    """Return the lines of the user's list, else of the shipped one, by the name of their instance.

    Raises:
        InputError: the list can't be read.
    """
    return {each.instance: each for each in read_prices(_file())}


def _of_instance(asked: str, *, per: Literal["GPU", "machine"], file: Path) -> PriceRecord:
    known = {each.instance.casefold(): each for each in read_prices(file)}
    found = known.get(asked.casefold())
    if found is None:
        near = nearest(asked, [each.instance for each in known.values()]) or "the list is empty"
        point = asked.replace(",", ".", 1)
        if _is_number(point):
            raise InputError(f"--price {asked}: write a number with a point, {point}")
        raise InputError(f"--price {asked}: no number, and no instance of {file}; {near}")
    shared = found.gpus if per == "GPU" and found.gpus else 1
    return PriceRecord(
        per_hour=found.per_hour / shared,
        per=per,
        currency=found.currency,
        instance=found.instance,
        gpu=found.gpu,
        date=found.date,
    )


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _file() -> Path:
    """The user's list, else the one of the distribution: inside the package in a wheel, beside it here."""
    package = Path(__file__).parents[1]
    inside, beside = package / PRICES, package.parent / PRICES
    return next((path for path in (PRICES, inside, beside) if path.is_file()), beside)
