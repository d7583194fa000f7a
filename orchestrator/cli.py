"""The commands. Each parses its options, calls one function of another module, and says how it ended.

Exit codes: 0 all done, 1 some trial failed (or a defect of ours, with a log), 2 nothing started: usage,
configuration or data error, 130 interrupted. An error is one short message; the traceback goes to
results/logs/, or to the screen with --debug.
"""

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from orchestrator import __version__
from orchestrator.commands.data import data_app
from orchestrator.commands.decide import compare_command, decide_command
from orchestrator.commands.explain import explain_command
from orchestrator.commands.options import RESULTS
from orchestrator.commands.plan import plan_command
from orchestrator.commands.reference import models_command, schema_command
from orchestrator.commands.results import collect_command, report_command, ui_command
from orchestrator.commands.run import phase_command, run_command, study_command
from orchestrator.commands.status import status_command
from orchestrator.console import complain, say
from trainables.errors import InputError
from trainables.output_width import UNWRAPPED

EXIT_FAILED, EXIT_INPUT, EXIT_INTERRUPTED = 1, 2, 130

app = typer.Typer(
    name="orchestrator",
    no_args_is_help=True,
    add_completion=False,
    # Of the plain help alone, which `main` chooses where there is no terminal.
    context_settings={"terminal_width": UNWRAPPED},
    pretty_exceptions_enable=False,
)
app.add_typer(data_app, name="data")


def _say_version(is_asked: bool) -> None:
    if is_asked:
        say(f"orchestrator {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_say_version)
    ] = False,
) -> None:
    """Cross-validation studies for deepfake detection: plan, run what is missing, collect, report."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; never returns."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    if arguments and arguments[0] in _own_phases(arguments):
        app.command(arguments[0])(phase_command(arguments[0]))
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


def _own_phases(arguments: Sequence[str]) -> list[str]:
    """The phases of the experiments folder: each is a command by its name, unless another is called so."""
    if arguments[0] in COMMANDS or arguments[0] == "data" or arguments[0].startswith("-"):
        return []
    from orchestrator.config.load import experiments_folder
    from orchestrator.config.phase import phase_names

    return phase_names(experiments_folder(_given(arguments, "--experiments")))


def _given_results(arguments: Sequence[str]) -> Path:
    return _given(arguments, "--results") or RESULTS


def _given(arguments: Sequence[str], option: str) -> Path | None:
    """The path that an option was given, before anything has been parsed."""
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        if argument == option:
            return Path(following)
        if argument.startswith(f"{option}="):
            return Path(argument.partition("=")[2])
    return None


COMMANDS: dict[str, Callable[..., None]] = {
    **{phase: phase_command(phase) for phase in ("phase1", "phase2", "phase3", "phase4")},
    "study": study_command,
    "run": run_command,
    "plan": plan_command,
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
