"""The commands. Each parses its options, calls one function of another module, and says how it ended.

Exit codes: 0 all done, 1 some trial failed or is not done (or a defect of ours, with a log), 2 nothing
started: usage, configuration or data error, 130 interrupted, 143 ended by SIGTERM, 129 by SIGHUP. An error is
one short message; the traceback goes to results/logs/, or to the screen with --debug.
"""

import contextlib
import os
import shlex
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from orchestrator import __version__
from orchestrator.commands.data import data_app
from orchestrator.commands.decide import compare_command, decide_command
from orchestrator.commands.doctor import doctor_command
from orchestrator.commands.evaluate import evaluate_command
from orchestrator.commands.exit_codes import EXIT_FAILED, EXIT_INPUT, EXIT_INTERRUPTED, exit_of
from orchestrator.commands.explain import explain_command
from orchestrator.commands.explain_images import explain_images_command
from orchestrator.commands.export import export_command
from orchestrator.commands.final import final_command
from orchestrator.commands.init import init_command
from orchestrator.commands.options import RESULTS
from orchestrator.commands.plan import plan_command
from orchestrator.commands.predict import predict_command
from orchestrator.commands.pull import pull_command
from orchestrator.commands.reference import models_command, schema_command
from orchestrator.commands.results import collect_command, report_command
from orchestrator.commands.run import phase_command, run_command, study_command
from orchestrator.commands.status import status_command
from orchestrator.commands.ui import ui_command
from orchestrator.config.library import PROJECT, RESERVED, find_library
from orchestrator.console import complain, say, warn
from orchestrator.execution.ending import EndingSignals, ended_by_signals
from orchestrator.execution.restart import RunEndedError, allow_restart
from orchestrator.store.disk_faults import disk_fault, path_fault
from orchestrator.store.remote.local_copy import local_folder
from trainables.errors import ChangedFileError, InputError
from trainables.output_width import UNWRAPPED
from trainables.outside_text import without_accounts

PROGRAM = "orchestrator"
COMPLETE = f"_{PROGRAM.upper()}_COMPLETE"
# A shell that completes has the line that is being typed in one of these, and gives no arguments.
TYPED = ("_TYPER_COMPLETE_ARGS", "COMP_WORDS")


class _Panels(TyperGroup):
    """Lists phases and commands under headings of their own in plain help, too."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a section for each heading."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            heading = getattr(command, "rich_help_panel", None) or "Commands"
            panels.setdefault(heading, []).append((name, command.get_short_help_str(formatter.width)))
        for heading, rows in panels.items():
            with formatter.section(heading):
                formatter.write_dl(rows)


def _say_version(is_asked: bool) -> None:
    if is_asked:
        say(f"{PROGRAM} {__version__}")
        raise typer.Exit


def options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_say_version)
    ] = False,
    project: Annotated[
        Path | None,
        typer.Option(
            "--project",
            metavar="DIR|FILE",
            help="A project made by init; default: orchestrator.toml here, if there is one.",
        ),
    ] = None,
) -> None:
    """Cross-validation studies for deepfake detection: plan, run what is missing, collect, report."""


def make_app(phases: Iterable[str]) -> typer.Typer:
    """Make the table of commands, one for each phase among them."""
    app = typer.Typer(
        name=PROGRAM,
        cls=_Panels,
        no_args_is_help=True,
        # Of the plain help alone, which is chosen where there is no terminal.
        context_settings={"terminal_width": UNWRAPPED},
        pretty_exceptions_enable=False,
        # Rich draws boxes as wide as COLUMNS, or as 80 columns, and wraps all that is in them.
        rich_markup_mode="rich" if sys.stdout.isatty() else None,
    )
    app.callback()(options)
    for phase in phases:
        app.command(phase, rich_help_panel="Phases")(phase_command(phase))
    for name, command in COMMANDS.items():
        app.command(name)(command)
    app.add_typer(data_app, name="data")
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; never returns."""
    if arguments is None:
        arguments = sys.argv[1:]
        allow_restart()
    arguments = list(arguments)
    with ended_by_signals() as signals:
        code = _exit_code(arguments, signals)
        # A terminal that is gone takes no more words.
        with contextlib.suppress(OSError):
            if code == EXIT_INTERRUPTED:
                first = signals.first or signal.SIGINT
                code, name = exit_of(first), signal.Signals(first).name
                how = "interrupted" if first == signal.SIGINT else f"ended by {name}"
                complain(f"{how}; the same command goes on where this one stopped")
            sys.stdout.flush()
    # An interrupt that met code which a library makes from text ends CPython by its signal, though it was
    # caught; only more of such code lets it forget.
    exec("")
    sys.exit(code)


def _exit_code(arguments: list[str], signals: EndingSignals) -> int:
    """Run a command, and say what it fails by."""
    debug, results = "--debug" in arguments, RESULTS
    try:
        words = _typed() if COMPLETE in os.environ else arguments
        folders = _project_folders(words)
        results = local_folder(_given(words, "--results") or folders.get("results", RESULTS), "results")
        command = typer.main.get_command(make_app(_phases(words, folders)))
        defaults = _defaults(command, folders)
        code = command.main(arguments, PROGRAM, standalone_mode=False, default_map=defaults, obj=folders)
        return int(code or 0)
    except InputError as error:
        if isinstance(error, ChangedFileError):
            _look_again(results, error)
        for line in error.lines:
            complain(line)
        return EXIT_INPUT if not debug else _show(error, EXIT_INPUT)
    except (KeyboardInterrupt, typer.Abort):
        return EXIT_INTERRUPTED
    except typer.Exit as end:
        return end.exit_code
    except Exception as error:
        return _of_error(error, results, signals, debug=debug)


