"""Mounts of object storage, which are no file systems: results/ needs renaming and locks."""

from pathlib import Path

from orchestrator.store.file_systems import MOUNTS, mount_of
from trainables.errors import InputError

# The type of a mount, or what it says it is mounted from, as its program writes them.
BUCKETS = ("mountpoint-s3", "fuse.s3fs", "fuse.goofys", "fuse.rclone")


def refuse_bucket_mount(folder: Path, *, mounts: Path | None = None) -> None:
    """Raise InputError where a results folder lies on a bucket that is mounted as a file system."""
    mount = mount_of(folder, mounts or MOUNTS)
    kind = next((each for each in BUCKETS if each in mount), "")
    if kind:
        raise InputError(
            f"{folder} lies on a bucket mounted by {kind.removeprefix('fuse.')}, which can neither "
            "rename nor lock files; give --results its address (s3://bucket/study), or a folder on a disk"
        )
