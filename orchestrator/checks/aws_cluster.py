"""Faults of a file for `ray up` on AWS: machines that all the world reaches, or that nothing ends.

What Ray 2.60 does where a file is silent was read in its `autoscaler/_private/aws/config.py`.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from orchestrator.checks.ec2_request import has_model, request_problems
from orchestrator.checks.ray_cluster import EVERYWHERE, ClusterCheck, RayCluster
from orchestrator.checks.yaml_file import PLACEHOLDER, YamlPart

# Ray takes it for an image of Ubuntu 18.04.
OLD_IMAGE = "latest_dlami"
# Images that Ray, or EC2 by a parameter of Systems Manager, looks up.
ELSEWHERE = f"{OLD_IMAGE}|resolve:ssm:.*"
SSH = 22
# What a launch template may bring in the place of a key of node_config.
TEMPLATE = "LaunchTemplate"


def place_problems(cluster: RayCluster) -> Iterator[str]:
    """Look at the region, and at the zones, which must be its own."""
    region = cluster.root.at("provider", "region").text
    if not region:
        yield "provider.region is missing, for example us-east-1"
    for zone in cluster.root.at("provider", "availability_zone").text.split(","):
        if region and zone.strip() and not zone.strip().startswith(region):
            yield f"provider.availability_zone: {zone.strip()} is no zone of {region}"


def model_problems(cluster: RayCluster) -> Iterator[str]:
    """Hold each node_config against EC2."""
    if not has_model():
        yield "boto3 is not installed here, and `ray up` needs it for AWS; `make setup EXTRAS=dev,cluster`"
        return
    for part in cluster.types:
        yield from request_problems(part.at("node_config"))


def image_problems(cluster: RayCluster) -> Iterator[str]:
    """Look for machines whose image Ray would choose."""
    for config in _configs(cluster):
        if not _brings(config, "ImageId") or config.at("ImageId").text == OLD_IMAGE:
            yield (
                f"{config.place}: no ImageId of your own, and Ray's is an Ubuntu 18.04 with drivers of 2022; "
                "cluster.yaml says how to find a new one"
            )


def identifier_problems(cluster: RayCluster) -> Iterator[str]:
    """Look for names in the place of identifiers; placeholders and what has a check of its own apart."""
    for config in _configs(cluster):
        groups = config.at("SecurityGroupIds").entries()
        for part, kind in ((config.at("ImageId"), "ami"), *((group, "sg") for group in groups)):
            is_fit = re.fullmatch(rf"{kind}-([0-9a-f]{{8}}|[0-9a-f]{{17}})|{ELSEWHERE}|", part.text)
            if is_fit is None and PLACEHOLDER.search(part.text) is None:
                yield f"{part.place} is {part.text}: AWS has {kind}- and 17 letters and digits there"


def port_problems(cluster: RayCluster) -> Iterator[str]:
    """Look for port 22 open to all addresses."""
    for rule in cluster.root.at("provider", "security_group", "IpPermissions").entries():
        ports = (rule.at("FromPort").number, rule.at("ToPort").number)
        low, high = (SSH if port is None else port for port in ports)
        ranges = [each.at("CidrIp").text for each in rule.at("IpRanges").entries()]
        if low <= SSH <= high and f"{EVERYWHERE}/0" in ranges:
            yield f"{rule.place} opens port 22 to the whole world; name your address, say 203.0.113.7/32"
    for config in _configs(cluster):
        if not _brings(config, "SecurityGroupIds") and not _brings(config, "NetworkInterfaces"):
            yield (
                f"{config.place}: no SecurityGroupIds, and the group that Ray makes opens port 22 to the "
                "whole world whatever provider.security_group says; cluster/aws-access.yaml makes one"
            )


def key_problems(cluster: RayCluster) -> Iterator[str]:
    """Look for machines that nobody could log in to."""
    file = cluster.root.at("auth", "ssh_private_key")
    if file.text and not Path(file.text).expanduser().is_file():
        yield f"{file.place}: there is no {file.text}; leave it out, and Ray makes a key"
        return
    for config in _configs(cluster):
        if file.text and not _brings(config, "KeyName"):
            yield f"{config.place}: no KeyName, which auth.ssh_private_key needs beside it"
        elif not file.text and config.has("KeyName"):
            yield f"{config.place}: Ray takes its own key for KeyName unless auth.ssh_private_key is there"


def profile_problems(cluster: RayCluster) -> Iterator[str]:
    """Look for machines without rights: Ray gives some to the head alone, and too few."""
    for _, part in cluster.workers:
        if not _brings(part.at("node_config"), "IamInstanceProfile"):
            yield f"{part.place}.node_config: no IamInstanceProfile, so these workers can't use a bucket"
    if cluster.head.value is not None and not _brings(cluster.head.at("node_config"), "IamInstanceProfile"):
        yield (
            f"{cluster.head.place}.node_config: no IamInstanceProfile, and the one that Ray makes may not "
            "pass workers theirs, so that none would start"
        )


def end_problems(cluster: RayCluster) -> Iterator[str]:
    """Look for machines that are stopped rather than ended, whose disks are paid for."""
    if cluster.root.at("provider", "cache_stopped_nodes").value is not False:
        yield "provider.cache_stopped_nodes is not false: workers would be stopped, and their disks paid for"
    for config in _configs(cluster):
        if config.at("InstanceInitiatedShutdownBehavior").text != "terminate" and not config.has(TEMPLATE):
            yield (
                f"{config.place}: a machine that shuts itself down is stopped, and its disk paid for; "
                "InstanceInitiatedShutdownBehavior: terminate"
            )


def _configs(cluster: RayCluster) -> list[YamlPart]:
    return [part.at("node_config") for part in cluster.types]


def _brings(config: YamlPart, name: str) -> bool:
    return bool(config.at(name).value) or config.has(TEMPLATE)


AWS_CHECKS: tuple[ClusterCheck, ...] = (
    place_problems, model_problems, image_problems, identifier_problems, port_problems, key_problems,
    profile_problems, end_problems,
)  # fmt: skip