def _of_error(error: Exception, results: Path, signals: EndingSignals, *, debug: bool) -> int:
    """Say an error that is no InputError, by who has to mend it."""
    if hasattr(error, "exit_code") and hasattr(error, "format_message"):
        message = error.format_message().strip()
        if message.startswith("Usage:"):
            # A group without a command: this is its help, which on a terminal has been shown already.
            print(message)
        elif message:
            complain(f"{message} (see --help)")
        return EXIT_INPUT
    if signals.first is not None and not debug:
        # On the way out of a signal: a terminal that is gone, or a library that does not mind being ended.
        return EXIT_INTERRUPTED
    fault = disk_fault(error, results)
    if fault or isinstance(error, RunEndedError):
        complain(f"{fault}; then the same command goes on where this one stopped" if fault else str(error))
        return EXIT_FAILED if not debug else _show(error, EXIT_FAILED)
    if fault := path_fault(error):
        complain(fault)
        return EXIT_INPUT if not debug else _show(error, EXIT_INPUT)
    return _defect(error, results, debug=debug)


def _look_again(results: Path, error: ChangedFileError) -> None:
    """Keep a file that is not what its scan found from stopping the next command, too."""
    from orchestrator.plan.data_sets import look_again
    from orchestrator.store.folder import Store

    look_again(Store(results.resolve()), error)


def _show(error: BaseException, code: int) -> int:
    traceback.print_exception(error)
    return code


def _defect(error: Exception, results: Path, *, debug: bool) -> int:
    """A mistake of ours: the traceback goes to a log, one sentence to the screen."""
    if debug:
        return _show(error, EXIT_FAILED)
    text = without_accounts("".join(traceback.format_exception(error)))
    try:
        log = results / "logs" / f"defect-{os.getpid()}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(text, encoding="utf-8")
        where = f"the traceback is in {log}"
    except OSError:
        where = "run again with --debug to see where"
    complain(f"this is a defect of the program ({type(error).__name__}: {error}); {where}")
    return EXIT_FAILED


def _is_about_the_program(arguments: Sequence[str]) -> bool:
    """Whether nothing but help or a completion is wanted, which a wrong file must not keep from anybody."""
    is_help = not arguments or "--help" in arguments
    return COMPLETE in os.environ or is_help or _command_name(arguments) in ("--version", "init")


def _typed() -> list[str]:
    """The words of the line that a shell completes."""
    line = next((os.environ[name] for name in TYPED if name in os.environ), "")
    try:
        return shlex.split(line)[1:]
    except ValueError:
        # A quotation mark is open.
        return line.split()[1:]


def _command_name(arguments: Sequence[str]) -> str:
    """The first argument behind --project; "" where there is none."""
    rest = list(arguments)
    while rest and rest[0].partition("=")[0] == "--project":
        del rest[: 1 if "=" in rest[0] else 2]
    return rest[0] if rest else ""


def _project_folders(arguments: Sequence[str]) -> dict[str, Path]:
    """The folders that the project file names, by option."""
    given = _given(arguments, "--project")
    if given is None and not Path(PROJECT).is_file():
        return {}
    from orchestrator.config.project import read_project

    try:
        return read_project(given or Path(PROJECT))
    except InputError:
        if _is_about_the_program(arguments):
            return {}
        raise


def _phases(arguments: Sequence[str], folders: Mapping[str, Path]) -> list[str]:
    """The phases that are found: each is a command by its name, unless there is one already."""
    name = _command_name(arguments)
    try:
        found = find_library(_given(arguments, "--experiments") or folders.get("experiments")).phases()
    except InputError:
        # What needs the folder will say so itself.
        if _is_about_the_program(arguments) or name in RESERVED:
            return find_library(None).phases()
        raise
    if name in found and name in RESERVED and COMPLETE not in os.environ:
        warn(f"{name} is a command, so the phase of that name can't be one; rename its folder")
    return [name for name in found if name not in RESERVED]


def _defaults(group: Any, folders: Mapping[str, Path]) -> dict[str, object]:
    """What each command's options are where they are not given: what the project file says."""
    found: dict[str, object] = {}
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            found[name] = _defaults(command, folders)
            continue
        # `data check --results` and the like do something else when it is given.
        names = {each.name for each in command.params if each.name != "results" or each.default == RESULTS}
        found[name] = {option: str(path) for option, path in folders.items() if option in names}
    return found


def _given(arguments: Sequence[str], option: str) -> Path | None:
    """The path that an option was given, before anything has been parsed."""
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=False):
        if argument == option:
            return Path(following)
        if argument.startswith(f"{option}="):
            return Path(argument.partition("=")[2])
    return None


COMMANDS: dict[str, Callable[..., None]] = {
    "study": study_command,
    "run": run_command,
    "plan": plan_command,
    "status": status_command,
    "collect": collect_command,
    "decide": decide_command,
    "report": report_command,
    "compare": compare_command,
    "final": final_command,
    "evaluate": evaluate_command,
    "explain": explain_command,
    "explain-images": explain_images_command,
    "export": export_command,
    "predict": predict_command,
    "models": models_command,
    "init": init_command,
    "pull": pull_command,
    "ui": ui_command,
    "doctor": doctor_command,
    "schema": schema_command,
}
