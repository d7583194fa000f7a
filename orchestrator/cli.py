"""The commands. Each parses its options, calls one function of another module, and says how it ended.

Exit codes: 0 all done, 1 some trial failed (or a defect of ours, with a log), 2 nothing started: usage,
configuration or data error, 130 interrupted. An error is one short message; the traceback goes to
results/logs/, or to the screen with --debug.
"""

import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.data_commands import data_app
from orchestrator.decision_commands import compare_command, decide_command
from orchestrator.messages import UNWRAPPED, complain, say, screen
from orchestrator.options import (
    RESULTS,
    AcceptOption,
    AddressOption,
    DataOption,
    DebugOption,
    ExperimentsOption,
    FoldsOption,
    JsonOption,
    MaxOption,
    OnlyOption,
    PresetOption,
    QuietOption,
    ResultsOption,
    SetOption,
)
from orchestrator.reference_commands import models_command, schema_command
from orchestrator.results_commands import (
    collect_command,
    explain_command,
    report_command,
    show_outcome,
    status_command,
    ui_command,
)
from trainables.errors import InputError

EXIT_FAILED, EXIT_INPUT, EXIT_INTERRUPTED = 1, 2, 130

app = typer.Typer(
    name="orchestrator",
    help="Cross-validation studies for deepfake detection: plan, run what is missing, collect, report.",
    no_args_is_help=True,
    add_completion=False,
    # Of the plain help alone, which `main` chooses where there is no terminal.
    context_settings={"terminal_width": UNWRAPPED},
    pretty_exceptions_enable=False,
)
app.add_typer(data_app, name="data")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; never returns."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    # Rich draws boxes as wide as COLUMNS, or as 80 columns, and wraps all that is in them.
    app.rich_markup_mode = "rich" if sys.stdout.isatty() else None
    try:
        code = app(arguments, standalone_mode=False)
    except InputError as error:
        code = EXIT_INPUT if not debug else _show(error, EXIT_INPUT)
        complain(str(error))
    except (KeyboardInterrupt, typer.Abort):
        code = EXIT_INTERRUPTED
    except typer.Exit as end:
        code = end.exit_code
    except Exception as error:
        if hasattr(error, "exit_code") and hasattr(error, "format_message"):
            code, message = EXIT_INPUT, error.format_message().strip()
            if message.startswith("Usage:"):
                # A group without a command: this is its help, which on a terminal has been shown already.
                print(message)
            elif message:
                complain(f"{message} (see --help)")
        else:
            code = _defect(error, arguments, debug=debug)
    if code == EXIT_INTERRUPTED:
        complain("interrupted; the same command goes on where this one stopped")
    sys.stdout.flush()
    sys.exit(code or 0)


def _show(error: BaseException, code: int) -> int:
    traceback.print_exception(error)
    return code


def _defect(error: Exception, arguments: Sequence[str], *, debug: bool) -> int:
    """A mistake of ours: the traceback goes to a log, one sentence to the screen."""
    if debug:
        return _show(error, EXIT_FAILED)
    results = _given_results(arguments)
    text = "".join(traceback.format_exception(error))
    try:
        log = results / "logs" / f"defect-{os.getpid()}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(text, encoding="utf-8")
        where = f"the traceback is in {log}"
    except OSError:
        where = "run again with --debug to see where"
    complain(f"this is a defect of the program ({type(error).__name__}: {error}); {where}")
    return EXIT_FAILED


def _given_results(arguments: Sequence[str]) -> Path:
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        if argument == "--results":
            return Path(following)
        if argument.startswith("--results="):
            return Path(argument.partition("=")[2])
    return RESULTS


