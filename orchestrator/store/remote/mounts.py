"""Mounts of object storage, which are no file systems: results/ needs renaming and locks."""

import os
from pathlib import Path

from trainables.errors import InputError

MOUNTS = Path("/proc/self/mountinfo")
# The type of a mount, or what it says it is mounted from, as its program writes them.
BUCKETS = ("mountpoint-s3", "fuse.s3fs", "fuse.goofys", "fuse.rclone")


def refuse_bucket_mount(folder: Path, *, mounts: Path | None = None) -> None:
    """Raise InputError where a results folder lies on a bucket that is mounted as a file system."""
    kind = _kind_of_mount(Path(os.path.realpath(folder)), mounts or MOUNTS)
    if kind:
        raise InputError(
            f"{folder} lies on a bucket mounted by {kind.removeprefix('fuse.')}, which can neither "
            "rename nor lock files; give --results its address (s3://bucket/study), or a folder on a disk"
        )


def _kind_of_mount(folder: Path, mounts: Path) -> str:
    """Name the program behind the innermost mount of a folder; "" where it is no bucket's."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    depth, kind = -1, ""
    for line in lines:
        before, _, behind = line.partition(" - ")
        fields, types = before.split(), behind.split()
        if len(fields) < 5 or len(types) < 2:
            continue
        point = Path(fields[4].encode().decode("unicode_escape"))
        if folder.is_relative_to(point) and len(point.parts) >= depth:
            depth, kind = len(point.parts), next((each for each in BUCKETS if each in types[:2]), "")
    return kind
