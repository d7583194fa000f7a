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
from rich.console import Console

from orchestrator.data_commands import data_app
from orchestrator.decision_commands import compare_command, decide_command
from orchestrator.options import AcceptOption, JsonOption
from orchestrator.reference_commands import models_command, schema_command
from trainables.errors import InputError

EXIT_FAILED, EXIT_INPUT, EXIT_INTERRUPTED = 1, 2, 130

app = typer.Typer(
    name="orchestrator",
    help="Cross-validation studies for deepfake detection: plan, run what is missing, collect, report.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.add_typer(data_app, name="data")
app.command("compare")(compare_command)
app.command("decide")(decide_command)
app.command("models")(models_command)
app.command("schema")(schema_command)

DataOption = Annotated[Path | None, typer.Option("--data", help="Folder of images; overrides data_dir.")]
ResultsOption = Annotated[Path, typer.Option("--results", help="Folder of results.")]
PresetOption = Annotated[
    str | None, typer.Option("--preset", help="smoke, cpu, or another of experiments/presets.")
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key; may be repeated.")
]
OnlyOption = Annotated[
    str | None, typer.Option("--only", metavar="GLOB", help="Only experiments of such a name.")
]
FoldsOption = Annotated[str | None, typer.Option("--folds", metavar="0,1", help="Only these outer folds.")]
MaxOption = Annotated[int | None, typer.Option("--max-concurrent", min=1, help="The most trials at a time.")]
AddressOption = Annotated[
    str, typer.Option("--address", metavar="local|auto|HOST:PORT", help="The Ray to run on.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", help="Say nothing but errors and the verdict.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show tracebacks and what Ray says.")]
ExperimentsOption = Annotated[
    Path | None, typer.Option("--experiments", help="Folder of experiment files.", show_default=False)
]
RESULTS = Path("results")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; never returns."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    try:
        code = app(arguments, standalone_mode=False)
    except InputError as error:
        code = EXIT_INPUT if not debug else _show(error, EXIT_INPUT)
        _complain(str(error))
    except (KeyboardInterrupt, typer.Abort):
        code = EXIT_INTERRUPTED
    except typer.Exit as end:
        code = end.exit_code
    except Exception as error:
        if hasattr(error, "exit_code") and hasattr(error, "format_message"):
            code = EXIT_INPUT
            # Without a message the help has been shown already.
            if error.format_message().strip():
                _complain(f"{error.format_message()} (see --help)")
        else:
            code = _defect(error, arguments, debug=debug)
    if code == EXIT_INTERRUPTED:
        _complain("interrupted; the same command goes on where this one stopped")
    sys.stdout.flush()
    sys.exit(code or 0)


def _complain(message: str) -> None:
    for line in message.splitlines():
        _say(f"Error: {line}", "red")


def _say(line: str, style: str) -> None:
    Console(stderr=True).print(line, style=style, markup=False, highlight=False, soft_wrap=True)


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
    _complain(f"this is a defect of the program ({type(error).__name__}: {error}); {where}")
    return EXIT_FAILED


def _given_results(arguments: Sequence[str]) -> Path:
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        if argument == "--results":
            return Path(following)
        if argument.startswith("--results="):
            return Path(argument.partition("=")[2])
    return RESULTS


def _experiments_folder(given: Path | None) -> Path:
    if given is not None:
        return given
    here = Path("experiments")
    return here if (here / "shared.json").is_file() else Path(__file__).parent.parent / "experiments"


def _fold_list(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"--folds {text}: give numbers with commas between them, for example 0,1") from error


def _load(
    names: Sequence[str], folder: Path, preset: str | None, settings: list[str] | None
) -> tuple[Any, Any]:
    """A phase with its experiments: by the phase's name, or made of single experiments."""
    from orchestrator.bases import with_bases
    from orchestrator.experiment import load_experiments
    from orchestrator.phase import load_phase, phase_names, phase_of

    by_phase = len(names) == 1 and (names[0] in phase_names(folder) or names[0].startswith("phase"))
    phase = load_phase(folder, names[0]) if by_phase else None
    wanted = phase.experiments if phase is not None else names
    asked = load_experiments(folder, wanted, preset=preset, settings=settings or ())
    if phase is None:
        phase = phase_of(tuple(experiment.name for experiment in asked))
    experiments = with_bases(folder, asked, preset=preset, settings=settings or ())
    everything = tuple(experiment.name for experiment in experiments)
    return phase.model_copy(update={"experiments": everything}), experiments


def _end(tables: Any, store_report: Path, *, as_json: bool) -> None:
    from orchestrator.report.verdict import verdict
    from orchestrator.shortcuts import warnings

    sentence = verdict(tables)
    if as_json:
        outcome = {
            "verdict": sentence,
            "failures": tables.failures.to_dict("records"),
            "summary": json.loads(tables.summary.to_json(orient="records")),
            "comparisons": json.loads(tables.comparisons.to_json(orient="records")),
            "shortcuts": json.loads(tables.shortcuts.to_json(orient="records")),
            "report": str(store_report),
        }
        print(json.dumps(outcome, indent=1))
    else:
        Console().print(sentence, markup=False, highlight=False, soft_wrap=True)
    for line in warnings(tables.study):
        _say(f"Warning: {line}", "yellow")
    failed = tables.failures[tables.failures["state"].isin(["failed", "unreadable"])]
    for row in failed.itertuples():
        _complain(f"{row.experiment} repeat {row.repeat} fold {row.fold} {row.state}: {row.reason}")
    if len(failed):
        raise typer.Exit(EXIT_FAILED)


def _run(names: Sequence[str], **given: Any) -> None:
    from orchestrator.plan import Options
    from orchestrator.progress import screen
    from orchestrator.store import Store
    from orchestrator.study import run_study

    folder = _experiments_folder(given["experiments"])
    phase, experiments = _load(names, folder, given["preset"], given["settings"])
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
    tables = run_study(phase, experiments, options, console=screen(stderr=given["as_json"]))
    report = Store.look(options.results).report(phase.name) / "index.html"
    _end(tables, report, as_json=given["as_json"])


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
    from orchestrator.pixel_plan import pixel_json, pixel_line
    from orchestrator.plan import Options
    from orchestrator.progress import screen
    from orchestrator.views import make_plan, plan_json, plan_table

    phase, loaded = _load(names, _experiments_folder(experiments), preset, settings)
    options = Options(
        results=results, data=data, only=only, folds=_fold_list(folds), quiet=as_json, debug=debug
    )
    study = make_plan(phase, loaded, options, console=screen(stderr=as_json))
    if as_json:
        print(json.dumps({**plan_json(study), "pixel_caches": pixel_json(study)}, indent=1))
    else:
        screen().print(plan_table(study))
        screen().print(pixel_line(study), markup=False, highlight=False, soft_wrap=True)


@app.command("status")
def status_command(
    phase: Annotated[str | None, typer.Argument(help="A phase; default: all that have run.")] = None,
    results: ResultsOption = RESULTS,
    watch: Annotated[bool, typer.Option("--watch", help="Keep looking until nothing runs.")] = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show what is running, done, failed, and the time left; from any terminal.

    Example: python -m orchestrator status --watch
    """
    from orchestrator.progress import screen
    from orchestrator.views import show_status

    show_status(results, phase, watch=watch, as_json=as_json, console=screen())


@app.command("collect")
def collect_command(
    phase: Annotated[str, typer.Argument(help="A phase that has run.")],
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
    from orchestrator.progress import screen
    from orchestrator.store import Store
    from orchestrator.study import finish

    store = Store.open(results)
    tables = finish(store, phase, console=screen(stderr=as_json), quiet=quiet, sync=sync)
    _end(tables, store.report(phase) / "index.html", as_json=as_json)


@app.command("report")
def report_command(
    phase: Annotated[str, typer.Argument(help="A phase that has run.")],
    results: ResultsOption = RESULTS,
    debug: DebugOption = False,
) -> None:
    """Write the report of a phase again.

    Example: python -m orchestrator report phase1
    """
    from orchestrator.collect import collect
    from orchestrator.report.page import write_report
    from orchestrator.store import Store

    store = Store.open(results)
    tables = collect(store, phase)
    write_report(store, tables)
    Console().print(str(store.report(phase) / "index.html"), markup=False, highlight=False, soft_wrap=True)


@app.command("explain")
def explain_command(
    trial: Annotated[str, typer.Argument(help="A trial's folder name, or the start of its key.")],
    results: ResultsOption = RESULTS,
    debug: DebugOption = False,
) -> None:
    """Say where a trial comes from and which ingredient sets it apart from the nearest finished one.

    Example: python -m orchestrator explain p1_resnet18_baseline-r0f0-0123456789ab
    """
    from orchestrator.store import Store
    from orchestrator.views import explain

    Console().print(explain(Store.look(results), trial), markup=False, highlight=False, soft_wrap=True)


@app.command("ui")
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

    from orchestrator.store import Store
    from orchestrator.tracking import serve

    raise typer.Exit(subprocess.run(serve(Store.look(results), host=host, port=port), check=False).returncode)
