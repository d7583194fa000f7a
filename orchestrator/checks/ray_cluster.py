"""Faults of a file for `ray up` that Ray's validator passes: each costs money, time or safety once it runs.

A check is a function from the file to sentences, each of which names the place and the way out. Those of AWS
alone are in `aws_cluster`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.checks.ray_version import CONSTRAINTS, ray_here, version_problems
from orchestrator.checks.yaml_file import YamlPart
from orchestrator.plan.price import InstancePrice

PLAIN = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
# Workers that wait longer than this for work are forgotten rather than kept.
MAX_IDLE_MIN = 60
# Ray's own, where a file says nothing.
DEFAULT_MAX_WORKERS = 2
COMMANDS = (
    "initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands",
    "head_start_ray_commands", "worker_start_ray_commands", "docker",
)  # fmt: skip
EVERYWHERE = "0.0.0.0"


@dataclass(frozen=True, slots=True)
class RayCluster:
    """A file for `ray up`, prices by instance, and the pinned version of Ray, "" where none is."""

    root: YamlPart
    prices: Mapping[str, InstancePrice]
    pinned: str

    @property
    def provider(self) -> str:
        """The cloud, for example aws; "" where the file names none."""
        return self.root.at("provider", "type").text

    @property
    def head(self) -> YamlPart:
        """The node type of the head."""
        return self.root.at("available_node_types", self.root.at("head_node_type").text)

    @property
    def workers(self) -> list[tuple[str, YamlPart]]:
        """The node types of workers, by name."""
        types = self.root.at("available_node_types").items()
        return [(name, part) for name, part in types if name != self.root.at("head_node_type").text]

    @property
    def types(self) -> list[YamlPart]:
        """All node types."""
        return [part for _, part in self.root.at("available_node_types").items()]


def instance_of(node_type: YamlPart) -> str:
    """Return the name of a node type's machine as prices have it; "" where it has none."""
    config = node_type.at("node_config")
    name = config.at("InstanceType").text or config.at("machineType").text.rpartition("/")[2]
    cards = [
        part.at("acceleratorType").text.rpartition("/")[2]
        for part in config.at("guestAccelerators").entries()
    ]
    return "+".join([name, *cards])


def name_problems(cluster: RayCluster) -> Iterator[str]:
    """Look at the name, by which Ray finds a cluster's machines again."""
    name = cluster.root.at("cluster_name")
    if name.value is None:
        yield "cluster_name is missing: Ray would call it default, as it does any other without a name"
    elif not PLAIN.fullmatch(name.text):
        yield (
            f"cluster_name is {name.value!r}: up to 40 small letters, digits and hyphens, a letter first, "
            "make a tag, a label and a name of machines"
        )


def mount_problems(cluster: RayCluster) -> Iterator[str]:
    """Look for the folders that are copied to the cluster."""
    for _, part in cluster.root.at("file_mounts").items():
        if not part.text or not Path(part.text).expanduser().exists():
            yield f"{part.place}: there is no {part.value} here; `make cluster-sources` makes the shipped one"


def number_problems(cluster: RayCluster) -> Iterator[str]:
    """Look at the numbers of workers."""
    most = cluster.root.at("max_workers").number
    allowed = DEFAULT_MAX_WORKERS if most is None else most
    wanted = 0.0
    for _, part in cluster.workers:
        low, high = part.at("min_workers").number or 0.0, part.at("max_workers").number
        wanted += high or 0.0
        if high is not None and low > high:
            yield f"{part.place}: min_workers is {low:g} and max_workers is {high:g}, which is less"
    if wanted > allowed:
        where = "Ray's max_workers" if most is None else "max_workers"
        yield f"{where} is {allowed:g}, and the node types may have {wanted:g} in all; make them agree"


