"""Nodes of a cluster as plain values, and those of them that a study trains on.

Trials of one study are compared with each other, so they train on GPUs of one type, unless asked otherwise;
the least that any of these nodes has is what every trial is given a share of.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.plan.resources import Machine
from trainables.device import DeviceType

# A resource of which a node with GPUs of a type has one.
GPU_TYPE = "accelerator_type:"


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

    @classmethod
    def counted(
        cls, node_id: str, address: str, resources: Mapping[str, float], *, alive: bool
    ) -> "ClusterNode":
        """Return a node as Ray counts its resources; nobody has looked at it."""
        types = [name.removeprefix(GPU_TYPE) for name in sorted(resources) if name.startswith(GPU_TYPE)]
        return cls(
            node_id=node_id,
            address=address,
            alive=alive,
            cores=int(resources.get("CPU", 0)),
            gpus=int(resources.get("GPU", 0)),
            gpu_type=types[0] if types else "",
            memory_mib=0.0,
            gpu_memory_mib=0.0,
        )


@dataclass(frozen=True, slots=True)
class TrainingNodes:
    """The nodes that train, all with GPUs of type `gpu_type` ("" = without GPUs, of no known or of any type).

    `idle` counts the GPUs of each other type that are left alone, by type.
    """

    nodes: tuple[ClusterNode, ...]
    gpu_type: str = ""
    idle: tuple[tuple[str, int], ...] = ()


def training_nodes(
    nodes: Sequence[ClusterNode], *, device: DeviceType, mixed_gpus: bool = False, preferred: str = ""
) -> TrainingNodes:
    """Return the nodes to train on: for "cuda" those with GPUs of one type, for "cpu" all that offer cores.

    That is the `preferred` type where a node has it, else the commonest; of types with as many GPUs the first
    by name. GPUs of no known type can't be told from others, and are taken where there are no others. With
    `mixed_gpus` every node with a GPU trains.
    """
    alive = [node for node in nodes if node.alive and node.cores]
    if device == "cpu":
        return TrainingNodes(tuple(alive))
    alive = [node for node in alive if node.gpus]
    counts: dict[str, int] = {}
    for node in alive:
        counts[node.gpu_type] = counts.get(node.gpu_type, 0) + node.gpus
    if mixed_gpus or len(counts) < 2:
        return TrainingNodes(tuple(alive), next(iter(counts)) if len(counts) == 1 else "")
    known = sorted(set(counts) - {""}, key=lambda name: (name != preferred, -counts[name], name))
    return TrainingNodes(
        tuple(node for node in alive if node.gpu_type == known[0]),
        known[0],
        tuple(sorted((name, count) for name, count in counts.items() if name != known[0])),
    )


def idle_sentence(training: TrainingNodes) -> str:
    """Say which GPUs are left idle, and why; empty where none is."""
    if not training.idle:
        return ""
    idle = " and ".join(f"{count} of {name or 'unknown type'}" for name, count in training.idle)
    count = sum(node.gpus for node in training.nodes)
    return (
        f"GPUs of one type train, so that trials can be compared: {count} of {training.gpu_type}; {idle} "
        "stay idle (--mixed-gpus takes them, too)"
    )


def other_type_sentence(training: TrainingNodes, before: str) -> str:
    """Say that GPUs of another type train than `before` ("" = the same, or none)."""
    if not before or not training.gpu_type:
        return ""
    return (
        f"earlier trials of this study were planned for GPUs of type {before}, and none is up: those of type "
        f"{training.gpu_type} train now, and tables say so"
    )


def smallest_machine(training: TrainingNodes, *, device: DeviceType) -> Machine:
    """Return the least that any of these nodes has to train on, of each kind; there is at least one node."""
    nodes = training.nodes
    gpus = min(node.gpus for node in nodes) if device == "cuda" else 0
    return Machine(
        cores=min(node.cores for node in nodes),
        memory_mib=min(node.memory_mib for node in nodes),
        gpus=gpus,
        gpu_memory_mib=min(node.gpu_memory_mib for node in nodes) if gpus else 0.0,
        nodes=len(nodes),
        gpu_type=training.gpu_type,
    )
