"""Check of a file that starts a cluster, before anything is paid for.

Three kinds are known by what they hold: a file for `ray up`, a RayJob of KubeRay, and a task of SkyPilot. All
problems come at once. Nothing is asked of a cloud, so whether it has the image, the group or the quota is not
known.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator.checks.aws_cluster import AWS_CHECKS
from orchestrator.checks.cluster_cost import ClusterCost, cluster_cost
from orchestrator.checks.cluster_manifests import is_ray_job, is_sky_task, ray_job_problems, sky_problems
from orchestrator.checks.ray_cluster import CHECKS, RENTED_CHECKS, RayCluster
from orchestrator.checks.ray_version import pinned_ray
from orchestrator.checks.yaml_file import YamlPart, read_yaml
from orchestrator.plan.price import prices_by_instance
from trainables.errors import InputError

# Validator of `ray up`: gives its refusal of what a file holds, or "".
RefusalByRay = Callable[[object], str]


@dataclass(frozen=True, slots=True)
class CheckedCluster:
    """A file with nothing wrong; `cost` is known of clusters that `ray up` starts alone."""

    path: Path
    tool: str
    cost: ClusterCost | None


def check_cluster(path: Path, *, refusal_by_ray: RefusalByRay, folder: Path | None = None) -> CheckedCluster:
    """Check a file that starts a cluster.

    Args:
        path: the file.
        refusal_by_ray: asked about files for `ray up`.
        folder: where the file's relative paths start, and where constraints.txt is looked for; None = here,
            as for `ray up`.

    Raises:
        InputError: the file can't be read, or something is wrong: a sentence on a line of its own for each.
    """
    here = folder or Path()
    read = read_yaml(path)
    root = read.root
    problems, cost = list(read.problems), None
    if is_ray_job(root):
        tool, found = "kubectl apply -f", ray_job_problems(root, pinned=pinned_ray([here])[0])
    elif is_sky_task(root):
        pinned = pinned_ray([here / root.at("workdir").text, here])[0]
        tool, found = "sky jobs launch", sky_problems(root, folder=here, pinned=pinned)
    elif root.at("provider", "type").text:
        cluster = _ray_cluster(root, here)
        tool, found, cost = "ray up", _ray_problems(cluster, refusal_by_ray), cluster_cost(cluster)
    else:
        raise InputError(
            f"{path} starts no cluster that is known here: it has no provider.type (ray up), no kind: RayJob "
            "(KubeRay), and no resources and run (SkyPilot)"
        )
    problems += found
    if problems:
        raise InputError("\n".join(f"{path}: {each}" for each in problems))
    return CheckedCluster(path, tool, cost)


def _ray_cluster(root: YamlPart, folder: Path) -> RayCluster:
    mounted = [folder / Path(part.text).expanduser() for _, part in root.at("file_mounts").items()]
    pinned, _ = pinned_ray([*mounted, folder])
    return RayCluster(root, folder, prices_by_instance(), pinned)


def _ray_problems(cluster: RayCluster, refusal_by_ray: RefusalByRay) -> Iterator[str]:
    refusal = refusal_by_ray(cluster.root.value)
    if refusal:
        yield f"Ray refuses it: {refusal}"
    rented = RENTED_CHECKS if cluster.root.has("available_node_types") else ()
    for check in (*CHECKS, *rented, *(AWS_CHECKS if cluster.provider == "aws" else ())):
        yield from check(cluster)
