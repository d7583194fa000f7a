"""Tables of a copy: those of the original as it is now, and nothing from outside of it."""

from pathlib import Path

import pytest

from tests.trainables.data.copies.plain_copy import text, write
from trainables.data.dataset.manifest import Manifest
from trainables.errors import InputError


@pytest.mark.parametrize("name", ["notes.csv", "manifest.csv", "pairs.csv"])
def test_a_table_that_lies_outside_of_the_data_folder_is_not_copied(
    name: str, manifest: Manifest, tmp_path: Path
) -> None:
    """Catches a copy that is handed on with a file that was nobody's data."""
    (tmp_path / "private.csv").write_text("path,first,second\na,b,c\n")
    (manifest.root / name).symlink_to(tmp_path / "private.csv")
    with pytest.raises(
        InputError, match=rf"{name} is a link that leaves the data folder; follow it .* put the file"
    ):
        write(manifest, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_table_that_the_original_has_lost_leaves_the_copy(manifest: Manifest, tmp_path: Path) -> None:
    """Catches groups of an older state of the data; a table that the user put there stays."""
    root, out = manifest.root, tmp_path / "out"
    text(root, manifest="path,person\nwiki/a.png,p\n", notes="any\n1\n")
    write(manifest, out)
    text(out, mine="any\n2\n")
    for name in ("manifest.csv", "notes.csv"):
        (root / name).unlink()
    write(manifest, out)
    assert {path.name for path in out.glob("*.csv")} == {"mine.csv"}


def test_a_table_that_cannot_be_read_is_named_before_the_first_image(
    manifest: Manifest, tmp_path: Path
) -> None:
    """Catches a copy that is made for hours, and then refused for good."""
    text(manifest.root, manifest="")
    for _ in range(2):
        with pytest.raises(
            InputError, match=r"manifest\.csv can't be read as UTF-8 CSV .*; mend or remove it"
        ):
            write(manifest, tmp_path / "out")
        assert not (tmp_path / "out").exists()
    (manifest.root / "manifest.csv").unlink()
    assert write(manifest, tmp_path / "out").written == 4
