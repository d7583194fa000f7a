"""Hours, money, and what a plan or a cap comes to, in sentences for the command line and the page."""

import math
from collections.abc import Sequence

from orchestrator.console import duration
from orchestrator.plan.estimates import Basis, PhaseEstimate
from orchestrator.store.price_record import PriceRecord

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£"}
# What a suggested cap has over the estimate of what is left: half as much again, and a minute to begin.
ROOM, ROOM_S = 1.5, 60.0
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


def spent_text(seconds: float, price: PriceRecord | None, *, units: float) -> str:
    """Say what has been taken so far: 12 min so far, $0.24."""
    cost = "" if price is None else f", {money(cost_of(seconds, price, units=units), price.currency)}"
    return f"{duration(seconds)} so far{cost}"


def money_note(price: PriceRecord | None) -> str:
    """Say below a table what its money is; nothing without a price."""
    if price is None:
        return ""
    of = f" ({price.instance}, from a list of {price.date or 'no date'})" if price.instance else ""
    hour = f"{money(price.per_hour, price.currency)} for an hour of one {price.per}{of}"
    return (
        f"Money is {hour} × the time of all finished trials × the part of it that each had; start-up "
        "and idle time are not in it. "
    )


def fitting_sentence(fit: int, whole: Sequence[str], *, missing: int, experiments: int, left_s: float) -> str:
    """Say before a capped run starts how much of it fits by the estimate."""
    if fit >= missing:
        return f"All {missing} trials fit within what the cap leaves ({duration(left_s)}), by the estimate"
    finished = (
        f"{len(whole)} of {experiments} experiments as a whole, which come first"
        if whole
        else "no experiment as a whole"
    )
    within = f"within what the cap leaves ({duration(left_s)}), by the estimate"
    return f"{fit} of {missing} trials fit {within}: {finished}"


def cap_sentence(clock_s: float, limit_s: float) -> str:
    """Say in a plan whether all of it fits within the cap of the command."""
    if clock_s <= limit_s:
        return f"The cap ({duration(limit_s)}) is enough for it, by the estimate"
    return (
        f"The cap ({duration(limit_s)}) leaves about {duration(clock_s - limit_s)} of it undone, by the "
        "estimate; the same command goes on with that"
    )


def cut_sentence(
    phase: str,
    *,
    unfinished: int,
    stopped: int,
    planned: int,
    more_s: float,
    price: PriceRecord | None,
    units: int,
) -> str:
    """Say what a cap left undone, what that takes, and how to go on.

    Args:
        phase: the phase that was cut.
        unfinished: its trials that are not finished because of the cap.
        stopped: those of them that had begun.
        planned: all its trials.
        more_s: seconds on the clock that a command would take for them, start-up included.
        price: what an hour costs; None = not known.
        units: how many GPUs or machines are paid for.
    """
    begun = unfinished - stopped
    what = f"{begun} of {planned} trials of {phase} were not begun" if begun else ""
    if stopped:
        kept = "and goes on from its checkpoint" if stopped == 1 else "and go on from their checkpoints"
        what += (
            f"{', ' if what else ''}{stopped} {'was' if stopped == 1 else 'were'} stopped at the cap {kept}"
        )
    cost = "" if price is None else f" ({money(cost_of(more_s, price, units=units), price.currency)})"
    # A cap as tight as the estimate may cut the next command before its first trial, again and again.
    hours = math.ceil((ROOM * more_s + ROOM_S) / 36) / 100
    return (
        f"{what}: about {duration(more_s)} more{cost}; the same command goes on with "
        f"{'it' if unfinished == 1 else 'them'}, without a cap or with --max-hours {hours:g}"
    )
