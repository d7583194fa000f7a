"""Files that others read while they are written: the old content or the new, never a half."""

import json
import os
import stat
from pathlib import Path

import pytest

from trainables import files
from trainables.errors import InputError
from trainables.files import (
    file_stamp,
    known_sha256,
    read_file,
    read_json,
    replace_file,
    without_infinities,
    write_json,
    write_text,
)


def test_a_reader_sees_the_old_content_until_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replace_file(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old" and partial.parent == path.parent
    assert path.read_text() == "new" and os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_an_exception_leaves_the_old_content_and_nothing_beside_it(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(error), replace_file(path) as partial:
        partial.write_text("half")
        raise error
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["a.txt"]


def test_an_exception_before_anything_was_written_is_passed_on(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no space"), replace_file(tmp_path / "a.txt"):
        raise OSError("no space")
    assert os.listdir(tmp_path) == []


def test_missing_folders_are_made(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b" / "c.txt", "Grüße")
    assert (tmp_path / "a" / "b" / "c.txt").read_bytes() == "Grüße".encode()


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_json_without_meaning_is_refused_and_the_old_file_stays(tmp_path: Path, number: float) -> None:
    """NaN is no JSON; other readers would stop at it."""
    path = tmp_path / "a.json"
    write_json(path, {"b": 1, "a": [None, "ü"]})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"score": number})
    assert read_json(path) == {"a": [None, "ü"], "b": 1}
    assert list(json.loads(path.read_text())) == ["a", "b"] and os.listdir(tmp_path) == ["a.json"]


def test_what_json_has_no_number_for_is_null(tmp_path: Path) -> None:
    values = {
        "a": float("inf"),
        "b": -float("inf"),
        "c": float("nan"),
        "d": 0.5,
        "e": 3,
        "f": "inf",
        "g": None,
    }
    write_json(tmp_path / "a.json", without_infinities(values))
    assert read_json(tmp_path / "a.json") == {**values, "a": None, "b": None, "c": None}


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_the_umask_gives_the_mode_whatever_the_writer_does(tmp_path: Path, umask: int, mode: int) -> None:
    """Catches weights that a colleague in the same group can't read, beside records that they can."""
    before = os.umask(umask)
    try:
        with replace_file(tmp_path / "weights") as partial:
            partial.unlink()
            os.close(os.open(partial, os.O_CREAT | os.O_WRONLY, 0o600))
        write_json(tmp_path / "record", {})
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {mode}


def test_what_lasts_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a record of no bytes after a power cut, or one that is there before what it speaks of."""
    done: list[str] = []
    flush, replace = os.fsync, os.replace

    def flushed(descriptor: int) -> None:
        done.append(f"flush {Path(os.readlink(f'/proc/self/fd/{descriptor}')).name}")
        flush(descriptor)

    def replaced(partial: Path, path: Path) -> None:
        done.append(f"rename to {path.name}")
        replace(partial, path)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(os, "replace", replaced)
    write_json(tmp_path / "a.json", {})
    assert done == [f"flush .a.json.{os.getpid()}.partial", "rename to a.json", f"flush {tmp_path.name}"]
    write_text(tmp_path / "again.csv", "")
    assert done[3:] == ["rename to again.csv"]


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "link to a pipe"])
def test_only_a_file_is_read(tmp_path: Path, kind: str) -> None:
    """Catches a command that waits for ever for a pipe in place of a record."""
    path = tmp_path / "record.json"
    if kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        os.mkfifo(tmp_path / "pipe" if "link" in kind else path)
        if "link" in kind:
            path.symlink_to(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        read_file(path)


def test_a_folder_in_the_way_of_a_record_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    with pytest.raises(InputError, match=r"a\.json is a folder, where a file belongs; move it away"):
        write_json(tmp_path / "a.json", {})
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_hash_is_known_for_as_long_as_the_file_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "weights"
    path.write_text("one")
    before, stamp = known_sha256(path), file_stamp(path.stat())
    write_text(path, "two")
    os.utime(path, ns=(stamp[1], stamp[1]))
    assert file_stamp(path.stat())[:2] == stamp[:2] and known_sha256(path) != before
    now = known_sha256(path)
    monkeypatch.setattr(files, "file_sha256", lambda path: "read again")
    assert known_sha256(path) == now
