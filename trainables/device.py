"""Kind of device that trains here, and its GPUs, found out without importing torch (which takes seconds).

torch is asked again inside the trial; these answers are for plans, which must be quick.
"""

import ctypes
import ctypes.util
import functools
import importlib.metadata
import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

DeviceType = Literal["cpu", "cuda"]
# Attributes of a device by their numbers in CUDA's driver interface (CUdevice_attribute).
CLOCK_KHZ, PROCESSORS, MEMORY_CLOCK_KHZ, BUS_BITS, MAJOR, MINOR = 13, 16, 36, 37, 75, 76
# Multiplications of float32 that a multiprocessor does at a time, by compute capability; 128 elsewhere
# (CUDA C++ programming guide, arithmetic instructions).
NARROW = {(7, 0): 64, (7, 2): 64, (7, 5): 64, (8, 0): 64}
# Where Linux says which driver it has loaded.
VERSION_FILES = (Path("/sys/module/nvidia/version"), Path("/proc/driver/nvidia/version"))


@functools.cache
def device_type() -> DeviceType:
    """Return "cuda" when an NVIDIA driver shows a device that is not hidden, and torch is not a CPU build."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "unset") in ("", "-1"):
        return "cpu"
    if importlib.metadata.version("torch").endswith("+cpu"):
        return "cpu"
    try:
        driver = ctypes.CDLL(ctypes.util.find_library("cuda") or "libcuda.so.1")
        count = ctypes.c_int()
        found = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
    except OSError:
        return "cpu"
    return "cuda" if found and count.value > 0 else "cpu"


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU by its driver: peak rates of float32 outside tensor cores, and of its memory."""

    name: str
    memory_mib: float
    flops_per_s: float
    bytes_per_s: float


@functools.cache
def gpus() -> tuple[Gpu, ...]:
    """Return the GPUs of this machine that train; none where `device_type` is "cpu"."""
    if device_type() == "cpu":
        return ()
    driver = ctypes.CDLL(ctypes.util.find_library("cuda") or "libcuda.so.1")
    count = ctypes.c_int()
    driver.cuDeviceGetCount(ctypes.byref(count))
    return tuple(_gpu(driver, place) for place in range(count.value))


@functools.cache
def card() -> str:
    """Name what a measurement on the first GPU holds for: card, driver and torch; empty where none trains."""
    if not gpus():
        return ""
    driver = driver_version() or _known_cuda()
    return f"{gpus()[0].name}, driver {driver}, torch {importlib.metadata.version('torch')}"


def place_of(device: str) -> str:
    """Name what bits hang on: the card with its driver and torch, or this machine with its torch."""
    return card() if device == "cuda" else f"{platform.node()}, torch {importlib.metadata.version('torch')}"


def driver_version(files: tuple[Path, ...] = VERSION_FILES) -> str:
    """Return the version of the loaded NVIDIA driver, like "550.54.15"; "" where there is none."""
    for file in files:
        try:
            found = re.search(r"\b\d{3}\.\d+(\.\d+)?\b", file.read_text(encoding="utf-8"))
        except OSError:
            continue
        if found:
            return found.group()
    return ""


def _known_cuda() -> str:
    """The CUDA version that the driver knows, where the kernel does not tell the driver's own."""
    version = ctypes.c_int()
    ctypes.CDLL(ctypes.util.find_library("cuda") or "libcuda.so.1").cuDriverGetVersion(ctypes.byref(version))
    return f"for CUDA {version.value // 1000}.{version.value % 1000 // 10}"


def _gpu(driver: ctypes.CDLL, place: int) -> Gpu:
    device, memory = ctypes.c_int(), ctypes.c_size_t()
    name = ctypes.create_string_buffer(128)
    driver.cuDeviceGet(ctypes.byref(device), place)
    driver.cuDeviceGetName(name, len(name), device)
    driver.cuDeviceTotalMem_v2(ctypes.byref(memory), device)

    def attribute(number: int) -> int:
        value = ctypes.c_int()
        driver.cuDeviceGetAttribute(ctypes.byref(value), number, device)
        return value.value

    lanes = NARROW.get((attribute(MAJOR), attribute(MINOR)), 128)
    return Gpu(
        name=name.value.decode(),
        memory_mib=memory.value / 2**20,
        # A multiplication and an addition are two operations, and memory moves twice in a cycle.
        flops_per_s=2e3 * lanes * attribute(PROCESSORS) * attribute(CLOCK_KHZ),
        bytes_per_s=2e3 * attribute(MEMORY_CLOCK_KHZ) * attribute(BUS_BITS) / 8,
    )
