"""Hours, money, and what a plan or a cap comes to, in sentences for the command line and the page."""

from collections.abc import Sequence

from orchestrator.console import duration
from orchestrator.plan.estimates import Basis, PhaseEstimate
from orchestrator.store.price_record import PriceRecord

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£"}
TRUSTED = {
    Basis.FINISHED: "of finished trials",
    Basis.MEASURED: "measured on this machine",
    Basis.ESTIMATED: "estimated from operations and memory traffic, right within a factor of 3 or so",
}


def money(amount: float, currency: str) -> str:
    """Write an amount of money: $0.48, or 0.48 CHF."""
    least = f"{amount:,.2f}" if amount >= 0.005 or amount == 0.0 else "< 0.01"
    symbol = SYMBOLS.get(currency)
    if symbol is None:
        return f"{least} {currency}"
    return f"< {symbol}0.01" if least.startswith("<") else f"{symbol}{least}"


def cost_of(seconds: float, price: PriceRecord, *, units: float) -> float:
    """Return what so many seconds on the clock cost of `units` GPUs or machines."""
    return seconds / 3600 * price.per_hour * units


def price_sentence(price: PriceRecord, *, units: int) -> str:
    """Say what a price is of, and where it comes from."""
    each = f"{money(price.per_hour, price.currency)} an hour of one {price.per}"
    many = f", {units} of them" if units > 1 else ""
    if not price.instance:
        return f"Price: {each}{many}"
    dated = f" of {price.date}" if price.date else ""
    sentence = f"Price: {each}{many} ({price.instance}, from a list{dated} that is yours to check)"
    if price.gpu and price.per == "machine":
        sentence += f"; the hours are those of this machine without a GPU, not of the {price.gpu} of it"
    return sentence


def basis_sentence(estimates: Sequence[PhaseEstimate]) -> str:
    """Say what the speeds of plans rest on, and how far to trust them; empty where nothing is left to run."""
    used = [TRUSTED[basis] for basis in Basis if any(basis in each.bases for each in estimates)]
    if not used:
        return ""
    return f"Images/s are {', or '.join(used)}. A trial that stops early takes less"


def phase_sentence(estimate: PhaseEstimate, price: PriceRecord | None) -> str:
    """Say what is left of a phase in hours, money, memory and disk."""
    if not estimate.missing:
        return f"{estimate.phase}: nothing left to run"
    parts = [f"about {duration(estimate.clock_s)} ({duration(estimate.start_s)} of it before and after)"]
    if price is not None:
        cost = cost_of(estimate.clock_s, price, units=estimate.units)
        parts.append(money(cost, price.currency))
    return f"{estimate.phase}: {estimate.missing} of {estimate.trials} trials to run, {', '.join(parts)}"


def total_sentence(estimates: Sequence[PhaseEstimate], price: PriceRecord | None) -> str:
    """Say what is left of a study in hours and money."""
    clock_s = sum(each.clock_s for each in estimates)
    spent = "" if price is None else f", {money(_cost(estimates, price), price.currency)}"
    missing = sum(each.missing for each in estimates)
    return f"In all {missing} trials to run, about {duration(clock_s)}{spent}"


def _cost(estimates: Sequence[PhaseEstimate], price: PriceRecord) -> float:
    return sum(cost_of(each.clock_s, price, units=each.units) for each in estimates)
