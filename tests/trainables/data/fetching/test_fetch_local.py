"""Data sets from archives on this machine: read where they are, whole or not there, nothing overwritten."""

import contextlib
import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from trainables.data.fetching.fetch import fetch_from
from trainables.errors import InputError


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, content in files.items():
            file.writestr(name, content)
    return stream.getvalue()


SET = zipped({f"{source}/{n}.jpg": b"picture" for source in ("wiki", "text2img") for n in range(6)})


@contextlib.contextmanager
def bar(title: str) -> Iterator[Callable[[int, int], None]]:
    yield lambda done, total: None


def images(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg"))


def test_a_folder_of_archives_becomes_a_folder_each(tmp_path: Path) -> None:
    source = tmp_path / "archives"
    source.mkdir()
    (source / "wiki.zip").write_bytes(zipped({"wiki/00/a.jpg": b"x"}))
    (source / "text2img.zip").write_bytes(zipped({"00/a.jpg": b"y", "01/b.jpg": b"z"}))
    (source / "notes.txt").write_text("no archive")
    done = fetch_from(str(source), tmp_path / "set", bar=bar)
    assert images(tmp_path / "set") == ["text2img/00/a.jpg", "text2img/01/b.jpg", "wiki/00/a.jpg"]
    assert done.archives == ("text2img.zip", "wiki.zip")
    assert sorted(path.name for path in source.iterdir()) == ["notes.txt", "text2img.zip", "wiki.zip"]


@pytest.mark.parametrize("address", [True, False])
def test_an_archive_on_this_machine_is_read_where_it_is(tmp_path: Path, address: bool) -> None:
    archive = tmp_path / "my set.zip"
    archive.write_bytes(SET)
    origin = archive.as_uri() if address else str(archive)
    assert len(images(fetch_from(origin, tmp_path / "out", bar=bar).folder)) == 12
    assert archive.read_bytes() == SET


@pytest.mark.parametrize(
    ("origin", "message"),
    [
        ("ftp://example.org/set.zip", "ftp is not known"),
        ("nowhere.zip", "no such file or folder"),
        ("images", "no archive in this folder"),
    ],
)
def test_an_origin_that_cannot_be_meant_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origin: str, message: str
) -> None:
    (tmp_path / "images").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        fetch_from(origin, tmp_path / "set", bar=bar)
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "set.zip").write_bytes(SET)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="not an empty folder"):
        fetch_from(str(tmp_path / "set.zip"), tmp_path / "set", bar=bar)
    (tmp_path / "set" / "mine.txt").unlink()
    assert len(images(fetch_from(str(tmp_path / "set.zip"), tmp_path / "set", bar=bar).folder)) == 12


def test_one_command_fetches_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "set.zip").write_bytes(SET)
    (tmp_path / ".set.fetch").mkdir()
    with (
        FileLock(tmp_path / ".set.fetch" / "lock"),
        pytest.raises(InputError, match="another command is fetching"),
    ):
        fetch_from(str(tmp_path / "set.zip"), tmp_path / "set", bar=bar)
    assert (tmp_path / ".set.fetch" / "lock").exists()
