"""`collect` and `report`: what is made of results/ alone."""

from typing import Annotated

import typer

from orchestrator.commands.options import (
    RESULTS,
    DebugOption,
    JsonOption,
    PhaseArgument,
    QuietOption,
    ResultsOption,
)
from orchestrator.commands.outcome import show_outcome
from orchestrator.console import say, screen


def collect_command(
    phase: PhaseArgument,
    results: ResultsOption = RESULTS,
    sync: Annotated[
        bool, typer.Option("--sync", help="Bring MLflow up to date even if it seems so.")
    ] = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Compute the tables of a phase again from the stored predictions, and its report.

    Example: python -m orchestrator collect phase1 --sync
    """
    from orchestrator.execution.run import finish
    from orchestrator.store.folder import Store

    store = Store.reopen(results)
    tables = finish(store, phase, console=screen(stderr=as_json), quiet=quiet, sync=sync)
    show_outcome(tables, store, as_json=as_json)


def report_command(
    phase: PhaseArgument,
    results: ResultsOption = RESULTS,
    debug: DebugOption = False,
) -> None:
    """Write the report of a phase again.

    Example: python -m orchestrator report phase1
    """
    from orchestrator.analysis.collect import collect
    from orchestrator.report.page import write_report
    from orchestrator.store.folder import Store

    store = Store.reopen(results)
    tables = collect(store, phase)
    write_report(store, tables)
    say(str(store.report(phase) / "index.html"))
