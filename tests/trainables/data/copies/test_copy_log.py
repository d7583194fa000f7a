"""Images of a copy are known by the content that they were made of, and by nothing else."""

import os
from pathlib import Path

import pytest

from tests.trainables.data.copies.plain_copy import write
from trainables.data.copies.copy_log import COPIED
from trainables.data.copies.dataset_copy import CopyCounts
from trainables.data.dataset.manifest import Manifest, scan


def test_images_that_changed_places_are_written_again(manifest: Manifest, tmp_path: Path) -> None:
    """Catches pixels under another class, where an archive gave all files one modification time."""
    root, out = manifest.root, tmp_path / "out"
    one, other = root / "wiki" / "a.png", root / "text2img" / "sub" / "a.png"
    for path in (one, other):
        os.utime(path, ns=(1, 1))
    write(scan(root), out)
    one_before, other_before = ((out / path.relative_to(root)).read_bytes() for path in (one, other))
    one_bytes, other_bytes = one.read_bytes(), other.read_bytes()
    one.write_bytes(other_bytes)
    other.write_bytes(one_bytes)
    for path in (one, other):
        os.utime(path, ns=(1, 1))
    assert write(scan(root), out) == CopyCounts(written=2, present=2)
    assert (out / one.relative_to(root)).read_bytes() == other_before
    assert (out / other.relative_to(root)).read_bytes() == one_before


def test_an_image_that_is_only_touched_is_not_written_again(manifest: Manifest, tmp_path: Path) -> None:
    """Catches a copy that is made anew in every call, on a disk that keeps whole seconds alone."""
    write(manifest, tmp_path / "out")
    for folder in (manifest.root, tmp_path / "out"):
        for number, path in enumerate(sorted(folder.rglob("*.png"))):
            os.utime(path, (number, number))
    assert write(scan(manifest.root), tmp_path / "out") == CopyCounts(written=0, present=4)


@pytest.mark.parametrize("content", ["", "{", "[]\n[1, 2]\nnull\n", "\x00\udcff\n"])
def test_where_the_list_of_files_is_damaged_images_are_written_again(
    content: str, manifest: Manifest, tmp_path: Path
) -> None:
    write(manifest, tmp_path / "out")
    (tmp_path / "out" / COPIED).write_bytes(content.encode("utf-8", "surrogateescape"))
    assert write(manifest, tmp_path / "out") == CopyCounts(written=4, present=0)
    assert write(manifest, tmp_path / "out") == CopyCounts(written=0, present=4)


def test_a_link_in_place_of_an_image_is_replaced_by_the_copy(manifest: Manifest, tmp_path: Path) -> None:
    """Catches an original, of another size and format, that passes for its copy."""
    write(manifest, tmp_path / "out")
    original, target = manifest.root / "wiki" / "a.png", tmp_path / "out" / "wiki" / "a.png"
    before = original.read_bytes()
    target.unlink()
    target.symlink_to(original)
    assert write(manifest, tmp_path / "out") == CopyCounts(written=1, present=3)
    assert not target.is_symlink() and original.read_bytes() == before
