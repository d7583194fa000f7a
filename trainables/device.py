"""Kind of device that trains here, found out without importing torch (which takes seconds).

torch is asked again inside the trial; this answer is for plans, which must be quick.
"""

import ctypes
import ctypes.util
import functools
import importlib.metadata
import os
from typing import Literal

DeviceType = Literal["cpu", "cuda"]


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
