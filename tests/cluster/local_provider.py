"""A cluster of pretended machines that `ray up` starts with its local provider: a head and two workers."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.machines import HOME, PROGRAMS_FIRST, Machine, Network, Running

LAPTOP, HEAD, WORKERS = "10.77.0.1", "10.77.0.2", ("10.77.0.3", "10.77.0.4")
# The local provider knows the first autoscaler alone.
FIRST_AUTOSCALER = "RAY_UP_enable_autoscaler_v2=0"
# A node that does not answer is given up after some 15 s, not the usual minute.
HEALTH = (
    "RAY_health_check_initial_delay_ms=2000 RAY_health_check_period_ms=2000 "
    "RAY_health_check_timeout_ms=4000 RAY_health_check_failure_threshold=3"
)
# The head trains nothing.
HEAD_OPTIONS = "--num-cpus=0 --include-dashboard=false"
COMMAND = (
    "python -m orchestrator phase1 --experiments ~/study/experiments --data ~/study/faces "
    "--results ~/study/results --address auto --device cpu"
)
UP_TIMEOUT_S, RUN_TIMEOUT_S = 200, 300


@dataclass(frozen=True)
class LocalCluster:
    """Its machines: the laptop, from which `ray up` comes, and those of the cluster."""

    laptop: Machine
    head: Machine
    workers: tuple[Machine, ...]

    def up(self) -> str:
        """Start it, or start its Ray again; return what was said."""
        return self.laptop.run(f"{FIRST_AUTOSCALER} ray up -y cluster.yaml", timeout_s=UP_TIMEOUT_S)

    def run_phase(self) -> Running:
        """Start the phase on the head, as a user does."""
        return self.laptop.start(f"{FIRST_AUTOSCALER} ray exec cluster.yaml '{COMMAND}'")


def make_local_cluster(machines: Network, sources: Path, shipped: dict[str, Any]) -> LocalCluster:
    """Make the machines and the file on the laptop: what is shipped, with the local provider."""
    laptop = machines.add(LAPTOP, environment=PROGRAMS_FIRST)
    head, *workers = (machines.add(address) for address in (HEAD, *WORKERS))
    start = [
        line.replace("--dashboard-host=127.0.0.1", HEAD_OPTIONS)
        for line in shipped["head_start_ray_commands"]
    ]
    assert start != shipped["head_start_ray_commands"]
    content = {
        "cluster_name": "pretended",
        "provider": {"type": "local", "head_ip": HEAD, "worker_ips": list(WORKERS)},
        "auth": {"ssh_user": "root", "ssh_private_key": "~/.ssh/id_ed25519"},
        "file_mounts": {"~/deepfakes": "sources"},
        **{name: shipped[name] for name in ("rsync_exclude", "setup_commands", "head_setup_commands")},
        "head_start_ray_commands": [line.replace("ray start", f"{HEALTH} ray start") for line in start],
        "worker_start_ray_commands": [
            line.replace("ray start", f"{HEALTH} ray start") for line in shipped["worker_start_ray_commands"]
        ],
    }
    (laptop.home / "cluster.yaml").write_text(yaml.safe_dump(content))
    shutil.copytree(sources, laptop.home / "sources")
    (laptop.home / "deepfakes").symlink_to(HOME / "sources")
    return LocalCluster(laptop, head, tuple(workers))
