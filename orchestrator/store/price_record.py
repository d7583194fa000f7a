"""The price of an hour of training as a study keeps it: of one GPU, or of a machine without one."""

from typing import Literal

from orchestrator.store.record import Record


class PriceRecord(Record):
    """What an hour of one GPU or of one machine costs.

    `instance` and `date` are those of the list that it was taken from; empty where it was given as a number.
    """

    per_hour: float
    per: Literal["GPU", "machine"]
    currency: str = "USD"
    instance: str = ""
    gpu: str = ""
    date: str = ""
