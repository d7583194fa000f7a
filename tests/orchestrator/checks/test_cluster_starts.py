"""Programs inside the files that start clusters: what ends a forgotten machine, and who may reach one."""

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
# A minute of the watchdog passes as fast as `sleep` returns; `pgrep` finds Ray in minutes FROM to TO.
FAKES = """
minute=0
sleep() { minute=$((minute + 1)); [ "$minute" -le 100 ]; }
pgrep() { [ "$*" = "-x raylet" ] && [ "$minute" -ge "$FROM" ] && [ "$minute" -le "$TO" ]; }
shutdown() { echo "$* at $minute"; exit; }
"""


def watchdogs() -> list[str]:
    """The scripts of both files, each from the machines' own field."""
    aws = yaml.safe_load((ROOT / "cluster.yaml").read_text(encoding="utf-8"))["available_node_types"]
    gcp = yaml.safe_load((ROOT / "cluster" / "gcp.yaml").read_text(encoding="utf-8"))["available_node_types"]
    started = {each["node_config"]["UserData"] for each in aws.values()}
    starting = {each["node_config"]["metadata"]["items"][0]["value"] for each in gcp.values()}
    # Head and workers have the same one.
    (user_data,), (script,) = started, starting
    (written,) = [part for part in user_data.split("<<'END'\n") if "pgrep" in part]
    return [written.split("\nEND\n")[0], script]


def ended_at(script: str, first: int, last: int) -> str:
    """Run a watchdog on a machine with Ray in these minutes; say how it ends the machine, and when."""
    return subprocess.run(
        ["bash", "-c", FAKES + script],
        env={**os.environ, "FROM": str(first), "TO": str(last)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    ).stdout.strip()


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize(
    ("first", "last", "ended"),
    [
        (101, 101, "-h now at 30"),  # never: programs that could not be installed
        (20, 49, "-h now at 59"),
        (5, 100, ""),
    ],
)
def test_a_machine_without_ray_is_ended_after_ten_minutes(
    number: int, first: int, last: int, ended: str
) -> None:
    """Catches a worker that outlives its head by a weekend, and one that is ended while it is set up."""
    assert ended_at(watchdogs()[number], first, last) == ended


@pytest.mark.slow
def test_one_address_reaches_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a group that the whole world reaches, and workers that may start machines."""
    moto = pytest.importorskip("moto", reason="stands for AWS")
    boto3 = pytest.importorskip("boto3")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    with moto.mock_aws():
        client = lambda name: boto3.client(name, region_name="us-east-1")  # noqa: E731
        outputs = _deployed(client("cloudformation"))
        (group,) = client("ec2").describe_security_groups(GroupIds=[outputs["group"]])["SecurityGroups"]
        within, port = sorted(group["IpPermissions"], key=lambda rule: str(rule["IpProtocol"]))
        assert [each["CidrIp"] for each in port["IpRanges"]] == ["203.0.113.7/32"]
        assert (port["FromPort"], port["ToPort"]) == (22, 22)
        assert within["IpRanges"] == []
        assert [each["GroupId"] for each in within["UserIdGroupPairs"]] == [outputs["group"]]
        iam = client("iam")
        policies = {}
        for name in ("head", "worker"):
            profile = iam.get_instance_profile(InstanceProfileName=outputs[name])["InstanceProfile"]
            (role,) = profile["Roles"]
            policies[name] = iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]
        assert policies == {"head": ["bucket", "workers"], "worker": ["bucket"]}


def _deployed(cloudformation: Any) -> dict[str, str]:
    given = {"Address": "203.0.113.7/32", "Bucket": "mine"}
    cloudformation.create_stack(
        StackName="deepfakes",
        TemplateBody=(ROOT / "cluster" / "aws-access.yaml").read_text(encoding="utf-8"),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
    )
    (stack,) = cloudformation.describe_stacks(StackName="deepfakes")["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


def test_extras_are_what_make_installs(tmp_path: Path) -> None:
    """Catches a cluster that is set up with the tools of tests, or without what `ray up` needs."""

    def installs(*arguments: str) -> str:
        command = ["make", "-n", "setup", f"VENV={tmp_path / 'venv'}", "PYTHON=python3", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert "'.[cluster]'" in installs("EXTRAS=cluster")
    assert "'.[dev]'" in installs()
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / ".ready-dev").touch()
    os.utime(tmp_path / "venv" / ".ready-dev", (time.time() + 1000,) * 2)
    assert "pip install" not in installs() and "pip install" in installs("EXTRAS=cluster")
