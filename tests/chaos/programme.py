"""Which faults are played to which study: drawn from one seed, so that a programme can be played again."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from signal import SIGHUP, SIGINT, SIGKILL, SIGTERM

from tests.chaos.damage import KEPT, damaged, decision, moved
from tests.chaos.interruptions import driver_gets, is_gcs, is_raylet, is_trial, loses
from tests.chaos.running_study import Fault

ENDINGS = ((SIGKILL, (-SIGKILL,)), (SIGTERM, (143,)), (SIGHUP, (129,)), (SIGINT, (130,)))
DAMAGED: Mapping[str, Fault] = {f"damaged between runs: {kind}": damaged(kind) for kind in KEPT}
WITHOUT_RAY: Mapping[str, Fault] = {
    **{
        f"{number.name} to the command, without Ray": driver_gets(number, on_ray=False, codes=codes)
        for number, codes in ENDINGS
    },
    **DAMAGED,
    "decision damaged between runs": decision,
    "results folder moved": moved,
}
ON_RAY: Mapping[str, Fault] = {
    **{
        f"{number.name} to the command, on Ray": driver_gets(number, on_ray=True, codes=codes)
        for number, codes in ENDINGS
    },
    "kill -9 of a worker": loses(is_trial),
    "kill -9 of the raylet": loses(is_raylet),
    "kill -9 of the GCS": loses(is_gcs),
}
DISK, SERVER, CLOCK = "disk full, then freed", "MLflow server stopped, then started", "clock stepped"


@dataclass(frozen=True)
class Programme:
    """The faults of one study, by their names, in their order; `kind` is one of SHARES."""

    number: int
    kind: str
    faults: tuple[str, ...]


# Of 100 faults: how many are of a kind, and how many one study gets. What starts Ray or a server is slow.
SHARES = {"ray": (12, 6), "server": (3, 3), "disk": (6, 6), "clock": (3, 3), "without ray": (76, 10)}
NAMES = {
    "ray": tuple(ON_RAY),
    "server": (SERVER,),
    "disk": (DISK,),
    "clock": (CLOCK,),
    # Files can be damaged in many ways, and most at no cost but that of the next attempt.
    "without ray": (*WITHOUT_RAY, *DAMAGED),
}


def programmes(seed: int, num_faults: int) -> list[Programme]:
    """Every kind in its share of `num_faults`, the slow first; within a kind each name comes in its turn."""
    random = Random(seed)
    counts = {kind: max(num_faults * share // 100, 1) for kind, (share, _) in SHARES.items()}
    counts["without ray"] += num_faults - sum(counts.values())
    made: list[Programme] = []
    for kind, (_, at_once) in SHARES.items():
        deck: list[str] = []
        while len(deck) < counts[kind]:
            deck += random.sample(NAMES[kind], len(NAMES[kind]))
        deck = deck[: counts[kind]]
        for first in range(0, len(deck), at_once):
            made.append(Programme(len(made), kind, tuple(deck[first : first + at_once])))
    return made
