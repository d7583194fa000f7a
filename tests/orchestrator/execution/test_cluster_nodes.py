"""Nodes that a study trains on: one type of GPU, fit for torch, and the least that any of them has."""

from dataclasses import replace

import pytest

from orchestrator.execution.cluster_nodes import ClusterNode, idle_sentence, smallest_machine, training_nodes
from orchestrator.execution.joining import Joining
from orchestrator.execution.node_hardware import NodeHardware, fit_nodes
from trainables.cuda_check import CudaFacts
from trainables.errors import InputError


def node(name: str, gpus: int = 0, kind: str = "", cores: int = 4) -> ClusterNode:
    resources = {"CPU": cores, "GPU": gpus} | ({f"accelerator_type:{kind}": 1.0} if kind else {})
    return ClusterNode.counted(name, f"10.0.0.{name}", resources, alive=True)


MIXED = [node("1"), node("2", 1, "T4"), node("3", 2, "A10G"), node("4", 1, "T4"), node("5", 1)]
WORKS = CudaFacts(("NVIDIA T4",), (15000.0,), "2.15.0+cu132", "13.2", "580.65.06", "13.2")
OLD = replace(WORKS, names=(), memory_mib=(), driver="550.54.15", driver_cuda="12.4", error="too old")


def test_one_type_of_gpu_trains() -> None:
    """Catches trials on GPUs of several types, whose scores are compared as if they had one."""
    found = training_nodes(MIXED, device="cuda")
    # As many GPUs of both: the first by name.
    assert [each.node_id for each in found.nodes] == ["3"] and found.gpu_type == "A10G"
    assert found.idle == (("", 1), ("T4", 2))
    assert "2 of A10G; 1 of unknown type and 2 of T4 stay idle" in idle_sentence(found)
    assert training_nodes(MIXED, device="cuda", preferred="T4").gpu_type == "T4"
    mixed = training_nodes(MIXED, device="cuda", mixed_gpus=True)
    assert len(mixed.nodes) == 4 and mixed.gpu_type == "" and not idle_sentence(mixed)
    assert len(training_nodes(MIXED, device="cpu").nodes) == 5


def test_the_least_that_any_node_has_is_shared_out() -> None:
    """Catches a share by free memory, or by the first GPU that answers."""
    nodes = [node("1", 1, "T4"), node("2", 2, "T4", cores=8)]
    found = {
        "1": NodeHardware("a", 64000.0, WORKS),
        "2": NodeHardware("b", 32000.0, replace(WORKS, names=("x", "y"), memory_mib=(16000.0, 14000.0))),
    }
    machine = smallest_machine(fit_nodes(nodes, found, Joining(), device="cuda"), device="cuda")
    assert (machine.cores, machine.gpus, machine.memory_mib, machine.gpu_memory_mib) == (
        4,
        1,
        32000.0,
        14000.0,
    )
    assert (machine.nodes, machine.gpu_type) == (2, "T4")
    assert smallest_machine(training_nodes(nodes, device="cpu"), device="cpu").gpus == 0


def test_a_driver_that_is_too_old_is_said_with_node_and_version() -> None:
    """Catches "a defect of the program" behind an hour of reading images."""
    found = {"2": NodeHardware("box", 64000.0, OLD)}
    with pytest.raises(InputError) as caught:
        fit_nodes([MIXED[1]], found, Joining(), device="cuda")
    for said in ("node 10.0.0.2 (box)", "550.54.15", "CUDA 12.4", "CUDA 13.2", "driver 580.65.06 or later"):
        assert said in str(caught.value)
    assert str(caught.value).count("\n") == 0


def test_a_node_that_is_unfit_leaves_the_others() -> None:
    said: list[str] = []
    found: dict[str, NodeHardware | str] = {
        "1": NodeHardware("head", 64000.0, WORKS),
        "2": NodeHardware("good", 64000.0, WORKS),
        "4": "No module named 'orchestrator'",
    }
    training = fit_nodes([MIXED[0], MIXED[1], MIXED[3]], found, Joining(say=said.append), device="cuda")
    assert [each.node_id for each in training.nodes] == ["2"]
    assert "10.0.0.4 is left out: nothing can be run there (No module named" in said[0]
    assert (
        "node 10.0.0.1 (head) has NVIDIA T4, which Ray does not see" in said[1] and "--num-gpus=1" in said[1]
    )


def test_another_type_than_before_is_said() -> None:
    said: list[str] = []
    found = {"2": NodeHardware("a", 64000.0, WORKS)}
    fit_nodes([MIXED[1]], found, Joining(gpu_type="A10G", say=said.append), device="cuda")
    assert "type A10G, and none is up: those of type T4 train now" in said[0]


def test_a_node_that_lacks_what_is_demanded_is_left_out_and_the_others_train() -> None:
    """Catches trials on a node that writes into a results folder of its own, with GPUs or without."""
    fault = "it sees another results folder under /mnt/faces; mount the same one there"
    for device, gpus, works in (("cuda", 1, WORKS), ("cpu", 0, None)):
        nodes = [node("0", cores=0), node("1", gpus), node("2", gpus)]
        found: dict[str, NodeHardware | str] = {
            "0": "nobody asks a head without cores",
            "1": NodeHardware("a", 64000.0, works, fault),
            "2": NodeHardware("b", 64000.0, works),
        }
        said: list[str] = []
        training = fit_nodes(nodes, found, Joining(say=said.append), device=device)  # type: ignore[arg-type]
        assert [each.node_id for each in training.nodes] == ["2"]
        assert said == [f"node 10.0.0.1 (a) is left out: {fault}"]
    with pytest.raises(InputError, match="mount the same one there"):
        fit_nodes(nodes[:2], found, Joining(), device="cpu")
