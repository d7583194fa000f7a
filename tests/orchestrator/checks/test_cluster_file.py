"""Files that start clusters: shipped ones pass once filled in, faults are refused for their reasons."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.checks.cluster_file import check_cluster
from orchestrator.checks.yaml_file import read_yaml
from orchestrator.execution.ray_executor.ray_up import refusal_by_ray
from trainables.errors import InputError

pytest.importorskip("botocore", reason="the model of EC2 is botocore's")
ROOT = Path(__file__).parents[3]
OURS = {"ami-REPLACE": "ami-0123456789abcdef0", "sg-REPLACE": "sg-0123456789abcdef0", "REPLACE": "mine"}
AWS, GCP, SKY, KUBERNETES = "cluster.yaml", "cluster/gcp.yaml", "cluster/skypilot.yaml", "cluster/rayjob.yaml"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what `make cluster-sources` makes, as far as it is looked at."""
    sources = tmp_path / "build" / "cluster-sources"
    sources.mkdir(parents=True)
    shutil.copy(ROOT / "constraints.txt", sources)
    shutil.copy(ROOT / "constraints.txt", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def filled(name: str) -> str:
    """Return a shipped file as after its user has edited the five lines."""
    text = (ROOT / name).read_text(encoding="utf-8")
    for placeholder, value in OURS.items():
        text = text.replace(placeholder, value)
    return text


def problems(text: str) -> list[str]:
    """Return what is wrong with a file, without its name."""
    Path("file.yaml").write_text(text, encoding="utf-8")
    try:
        check_cluster(Path("file.yaml"), refusal_by_ray=refusal_by_ray)
    except InputError as error:
        return [line.removeprefix("file.yaml: ") for line in str(error).splitlines()]
    return []


def edited(name: str, *edits: tuple[str, str]) -> str:
    """Return a filled file with parts replaced, by pattern; each must be there."""
    text = filled(name)
    for pattern, replacement in edits:
        text, count = re.subn(pattern, replacement, text, flags=re.MULTILINE)
        assert count, pattern
    return text


@pytest.mark.parametrize("name", [AWS, GCP, SKY, KUBERNETES])
def test_a_shipped_file_passes_once_its_lines_are_edited(name: str, folder: Path) -> None:
    assert problems(filled(name)) == []


@pytest.mark.parametrize("name", [AWS, GCP, SKY, KUBERNETES])
def test_the_lines_to_edit_come_first_and_are_named(name: str, folder: Path) -> None:
    """Catches a placeholder that somebody pays for an hour later."""
    found = problems((ROOT / name).read_text(encoding="utf-8"))
    assert found and all(re.fullmatch(r"line \d+: .* put your own value there", each) for each in found)
    lines = (int(re.findall(r"line (\d+)", each)[0]) for each in found)
    assert max(lines) <= 11


RULE = "{FromPort: 22, ToPort: 22, IpProtocol: tcp, IpRanges: [{CidrIp: 0.0.0.0/0}]}"
HEAD, GPU = "available_node_types.head.node_config", "available_node_types.gpu.node_config"
# What is changed in the filled cluster.yaml, and the beginning of the one sentence about it.
FAULTS: dict[str, tuple[tuple[str, str], str]] = {
    "placeholder": (("mine-worker", "<YOUR PROFILE>"), "line 7: worker is still <YOUR PROFILE>"),
    "the same key twice": (
        ("^  group:", "  image: *image\n  group:"),
        "line 5: image stands there twice",
    ),
    "no name": (("^cluster_name: .*", ""), "cluster_name is missing"),
    "name that is not plain": (("^cluster_name: .*", "cluster_name: My Study"), "cluster_name is 'My Study'"),
    "unknown key of EC2": (
        ("InstanceMarketOptions:", "InstanceMarketOption:"),
        f"{GPU}.InstanceMarketOption is no key",
    ),
    "unknown key within": (
        ("MarketType: spot", "MarketTyp: spot"),
        f"{GPU}.InstanceMarketOptions.MarketTyp is no key",
    ),
    "value that EC2 does not know": (
        ("MarketType: spot", "MarketType: spots"),
        f"{GPU}.InstanceMarketOptions.MarketType is spots",
    ),
    "value of another type": (
        ("IamInstanceProfile: {Name: .worker}", "IamInstanceProfile: *worker"),
        f"{GPU}.IamInstanceProfile is 'mine-worker', and EC2 wants a mapping",
    ),
    "sources that are not there": (
        ("build/cluster-sources", "build/elsewhere"),
        "file_mounts.~/deepfakes: there is no build/elsewhere here",
    ),
    "key that is not there": (
        ("^auth: .*", "auth: {ssh_user: ubuntu, ssh_private_key: nowhere.pem}"),
        "auth.ssh_private_key: there is no nowhere.pem",
    ),
    "key that Ray replaces": (
        ("^      InstanceType: g5", "      KeyName: mine\n      InstanceType: g5"),
        f"{GPU}: Ray takes its own key",
    ),
    "workers without a profile": (
        ("^      IamInstanceProfile: .*worker}", ""),
        f"{GPU}: no IamInstanceProfile",
    ),
    "head without a profile": (("^      IamInstanceProfile: .*head}", ""), f"{HEAD}: no IamInstanceProfile"),
    "port 22 for all, by silence": (
        ("(InstanceType: g5(.*\n)*?)      SecurityGroupIds: .*", r"\1"),
        f"{GPU}: no SecurityGroupIds",
    ),
    "port 22 for all, by a rule": (
        ("cache_stopped_nodes: no", f"cache_stopped_nodes: no, security_group: {{IpPermissions: [{RULE}]}}"),
        "provider.security_group.IpPermissions[0] opens port 22 to the whole world",
    ),
    "another Ray": (
        ("make -C ~/deepfakes setup", "pip install 'ray[default]==2.9.0' \\&\\& make -C ~/deepfakes setup"),
        "setup_commands[1] brings Ray 2.9.0",
    ),
    "the newest Ray": (
        ("make -C ~/deepfakes setup.*", "pip install -U 'ray[default]'"),
        "setup_commands[1] brings whichever Ray",
    ),
    "no commands that set up": (("^setup_commands:\n(  .*\n)*", ""), "setup_commands is missing"),
    "unknown instance": (
        ("g5.xlarge", "m5.large"),
        "available_node_types.gpu: m5.large is no instance of cluster/prices.json",
    ),
    "GPUs that are not there": (
        ("resources: {}", "resources: {GPU: 4}"),
        "available_node_types.gpu: 4 GPUs are declared, and g5.xlarge has 1",
    ),
    "fewer at most than at least": (
        ("min_workers: 0\n    max_workers: 8", "min_workers: 3\n    max_workers: 2"),
        "available_node_types.gpu: min_workers is 3 and max_workers is 2",
    ),
    "fewer in all than of a type": (
        ("^max_workers: 8", "max_workers: 4"),
        "max_workers is 4, and the node types may have 8",
    ),
    "old image, by silence": (
        ("(InstanceType: g5(.*\n)*?)      ImageId: .*", r"\1"),
        f"{GPU}: no ImageId of your own",
    ),
    "old image, by name": (("mine-image|ami-0123456789abcdef0", "latest_dlami"), "available_node_types."),
    "head that trains": (
        ("CPU: 0, GPU: 0", "CPU: 2, GPU: 0"),
        "available_node_types.head.resources: the head would train",
    ),
    "no end of idle workers": (("^idle_timeout_minutes: .*", ""), "idle_timeout_minutes is missing"),
    "a late end of idle workers": (
        ("^idle_timeout_minutes: .*", "idle_timeout_minutes: 600"),
        "idle_timeout_minutes is 600",
    ),
    "open dashboard": (
        ("dashboard-host=127.0.0.1", "dashboard-host=0.0.0.0"),
        "head_start_ray_commands[1]: whoever reaches a dashboard",
    ),
    "head that starts no workers": (
        ("--autoscaling-config=\\S+", ""),
        "head_start_ray_commands: without --autoscaling-config",
    ),
    "name for an identifier": (
        ("sg-0123456789abcdef0", "deepfakes"),
        "available_node_types.",
    ),
    "no command that starts the head": (
        ("^head_start_ray_commands:\n(  .*\n)*", ""),
        "head_start_ray_commands is missing",
    ),
    "zone elsewhere": (
        ("us-east-1c", "us-west-2c"),
        "provider.availability_zone: us-west-2c is no zone of us-east-1",
    ),
    "machines that are kept": (
        (", cache_stopped_nodes: no", ""),
        "provider.cache_stopped_nodes is not false",
    ),
    "machines that only stop": (
        ("(InstanceType: g5(.*\n)*?)      InstanceInitiatedShutdownBehavior: .*", r"\1"),
        f"{GPU}: a machine that shuts itself down",
    ),
    "what Ray refuses": (
        ("^max_workers: 8", "max_workers: 8\nworkers: 8"),
        "Ray refuses it: Additional properties are not allowed",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_refused_for_its_own_reason(fault: str, folder: Path) -> None:
    (edit, said) = FAULTS[fault]
    found = problems(edited(AWS, edit))
    assert found and all(line.startswith(said) for line in found)
    # A name stands for head and workers.
    assert len(found) == (2 if fault in ("old image, by name", "name for an identifier") else 1)


def test_all_faults_are_said_at_once(folder: Path) -> None:
    text = edited(
        AWS, ("^cluster_name: .*", ""), ("^idle_timeout_minutes: .*", ""), ("g5.xlarge", "g5.xlage")
    )
    assert len(problems(text)) == 4  # the instance is known neither to EC2 nor to the prices


@pytest.mark.parametrize(
    ("name", "edit", "said"),
    [
        (KUBERNETES, ("shutdownAfterJobFinishes: true", ""), "spec.shutdownAfterJobFinishes is not true"),
        (KUBERNETES, ('rayVersion: ".*"', 'rayVersion: "2.9.0"'), "spec.rayClusterSpec.rayVersion is 2.9.0"),
        (
            KUBERNETES,
            ('num-cpus: "0", ', ""),
            "spec.rayClusterSpec.headGroupSpec.rayStartParams: the head would train",
        ),
        (
            KUBERNETES,
            ("maxReplicas: 8", "maxReplicas: -1"),
            "spec.rayClusterSpec.workerGroupSpecs[0]: replicas lie outside",
        ),
        (
            KUBERNETES,
            ("memory: 14Gi, nvidia.com/gpu: 1", "memory: 14Gi"),
            "spec.rayClusterSpec.workerGroupSpecs[0].template.spec.containers[0]: no nvidia.com/gpu",
        ),
        (
            KUBERNETES,
            ("enableInTreeAutoscaling: true", ""),
            "spec.rayClusterSpec.enableInTreeAutoscaling is not true",
        ),
        (
            KUBERNETES,
            ("mine/deepfakes:1", "rayproject/ray:2.9.0-py311-gpu"),
            "metadata.annotations.image brings Ray 2.9.0",
        ),
        (SKY, ("accelerators: .gpu", ""), "resources.accelerators is missing"),
        (SKY, ("max_hourly_cost: .*", ""), "resources.max_hourly_cost is missing"),
        (SKY, ("job_recovery: .*", ""), "resources.job_recovery is missing"),
        (SKY, ("^workdir: .*", "workdir: elsewhere"), "workdir: there is no elsewhere here"),
        (GCP, ("CPU: 4, GPU: 1", "CPU: 4, GPU: 2"), "available_node_types.gpu: 2 GPUs are declared"),
        (GCP, ("^cluster_name: .*", "cluster_name: a_b"), "cluster_name is 'a_b'"),
    ],
)
def test_a_fault_elsewhere_is_refused(name: str, edit: tuple[str, str], said: str, folder: Path) -> None:
    found = problems(edited(name, edit))
    assert found and found[0].startswith(said)


def test_machines_that_nobody_chose_are_refused(folder: Path) -> None:
    found = problems("cluster_name: mine\nprovider: {type: aws, region: us-east-1}\n")
    assert "available_node_types is missing: Ray's own have no GPU" in found


def test_machines_that_are_there_already_are_not_asked_for_an_image(folder: Path) -> None:
    """Catches `ray up` with one's own machines that is refused for what only rented ones have."""
    text = "cluster_name: mine\nprovider: {type: local, head_ip: 10.0.0.1, worker_ips: [10.0.0.2]}\n"
    assert problems(f"{text}auth: {{ssh_user: me}}\nsetup_commands: []\n") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", r"line 1: not valid YAML"),
        ("- a", "holds no mapping"),
        ("a: 1", "starts no cluster that is known here"),
        ("a: !Ref b", "line 1: not valid YAML: could not determine a constructor"),
    ],
)
def test_a_file_that_is_something_else_is_refused(text: str, said: str, folder: Path) -> None:
    Path("file.yaml").write_text(text)
    with pytest.raises(InputError, match=said):
        check_cluster(Path("file.yaml"), refusal_by_ray=refusal_by_ray)


def test_another_ray_here_is_said(folder: Path) -> None:
    """Catches a cluster of a version that this machine can't speak with."""
    (folder / "build" / "cluster-sources" / "constraints.txt").write_text("ray==9.9.9\n")
    (found,) = problems(filled(AWS))
    assert re.match(r"Ray here is [\d.]+, and constraints.txt says 9\.9\.9", found)
    for path in (folder, folder / "build" / "cluster-sources"):
        (path / "constraints.txt").unlink()
    assert problems(filled(AWS)) == [
        "no constraints.txt with a version of Ray is among what the cluster gets, or here"
    ]


def test_the_cost_is_that_of_the_dearest_workers_that_may_run(
    folder: Path, prices: Callable[..., None]
) -> None:
    """Catches a worst case without the head, or of more workers than may run."""
    prices(("t3.large", "", 0, 0.5), ("g5.xlarge", "A10G", 1, 2.0), ("g5.12xlarge", "A10G", 4, 7.0))
    other = "  large:\n    min_workers: 1\n    max_workers: 2\n    resources: {}\n    node_config:\n"
    config = (
        filled(AWS)
        .split("  gpu:\n")[1]
        .split("    node_config:\n")[1]
        .split("\n\n")[0]
        .replace("g5.xlarge", "g5.12xlarge")
    )
    text = edited(
        AWS,
        ("^  gpu:", f"{other}{config.replace(chr(92), chr(92) * 2)}\n  gpu:"),
        ("^max_workers: 8", "max_workers: 10"),
    )
    Path("file.yaml").write_text(text)
    cost = check_cluster(Path("file.yaml"), refusal_by_ray=refusal_by_ray).cost
    assert cost is not None
    assert (cost.idle_per_hour, cost.full_per_hour) == (0.5 + 7.0, 0.5 + 2 * 7.0 + 8 * 2.0)
    assert cost.machines == {"g5.12xlarge": 2, "g5.xlarge": 8}


def test_prices_in_two_currencies_and_two_types_of_gpu_are_refused(
    folder: Path, prices: Callable[..., None]
) -> None:
    prices(("t3.large", "", 0, 0.5, "EUR"), ("g5.xlarge", "A10G", 1, 2.0))
    assert [line.split(" can't")[0] for line in problems(filled(AWS))] == ["prices in EUR and USD"]
    prices(("t3.large", "T4", 1, 0.5), ("g5.xlarge", "A10G", 1, 2.0))
    (found,) = problems(filled(AWS))
    assert "come from one type of GPU" in found


@pytest.fixture
def prices(folder: Path) -> Callable[..., None]:
    """Write a list of prices that is taken before the shipped one."""

    def write(*lines: tuple[str, str, int, float] | tuple[str, str, int, float, str]) -> None:
        names = ("instance", "gpu", "gpus", "per_hour", "currency")
        (folder / "cluster").mkdir(exist_ok=True)
        instances = [dict(zip(names, line, strict=False)) for line in lines]
        (folder / "cluster" / "prices.json").write_text(json.dumps({"instances": instances}))

    return write


def test_aliases_are_named_once(folder: Path) -> None:
    Path("file.yaml").write_text("a: &a REPLACE-me\nb: [*a, *a, {c: *a}]\n")
    assert read_yaml(Path("file.yaml")).problems == (
        "line 1: a is still REPLACE-me; put your own value there",
    )
