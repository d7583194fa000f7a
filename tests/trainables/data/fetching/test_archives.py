"""Archives from strangers: unpacked whole, or refused with nothing written outside."""

import errno
import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainables.data.fetching import archives
from trainables.data.fetching.archives import Limits, NoRoom, is_archive, unpack
from trainables.errors import InputError

FILES = {"wiki/a.jpg": b"real" * 100, "fake/deep/b.jpg": b"fake" * 100, "readme.txt": b"hello"}
FORMATS = ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"]
MakeArchive = Callable[..., Path]


@pytest.fixture
def make_archive(tmp_path: Path) -> MakeArchive:
    """Write an archive of these files, with entries of any name."""

    def make(kind: str = "zip", files: dict[str, bytes] = FILES) -> Path:
        path = tmp_path / f"set.{kind}"
        if kind == "zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
                for name, content in files.items():
                    file.writestr(name, content)
            return path
        with tarfile.open(path, f"w:{kind.partition('.')[2]}") as tar:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        return path

    return make


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("kind", FORMATS)
def test_every_kind_is_unpacked_with_its_folders_and_progress_ends(
    make_archive: MakeArchive, tmp_path: Path, kind: str
) -> None:
    archive, seen = make_archive(kind), []
    assert is_archive(archive)
    assert unpack(archive, tmp_path / "out", progress=lambda done, total: seen.append((done, total))) == 3
    assert contents(tmp_path / "out") == FILES
    assert seen[-1][0] == seen[-1][1] > 0


OUTSIDE = [
    "../evil.jpg",
    "wiki/../../evil.jpg",
    "/tmp/evil.jpg",
    "..",
    "C:/evil.jpg",
    "..\\evil.jpg",
    "a\\..\\..\\b",
]


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_that_leads_out_is_refused(
    make_archive: MakeArchive, tmp_path: Path, kind: str, name: str
) -> None:
    archive = make_archive(kind, {"wiki/a.jpg": b"x", name: b"evil"})
    before = set(tmp_path.rglob("*"))
    with pytest.raises(InputError, match="leads out of the folder"):
        unpack(archive, tmp_path / "deep" / "out")
    new = set(tmp_path.rglob("*")) - before
    assert all(path.is_relative_to(tmp_path / "deep") for path in new)
    assert contents(tmp_path / "deep" / "out") == {"wiki/a.jpg": b"x"}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(st.text(st.sampled_from("a./\\:. ~-"), min_size=1, max_size=9), min_size=1, max_size=3))
def test_whatever_an_entry_is_called_nothing_is_written_outside(tmp_path: Path, names: list[str]) -> None:
    archive = tmp_path / "set.tar"
    with tarfile.open(archive, "w") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 4
            tar.addfile(member, io.BytesIO(b"evil"))
    room = tmp_path / "room"
    room.mkdir(exist_ok=True)
    out = room / f"out{len(list(room.iterdir()))}"
    try:
        unpack(archive, out)
    except InputError:
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"set.tar", "room"}
    assert all(path.name.startswith("out") for path in room.iterdir())


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "/etc"),
        (tarfile.LNKTYPE, "wiki/a.jpg"),
        (tarfile.FIFOTYPE, ""),
        (tarfile.CHRTYPE, ""),
    ],
)
def test_links_pipes_and_devices_of_a_tar_archive_are_refused(
    tmp_path: Path, kind: bytes, target: str
) -> None:
    with tarfile.open(tmp_path / "set.tar", "w") as tar:
        member = tarfile.TarInfo("wiki/door")
        member.type, member.linkname = kind, target
        tar.addfile(member)
    with pytest.raises(InputError, match=r"'wiki/door' is a link or a device"):
        unpack(tmp_path / "set.tar", tmp_path / "out")
    assert not os.path.lexists(tmp_path / "out" / "wiki" / "door")


def test_a_link_in_a_zip_archive_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as file:
        info = zipfile.ZipInfo("door")
        info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        file.writestr(info, "/etc")
    with pytest.raises(InputError, match="'door' is a link or a device"):
        unpack(tmp_path / "set.zip", tmp_path / "out")


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.xz"])
def test_a_bomb_is_stopped_on_its_way(make_archive: MakeArchive, tmp_path: Path, kind: str) -> None:
    archive = make_archive(kind, {"wiki/bomb.jpg": bytes(30 * 2**20)})
    with pytest.raises(InputError, match="taken for a bomb"):
        unpack(archive, tmp_path / "out", limits=Limits(ratio_from_bytes=2**20))
    assert sum(map(len, contents(tmp_path / "out").values())) <= 8 * 2**20


