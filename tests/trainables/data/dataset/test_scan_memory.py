"""What a scan remembers of files: other content is found, however much it looks like what was there."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from trainables.data.dataset.manifest import forget_file, scan
from trainables.data.images.decoding import read_unchanged
from trainables.errors import ChangedFileError

Fill = Callable[..., Path]


def found(root: Path, memory: Path) -> str:
    rows = scan(root, memory=memory, max_unusable=0.9).rows.set_index("path")
    return str(rows.loc["fake/b.png", "sha256"])


def written_over(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def moved_there(path: Path, content: bytes) -> None:
    path.with_suffix(".new").write_bytes(content)
    path.with_suffix(".new").replace(path)


@pytest.mark.parametrize("change", [written_over, moved_there])
def test_other_content_of_the_same_size_and_time_is_found(
    fill: Fill, tmp_path: Path, change: Callable[[Path, bytes], None]
) -> None:
    """Catches "changed since it was scanned; start the command again", for ever."""
    root, memory = fill("wiki/a.png", "fake/b.png", "fake/c.png"), tmp_path / "scan.memo"
    before, path = found(root, memory), root / "fake" / "b.png"
    status, content = path.stat(), path.read_bytes() + b"\0"
    assert before == hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    found(root, memory)
    change(path, content[:-1] + b"\1")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert found(root, memory) == hashlib.sha256(content[:-1] + b"\1").hexdigest()


def test_a_file_that_turned_out_to_be_another_is_opened_again(
    fill: Fill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a disk or a network share that shows an old state of a file, for ever."""
    root, memory = fill("wiki/a.png", "fake/b.png", "fake/c.png"), tmp_path / "scan.memo"
    path = root / "fake" / "b.png"
    before = found(root, memory)
    shown = path.stat()
    path.write_bytes(path.read_bytes() + b"\0")
    stat = Path.stat

    def old(self: Path, **options: bool) -> os.stat_result:
        return shown if self == path else stat(self, **options)

    monkeypatch.setattr(Path, "stat", old)
    assert found(root, memory) == before
    with pytest.raises(ChangedFileError, match=r"b\.png changed since it was scanned; start .* again"):
        read_unchanged(path, before)
    forget_file(memory, "fake/b.png")
    assert found(root, memory) == hashlib.sha256(path.read_bytes()).hexdigest() != before


def test_nothing_to_forget_is_no_error(tmp_path: Path) -> None:
    forget_file(tmp_path / "none.memo", "a.png")
    assert not (tmp_path / "none.memo").exists()
