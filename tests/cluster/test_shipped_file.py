"""The file for `ray up` that is shipped, from the first of its commands to the last, on a pretended cloud.

Changed in it are the lines that the user edits, the user's name and the type of the workers: machines here
have root alone, and no GPU. `make cluster-sources` packs what is committed.
"""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import cloud
from tests.cluster.cloud import Account, InstanceNews
from tests.cluster.conftest import STUDY
from tests.cluster.machines import HOME, PROGRAMS_FIRST, Machine, Network, call, wait_for
from tests.conftest import ROOT
from tests.end_to_end.outcome import tables

pytest.importorskip("moto.server", reason="moto[server] is not installed")
pytest.importorskip("boto3", reason="boto3 is not installed")

pytestmark = [pytest.mark.slow, pytest.mark.cluster, pytest.mark.timeout(900)]
LAPTOP, CLOUD = "10.77.0.1", "10.77.0.2"
NUM_TRIALS = 4
HEAD_TYPE, WORKER_TYPE = "t3.large", "c5.large"
# Machines of the cloud know it by these.
ENVIRONMENT = {"AWS_ENDPOINT_URL": cloud.endpoint(CLOUD), **cloud.CREDENTIALS}
RUN = (
    "ray job submit -- python -m orchestrator phase1 --experiments ~/study/experiments --device cpu "
    f"--data s3://{cloud.BUCKET}/faces --results s3://{cloud.BUCKET}/study"
)
START_TIMEOUT_S, UP_TIMEOUT_S, RUN_TIMEOUT_S, DOWN_TIMEOUT_S = 60, 240, 400, 120


class PretendedCloud:
    """A cloud whose instances are pretended machines, which come and go as it says."""

    def __init__(self, machines: Network) -> None:
        self.machines, self.news = machines, list[InstanceNews]()
        self._server = machines.add(CLOUD)
        self._program = self._server.start(
            f"PYTHONPATH=~/repository venv/bin/python -W ignore -m tests.cluster.cloud {CLOUD} {STUDY}/faces"
        )
        wait_for("the cloud", self._said, timeout_s=START_TIMEOUT_S)
        self.account = Account(**json.loads(self._said()[0]))
        self._instances: dict[str, Machine] = {}
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def _said(self) -> list[str]:
        """Return the lines that are there as a whole, without those of the server."""
        assert self._program.process.poll() is None, self._program.said()
        return [line for line in self._program.said().split("\n")[:-1] if line.startswith("{")]

    def _follow(self) -> None:
        while not self._is_closed.wait(0.2):
            for line in self._said()[1 + len(self.news) :]:
                each = InstanceNews(**json.loads(line))
                if each.is_ended:
                    self._instances[each.instance].end()
                else:
                    self._instances[each.instance] = self.machines.add(
                        *each.addresses, opened_by=each.public_key, environment=ENVIRONMENT
                    )
                self.news.append(each)

    def started(self) -> list[str]:
        """Return the types of all instances that were started, in order."""
        return [each.instance_type for each in self.news if not each.is_ended]

    def num_running(self) -> int:
        """Return how many instances are running."""
        return sum(-1 if each.is_ended else 1 for each in self.news)

    def close(self) -> None:
        """Follow no more."""
        self._is_closed.set()
        self._thread.join()


@pytest.fixture
def pretended(machines: Network) -> Iterator[PretendedCloud]:
    machines.shown[HOME / "repository" / "tests"] = ROOT / "tests"
    made = PretendedCloud(machines)
    yield made
    made.close()


@pytest.fixture
def laptop(machines: Network, pretended: PretendedCloud) -> Machine:
    """The user's machine, with the program, the file as edited, and what `make cluster-sources` makes."""
    made = machines.add(LAPTOP, environment={**ENVIRONMENT, **PROGRAMS_FIRST})
    if not (ROOT / ".git").exists():
        pytest.skip("cluster-sources packs a commit, and there is no git here")
    call("make", "-C", ROOT, "cluster-sources", f"SOURCES={made.home}/build/cluster-sources")
    edits = {
        "ami-REPLACE": pretended.account.image,
        "sg-REPLACE": pretended.account.group,
        "REPLACE-head": cloud.HEAD_PROFILE,
        "REPLACE-worker": cloud.WORKER_PROFILE,
        "ssh_user: ubuntu": "ssh_user: root",
        "InstanceType: g5.xlarge": f"InstanceType: {WORKER_TYPE}",
    }
    text = (ROOT / "cluster.yaml").read_text()
    for old, new in edits.items():
        assert old in text
        text = text.replace(old, new)
    (made.home / "cluster.yaml").write_text(text)
    (made.home / "deepfakes").symlink_to(HOME / "build" / "cluster-sources")
    return made


def test_the_shipped_file_goes_up_runs_and_comes_down(
    laptop: Machine, pretended: PretendedCloud, study: Path, undisturbed: Path
) -> None:
    """Catches a file that can't be started as it says, workers that nobody starts, machines that stay."""
    laptop.run("ray up -y cluster.yaml", timeout_s=UP_TIMEOUT_S)
    assert pretended.started() == [HEAD_TYPE]
    said = laptop.run(f"ray exec cluster.yaml '{RUN}'", timeout_s=RUN_TIMEOUT_S)
    assert said.count(": done, best validation score") == NUM_TRIALS, said
    assert set(pretended.started()[1:]) == {WORKER_TYPE}
    laptop.run(
        f"ORCHESTRATOR_LOCAL=~/study/pulled python -m orchestrator pull s3://{cloud.BUCKET}/study",
        timeout_s=RUN_TIMEOUT_S,
    )
    (scores,) = (study / "pulled").rglob("collected/phase1/scores.csv")
    assert tables(scores.parents[2]) == tables(undisturbed)
    laptop.run("ray down -y cluster.yaml", timeout_s=DOWN_TIMEOUT_S)
    wait_for("the end of all instances", lambda: pretended.num_running() == 0, timeout_s=DOWN_TIMEOUT_S)
