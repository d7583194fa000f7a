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
from orchestrator.store.provenance import copied_commit
from trainables.errors import InputError, Problems

# Validator of `ray up`: gives its refusal of what a file holds, or "".
RefusalByRay = Callable[[object], str]


@dataclass(frozen=True, slots=True)
class CheckedCluster:
    """A file with nothing wrong.

    `cost` is known of clusters that `ray up` starts alone. `commit` is that of the sources which the cluster
    gets from `sources`; None where they are no copy made by `make cluster-sources`, or come another way.
    """

    path: Path
    tool: str
    cost: ClusterCost | None
    sources: Path | None
    commit: str | None


def check_cluster(path: Path, *, refusal_by_ray: RefusalByRay) -> CheckedCluster:
    """Check a file that starts a cluster; its relative paths start here, as they do for `ray up`.

    Args:
        path: the file.
        refusal_by_ray: asked about files for `ray up`.

    Raises:
        InputError: the file can't be read, or something is wrong: a sentence on a line of its own for each.
    """
    read = read_yaml(path)
    root, cluster = read.root, None
    sources = _sources(root)
    pinned = pinned_ray([*sources, Path()])
    if is_ray_job(root):
        tool, found = "kubectl apply -f", ray_job_problems(root, pinned=pinned)
    elif is_sky_task(root):
        tool, found = "sky jobs launch", sky_problems(root, pinned=pinned)
    elif root.at("provider", "type").text:
        cluster = RayCluster(root, prices_by_instance(), pinned)
        tool, found = "ray up", _ray_problems(cluster, refusal_by_ray)
    else:
        raise InputError(
            f"{path} starts no cluster that is known here: it has no provider.type (ray up), no kind: RayJob "
            "(KubeRay), and no resources and run (SkyPilot)"
        )
    problems = [*read.problems, *found]
    if problems:
        raise Problems(f"{path}: {each}" for each in problems)
    copied = next((each for each in sources if copied_commit(each) is not None), None)
    return CheckedCluster(
        path,
        tool,
        cost=None if cluster is None else cluster_cost(cluster),
        sources=copied,
        commit=None if copied is None else copied_commit(copied),
    )


def _sources(root: YamlPart) -> list[Path]:
    """List the folders here that are copied to the cluster."""
    parts = [root.at("workdir"), *(part for _, part in root.at("file_mounts").items())]
    return [Path(part.text).expanduser() for part in parts if part.text]


def _ray_problems(cluster: RayCluster, refusal_by_ray: RefusalByRay) -> Iterator[str]:
    refusal = refusal_by_ray(cluster.root.value)
    if refusal:
        yield f"Ray refuses it: {refusal}"
    rented = RENTED_CHECKS if cluster.provider != "local" else ()
    for check in (*CHECKS, *rented, *(AWS_CHECKS if cluster.provider == "aws" else ())):
        yield from check(cluster)
