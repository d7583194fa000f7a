"""`doctor`: is this machine, or a file that starts a cluster, fit for a study.

Exit codes: 0 it is, 2 it is not, with all that is wrong at once.
"""

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.commands.options import DebugOption
from orchestrator.console import say


def doctor_command(
    cluster: Annotated[
        Path | None,
        typer.Option(
            "--cluster",
            metavar="FILE",
            help="Check a file that starts a cluster (ray up, KubeRay, SkyPilot); say what it costs.",
            show_default=False,
        ),
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Look at what trials would run on: this machine, or with --cluster a file that starts others.

    Exits with 0, or with 2 and everything that is wrong with the file. Nothing is asked of a cloud.

    Example: python -m orchestrator doctor --cluster cluster.yaml
    """
    if cluster is None:
        _say_machine()
    else:
        _check_file(cluster)


def _say_machine() -> None:
    from orchestrator.console import size_text
    from orchestrator.plan.resources import this_machine
    from trainables.device import gpus

    machine = this_machine()
    memory = size_text(int(machine.memory_mib * 2**20))
    cards = ", ".join(f"{each.name} ({size_text(int(each.memory_mib * 2**20))})" for each in gpus())
    say(f"{machine.cores} cores, {memory} of memory; GPUs: {cards or 'none'}")


def _check_file(path: Path) -> None:
    from orchestrator.checks.cluster_file import check_cluster
    from orchestrator.execution.ray_validator import refusal_by_ray
    from orchestrator.store.provenance import environment
    from orchestrator.wording.cluster_text import cost_sentences

    found = check_cluster(path, refusal_by_ray=refusal_by_ray)
    say(f"{path}: nothing wrong that can be seen from here; start it with `{found.tool} {path}`")
    if found.commit is not None:
        here = environment().git_commit
        other = "" if here in (None, found.commit) else f", and here is {here}: `make cluster-sources`"
        say(f"The cluster gets commit {found.commit} from {found.sources}{other}")
    for sentence in () if found.cost is None else cost_sentences(found.cost):
        say(sentence)
