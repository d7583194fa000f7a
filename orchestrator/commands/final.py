"""`final`: the images held out for the end, opened once by the model that a decision chose."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.commands.completion import phase_completions
from orchestrator.commands.options import (
    RESULTS,
    DataOption,
    DebugOption,
    JsonOption,
    QuietOption,
    ResultsOption,
)
from orchestrator.console import say, screen, show_table

if TYPE_CHECKING:
    from orchestrator.store.final_file import FinalRecord


def final_command(
    phase: Annotated[
        str | None,
        typer.Argument(
            help="A phase whose decision chose an experiment; default: the last one.",
            autocompletion=phase_completions,
            show_default=False,
        ),
    ] = None,
    again: Annotated[
        bool,
        typer.Option("--again", help="Open images that were opened before; how often is recorded."),
    ] = False,
    data: DataOption = None,
    results: ResultsOption = RESULTS,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Score the chosen model on the images that no fold holds (holdout_final), once; show what is stored.

    Exits with 2 where nothing is held out, no decision is taken, or the images were opened for another one.

    Example: python -m orchestrator final phase4
    """
    from orchestrator.analysis.collect import collect
    from orchestrator.execution.final import open_held_out, phase_to_open
    from orchestrator.report.page import write_report
    from orchestrator.store.final_file import final_file
    from orchestrator.store.folder import Store
    from orchestrator.wording.final_text import final_sentences

    store, console = Store.reopen(results), screen(stderr=as_json)
    name = phase or phase_to_open(store)
    found = open_held_out(store, name, data=data, again=again, console=console, quiet=quiet)
    if found.is_new:
        write_report(store, collect(store, name))
    if as_json:
        content = {"final": found.record.plain(), "is_new": found.is_new}
        print(json.dumps({**content, "sentences": final_sentences(found.record)}, indent=1))
        return
    for line in final_sentences(found.record):
        say(line)
    if not quiet:
        _show_metrics(found.record)
    state = "opened now" if found.is_new else "as it was opened before"
    say(f"Final scores: {final_file(store, name)} ({state})")


def _show_metrics(record: "FinalRecord") -> None:
    from rich.table import Table

    from orchestrator.wording.final_text import metric_interval, metric_value, single_models
    from orchestrator.wording.numbers import metric_name

    table = Table()
    for column in ("metric", "mean of all models", "95 % interval", "single models"):
        table.add_column(column, no_wrap=True)
    for each in record.metrics:
        table.add_row(
            metric_name(each.metric), metric_value(each), metric_interval(each), single_models(each)
        )
    show_table(table, title="All metrics", console=screen())
