"""Outcome of one shard of a run where others have trials left: nothing is collected or decided yet."""

from dataclasses import dataclass

from orchestrator.plan.sharding import Shard


@dataclass(frozen=True, slots=True)
class ShardOutcome:
    """Trials of a shard, those of them that are not done with the reason, and what others have left."""

    shard: Shard
    num_trials: int
    left: tuple[str, ...]
    num_elsewhere: int
