"""Links out of a data folder: named with the way to follow them, and followed, never in circles."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from trainables.data.dataset.manifest import Manifest, scan
from trainables.errors import InputError

Fill = Callable[..., Path]


@pytest.fixture
def linked(fill: Fill) -> Path:
    """A folder whose images lie in a store elsewhere, behind links of every kind."""
    store = fill("real/a.png", "real/b.png", "more/c.png", "single.png", root="store")
    root = fill("fake/own.png")
    (root / "real").symlink_to(store / "real")
    (root / "fake" / "more").symlink_to(store / "more")
    (root / "fake" / "x.png").symlink_to(store / "single.png")
    return root


def reasons(manifest: Manifest) -> dict[str, str]:
    return dict(zip(manifest.excluded["path"], manifest.excluded["reason"], strict=True))


def test_links_that_leave_are_named_with_the_option_that_follows_them(linked: Path) -> None:
    said = r"leaves the data folder; follow it with --follow-links .*--set follow_links=true"
    with pytest.raises(InputError, match=said):
        scan(linked)


def test_links_are_followed_where_that_is_asked_for(linked: Path) -> None:
    """Catches data sets that lie behind links, refused with no way out but a second copy."""
    manifest = scan(linked, follow_links=True)
    assert list(manifest.rows["path"]) == [
        "fake/more/c.png", "fake/own.png", "fake/x.png", "real/a.png", "real/b.png",
    ]  # fmt: skip
    assert manifest.excluded.empty and manifest.follow_links
    assert any("links that lead out of the folder are followed" in each for each in manifest.reading.notes)


def test_circles_and_special_files_behind_links_stay_out(linked: Path, tmp_path: Path) -> None:
    """Catches a listing without end, and a scan that waits for a pipe."""
    store = tmp_path / "store"
    (store / "more" / "back").symlink_to(linked)
    (store / "more" / "self").symlink_to(store / "more")
    (store / "more" / "above").symlink_to(store)
    (store / "more" / "twice").symlink_to(store / "real")
    os.mkfifo(store / "pipe.png")
    (linked / "fake" / "pipe.png").symlink_to(store / "pipe.png")
    (linked / "fake" / "null.png").symlink_to("/dev/null")
    (linked / "fake" / "loop.png").symlink_to("loop.png")
    (linked / "fake" / "inside").symlink_to(linked / "fake")
    manifest = scan(linked, follow_links=True, max_unusable=1.0)
    assert len(manifest.rows) == 5
    folders = dict.fromkeys(
        ("fake/inside", *(f"fake/more/{name}" for name in ("above", "back", "self", "twice"))),
        "a link to a folder, which is not followed",
    )
    files = dict.fromkeys(("fake/null.png", "fake/pipe.png"), "not a regular file")
    assert reasons(manifest) == folders | files | {"fake/loop.png": "a link that leads round in a circle"}


def test_a_source_that_is_read_already_is_refused(linked: Path) -> None:
    (linked / "zebra").symlink_to(linked / "fake")
    with pytest.raises(InputError, match=r"zebra is a link to a folder that is read already"):
        scan(linked, follow_links=True)


def test_links_that_fan_out_again_and_again_are_read_once(fill: Fill, tmp_path: Path) -> None:
    """Catches a few links that stand for a million paths."""
    root = fill("real/a.png", "fake/b.png")
    for level in range(20):
        folder = tmp_path / f"level{level}"
        folder.mkdir()
        for name in ("left", "right"):
            (folder / name).symlink_to(tmp_path / f"level{level + 1}")
    fill("c.png", root="level20")
    (root / "fake" / "fan").symlink_to(tmp_path / "level0")
    manifest = scan(root, follow_links=True, max_unusable=1.0)
    assert len(manifest.rows) == 3 and len(manifest.excluded) == 20
