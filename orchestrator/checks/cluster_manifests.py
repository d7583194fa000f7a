"""Faults of files that start clusters without `ray up`: a RayJob of KubeRay, and a task of SkyPilot.

Their own tools check names and types of keys; here is what those take and what costs money or fails late.
"""

from collections.abc import Iterator
from pathlib import Path

from orchestrator.checks.ray_cluster import PLAIN
from orchestrator.checks.ray_version import CONSTRAINTS, version_problems
from orchestrator.checks.yaml_file import YamlPart

GPU = "nvidia.com/gpu"


def is_ray_job(root: YamlPart) -> bool:
    """Say whether a file is a RayJob."""
    return root.at("kind").text == "RayJob"


def is_sky_task(root: YamlPart) -> bool:
    """Say whether a file is a task of SkyPilot."""
    return root.has("resources") and root.has("run") and not root.has("provider")


def ray_job_problems(root: YamlPart, *, pinned: str) -> Iterator[str]:
    """Say what is wrong with a RayJob."""
    if not PLAIN.fullmatch(root.at("metadata", "name").text):
        yield "metadata.name is missing or not plain: small letters, digits and hyphens"
    spec = root.at("spec")
    cluster = spec.at("rayClusterSpec")
    if spec.at("shutdownAfterJobFinishes").value is not True:
        yield "spec.shutdownAfterJobFinishes is not true: the pods, and their GPUs, stay after the last trial"
    if cluster.at("enableInTreeAutoscaling").value is not True:
        yield f"{cluster.place}.enableInTreeAutoscaling is not true: no worker would ever be started or ended"
    version = cluster.at("rayVersion")
    if pinned and version.text != pinned:
        yield f"{version.place} is {version.value}, and {CONSTRAINTS} says {pinned}"
    if pinned:
        yield from version_problems(root.texts(), pinned=pinned)
    params = cluster.at("headGroupSpec", "rayStartParams")
    if (params.at("num-cpus").text, params.at("num-gpus").text) != ("0", "0"):
        yield f'{params.place}: the head would train, too; say num-cpus: "0" and num-gpus: "0"'
    for group in cluster.at("workerGroupSpecs").entries():
        yield from _group_problems(group)


def _group_problems(group: YamlPart) -> Iterator[str]:
    low, high = group.at("minReplicas").number or 0, group.at("maxReplicas").number
    if high is None:
        yield f"{group.place}.maxReplicas is missing: say how many workers there may be"
    elif not low <= (group.at("replicas").number or low) <= high:
        yield f"{group.place}: replicas lie outside of minReplicas and maxReplicas"
    for container in group.at("template", "spec", "containers").entries():
        if not container.at("resources", "limits").has(GPU):
            yield f"{container.place}: no {GPU} in resources.limits, so its workers have no GPU"


def sky_problems(root: YamlPart, *, pinned: str) -> Iterator[str]:
    """Say what is wrong with a task of SkyPilot."""
    if not PLAIN.fullmatch(root.at("name").text):
        yield "name is missing or not plain: small letters, digits and hyphens"
    workdir = root.at("workdir")
    if not Path(workdir.text or ".").expanduser().is_dir():
        yield f"workdir: there is no {workdir.text} here; `make cluster-sources` makes the shipped one"
    if not root.at("resources", "accelerators").value:
        yield "resources.accelerators is missing, for example L4:1: the machine would have no GPU"
    if root.at("resources", "max_hourly_cost").number is None:
        yield "resources.max_hourly_cost is missing: SkyPilot takes any machine, whatever it costs"
    if root.at("resources", "use_spot").value is True and not root.at("resources", "job_recovery").value:
        yield "resources.job_recovery is missing: say what happens when the spot machine is taken away"
    if pinned:
        yield from version_problems(root.texts(), pinned=pinned)
