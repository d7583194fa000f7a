"""A cluster's cost in sentences."""

from orchestrator.checks.cluster_cost import ClusterCost
from orchestrator.wording.price_text import money

HOURS_A_DAY = 24


def cost_sentences(cost: ClusterCost) -> tuple[str, ...]:
    """Say what an hour costs, idle and full, what the worst day does, and where prices are from."""
    machines = ", ".join(f"{count} x {name}" for name, count in cost.machines.items()) or "no workers"
    idle, full = (money(each, cost.currency) for each in (cost.idle_per_hour, cost.full_per_hour))
    day = money(cost.full_per_hour * HOURS_A_DAY, cost.currency)
    dated = f" of {', '.join(cost.dates)}" if cost.dates else ""
    return (
        f"Idle ({cost.head} as head): {idle} an hour",
        f"With all workers ({machines}): {full} an hour, {day} on the worst day",
        f"Prices on demand{dated} (cluster/prices.json, yours to check): spot machines cost at most as much; "
        "disks and traffic come on top",
    )
