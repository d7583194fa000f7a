"""Options that the commands of several modules share."""

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.commands.completion import phase_completions, preset_completions
from orchestrator.commands.places import data_place, results_place
from trainables.data.dataset.layouts import LAYOUTS
from trainables.errors import InputError

DebugOption = Annotated[bool, typer.Option("--debug", help="Show tracebacks, and what Ray says.")]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        callback=data_place,
        help="Folder of images, or its address (s3://, gs://, file://); overrides data_dir.",
    ),
]
ResultsOption = Annotated[
    Path,
    typer.Option(
        "--results",
        callback=results_place,
        help="Folder of results, or its address (s3://, gs://, file://).",
    ),
]
PresetOption = Annotated[
    str | None,
    typer.Option(
        "--preset", help="smoke, cpu, or another of experiments/presets.", autocompletion=preset_completions
    ),
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
    str | None,
    typer.Option(
        "--address",
        metavar="local|none|auto|HOST:PORT",
        help="The Ray to run on; none: without Ray, one trial at a time. Default: RAY_ADDRESS if it is set, "
        "else local.",
        show_default=False,
    ),
]
DeviceOption = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="cpu|cuda",
        help="What trains; on a cluster, cuda waits for the first GPU worker. Default: ORCHESTRATOR_DEVICE "
        "if it is set, else a GPU where there is one.",
        show_default=False,
    ),
]
GraceOption = Annotated[
    float,
    typer.Option(
        "--grace",
        metavar="SECONDS",
        min=0.0,
        help="How long trials may take to write a checkpoint of the moment where a signal ends the command; "
        "Slurm and docker leave 30 in all.",
    ),
]
WaitOption = Annotated[
    float,
    typer.Option(
        "--wait-workers",
        metavar="MINUTES",
        min=0.0,
        help="How long a cluster's first worker may take to come.",
    ),
]
MixedOption = Annotated[
    bool,
    typer.Option(
        "--mixed-gpus",
        help="Train on GPUs of every type; without it on those of the commonest type alone, so that trials "
        "can be compared.",
    ),
]
RaceOption = Annotated[
    bool,
    typer.Option(
        "--race",
        help="Run fold by fold, and stop experiments that are surely not chosen; without it they run on.",
    ),
]
ShardOption = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Run part I of N of the trials: for N machines with the same results and no Ray cluster.",
        show_default=False,
    ),
]
QuietOption = Annotated[bool, typer.Option("--quiet", help="Say nothing but errors and the verdict.")]
ExperimentsOption = Annotated[
    Path | None,
    typer.Option(
        "--experiments",
        help="Folder of experiment files, on top of the shipped ones; default: ./experiments.",
        show_default=False,
    ),
]
PhaseArgument = Annotated[str, typer.Argument(help="A phase that has run.", autocompletion=phase_completions)]
GroupByOption = Annotated[
    str,
    typer.Option(help="auto, folder, frames, identity, basename, none, pairs, or a column of manifest.csv."),
]
LayoutOption = Annotated[str, typer.Option(help=f"auto, {', '.join(LAYOUTS[:-1])} or {LAYOUTS[-1]}.")]
RealSourcesOption = Annotated[
    str,
    typer.Option(
        metavar="NAME,NAME",
        help="Folders or labels that are real, all others being fakes; default: by their names.",
        show_default=False,
    ),
]
WithPathsOption = Annotated[
    bool,
    typer.Option("--with-paths", help="Name hosts, command lines and absolute paths on the page, too."),
]
FollowLinksOption = Annotated[
    bool, typer.Option("--follow-links", help="Read what links lead to outside the folder, too.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON on standard output.")]
AcceptOption = Annotated[
    bool,
    typer.Option(
        "--accept-shortcut", help="Run although file facts give the classes away; the report says so."
    ),
]
PriceOption = Annotated[
    str | None,
    typer.Option(
        "--price",
        metavar="NUMBER|INSTANCE",
        help="What an hour costs of one GPU, or of a machine without one: 1.2, or an instance of "
        "cluster/prices.json.",
    ),
]
MaxHoursOption = Annotated[
    float | None,
    typer.Option(
        "--max-hours",
        metavar="HOURS",
        help="The most hours on the clock; what is left then goes on another time.",
    ),
]
MaxCostOption = Annotated[
    float | None,
    typer.Option(
        "--max-cost", metavar="MONEY", help="The most money; needs --price, in whose currency it is."
    ),
]

AcceptTrialsOption = Annotated[
    int,
    typer.Option(
        "--accept-trials",
        metavar="N",
        min=0,
        help="Run sweeps of a phase that make more than 64 experiments, as long as they have up to N trials.",
        show_default=False,
    ),
]

RESULTS = Path("results")


def names_of(text: str) -> tuple[str, ...]:
    """Split what an option of several names was given, for example wiki,real."""
    return tuple(name for name in text.split(",") if name)


def check_layout(layout: str) -> None:
    """Raise InputError for a layout that there is not."""
    if layout not in ("auto", *LAYOUTS):
        raise InputError(f"--layout {layout}: auto, {', '.join(LAYOUTS[:-1])} or {LAYOUTS[-1]}")
