"""Nodes of a cluster as plain values, and those of them that a study trains on.

Trials of one study are compared with each other, so they train on GPUs of one type, unless asked otherwise;
the least that any of these nodes has is what every trial is given a share of.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.plan.resources import Machine


@dataclass(frozen=True, slots=True)
class ClusterNode:
    """A machine of a cluster.

    `cores` and `gpus` are what it offers to work, and may be 0; `gpu_type` is Ray's name for the type of its
    GPUs ("" = none, or unknown). `memory_mib` is its physical memory as a process on it reports it, and
    `gpu_memory_mib` that of its smallest GPU; 0 = not asked.
    """

    node_id: str
    address: str
    alive: bool
    cores: int
    gpus: int
    gpu_type: str
    memory_mib: float
    gpu_memory_mib: float


@dataclass(frozen=True, slots=True)
class TrainingNodes:
    """The nodes that train, all with GPUs of type `gpu_type` ("" = without GPUs, of no known or of any type).

    `idle` counts the GPUs of each other type that are left alone, by type.
    """

    nodes: tuple[ClusterNode, ...]
    gpu_type: str = ""
    idle: tuple[tuple[str, int], ...] = ()


def training_nodes(nodes: Sequence[ClusterNode], *, mixed_gpus: bool = False) -> TrainingNodes:
    """Return the nodes to train on: those with GPUs of the commonest type, or where no node has one, all.

    Of types with as many GPUs the first by name is taken. With `mixed_gpus` every node with a GPU trains.
    """
    alive = [node for node in nodes if node.alive]
    with_gpus = [node for node in alive if node.gpus]
    if not with_gpus:
        return TrainingNodes(tuple(node for node in alive if node.cores))
    counts: dict[str, int] = {}
    for node in with_gpus:
        counts[node.gpu_type] = counts.get(node.gpu_type, 0) + node.gpus
    if mixed_gpus or len(counts) == 1:
        common = with_gpus[0].gpu_type if len(counts) == 1 else ""
        return TrainingNodes(tuple(with_gpus), common)
    chosen = min(counts, key=lambda name: (-counts[name], name))
    return TrainingNodes(
        tuple(node for node in with_gpus if node.gpu_type == chosen),
        chosen,
        tuple(sorted((name, count) for name, count in counts.items() if name != chosen)),
    )


def smallest_machine(nodes: Sequence[ClusterNode]) -> Machine:
    """Return the least that any of these nodes has, of each kind; there is at least one node."""
    gpus = min(node.gpus for node in nodes)
    return Machine(
        cores=min(node.cores for node in nodes),
        memory_mib=min(node.memory_mib for node in nodes),
        gpus=gpus,
        gpu_memory_mib=min(node.gpu_memory_mib for node in nodes) if gpus else 0.0,
        nodes=len(nodes),
    )
