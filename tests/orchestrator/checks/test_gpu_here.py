"""A GPU of this machine that does not work stops a run before it reads an image."""

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.checks import gpu_here
from orchestrator.store.folder import Store
from trainables.cuda_check import CudaFacts
from trainables.device import Gpu
from trainables.errors import InputError

Call = Callable[..., tuple[int, str, str]]
OLD = CudaFacts((), (), "2.15.0", "13.2", "550.54.15", "12.4", "too old")


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> list[CudaFacts]:
    """A card that the driver shows; what torch says of it is the first of the list."""
    facts = [OLD]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(gpu_here, "device_type", lambda: "cuda")
    monkeypatch.setattr(gpu_here, "gpus", lambda: (Gpu("T4", 15000.0, 1.0, 1.0),))
    monkeypatch.setattr(gpu_here, "asked_apart", lambda: facts[0])
    return facts


def test_a_driver_too_old_is_said_before_the_scan(
    call: Call, card: list[CudaFacts], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = call("phase1", "--data", tmp_path / "nowhere", "--address", "local")
    assert code == 2 and err.count("\n") == 1
    assert "driver 550.54.15" in err and "driver 580.65.06 or later" in err and "--device cpu" in err
    _, _, err = call("phase1", "--data", tmp_path / "nowhere", "--address", "local", "--device", "cpu")
    assert "580.65" not in err and "nowhere" in err


def test_what_works_is_remembered(card: list[CudaFacts], tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    with pytest.raises(InputError):
        gpu_here.refuse_unusable_gpu(None, store)
    card[0] = CudaFacts(("T4",), (15000.0,), "2.15.0", "13.2", "580.65.06", "13.2")
    gpu_here.refuse_unusable_gpu(None, store)
    card[0] = OLD
    gpu_here.refuse_unusable_gpu(None, store)


def test_a_declared_gpu_that_is_not_there_starts_nothing(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_here, "device_type", lambda: "cpu")
    monkeypatch.setattr(gpu_here, "has_card", lambda: False)
    code, _, err = call("phase1", "--address", "none", "--device", "cuda")
    assert code == 2 and "was told to train on a GPU" in err
