"""Addresses of results and images, places of copies, and mounts that are none."""

from pathlib import Path

import pytest

from orchestrator.store.remote.address import RemoteAddress, is_address, remote_address
from orchestrator.store.remote.local_places import local_place
from orchestrator.store.remote.mounts import refuse_bucket_mount
from orchestrator.store.remote.remote_folder import fault_sentence
from trainables.errors import InputError


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("s3://bucket/study/", "s3://bucket/study"),
        ("s3:/bucket/study", "s3://bucket/study"),
        ("gs://bucket", "gs://bucket"),
        ("file:///mnt/nfs/study", "file:///mnt/nfs/study"),
    ],
)
def test_addresses_are_read(text: str, uri: str) -> None:
    """Catches two copies of one place, and a path that has lost a slash on its way."""
    assert is_address(text)
    assert remote_address(text).uri == uri


@pytest.mark.parametrize("text", ["http://host/study", "az://box/study", "s3://", "s3://bucket/../other"])
def test_other_addresses_are_refused(text: str) -> None:
    """Catches a scheme that silently becomes a folder of that name."""
    assert is_address(text)
    with pytest.raises(InputError):
        remote_address(text)


@pytest.mark.parametrize("text", ["results", "/tmp/a:b", "a:b/c", "~/study"])
def test_paths_are_no_addresses(text: str) -> None:
    assert not is_address(text)


def test_keys_are_below_the_folder() -> None:
    address = RemoteAddress("s3", "bucket/a/study")
    assert (address.bucket, address.key("leases/phase1.json")) == ("bucket", "a/study/leases/phase1.json")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("AWS Error NO_SUCH_BUCKET during PutObject operation", "there is no bucket bucket"),
        ("AWS Error ACCESS_DENIED during HeadObject operation: No response body.", "access is refused"),
        ("AWS Error NETWORK_CONNECTION: Could not resolve host: x", "can't be reached"),
        ("Something odd\nat length", "Something odd"),
    ],
)
def test_what_the_libraries_say_is_one_sentence(said: str, expected: str) -> None:
    """Catches a traceback of a library, or its page of text, for a missing bucket or key."""
    sentence = fault_sentence(RemoteAddress("s3", "bucket/study"), said)
    assert expected in sentence
    assert "s3://bucket/study" in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("text", ["s3://key:secret@bucket/study", "gs:/secret@bucket/study"])
def test_keys_in_an_address_are_refused_and_not_repeated(text: str) -> None:
    """Catches a key that comes to stand in every record of a study."""
    with pytest.raises(InputError, match="keys and passwords in an address would be recorded") as raised:
        remote_address(text)
    assert "secret" not in str(raised.value) and "bucket/study" in str(raised.value)


def test_copies_of_two_machines_with_one_home_lie_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches two nodes of a cluster that write into one copy in a shared home folder."""
    monkeypatch.delenv("ORCHESTRATOR_LOCAL", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("socket.gethostname", lambda: "one")
    one = local_place()
    monkeypatch.setattr("socket.gethostname", lambda: "two")
    assert one.parent == local_place().parent == tmp_path / "orchestrator"
    assert one != local_place()


MOUNTS = """22 1 8:1 / / rw - ext4 /dev/root rw
40 22 0:50 / /mnt/bucket rw - fuse mountpoint-s3 rw
41 22 0:51 / /mnt/with\\040space rw - fuse.s3fs s3fs rw
42 40 8:2 / /mnt/bucket/disk rw - ext4 /dev/sdb rw
43 22 0:52 / /mnt/nfs rw - nfs4 host:/export rw
"""


def test_a_mounted_bucket_is_no_place_for_results(tmp_path: Path) -> None:
    """Catches results on a mount that can neither rename nor lock, and a refusal of NFS or of a disk."""
    table = tmp_path / "mountinfo"
    table.write_text(MOUNTS, encoding="utf-8")
    for folder in ("/mnt/bucket/study", "/mnt/with space"):
        with pytest.raises(InputError, match="mounted by"):
            refuse_bucket_mount(Path(folder), mounts=table)
    for folder in ("/mnt/bucket/disk/study", "/mnt/nfs/study", "/mnt/buckets", "/tmp"):
        refuse_bucket_mount(Path(folder), mounts=table)
    refuse_bucket_mount(Path("/mnt/bucket"), mounts=tmp_path / "none")