def test_a_size_that_lies_is_counted(tmp_path: Path, make_archive: MakeArchive) -> None:
    """Catches limits that believe what the header says."""
    archive = make_archive("zip", {"a.jpg": bytes(8 * 2**20)})
    content = bytearray(archive.read_bytes())
    size = (8 * 2**20).to_bytes(4, "little")
    for place in (content.find(size), content.rfind(size)):
        content[place : place + 4] = (100).to_bytes(4, "little")
    archive.write_bytes(content)
    with pytest.raises(InputError, match=r"damaged|bomb"):
        unpack(archive, tmp_path / "out", limits=Limits(ratio_from_bytes=2**20))
    assert sum(map(len, contents(tmp_path / "out").values())) <= 2**20


def test_too_many_entries_are_refused(make_archive: MakeArchive, tmp_path: Path) -> None:
    archive = make_archive("tar", {f"{number}.jpg": b"" for number in range(11)})
    with pytest.raises(InputError, match="more than 10 entries"):
        unpack(archive, tmp_path / "out", limits=Limits(max_entries=10))


def test_two_entries_of_one_name_are_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "set.tar", "w") as tar:
        for _ in range(2):
            tar.addfile(tarfile.TarInfo("a.jpg"))
    with pytest.raises(InputError, match=r"two entries called 'a\.jpg'"):
        unpack(tmp_path / "set.tar", tmp_path / "out")


# A plain tar archive has no checksum over its contents.
DAMAGES = [
    (kind, damage)
    for kind in FORMATS
    for damage in ("cut", "garbage")
    if (kind, damage) != ("tar", "garbage")
]


@pytest.mark.parametrize(("kind", "damage"), DAMAGES)
def test_a_damaged_archive_is_one_sentence(
    make_archive: MakeArchive, tmp_path: Path, kind: str, damage: str
) -> None:
    archive = make_archive(kind, {"a.jpg": os.urandom(40_000), "b.jpg": os.urandom(40_000)})
    content = archive.read_bytes()
    half = len(content) // 2
    if damage == "cut":
        archive.write_bytes(content[:half])
    else:
        archive.write_bytes(content[:half] + bytes(64) + content[half + 64 :])
    with pytest.raises(InputError, match=r"set\.\S+ is (damaged|no zip or tar)"):
        unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04", b"\x1f\x8b\x08\x00"])
def test_what_is_no_archive_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "set.zip").write_bytes(content)
    with pytest.raises(InputError, match=r"set\.zip is (damaged|no zip or tar archive)"):
        unpack(tmp_path / "set.zip", tmp_path / "out")


def test_an_encrypted_archive_is_refused(make_archive: MakeArchive, tmp_path: Path) -> None:
    archive = make_archive("zip", {"a.jpg": b"x"})
    content = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    archive.write_bytes(content)
    with pytest.raises(InputError, match="encrypted"):
        unpack(archive, tmp_path / "out")


def test_what_desktops_add_is_left_out(make_archive: MakeArchive, tmp_path: Path) -> None:
    """Catches a source called __MACOSX."""
    files = {
        "wiki/a.jpg": b"x",
        "__MACOSX/wiki/._a.jpg": b"x",
        "wiki/.DS_Store": b"x",
        "wiki/Thumbs.db": b"x",
    }
    assert unpack(make_archive("zip", files), tmp_path / "out") == 1
    assert list(contents(tmp_path / "out")) == ["wiki/a.jpg"]


def test_permissions_are_not_taken_over(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "set.tar", "w") as tar:
        member = tarfile.TarInfo("a.jpg")
        member.mode, member.uid = 0o4777, 12345
        tar.addfile(member)
    unpack(tmp_path / "set.tar", tmp_path / "out")
    status = (tmp_path / "out" / "a.jpg").stat()
    assert not status.st_mode & (stat.S_ISUID | stat.S_IXUSR) and status.st_uid == os.getuid()


def test_a_disk_that_is_too_small_is_found_before_and_in_the_middle(
    make_archive: MakeArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = make_archive("zip")
    with monkeypatch.context() as patch:
        patch.setattr(archives, "free_bytes", lambda path: 1000)
        with pytest.raises(NoRoom, match=r"set\.zip holds 0 MiB, and 0 MiB are free"):
            unpack(archive, tmp_path / "out")

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(NoRoom, match="the disk is full"):
        unpack(archive, tmp_path / "out", progress=full)
