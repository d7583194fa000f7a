"""What every part is given, and how it says what it found: a JSON object per line, as soon as it is known."""

import argparse
import dataclasses
import json
import time
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Case:
    """How a part is run: on "cpu" or "cuda", for how many seconds, and in a tiny version."""

    device: str
    seconds: float
    small: bool
    began: float

    @property
    def torch_device(self) -> torch.device:
        """What the trainer is given."""
        return torch.device(self.device)

    def left_s(self) -> float:
        """Seconds of the budget that are left."""
        return self.seconds - (time.monotonic() - self.began)


def read_case() -> Case:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--small", action="store_true")
    wanted = parser.parse_args()
    return Case(wanted.device, wanted.seconds, wanted.small, time.monotonic())


def emit(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


@dataclass(frozen=True)
class Limit:
    """A ratio of the run with its limit: the least that it may be, or with `is_most` the greatest."""

    name: str
    value: float
    limit: float
    is_most: bool = False

    @property
    def is_kept(self) -> bool:
        """Whether the ratio is on its side of the limit."""
        return self.value <= self.limit if self.is_most else self.value >= self.limit

    def said(self) -> str:
        """Write the ratio with its limit."""
        return f"{self.name} = {self.value:.3f}   (limit {self.limit:g})"


def limit(name: str, value: float, least: float | None = None, *, most: float | None = None) -> None:
    """Say a ratio that has a limit."""
    bound = most if least is None else least
    assert bound is not None, "a limit is a least or a most"
    emit(limit=dataclasses.asdict(Limit(name, round(value, 4), bound, is_most=least is None)))


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
