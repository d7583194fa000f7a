"""The most memory that this process has held."""

import re
import resource
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")


def own_peak_mib() -> float:
    """Return the most memory that this process has held at one time, in MiB.

    On Linux that is the kernel's own high-water mark, where it is told: `getrusage` begins at the peak of the
    process that started this one, which a new program keeps.
    """
    try:
        if found := re.search(r"^VmHWM:\s+(\d+) kB$", STATUS.read_text(), re.MULTILINE):
            return int(found[1]) / 2**10
    except OSError:
        pass
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