def _run(names: Sequence[str], **given: Any) -> None:
    from orchestrator.loading import experiments_folder, load
    from orchestrator.plan import Options
    from orchestrator.store import Store
    from orchestrator.study import run_study

    question = load(
        names,
        experiments_folder(given["experiments"]),
        results=given["results"],
        preset=given["preset"],
        settings=given["settings"] or (),
    )
    options = Options(
        results=given["results"],
        data=given["data"],
        only=given["only"],
        folds=_fold_list(given["folds"]),
        max_concurrent=given["max_concurrent"],
        address=given["address"],
        quiet=given["quiet"],
        debug=given["debug"],
        accept_shortcut=given["accept_shortcut"],
    )
    tables = run_study(question, options, console=screen(stderr=given["as_json"]))
    show_outcome(tables, Store.look(options.results), as_json=given["as_json"])


def _fold_list(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"--folds {text}: give numbers with commas between them, for example 0,1") from error


def _phase_command(name: str) -> Callable[..., None]:
    def command(
        data: DataOption = None,
        results: ResultsOption = RESULTS,
        preset: PresetOption = None,
        settings: SetOption = None,
        only: OnlyOption = None,
        folds: FoldsOption = None,
        max_concurrent: MaxOption = None,
        address: AddressOption = "local",
        accept_shortcut: AcceptOption = False,
        quiet: QuietOption = False,
        as_json: JsonOption = False,
        debug: DebugOption = False,
        experiments: ExperimentsOption = None,
    ) -> None:
        _run([name], **locals())

    command.__doc__ = (
        f"Check data, plan, run what is missing of {name}, collect, report.\n\n"
        f"Example: python -m orchestrator {name} --data ~/faces --preset cpu"
    )
    return command


for _phase in ("phase1", "phase2", "phase3", "phase4"):
    app.command(_phase)(_phase_command(_phase))


@app.command("run")
def run_command(
    names: Annotated[list[str], typer.Argument(metavar="NAME|FILE...", help="Experiments.")],
    data: DataOption = None,
    results: ResultsOption = RESULTS,
    preset: PresetOption = None,
    settings: SetOption = None,
    only: OnlyOption = None,
    folds: FoldsOption = None,
    max_concurrent: MaxOption = None,
    address: AddressOption = "local",
    accept_shortcut: AcceptOption = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
    experiments: ExperimentsOption = None,
) -> None:
    """Do for single experiments what a phase command does.

    Example: python -m orchestrator run p1_resnet18_baseline --data ~/faces --set epochs=3 --folds 0
    """
    given = dict(locals())
    _run(given.pop("names"), **given)


@app.command("plan")
def plan_command(
    names: Annotated[list[str], typer.Argument(metavar="PHASE|NAME...", help="A phase, or experiments.")],
    data: DataOption = None,
    results: ResultsOption = RESULTS,
    preset: PresetOption = None,
    settings: SetOption = None,
    only: OnlyOption = None,
    folds: FoldsOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
    experiments: ExperimentsOption = None,
) -> None:
    """Show every trial with its state, why, resources and estimate; start nothing.

    Example: python -m orchestrator plan phase1 --data ~/faces --preset smoke
    """
    from orchestrator.loading import experiments_folder, load
    from orchestrator.pixel_plan import pixel_json, pixel_line
    from orchestrator.plan import Options
    from orchestrator.views import make_plan, plan_json, show_plan

    question = load(
        names, experiments_folder(experiments), results=results, preset=preset, settings=settings or ()
    )
    options = Options(
        results=results, data=data, only=only, folds=_fold_list(folds), quiet=as_json, debug=debug
    )
    study = make_plan(question, options, console=screen(stderr=as_json))
    if as_json:
        print(json.dumps({**plan_json(study), "pixel_caches": pixel_json(study)}, indent=1))
    else:
        show_plan(study, console=screen())
        say(pixel_line(study))


COMMANDS: dict[str, Callable[..., None]] = {
    "status": status_command,
    "collect": collect_command,
    "decide": decide_command,
    "report": report_command,
    "compare": compare_command,
    "explain": explain_command,
    "models": models_command,
    "ui": ui_command,
    "schema": schema_command,
}
for _name, _command in COMMANDS.items():
    app.command(_name)(_command)
