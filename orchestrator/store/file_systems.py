"""Kinds of the file systems that folders lie on, by Linux's own table of mounts.

A database that locks its file is safe on a disk of this machine alone: over a network, and in most programs
that pose as a file system, locks are late or nobody's.
"""

import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
SHARED = frozenset(
    "afs beegfs ceph cifs fuse glusterfs gpfs lustre nfs nfs4 orangefs smb3 smbfs wekafs".split()
)
# The root of containers that were started without rights: a layer over a disk of this machine.
LOCAL_FUSE = "fuse.fuse-overlayfs"


def file_system(folder: Path, mounts: Path = MOUNTS) -> str:
    """Return the kind of the file system that a folder lies on, or will lie on: "ext4"; "" = unknown."""
    return mount_of(folder, mounts)[0]


def mount_of(folder: Path, mounts: Path = MOUNTS) -> tuple[str, str]:
    """Return the kind of a folder's file system, and what it is mounted from; "" = unknown.

    Args:
        folder: it need not be there yet.
        mounts: the table, as proc_pid_mountinfo(5) describes it.
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return "", ""
    place, longest, found = folder.resolve(), -1, ("", "")
    for line in lines:
        before, _, after = line.partition(" - ")
        fields, types = before.split(" "), after.split(" ")
        if len(fields) < 5 or len(types) < 2:
            continue
        point = Path(re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), fields[4]))
        # Of two mounts at one place the later one is seen.
        if place.is_relative_to(point) and len(point.parts) >= longest:
            longest, found = len(point.parts), (types[0], types[1])
    return found


def is_shared(kind: str) -> bool:
    """Tell whether a kind of file system is one that several machines may see."""
    return kind in SHARED or (kind.startswith("fuse.") and kind != LOCAL_FUSE)
