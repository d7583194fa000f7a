"""What may happen to a study, drawn from a seed: it ends with the tables of one that nothing happened to.

`make chaos FAULTS=100 SEED=1` plays it, and prints a table of what was done and how the command ended.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random

import pytest

from tests.chaos.moments import checkpoints
from tests.chaos.programme import CLOCK, DISK, ON_RAY, SERVER, WITHOUT_RAY, Programme, programmes
from tests.chaos.running_study import IN_PROCESS, Fault, RunningStudy
from tests.chaos.surroundings import (
    SmallDisk,
    TrackingServer,
    clock_stepped,
    fake_clock,
    full_disk,
    server_stopped,
)

SEED = int(os.environ.get("ORCHESTRATOR_CHAOS_SEED", "1"))
NUM_FAULTS = int(os.environ.get("ORCHESTRATOR_CHAOS_FAULTS", "20"))
# A fault that the command was too fast for, or that finds nothing yet, is played again.
MAX_TRIES = 8

pytestmark = [
    pytest.mark.usefixtures("hangup_is_heard"),
    pytest.mark.slow,
    pytest.mark.timeout(700),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow", "ignore::DeprecationWarning:sqlalchemy"),
]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TrackingServer]:
    server = TrackingServer(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    disk = SmallDisk(tmp_path / "disk")
    yield disk
    disk.close()


@pytest.mark.parametrize(
    "programme",
    programmes(SEED, NUM_FAULTS),
    ids=lambda programme: f"{programme.number}-{programme.kind.replace(' ', '-')}",
)
def test_whatever_happens_the_tables_are_the_same(
    programme: Programme,
    arguments: Callable[[Path], list[str]],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    request: pytest.FixtureRequest,
) -> None:
    """Catches work that is lost or done twice, a run that hangs, and what is wrongly called a defect."""
    random = Random(f"{SEED} {programme.number}")
    results: Path = tmp_path / "results"
    faults: Mapping[str, Fault] = {**WITHOUT_RAY, **ON_RAY}
    store, environment = f"sqlite:///{results / 'mlflow.db'}", {}
    if programme.kind == "disk":
        disk: SmallDisk = request.getfixturevalue("disk")
        if not disk.is_mounted:
            pytest.skip("a small disk can't be mounted here")
        results = disk.folder / "results"
        store, faults = f"sqlite:///{results / 'mlflow.db'}", {DISK: full_disk(disk)}
    elif programme.kind == "server":
        server: TrackingServer = request.getfixturevalue("server")
        server.start()
        store, faults = server.store, {SERVER: server_stopped(server)}
        environment = {"MLFLOW_TRACKING_URI": server.uri}
    elif programme.kind == "clock":
        library = fake_clock()
        if library is None:
            pytest.skip("libfaketime is not installed")
        faults = {CLOCK: clock_stepped(library)}
    study = RunningStudy(tmp_path, results, arguments(results), store, environment)
    for name in programme.faults:
        how = played(faults[name], study, random)
        record_property("fault", (name, how, study.pop_longest_s()))
    # Asked for last: another process of the tests may have made it meanwhile.
    study.finish(request.getfixturevalue("undisturbed"))
    record_property("finished_s", study.pop_longest_s())


def go_on(study: RunningStudy, *, to_its_end: bool) -> None:
    """Bring a study further, so that there is something that a fault may happen to."""
    before = checkpoints(study)
    with study.attempt(*IN_PROCESS) as process:
        # A checkpoint of so small a trial is there for a moment.
        if to_its_end or not study.until(lambda: checkpoints(study) - before, process):
            assert study.ended(process) == 0, study.said
        process.kill()


def played(fault: Fault, study: RunningStudy, random: Random) -> str:
    """How the command ended after the fault, which is played until it comes in time."""
    for number in range(MAX_TRIES):
        study.leave_work(random)
        before = study.attempts
        how = fault(study, random)
        if how is not None:
            return how
        if study.attempts == before:
            go_on(study, to_its_end=number % 2 == 1)
    raise AssertionError(f"the command was always faster:\n{study.said}")
