"""The kind of device to train on: the driver's word, unless devices are hidden or torch can't use them."""

import ctypes
import importlib.metadata
from typing import Any

import pytest

from trainables.device import device_type

ask = device_type.__wrapped__


class Driver:
    """Stands in for libcuda, which a machine without a GPU can't have."""

    def __init__(self, *, devices: int, status: int = 0) -> None:
        self.devices, self.status = devices, status

    def cuInit(self, flags: int) -> int:
        return self.status

    def cuDeviceGetCount(self, count: Any) -> int:
        count._obj.value = self.devices
        return 0


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Two devices, none hidden, and a torch built for them."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Driver(devices=2))
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "2.9.0+cu130")
    return monkeypatch


def test_a_driver_with_devices_is_cuda(machine: pytest.MonkeyPatch) -> None:
    assert ask() == "cuda"
    machine.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert ask() == "cuda"


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_hidden_devices_are_none(machine: pytest.MonkeyPatch, hidden: str) -> None:
    machine.setenv("CUDA_VISIBLE_DEVICES", hidden)
    assert ask() == "cpu"


def test_a_torch_without_cuda_trains_on_the_cpu_whatever_the_driver_says(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(importlib.metadata, "version", lambda name: "2.9.0+cpu")
    assert ask() == "cpu"


@pytest.mark.parametrize("driver", [Driver(devices=0), Driver(devices=2, status=100)])
def test_a_driver_that_fails_or_shows_no_device_is_cpu(machine: pytest.MonkeyPatch, driver: Driver) -> None:
    machine.setattr(ctypes, "CDLL", lambda name: driver)
    assert ask() == "cpu"


def test_no_driver_is_cpu(machine: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError("cannot open shared object file")

    machine.setattr(ctypes, "CDLL", missing)
    assert ask() == "cpu"
