"""`collect` and `report`: what is made of results/ alone."""

from typing import Annotated

import typer

from orchestrator.commands.completion import report_completions
from orchestrator.commands.options import (
    RESULTS,
    DebugOption,
    JsonOption,
    PhaseArgument,
    QuietOption,
    ResultsOption,
    WithPathsOption,
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
    phase: Annotated[
        str,
        typer.Argument(
            help="A phase that has run; or final: slides (PDF), page and self-evaluation of all phases.",
            autocompletion=report_completions,
        ),
    ],
    results: ResultsOption = RESULTS,
    with_paths: WithPathsOption = False,
    debug: DebugOption = False,
) -> None:
    """Write the report of a phase again; `report final` writes that of the whole study.

    The final report holds slides.pdf, the same slides as index.html, and self-evaluation.md, which says for
    each point of the plan where its evidence lies. Pages of your own, such as on generated data, go into
    slides.md in the results folder: a heading for each slide, with lists, paragraphs and tables below it.

    Example: python -m orchestrator report final
    """
    from orchestrator.analysis.collect import collect
    from orchestrator.report.page import write_report
    from orchestrator.report.slides.final_report import write_final_report
    from orchestrator.store.final_report_files import FINAL_REPORT
    from orchestrator.store.folder import Store

    store = Store.reopen(results)
    if phase == FINAL_REPORT:
        for path in write_final_report(store, with_paths=with_paths).files:
            say(str(path))
        return
    tables = collect(store, phase)
    write_report(store, tables, with_paths=with_paths)
    say(str(store.report(phase) / "index.html"))