def idle_problems(cluster: RayCluster) -> Iterator[str]:
    """Look at when idle workers are ended, and at a head that works itself."""
    minutes = cluster.root.at("idle_timeout_minutes")
    if minutes.number is None:
        yield "idle_timeout_minutes is missing: say after how long without work a worker is ended, say 10"
    elif not 0 < minutes.number <= MAX_IDLE_MIN:
        yield f"idle_timeout_minutes is {minutes.number:g}: idle workers are paid, so 1 to {MAX_IDLE_MIN}"
    resources = cluster.head.at("resources")
    if cluster.head.value is not None and (resources.at("CPU").number, resources.at("GPU").number) != (0, 0):
        yield (
            f"{resources.place}: the head would train, too, and a trial that takes its memory ends the "
            "cluster; say {CPU: 0, GPU: 0}"
        )


def start_problems(cluster: RayCluster) -> Iterator[str]:
    """Look for a head that starts no workers, and for a dashboard that others reach: it runs programs."""
    commands = cluster.root.at("head_start_ray_commands")
    if commands.value is None:
        yield (
            "head_start_ray_commands is missing: Ray's own open the dashboard to the network; "
            "give them, with --dashboard-host=127.0.0.1"
        )
    elif not any("--autoscaling-config" in part.text for part in commands.texts()):
        yield f"{commands.place}: without --autoscaling-config=~/ray_bootstrap_config.yaml no worker starts"
    for part in commands.texts():
        if f"--dashboard-host={EVERYWHERE}" in part.text or f"--dashboard-host {EVERYWHERE}" in part.text:
            yield f"{part.place}: whoever reaches a dashboard runs programs; --dashboard-host=127.0.0.1"


def ray_problems(cluster: RayCluster) -> Iterator[str]:
    """Look for another Ray than the pinned one, here and there."""
    if not cluster.pinned:
        yield f"no {CONSTRAINTS} with a version of Ray is among what the cluster gets, or here"
        return
    if ray_here() != cluster.pinned:
        yield f"Ray here is {ray_here()}, and {CONSTRAINTS} says {cluster.pinned}: `make setup` here again"
    if cluster.root.at("setup_commands").value is None and not cluster.root.at("docker", "image").text:
        yield "setup_commands is missing: Ray's own install a development version of Ray"
    parts = [part for name in COMMANDS for part in cluster.root.at(name).texts()]
    yield from version_problems(parts, pinned=cluster.pinned)


def gpu_problems(cluster: RayCluster) -> Iterator[str]:
    """Hold node types against the instances whose GPUs and prices are known."""
    if not cluster.types:
        yield "available_node_types is missing: Ray's own have no GPU"
    for part in cluster.types:
        instance, declared = instance_of(part), part.at("resources", "GPU").number
        known = cluster.prices.get(instance)
        if not instance:
            yield f"{part.at('node_config').place} names no type of machine"
        elif known is None:
            yield (
                f"{part.place}: {instance} is no instance of cluster/prices.json, so neither its GPUs nor "
                "its price are known; add a line there"
            )
        elif declared and declared != known.gpus:
            yield f"{part.place}: {declared:g} GPUs are declared, and {instance} has {known.gpus}"
    found = [each for part in cluster.types if (each := cluster.prices.get(instance_of(part))) is not None]
    if len(currencies := sorted({each.currency for each in found})) > 1:
        yield f"prices in {' and '.join(currencies)} can't be added up; write them in one"
    if len(names := sorted({each.gpu for each in found if each.gpu})) > 1:
        yield (
            f"workers have {' and '.join(names)}: results of one study come from one type of GPU; "
            "keep one, and start a cluster for each other"
        )


ClusterCheck = Callable[[RayCluster], Iterator[str]]
CHECKS: tuple[ClusterCheck, ...] = (name_problems, mount_problems, ray_problems)
# Of machines that are there already nothing more is known.
RENTED_CHECKS: tuple[ClusterCheck, ...] = (number_problems, idle_problems, start_problems, gpu_problems)
