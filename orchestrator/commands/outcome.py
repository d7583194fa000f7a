"""Outcomes of phases as commands print them: for people, or as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import typer
from pydantic import JsonValue

from orchestrator.commands.exit_codes import EXIT_FAILED
from orchestrator.console import complain, say, warn

if TYPE_CHECKING:
    import pandas as pd

    from orchestrator.analysis.collect import Tables
    from orchestrator.store.folder import Store

Rows = Sequence[Mapping[str, JsonValue]]


@dataclass(frozen=True, slots=True)
class PhaseOutcome:
    """What a phase came to: its verdict, the rows of its tables, the decision in force, and its page."""

    phase: str
    verdict: str
    failures: Rows
    summary: Rows
    comparisons: Rows
    shortcuts: Rows
    caveats: Sequence[str]
    decision: Mapping[str, JsonValue] | None
    report: str


def phase_outcome(tables: "Tables", store: "Store") -> PhaseOutcome:
    """Return what a phase came to in plain values."""
    from orchestrator.store.decision_file import in_force
    from orchestrator.wording.caveats import caveat_sentences
    from orchestrator.wording.lead import lead_sentence

    phase = tables.study.phase.name
    decision = in_force(store, phase)
    return PhaseOutcome(
        phase=phase,
        verdict=lead_sentence(tables, decision),
        failures=_rows(tables.failures),
        summary=_rows(tables.summary),
        comparisons=_rows(tables.comparisons),
        shortcuts=_rows(tables.shortcuts),
        caveats=caveat_sentences(tables, decision),
        decision=None if decision is None else decision.plain(),
        report=str(store.report(phase) / "index.html"),
    )


def say_outcome(tables: "Tables", store: "Store", *, as_json: bool) -> int:
    """Print verdict, learning curves and caveats, unless as JSON, and what failed; return how many did."""
    from orchestrator.checks.shortcuts import warnings
    from orchestrator.store.decision_file import in_force
    from orchestrator.store.folder import State
    from orchestrator.wording.caveats import caveat_sentences
    from orchestrator.wording.lead import lead_sentence
    from orchestrator.wording.scaling import scaling_sentences

    if not as_json:
        decision = in_force(store, tables.study.phase.name)
        say(lead_sentence(tables, decision))
        for line in scaling_sentences(tables.curves):
            say(line)
        for caveat in caveat_sentences(tables, decision):
            say(f"Caveat: {caveat}")
    for line in warnings(tables.study):
        warn(line)
    failed = tables.failures[tables.failures["state"].isin([State.FAILED, State.UNREADABLE])]
    for row in failed.itertuples():
        complain(f"{row.experiment} repeat {row.repeat} fold {row.fold} {row.state}: {row.reason}")
    return len(failed)


def show_outcome(tables: "Tables", store: "Store", *, as_json: bool) -> None:
    """Print what a phase came to, for people or as JSON.

    Raises:
        typer.Exit: a trial failed.
    """
    if as_json:
        print(json.dumps(asdict(phase_outcome(tables, store)), indent=1))
    if say_outcome(tables, store, as_json=as_json):
        raise typer.Exit(EXIT_FAILED)


def _rows(table: "pd.DataFrame") -> Rows:
    rows: Rows = json.loads(table.to_json(orient="records"))
    return rows
