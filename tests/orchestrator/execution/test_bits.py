"""Verdicts of `doctor`: kept for their place, stamped on runs there, and said."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.execution import bits
from orchestrator.execution.bits import compared_bits
from orchestrator.execution.worker import device_facts
from orchestrator.store.folder import Store
from orchestrator.wording.bits_text import bits_sentence, stamps_sentence
from tests.orchestrator.execution.executor_tasks import task_of
from trainables.bits_verdict import BitsVerdict
from trainables.device import place_of
from trainables.errors import InputError

Answer = Callable[..., None]


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Let the process that compares print something: what it does is tested where it is."""

    def answer(text: str, said: str = "") -> None:
        done = subprocess.CompletedProcess([], 0, stdout=text, stderr=said)
        monkeypatch.setattr(bits.subprocess, "run", lambda *_, **__: done)

    return answer


def verdict(*, runs: bool = True, resumed: bool = True, place: str = "") -> BitsVerdict:
    return BitsVerdict(device="cpu", place=place or place_of("cpu"), runs=runs, resumed=resumed)


def test_a_run_is_stamped_with_the_verdict_of_its_place(tmp_path: Path, answer: Answer) -> None:
    """Catches a stamp that another machine earned, and one that was never earned."""
    store, task = Store.open(tmp_path), task_of("a")
    assert device_facts(task, results=tmp_path) == {"device": "cpu"}
    answer(verdict(place="elsewhere, torch 1").model_dump_json())
    compared_bits(store, "cpu")
    assert "bits" not in device_facts(task, results=tmp_path)
    for resumed, stamp in ((True, "equal"), (False, "differ")):
        answer(verdict(resumed=resumed).model_dump_json())
        compared_bits(store, "cpu")
        assert device_facts(task, results=tmp_path)["bits"] == stamp


def test_a_device_that_cannot_train_is_a_sentence_with_its_reason(tmp_path: Path, answer: Answer) -> None:
    answer("", "Traceback\nRuntimeError: the driver is too old\n")
    with pytest.raises(InputError, match=r"the driver is too old.*same_bits --device cuda"):
        compared_bits(Store.open(tmp_path), "cuda")


def test_verdicts_and_stamps_are_said() -> None:
    assert "equal bit by bit" in bits_sentence(verdict())
    assert "differ: scores there move" in bits_sentence(verdict(runs=False))
    assert "killed and resumed differs" in bits_sentence(verdict(resumed=False))
    assert stamps_sentence([None, None]) == ""
    said = stamps_sentence(["equal", "equal", "differ", None])
    assert said.startswith("2 of 4 trials") and "1 where they were seen to differ, 1 where nobody" in said
