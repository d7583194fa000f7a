"""File systems that folders lie on, by a table of mounts."""

from pathlib import Path

import pytest

from orchestrator.store.file_systems import file_system, is_shared

TABLE = r"""21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 21 0:30 / /mnt/faces rw - nfs4 10.0.0.5:/faces rw,vers=4.2
41 21 0:31 / /mnt/with\040space rw shared:2 master:1 - fuse.mountpoint-s3 mountpoint-s3 rw
42 40 8:2 / /mnt/faces/local rw - xfs /dev/sdb1 rw
43 21 0:32 / /over rw - ext4 /dev/sdc1 rw
44 21 0:33 / /over rw - lustre mgs@tcp:/l rw
"""


@pytest.mark.parametrize(
    ("folder", "kind", "shared"),
    [
        ("/home/me/results", "ext4", False),
        ("/mnt/faces/results", "nfs4", True),
        ("/mnt/faces", "nfs4", True),
        ("/mnt/faces-of-mine", "ext4", False),
        ("/mnt/faces/local/results", "xfs", False),
        ("/mnt/with space/results", "fuse.mountpoint-s3", True),
        ("/over/results", "lustre", True),
    ],
)
def test_a_folder_is_on_the_innermost_and_latest_mount(
    tmp_path: Path, folder: str, kind: str, shared: bool
) -> None:
    """Catches a database on NFS that passes for a disk of this machine, and the other way round."""
    (tmp_path / "mountinfo").write_text(TABLE)
    assert file_system(Path(folder), tmp_path / "mountinfo") == kind
    assert is_shared(kind) is shared


def test_without_a_table_of_mounts_nothing_is_known(tmp_path: Path) -> None:
    assert file_system(tmp_path, tmp_path / "none") == "" and not is_shared("")
    assert not is_shared("fuse.fuse-overlayfs") and not is_shared("fuseblk")


def test_the_table_of_this_machine_is_read(tmp_path: Path) -> None:
    """Catches a reader of a made-up format."""
    assert file_system(tmp_path / "not there yet")
