"""`doctor --cluster FILE`: is a file that starts a cluster fit, and what does it cost.

All that is wrong is one error each, at once; else there are sentences about commit and prices.
"""

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.console import say

ClusterOption = Annotated[
    Path | None,
    typer.Option(
        "--cluster",
        metavar="FILE",
        help="Check a file that starts a cluster (ray up, KubeRay, SkyPilot) instead; say what it costs.",
        show_default=False,
    ),
]


def say_cluster(path: Path) -> None:
    """Check the file, and say which commit the cluster gets and what it costs.

    Raises:
        InputError: something is wrong with it, or it can't be read.
    """
    from orchestrator.checks.cluster_file import check_cluster
    from orchestrator.execution.ray_executor.ray_up import refusal_by_ray
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
