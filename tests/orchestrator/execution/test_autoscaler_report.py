"""Answers of Ray's autoscalers, as they were seen, in sentences."""

import json
from pathlib import Path

from ray.core.generated.autoscaler_pb2 import AutoscalingState  # type: ignore[attr-defined]

from orchestrator.execution.autoscaler_report import configuration, first_reasons, node_types, second_reasons


def test_the_first_autoscaler() -> None:
    kind = {
        "is_available": False,
        "unavailable_node_information": {"category": "X", "description": "no quota"},
    }
    report = {
        "pending_launches": {"gpu": 1},
        "pending_nodes": [["10.0.0.9", "gpu", "setting-up"]],
        "failed_nodes": [["10.0.0.8", "gpu"]],
        "node_availability_summary": {"node_availabilities": {"gpu": kind}},
    }
    said = first_reasons(json.dumps({"autoscaler_report": report}).encode(), b"it\nfell")
    assert said == (
        "it fell",
        "gpu could not be launched (no quota)",
        "1 nodes of gpu have failed",
        "1 of gpu being launched",
        "gpu is setting-up",
    )
    assert first_reasons(None, None) == ()


def test_the_second_autoscaler() -> None:
    state = AutoscalingState()
    state.failed_instance_requests.add(ray_node_type_name="gpu", count=2, reason="no\ncapacity")
    state.pending_instance_requests.add(ray_node_type_name="gpu", count=1)
    state.infeasible_cluster_resource_constraints.add()
    assert second_reasons(state) == (
        "2 of gpu could not be launched (no capacity)",
        "no kind of node has what was asked for",
        "1 of gpu being launched",
    )


def test_kinds_of_workers_are_those_of_the_clusters_own_file(tmp_path: Path) -> None:
    file = tmp_path / "config"
    types = {
        "head": {"resources": {"CPU": 0}},
        "g5": {"resources": {"CPU": 4, "GPU": 1}, "max_workers": 8},
        "c5": {"resources": {"CPU": 2}},
        "off": {"resources": {"GPU": 1}, "max_workers": 0},
    }
    file.write_text(json.dumps({"head_node_type": "head", "available_node_types": types}))
    lines = [["ray", "--gcs-address=10.0.0.1:1", "--autoscaling-config=/other"], ["vi"],
             ["monitor.py", "--gcs-address=10.0.0.1:6379", f"--autoscaling-config={file}"]]  # fmt: skip
    found = configuration(lines, "10.0.0.1:6379")
    assert found == file and configuration(lines, "10.0.0.2:6379") is None
    assert node_types(found) == (("g5",), ("c5",))
    assert node_types(None) == node_types(tmp_path / "gone") == (None, None)
