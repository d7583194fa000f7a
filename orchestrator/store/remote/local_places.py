"""Places on this machine for copies of what is remote: ORCHESTRATOR_LOCAL, else the user's cache folder.

Copies of several machines that share a home folder lie apart: a copy is one machine's.
"""

import os
import re
import shutil
import socket
from pathlib import Path

LOCAL = "ORCHESTRATOR_LOCAL"
# Where rented machines mount their own disks.
FAST = ("/mnt", "/opt/dlami/nvme", "/tmp")


def local_place() -> Path:
    """Return the folder of all copies of this machine."""
    host = re.sub(r"[^A-Za-z0-9_.-]+", "_", socket.gethostname())
    return (_named() or _cache_home() / "orchestrator") / host


def fast_place() -> Path:
    """Return the folder of what trials read again and again: the named place, or one on the largest disk.

    What is on this machine already is not to be had again: the disk with the most bytes in all is chosen, not
    that with the most free ones.
    """
    if _named():
        return local_place()
    name = f"orchestrator-{os.getuid()}"
    found = [local_place()]
    for place in map(Path, FAST):
        if (place / name).is_dir() or (place.is_dir() and os.access(place, os.W_OK | os.X_OK)):
            found.append(place / name)
    # The first of equals, so that one disk does not hold them twice.
    return max(found, key=_size)


def _size(folder: Path) -> int:
    return shutil.disk_usage(next(each for each in (folder, *folder.parents) if each.is_dir())).total


def _named() -> Path | None:
    named = os.environ.get(LOCAL, "").strip()
    return Path(named).expanduser().absolute() if named else None


def _cache_home() -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME", "").strip() or "~/.cache").expanduser()
    return home if home.is_absolute() else Path.home() / ".cache"
