"""Tables and plain values of what plans cost: an experiment or a phase a row."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import JsonValue

from orchestrator.console import duration, show_table, size_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from orchestrator.plan.estimates import ExperimentEstimate, PhaseEstimate
    from orchestrator.store.price_record import PriceRecord

MIB = 2**20


def show_experiments(estimate: "PhaseEstimate", price: "PriceRecord | None", *, console: "Console") -> None:
    """Print what each experiment of a phase costs, and the phase."""
    from orchestrator.wording.price_text import basis_sentence, phase_sentence, price_sentence

    table = _table("experiment", price)
    for each in estimate.experiments:
        table.add_row(
            each.experiment,
            f"{each.missing} of {each.trials}",
            str(each.at_a_time),
            _memory(each),
            f"{each.images_per_s:,.3g} ({each.basis.value})",
            duration(each.clock_s),
            size_text(each.disk_bytes),
            *_money(each.clock_s, price, estimate.units),
        )
    notes = [basis_sentence([estimate])]
    notes += [price_sentence(price, units=estimate.units)] if price is not None else []
    show_table(table, title=phase_sentence(estimate, price), notes=filter(None, notes), console=console)


def show_phases(
    estimates: "Sequence[PhaseEstimate]",
    price: "PriceRecord | None",
    *,
    console: "Console",
    more: Sequence[str] = (),
) -> None:
    """Print what each phase of a study costs, and all of them, with `more` notes below."""
    from orchestrator.wording.price_text import (
        basis_sentence,
        cost_of,
        money,
        price_sentence,
        total_sentence,
    )

    table = _table("phase", price)
    for each in estimates:
        table.add_row(
            each.phase,
            f"{each.missing} of {each.trials}",
            str(max((one.at_a_time for one in each.experiments), default=1)),
            size_text(round(each.peak_mib * MIB)),
            _speeds(each),
            duration(each.clock_s),
            size_text(each.disk_bytes),
            *_money(each.clock_s, price, each.units),
        )
    total = (
        []
        if price is None
        else [
            money(sum(cost_of(each.clock_s, price, units=each.units) for each in estimates), price.currency)
        ]
    )
    table.add_section()
    table.add_row(
        "in all",
        f"{sum(each.missing for each in estimates)} of {sum(each.trials for each in estimates)}",
        "",
        size_text(round(max((each.peak_mib for each in estimates), default=0.0) * MIB)),
        "",
        duration(sum(each.clock_s for each in estimates)),
        size_text(sum(each.disk_bytes for each in estimates)),
        *total,
    )
    notes = [f"{each.phase} {assumed}" for each in estimates for assumed in each.assumes]
    notes += filter(None, [basis_sentence(estimates)])
    notes += [price_sentence(price, units=estimates[0].units)] if price is not None and estimates else []
    notes += more
    show_table(table, title=total_sentence(estimates, price), notes=notes, console=console)


def estimate_json(estimate: "PhaseEstimate", price: "PriceRecord | None") -> dict[str, JsonValue]:
    """Return what a phase costs in plain values; money is null without a price."""
    return {
        "phase": estimate.phase,
        "trials": estimate.trials,
        "to_run": estimate.missing,
        "assumes": list(estimate.assumes),
        "hours": _hours(estimate.clock_s),
        "start_up_hours": _hours(estimate.start_s),
        "peak_mib": round(estimate.peak_mib, 1),
        "disk_bytes": estimate.disk_bytes,
        "units": estimate.units,
        "cost": _cost(estimate.clock_s, price, estimate.units),
        "experiments": [
            {
                "name": each.experiment,
                "trials": each.trials,
                "to_run": each.missing,
                "at_a_time": each.at_a_time,
                "images_per_s": round(each.images_per_s, 2),
                "images_per_s_is": each.basis.name.lower(),
                "peak_mib": round(each.peak_mib, 1),
                "peak_mib_is": "measured" if each.is_memory_measured else "estimated",
                "hours": _hours(each.clock_s),
                "disk_bytes": each.disk_bytes,
                "cost": _cost(each.clock_s, price, estimate.units),
            }
            for each in estimate.experiments
        ],
    }


def price_json(price: "PriceRecord | None") -> Mapping[str, JsonValue] | None:
    """Return a price in plain values; None without one."""
    return None if price is None else price.model_dump(mode="json")


def _table(first: str, price: "PriceRecord | None") -> "Table":
    from rich.table import Table

    table = Table()
    names = (first, "trials to run", "at a time", "memory", "images/s", "time", "disk")
    for column in (*names, *(() if price is None else ("money",))):
        table.add_column(column, no_wrap=True)
    return table


def _memory(each: "ExperimentEstimate") -> str:
    return size_text(round(each.peak_mib * MIB)) + ("" if each.is_memory_measured else " estimated")


def _speeds(estimate: "PhaseEstimate") -> str:
    speeds = [each.images_per_s for each in estimate.experiments]
    if not speeds:
        return ""
    least, most = f"{min(speeds):,.3g}", f"{max(speeds):,.3g}"
    return (least if least == most else f"{least} to {most}") + "".join(
        f" ({basis.value})" for basis in estimate.bases[-1:]
    )


def _money(seconds: float, price: "PriceRecord | None", units: int) -> tuple[str, ...]:
    from orchestrator.wording.price_text import cost_of, money

    return () if price is None else (money(cost_of(seconds, price, units=units), price.currency),)


def _cost(seconds: float, price: "PriceRecord | None", units: int) -> float | None:
    from orchestrator.wording.price_text import cost_of

    return None if price is None else round(cost_of(seconds, price, units=units), 4)


def _hours(seconds: float) -> float:
    return round(seconds / 3600, 5)
