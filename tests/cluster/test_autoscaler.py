"""Ray's autoscaler on what a run asks for: from no node with a GPU to as many as fit, and back to none."""

from pathlib import Path

import pytest
import yaml
from ray.autoscaler._private.fake_multi_node.node_provider import (
    FAKE_HEAD_NODE_ID,
    FAKE_HEAD_NODE_TYPE,
    FakeMultiNodeProvider,
)

from tests.cluster.conftest import STUDY
from tests.cluster.fake_gpus import NUM_TASKS
from tests.cluster.machines import HOME, PROGRAMS_FIRST, Network
from tests.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.cluster, pytest.mark.timeout(400)]
HEAD = "10.77.0.2"
RUN_TIMEOUT_S = 300
# As `ray up` starts the autoscaler of a cloud; nodes are asked for and looked at every second.
ENVIRONMENT = {
    **PROGRAMS_FIRST,
    "RAY_FAKE_CLUSTER": "1",
    "AUTOSCALER_UPDATE_INTERVAL_S": "1",
    "RAY_enable_autoscaler_v2": "1",
    "RAY_CLOUD_INSTANCE_ID": FAKE_HEAD_NODE_ID,
    "RAY_OVERRIDE_NODE_ID_FOR_TESTING": FAKE_HEAD_NODE_ID,
}
UNUSED = (
    "cluster_synced_files",
    "initialization_commands",
    "setup_commands",
    "head_setup_commands",
    "worker_setup_commands",
    "head_start_ray_commands",
    "worker_start_ray_commands",
)
# Ray's package lacks the defaults of this provider, so it is named as one of somebody else's.
NODES = {
    "cluster_name": "pretended",
    "max_workers": 8,
    "idle_timeout_minutes": 0.1,
    "provider": {
        "type": "external",
        "module": f"{FakeMultiNodeProvider.__module__}.{FakeMultiNodeProvider.__name__}",
        "head_node_id": FAKE_HEAD_NODE_ID,
        "launch_multiple": True,
        # Its nodes have Ray when they are there.
        "disable_node_updaters": True,
    },
    "auth": {},
    "head_node_type": FAKE_HEAD_NODE_TYPE,
    "available_node_types": {
        FAKE_HEAD_NODE_TYPE: {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
        "gpu": {"resources": {"CPU": 2, "GPU": 1}, "node_config": {}, "min_workers": 0, "max_workers": 8},
    },
    "docker": {},
    "file_mounts": {},
    **{name: [] for name in UNUSED},
}


def test_fake_gpu_nodes_come_for_trials_and_go_after_them(machines: Network, study: Path) -> None:
    """Catches a run that asks for no GPU, for fewer than its trials fill, or that keeps one for ever."""
    for name in ("orchestrator", "trainables", "tests"):
        machines.shown[HOME / "deepfakes" / name] = ROOT / name
    head = machines.add(HEAD, environment=ENVIRONMENT)
    (head.home / "nodes.yaml").write_text(yaml.safe_dump(NODES))
    said = head.run(
        "ray start --head --num-cpus=0 --include-dashboard=false --disable-usage-stats "
        f"--autoscaling-config=nodes.yaml && python -W ignore -m tests.cluster.fake_gpus {STUDY}",
        timeout_s=RUN_TIMEOUT_S,
    )
    counts = [int(line.removeprefix("nodes: ")) for line in said.splitlines() if line.startswith("nodes: ")]
    assert counts[0] == 0 and counts[-1] == 0, said
    assert max(counts) == NUM_TASKS, said
    assert said.count("waiting for the first GPU worker") == 1
    assert said.count("done: trial") == NUM_TASKS
    assert len({path.read_text() for path in study.glob("*.node")}) == NUM_TASKS
