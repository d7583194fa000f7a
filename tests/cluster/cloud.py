"""A pretended cloud: moto's server, what an account has on the first day, and news of its instances.

It runs on a machine of its own, and says one JSON line each of what it has (`Account`) and of every instance
that starts or ends (`InstanceNews`).

    python -m tests.cluster.cloud ADDRESS IMAGES
"""

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PORT = 5000
BUCKET = "bucket"
REGION = "us-east-1"
HEAD_PROFILE, WORKER_PROFILE = "study-head", "study-worker"
# A user of the cloud is known by these; moto takes any.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": REGION}


@dataclass(frozen=True)
class Account:
    """What the user has to know before `ray up`."""

    image: str
    group: str


@dataclass(frozen=True)
class InstanceNews:
    """An instance that has started, with the public key that opens it, or that `is_ended`."""

    instance: str
    instance_type: str
    addresses: tuple[str, ...]
    public_key: str
    is_ended: bool


def endpoint(address: str) -> str:
    return f"http://{address}:{PORT}"


def client(service: str, address: str) -> Any:
    import boto3

    return boto3.client(
        service,
        endpoint_url=endpoint(address),
        region_name=REGION,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )


def open_account(address: str, images: Path) -> Account:
    """Make what the head of the shipped file asks for, and a bucket with the images."""
    ec2, iam, s3 = (client(service, address) for service in ("ec2", "iam", "s3"))
    (network,) = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    group = ec2.create_security_group(GroupName="study", Description="study", VpcId=network["VpcId"])
    for name in (HEAD_PROFILE, WORKER_PROFILE):
        iam.create_instance_profile(InstanceProfileName=name)
    s3.create_bucket(Bucket=BUCKET)
    for path in sorted(images.rglob("*")):
        if path.is_file():
            s3.upload_file(str(path), BUCKET, f"faces/{path.relative_to(images).as_posix()}")
    return Account(ec2.describe_images()["Images"][0]["ImageId"], group["GroupId"])


def tell_of_instances(address: str) -> None:
    """Say what starts and ends, for ever."""
    ec2, running = client("ec2", address), dict[str, InstanceNews]()
    while True:
        for reservation in ec2.describe_instances()["Reservations"]:
            for each in reservation["Instances"]:
                name, is_up = each["InstanceId"], each["State"]["Name"] == "running"
                if is_up and name not in running:
                    key = ec2.describe_key_pairs(KeyNames=[each["KeyName"]], IncludePublicKey=True)
                    running[name] = InstanceNews(
                        name,
                        each["InstanceType"],
                        (each["PrivateIpAddress"], each["PublicIpAddress"]),
                        key["KeyPairs"][0]["PublicKey"],
                        is_ended=False,
                    )
                    say(running[name])
                elif not is_up and name in running and not running[name].is_ended:
                    running[name] = InstanceNews(name, each["InstanceType"], (), "", is_ended=True)
                    say(running[name])
        time.sleep(0.3)


def say(news: Account | InstanceNews) -> None:
    print(json.dumps(asdict(news)), flush=True)


if __name__ == "__main__":
    from moto.server import ThreadedMotoServer

    ThreadedMotoServer(ip_address=sys.argv[1], port=PORT, verbose=False).start()
    say(open_account(sys.argv[1], Path(sys.argv[2])))
    tell_of_instances(sys.argv[1])
