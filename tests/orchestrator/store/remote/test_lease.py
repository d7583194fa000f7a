"""Leases: one run of a study at a time."""

import json
import os
import threading
import time
from pathlib import Path

import pytest

from orchestrator.store.remote import lease
from orchestrator.store.remote.conditional import conditional_file
from orchestrator.store.remote.lease import held, holders, turn
from orchestrator.store.remote.local_copy import LocalCopy
from tests.orchestrator.store.remote.conftest import On
from trainables.errors import InputError


@pytest.fixture
def one(on: On) -> LocalCopy:
    return on("one")


def hold(
    copy: LocalCopy, said: list[str], name: str = "phase1"
) -> "lease.contextlib.AbstractContextManager[None]":
    return held(copy, name, since="noon", say=said.append, on_lost=said.append)


def age(there: Path, seconds: float) -> None:
    path = there / "leases" / "phase1.json"
    os.utime(path, (time.time() - seconds,) * 2)


def test_a_second_run_is_refused_and_told_who_holds_it(one: LocalCopy) -> None:
    """Catches two drivers of one study, which would both decide."""
    said: list[str] = []
    with hold(one, said):
        with (
            pytest.raises(InputError, match=rf"being run by .* \(process {os.getpid()}, since noon\)"),
            hold(one, said),
        ):
            pass
        with hold(one, said, name="phase2"):
            assert set(holders(one, "phase")) == {"phase1", "phase2"}
    with hold(one, said):
        pass
    assert (holders(one, ""), said) == ({}, [])


def test_a_command_that_has_begun_again_has_its_lease_still(one: LocalCopy, there: Path) -> None:
    """Catches a command that refuses itself, since the same process held the lease before."""
    said: list[str] = []
    file = conditional_file(one.address, "leases/phase1.json")
    content = {"host": lease.socket.gethostname(), "pid": os.getpid(), "since": "dawn", "token": "t"}
    assert file.write(json.dumps(content).encode(), over=None)
    with pytest.raises(InputError, match="since dawn"), hold(one, said):
        pass
    with held(one, "phase1", since="noon", say=said.append, on_lost=said.append, again=True):
        assert holders(one, "")["phase1"].since == "noon"
    assert (holders(one, ""), said) == ({}, [])


def test_a_lease_of_a_run_that_died_is_taken_over(one: LocalCopy, there: Path) -> None:
    """Catches a study that nobody can go on with after its machine was taken away."""
    said: list[str] = []
    file = conditional_file(one.address, "leases/phase1.json")
    content = {"host": "gone", "pid": 7, "since": "dawn", "token": "t"}
    assert file.write(json.dumps(content).encode(), over=None)
    with pytest.raises(InputError, match="gone"), hold(one, said):
        pass
    age(there, lease.STALE_S + 1)
    with hold(one, said):
        assert ["taken over from gone (process 7, since dawn)" in line for line in said] == [True]


def test_of_two_that_take_over_one_does(one: LocalCopy, there: Path) -> None:
    """Catches a takeover that looks, and then writes whatever has become of it meanwhile."""
    file = conditional_file(one.address, "leases/phase1.json")
    file.write(b"{}", over=None)
    found = file.read()
    assert found is not None
    assert file.write(b"first", over=found.version)
    assert file.write(b"second", over=found.version) is None
    file.remove(found.version)
    assert (there / "leases/phase1.json").read_bytes() == b"first"


def test_a_holder_keeps_its_lease_fresh_and_hears_when_it_is_gone(
    one: LocalCopy, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a run of hours that others take for dead, and one that goes on beside its successor."""
    monkeypatch.setattr(lease, "BEAT_S", 0.01)
    lost = threading.Event()
    with held(one, "phase1", since="noon", say=print, on_lost=lambda holder: lost.set()):
        age(there, 1000)
        while "phase1" not in holders(one, ""):
            time.sleep(0.01)
        file = conditional_file(one.address, "leases/phase1.json")
        while not lost.is_set():
            found = file.read()
            assert found is not None
            file.write(
                json.dumps({"host": "b", "pid": 1, "since": "", "token": ""}).encode(), over=found.version
            )
    assert (there / "leases/phase1.json").is_file()


def test_a_turn_waits_for_the_one_before(one: LocalCopy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches shards that measure at the same time and settle on two precisions."""
    monkeypatch.setattr(lease, "POLL_S", 0.01)
    order: list[str] = []

    def second() -> None:
        with turn(one, "measuring", since="", say=print, on_lost=print):
            order.append("second")

    with turn(one, "measuring", since="", say=print, on_lost=print):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.1)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
