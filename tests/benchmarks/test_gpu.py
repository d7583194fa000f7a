"""What one command says of a GPU: parts that fail, limits that are passed, time that is shared out."""

import json
import sys
from typing import Any

import pytest

from benchmarks import gpu
from benchmarks.card.case import Limit


def line(value: float, *, is_most: bool = False) -> dict[str, Any]:
    return {"limit": {"name": "a ratio", "value": value, "limit": 1.0, "is_most": is_most}}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What each part says and how it ends; a part that is not named says nothing."""
    found: dict[str, Any] = {}

    def run_part(name: str, device: str, budget_s: float, most_s: float, *, small: bool) -> Any:
        return found.get(name, ([], {}))

    monkeypatch.setattr(gpu, "run_part", run_part)
    monkeypatch.setattr("trainables.device.device_type", lambda: "cuda")
    monkeypatch.setattr("trainables.device.card", lambda: "a card")
    return found


def called(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    monkeypatch.setattr(sys, "argv", ["gpu.py", *arguments])
    code = gpu.main()
    text = capsys.readouterr().out
    return code, json.loads(text) if text else None


@pytest.mark.parametrize(
    ("said", "outcome", "small", "code"),
    [
        ([line(1.0)], {}, False, 0),
        ([line(0.9)], {}, False, 1),
        ([line(0.9)], {}, True, 0),
        ([line(0.9, is_most=True)], {}, False, 0),
        ([line(1.1, is_most=True)], {}, False, 1),
        ([{"fact": 1}], {"failed": "it took longer than 9 s"}, True, 1),
        ([{"fact": 1}], {"skipped": "ModuleNotFoundError: No module named 'ray'"}, False, 0),
    ],
)
def test_a_passed_limit_or_a_failed_part_ends_with_one(
    said: list[dict[str, Any]],
    outcome: dict[str, Any],
    small: bool,
    code: int,
    answers: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Catches a card that is praised although a part of the measurement broke off."""
    answers["speed"] = (said, outcome)
    found_code, report = called(monkeypatch, capsys, *(["--small"] if small else []))
    assert found_code == code
    assert report["card"] == "a card" and list(report["parts"]) == [part.name for part in gpu.PARTS]
    # What a part had found stays, however it ended.
    assert report["parts"]["speed"]["found"] == [each for each in said if "limit" not in each]


def test_parts_are_chosen_and_unknown_ones_refused(
    answers: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, report = called(monkeypatch, capsys, "--parts", "faces,sanity")
    assert list(report["parts"]) == ["sanity", "faces"]
    assert called(monkeypatch, capsys, "--parts", "colour") == (2, None)
    monkeypatch.setattr("trainables.device.device_type", lambda: "cpu")
    assert called(monkeypatch, capsys) == (2, None)


@pytest.mark.slow
def test_a_part_that_dies_leaves_what_it_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a measurement that is lost with the process that made it, or takes the others along."""
    program = "print('{\"fact\": 1}', flush=True); print('noise'); import os; os.kill(os.getpid(), 9)"
    monkeypatch.setattr(gpu, "command_of", lambda *_, **__: [sys.executable, "-c", program])
    said, outcome = gpu.run_part("speed", "cpu", 5.0, 20.0, small=False)
    assert said == [{"fact": 1}] and "-9" in outcome["failed"]
    slow = "print('{\"fact\": 2}', flush=True); import time; time.sleep(60)"
    monkeypatch.setattr(gpu, "command_of", lambda *_, **__: [sys.executable, "-c", slow])
    said, outcome = gpu.run_part("speed", "cpu", 0.1, 1.5, small=False)
    assert said == [{"fact": 2}] and "longer than" in outcome["failed"]


def test_a_limit_is_the_least_or_the_most() -> None:
    assert Limit("a", 1.0, 1.0).is_kept and Limit("a", 1.0, 1.0, is_most=True).is_kept
    assert not Limit("a", 0.99, 1.0).is_kept and not Limit("a", 1.01, 1.0, is_most=True).is_kept
