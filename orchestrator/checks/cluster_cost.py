"""Cost of a cluster that `ray up` starts: an hour while it waits, and an hour with all its workers.

Prices are those on demand, which a spot machine costs at most.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.checks.ray_cluster import DEFAULT_MAX_WORKERS, RayCluster, instance_of
from orchestrator.plan.price import CURRENCY, InstancePrice


@dataclass(frozen=True, slots=True)
class ClusterCost:
    """What an hour costs, idle and full; `machines` are the workers of a full cluster, by instance."""

    head: str
    machines: Mapping[str, int]
    idle_per_hour: float
    full_per_hour: float
    currency: str
    dates: tuple[str, ...]


def cluster_cost(cluster: RayCluster) -> ClusterCost | None:
    """Return the cost; None where a price is not known, or prices are in several currencies.

    A full cluster has the dearest workers that its numbers allow.
    """
    head = instance_of(cluster.head)
    known = {name: cluster.prices.get(name) for name in map(instance_of, cluster.types)}
    prices = {name: price for name, price in known.items() if price is not None}
    currencies = {each.currency for each in prices.values()}
    if len(prices) < len(known) or head not in prices or len(currencies) > 1:
        return None
    idle: dict[str, int] = {}
    left = int(_number(cluster.root.at("max_workers").number, DEFAULT_MAX_WORKERS))
    full: dict[str, int] = {}
    for name, low, high in sorted(_workers(cluster), key=lambda each: -prices[each[0]].per_hour):
        idle[name] = idle.get(name, 0) + low
        taken = min(left, high)
        left -= taken
        full[name] = full.get(name, 0) + taken
    return ClusterCost(
        head=head,
        machines={name: count for name, count in full.items() if count},
        idle_per_hour=prices[head].per_hour + _sum(idle, prices),
        full_per_hour=prices[head].per_hour + _sum(full, prices),
        currency=next(iter(currencies), CURRENCY),
        dates=tuple(sorted({each.date for each in prices.values() if each.date})),
    )


def _workers(cluster: RayCluster) -> list[tuple[str, int, int]]:
    """List instance, least and greatest number of each type of workers."""
    most = _number(cluster.root.at("max_workers").number, DEFAULT_MAX_WORKERS)
    return [
        (
            instance_of(part),
            int(_number(part.at("min_workers").number, 0)),
            int(_number(part.at("max_workers").number, most)),
        )
        for _, part in cluster.workers
    ]


def _sum(counts: Mapping[str, int], prices: Mapping[str, InstancePrice]) -> float:
    return sum(count * prices[name].per_hour for name, count in counts.items())


def _number(given: float | None, otherwise: float) -> float:
    return otherwise if given is None else given
