"""`status`, `collect`, `report`, `explain`, `ui`: what is made of results/ alone."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.commands.completion import phase_completions
from orchestrator.commands.options import (
    RESULTS,
    DebugOption,
    JsonOption,
    PhaseArgument,
    QuietOption,
    ResultsOption,
)
from orchestrator.console import complain, say, screen, warn

if TYPE_CHECKING:
    from orchestrator.analysis.collect import Tables
    from orchestrator.store.folder import Store

EXIT_FAILED = 1


def outcome_json(tables: "Tables", store: "Store") -> dict[str, Any]:
    """Return what a phase came to as plain JSON values."""
    from orchestrator.store.decision_file import in_force
    from orchestrator.wording.verdict import verdict

    phase = tables.study.phase.name
    decision = in_force(store, phase)
    return {
        "phase": phase,
        "verdict": verdict(tables),
        "failures": tables.failures.to_dict("records"),
        "summary": json.loads(tables.summary.to_json(orient="records")),
        "comparisons": json.loads(tables.comparisons.to_json(orient="records")),
        "shortcuts": json.loads(tables.shortcuts.to_json(orient="records")),
        "decision": None if decision is None else decision.plain(),
        "report": str(store.report(phase) / "index.html"),
    }


def say_outcome(tables: "Tables", *, as_json: bool) -> int:
    """Print the verdict, unless JSON says it, and what failed; return how many trials did."""
    from orchestrator.checks.shortcuts import warnings
    from orchestrator.store.folder import State
    from orchestrator.wording.verdict import verdict

    if not as_json:
        say(verdict(tables))
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
        print(json.dumps(outcome_json(tables, store), indent=1))
    if say_outcome(tables, as_json=as_json):
        raise typer.Exit(EXIT_FAILED)


def status_command(
    phase: Annotated[
        str | None,
        typer.Argument(help="A phase; default: all that have run.", autocompletion=phase_completions),
    ] = None,
    results: ResultsOption = RESULTS,
    watch: Annotated[bool, typer.Option("--watch", help="Keep looking until nothing runs.")] = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show what is running, done, failed, and the time left; from any terminal.

    Example: python -m orchestrator status --watch
    """
    from orchestrator.commands.views import show_status

    show_status(results, phase, watch=watch, as_json=as_json, console=screen())


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


def explain_command(
    trial: Annotated[str, typer.Argument(help="A trial's folder name, or the start of its key.")],
    results: ResultsOption = RESULTS,
    debug: DebugOption = False,
) -> None:
    """Say where a trial comes from and which ingredient sets it apart from the nearest finished one.

    Example: python -m orchestrator explain p1_resnet18_baseline-r0f0-0123456789ab
    """
    from orchestrator.commands.views import explain
    from orchestrator.store.folder import Store

    say(explain(Store.look(results), trial))


def ui_command(
    results: ResultsOption = RESULTS,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 5000,
    debug: DebugOption = False,
) -> None:
    """Serve MLflow's pages for the results, on this machine alone.

    Example: python -m orchestrator ui --port 5001
    """
    import subprocess

    from orchestrator.store.folder import Store
    from orchestrator.tracking import serve

    raise typer.Exit(subprocess.run(serve(Store.look(results), host=host, port=port), check=False).returncode)
