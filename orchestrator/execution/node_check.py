"""Check of a node of a cluster before its first trial, by a process on the node itself.

`NodeDemands` is what the process of the command wants every node to have: its own versions and sources, its
results folder, and room on the disks. What a node lacks is one clause of a sentence that names the node.
"""

import importlib.metadata
import platform
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from orchestrator.store.shared_results import ResultsToken, token_fault
from trainables import memo

LEAST_FREE_BYTES = 2 * 2**30
# The module whose source, with all that it imports of the program, is what a worker runs.
WORKED_BY = "orchestrator.execution.worker"


@dataclass(frozen=True, slots=True)
class NodeDemands:
    """What every node must have; `token` is None where nodes need not see the results folder."""

    python: str
    torch: str
    ray: str
    sources: str
    token: ResultsToken | None


def demands_of_here(token: ResultsToken | None) -> NodeDemands:
    """Return what nodes must have to do what this process would do."""
    return NodeDemands(
        python=".".join(platform.python_version_tuple()[:2]),
        # What follows says for which device it was built, which is asked elsewhere.
        torch=importlib.metadata.version("torch").partition("+")[0],
        ray=importlib.metadata.version("ray"),
        sources=memo.code_hash(WORKED_BY),
        token=token,
    )


def node_fault(demands: NodeDemands) -> str:
    """Say why no trial may run on the machine of this process, and the way out; empty where it may."""
    here = demands_of_here(demands.token)
    for name in ("python", "torch", "ray"):
        has, wanted = getattr(here, name), getattr(demands, name)
        if has != wanted:
            return f"it has {name} {has}, and this command runs with {wanted}; install the same one there"
    if here.sources != demands.sources:
        return "it has other sources of this project than this command; install the same commit there"
    fault = "" if demands.token is None else token_fault(demands.token)
    folders = [Path(tempfile.gettempdir())] + ([] if demands.token is None else [demands.token.results])
    return fault or next(filter(None, map(_full, folders)), "")


def _full(folder: Path) -> str:
    free = shutil.disk_usage(folder).free
    if free >= LEAST_FREE_BYTES:
        return ""
    least = LEAST_FREE_BYTES / 2**30
    return f"only {free / 2**30:.1f} GiB are free in {folder}; make room there, {least:g} GiB at the least"
