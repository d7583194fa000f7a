"""State of a node of a cluster as a process on it sees it, and what keeps the node from training.

`look_at_node` runs there and gives plain values. What Ray counts is what somebody said when the node was
started; what torch can use is found out here, before anything is trained.
"""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator.execution.cluster_nodes import (
    ClusterNode,
    TrainingNodes,
    idle_sentence,
    other_type_sentence,
    training_nodes,
)
from orchestrator.execution.joining import Joining
from orchestrator.execution.node_check import NodeDemands, node_fault
from orchestrator.plan.resources import this_machine
from trainables.cuda_check import CudaFacts, asked_apart, cuda_problem, has_card
from trainables.device import DeviceType
from trainables.errors import Problems


@dataclass(frozen=True, slots=True)
class NodeHardware:
    """What a node has: physical memory, and its GPUs by torch; None = nobody looked for any.

    `fault` says what it lacks of what is demanded of every node, and the way out; "" = nothing.
    """

    host: str
    memory_mib: float
    cuda: CudaFacts | None
    fault: str = ""


def look_at_node(counted_gpus: int, demands: NodeDemands) -> NodeHardware:
    """Look at the machine that this process runs on, where Ray counts so many GPUs."""
    looked = asked_apart() if counted_gpus or has_card() else None
    return NodeHardware(platform.node(), this_machine("cpu").memory_mib, looked, node_fault(demands))


def fit_nodes(
    nodes: Sequence[ClusterNode],
    found: Mapping[str, NodeHardware | str],
    joining: Joining,
    *,
    device: DeviceType,
) -> TrainingNodes:
    """Return the nodes to train on, of those that are fit for it; tell `joining` what to know of the others.

    Args:
        nodes: those that are alive.
        found: what each has, by its id, or why nobody could look.
        joining: which types of GPUs are wanted.
        device: what trains.

    Raises:
        InputError: none is fit.
    """
    fit, problems = [], node_problems(nodes, found, device=device)
    for node in training_nodes(nodes, device=device, mixed_gpus=True).nodes:
        hardware = found[node.node_id]
        if not isinstance(hardware, str) and not problems[node.node_id]:
            fit.append(_looked_at(node, hardware))
    if not fit:
        raise Problems(filter(None, problems.values()))
    training = training_nodes(fit, device=device, mixed_gpus=joining.mixed_gpus, preferred=joining.gpu_type)
    other = "" if training.gpu_type == joining.gpu_type else joining.gpu_type
    uncounted = [uncounted_sentence(node, found[node.node_id]) for node in nodes]
    for sentence in filter(
        None, [*problems.values(), *uncounted, other_type_sentence(training, other), idle_sentence(training)]
    ):
        joining.say(sentence)
    return training


def node_problems(
    nodes: Sequence[ClusterNode], found: Mapping[str, NodeHardware | str], *, device: DeviceType
) -> dict[str, str]:
    """Return `node_problem` of each node that offers cores, by its id."""
    return {
        node.node_id: node_problem(node, found[node.node_id], device=device) for node in nodes if node.cores
    }


def node_problem(node: ClusterNode, hardware: NodeHardware | str, *, device: DeviceType) -> str:
    """Say in a sentence why a node may not be given work, or can't train on its GPUs; empty where it may."""
    if isinstance(hardware, str):
        return (
            f"node {node.address} is left out: nothing can be run there ({hardware}); mend it, or take it "
            "out of the cluster"
        )
    if hardware.fault:
        return f"{_called(node, hardware)} is left out: {hardware.fault}"
    if device == "cpu" or hardware.cuda is None or not node.gpus:
        return ""
    return cuda_problem(hardware.cuda, where=_called(node, hardware), counted=node.gpus)


def uncounted_sentence(node: ClusterNode, hardware: NodeHardware | str) -> str:
    """Say that a node has a GPU that Ray does not see; empty where it has none."""
    if isinstance(hardware, str) or hardware.cuda is None or node.gpus or not hardware.cuda.names:
        return ""
    names = hardware.cuda.names
    return (
        f"{_called(node, hardware)} has {names[0]}, which Ray does not see and nothing trains on: start Ray "
        f"there with --num-gpus={len(names)}"
    )


def _called(node: ClusterNode, hardware: NodeHardware) -> str:
    return f"node {node.address} ({hardware.host})"


def _looked_at(node: ClusterNode, hardware: NodeHardware) -> ClusterNode:
    """Return a node with its physical memory and that of its smallest GPU."""
    memory_mib = () if hardware.cuda is None else hardware.cuda.memory_mib
    return replace(node, memory_mib=hardware.memory_mib, gpu_memory_mib=min(memory_mib, default=0.0))
