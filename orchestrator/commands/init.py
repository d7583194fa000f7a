"""`init`: a folder for one's own experiments, with an example that runs as it is."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.commands.options import DebugOption
from orchestrator.console import say
from trainables.errors import InputError
from trainables.files import write_text

EXAMPLE = "mine"
FILES = {
    "orchestrator.toml": """\
# Read by every command that is started in this folder; an option of the command line comes before it.
# Paths are relative to this file.
experiments = "experiments"
results = "results"
# data = "~/faces"
""",
    f"experiments/{EXAMPLE}/mine_small.json": """\
{
  "description": "An experiment is named by its file. It says what is other than in the one that it extends, \
here a shipped one; `python -m orchestrator schema` lists every key.",
  "extends": "p1_simplecnn_baseline",
  "cnn_preset": "small"
}
""",
    f"experiments/{EXAMPLE}/phase.json": """\
{
  "title": "A smaller network",
  "question": "A phase is named by its folder, and a command by that name. Declare here what is compared, \
before it runs.",
  "experiments": ["p1_simplecnn_baseline", "mine_small"],
  "comparisons": [
    {
      "question": "Does a smaller network do as well?",
      "baseline": "p1_simplecnn_baseline",
      "treatment": "mine_small",
      "metrics": ["auc"]
    }
  ],
  "decision": {"choose": "auc", "prefer": "cheaper", "rope": 0.01}
}
""",
    "results/.gitignore": """\
# Everything here can be made again by running the same commands, and weights are large.
*
!.gitignore
# What was decided, and the tables it rests on, are small and worth keeping under version control:
!decisions/
!decisions/**
!collected/
!collected/**
""",
}


def init_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make, or to add the files to.")],
    debug: DebugOption = False,
) -> None:
    """Make a folder of your own: project file, an example experiment and an example phase.

    Nothing is overwritten: where one of the files exists already, nothing is written at all.

    Example: python -m orchestrator init study
    """
    there = [name for name in FILES if (folder / name).exists()]
    if there:
        raise InputError(f"{folder} has {', '.join(there)} already, and nothing is overwritten; name another")
    written: list[Path] = []
    try:
        for name, content in FILES.items():
            write_text(folder / name, content)
            written.append(folder / name)
    except OSError as error:
        # What is left here would keep the next `init` from writing anything.
        for path in written:
            path.unlink(missing_ok=True)
        raise InputError(f"{folder} can't be made ({error.strerror})") from error
    say(f"{folder}: {', '.join(FILES)}")
    say("Next, with a made-up set or images of your own:")
    say(f"  cd {shlex.quote(str(folder))} && python -m orchestrator data demo demo-data")
    say(f"  python -m orchestrator {EXAMPLE} --data demo-data --preset smoke")
