"""Results on S3, by a server of it on this machine: the same tables, whatever is killed and whoever comes."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.outcome import TABLES, tables

server = pytest.importorskip("moto.server", reason="moto[server] is not installed")
boto3 = pytest.importorskip("boto3")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(280),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]
ROOT = Path(__file__).parents[2]
BUCKET = "bucket"
# A program that dies without a word while it pushes its second trial.
KILLED = """
import os, signal, sys
from orchestrator import cli
from orchestrator.store.remote.remote_folder import RemoteFolder
real, pushed = RemoteFolder.upload, []
def upload(self, path, name):
    pushed.extend([name] * name.endswith("/done.json"))
    if len(pushed) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, path, name)
RemoteFolder.upload = upload
cli.main(sys.argv[1:])
"""
IMPATIENT = """
import sys
from orchestrator import cli
from orchestrator.store.remote import lease
lease.STALE_S = 0.0
cli.main(sys.argv[1:])
"""
Machine = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server_of_s3 = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server_of_s3.start()
    host, port = server_of_s3.get_host_and_port()
    yield f"http://{host}:{port}"
    server_of_s3.stop()


@pytest.fixture(scope="module")
def bucket(endpoint: str) -> Any:
    made = boto3.resource(
        "s3", endpoint_url=endpoint, aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1"
    ).Bucket(BUCKET)
    made.create()
    return made


@pytest.fixture
def on(endpoint: str, bucket: Any, small_experiments: Path, faces: Path, tmp_path: Path) -> Machine:
    """Run the small phase on a machine of this name."""

    def run(machine: str, *options: object, program: str = "", data: object = faces) -> Any:
        start = ("-c", program) if program else ("-m", "orchestrator")
        line = [
            *(sys.executable, *start, "phase1", "--experiments", small_experiments, "--data", data),
            *("--address", "none", "--accept-shortcut", *options),
        ]
        environment = {
            **os.environ,
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
            "AWS_DEFAULT_REGION": "us-east-1",
            "ORCHESTRATOR_LOCAL": str(tmp_path / machine),
        }
        return subprocess.run(
            [str(part) for part in line],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=250,
        )

    return run


def in_bucket(bucket: Any, study: str) -> dict[str, bytes]:
    """The deciding tables of a study, as they lie there."""
    return {
        name: bucket.Object(f"{study}/collected/phase1/{name}.csv").get()["Body"].read() for name in TABLES
    }


def names(bucket: Any, study: str) -> set[str]:
    return {each.key.removeprefix(f"{study}/") for each in bucket.objects.filter(Prefix=f"{study}/")}


def test_killed_while_it_pushes_a_study_ends_on_another_machine_with_a_local_runs_tables(
    on: Machine, bucket: Any, tmp_path: Path
) -> None:
    """Catches half a trial that counts as finished, a study that its dead driver keeps, and other numbers."""
    assert on("local", "--results", tmp_path / "results").returncode == 0
    killed = on("one", "--results", f"s3://{BUCKET}/study", program=KILLED)
    assert killed.returncode == -9, killed.stderr
    there = names(bucket, "study")
    pushed = {name.split("/")[1] for name in there if name.startswith("trials/")}
    done = {name.split("/")[1] for name in there if name.endswith("/done.json")}
    assert (len(pushed), len(done)) == (2, 1)
    refused = on("two", "--results", f"s3://{BUCKET}/study")
    assert refused.returncode == 2, refused.stdout
    assert "is being run by" in refused.stderr
    assert "process" in refused.stderr
    again = on("two", "--results", f"s3://{BUCKET}/study", program=IMPATIENT)
    assert again.returncode == 0, again.stderr
    assert "taken over from" in again.stdout
    assert again.stdout.count(": started") == 5
    assert in_bucket(bucket, "study") == tables(tmp_path / "results")
    assert not [
        name for name in names(bucket, "study") if "/checkpoint/" in name or name.startswith("leases/")
    ]


def test_shards_with_images_of_a_bucket_have_a_local_runs_tables(
    on: Machine, bucket: Any, faces: Path, tmp_path: Path
) -> None:
    """Catches shards that leave out a trial, decide on half of them, or see other images."""
    assert on("local", "--results", tmp_path / "results").returncode == 0
    for path in faces.rglob("*"):
        if path.is_file():
            bucket.upload_file(str(path), f"faces/{path.relative_to(faces).as_posix()}")
    where = ("--results", f"s3://{BUCKET}/sharded")
    first = on("one", *where, "--shard", "1/2", data=f"s3://{BUCKET}/faces")
    assert first.returncode == 0, first.stderr
    assert "of other shards are not" in first.stdout
    assert not [name for name in names(bucket, "sharded") if name.startswith(("collected/", "decisions/"))]
    last = on("two", *where, "--shard", "2/2", data=f"s3://{BUCKET}/faces")
    assert last.returncode == 0, last.stderr
    assert in_bucket(bucket, "sharded") == tables(tmp_path / "results")
    assert "decisions/phase1.json" in names(bucket, "sharded")
    assert (
        f'"data": "s3://{BUCKET}/faces"'
        in bucket.Object("sharded/studies/phase1.json").get()["Body"].read().decode()
    )


def test_what_the_surroundings_lack_is_one_sentence(on: Machine) -> None:
    """Catches a traceback of a library for a bucket that is not there."""
    done = on("one", "--results", "s3://no-such-bucket/study")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "Error: s3://no-such-bucket/study: there is no bucket no-such-bucket; make it, or mend the name"
    ]
