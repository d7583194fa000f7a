"""Tests of deletion inside a folder: nothing outside goes, whatever a path, a link or a name tries."""

import os
import re
from pathlib import Path

import pytest

from trainables.removal import keep_only, remove_file, remove_folder

ROOT = Path(__file__).parents[2]
DELETES = re.compile(r"\b(?:unlink|rmtree|rmdir|removedirs|os\.remove)\(")
# What lies outside of results/: data sets, the lease of a remote place, the sessions of Ray, a new project.
ELSEWHERE = (
    "trainables/data/fetching/", "trainables/data/copies/", "trainables/data/demo.py",
    "orchestrator/store/remote/conditional.py", "orchestrator/execution/ray_executor/",
    "orchestrator/commands/init.py",
)  # fmt: skip
# Names that globs, shells and option parsers take for something else.
HARD = ("-rf", "*", "[a-z]", "~", "a\nb", " ", "$HOME", "..a", "...", "ä", "x" * 250, os.fsdecode(b"caf\xe9"))


@pytest.fixture
def below(tmp_path: Path) -> Path:
    """A results folder, with a file beside it that nobody may touch."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.csv").write_text("mine")
    (tmp_path / "results" / "folder").mkdir(parents=True)
    return tmp_path / "results"


def all_names(folder: Path) -> list[bytes]:
    return sorted(
        os.path.join(place, name) for place, _, names in os.walk(os.fsencode(folder)) for name in names
    )


def test_all_deletion_inside_results_goes_one_way() -> None:
    """Catches an unlink that follows links out of results/."""
    found = {
        path.relative_to(ROOT).as_posix()
        for package in ("orchestrator", "trainables")
        for path in (ROOT / package).rglob("*.py")
        if DELETES.search(path.read_text(encoding="utf-8"))
    }
    assert {name for name in found if not name.startswith(ELSEWHERE)} == {"trainables/removal.py"}


@pytest.mark.parametrize("path", ["../mine/notes.csv", "folder/../../mine/notes.csv", "folder/..", ".", ""])
def test_no_path_leads_out(below: Path, path: str) -> None:
    for remove in (remove_file, remove_folder):
        for given in (below / path, below.parent / "mine" / "notes.csv", Path("/"), Path("/etc/passwd")):
            with pytest.raises(ValueError, match=r"not below|not in the subpath"):
                remove(given, below=below)
    with pytest.raises(ValueError, match="null byte"):
        remove_file(below / "a\0b", below=below)
    with pytest.raises(ValueError, match="not in the subpath"):
        keep_only(below.parent / "mine", (), patterns=["*"], below=below)
    assert (below.parent / "mine" / "notes.csv").read_text() == "mine" and below.is_dir()


@pytest.mark.parametrize("name", ["folder", "folder/inside"])
def test_no_link_is_followed(below: Path, name: str) -> None:
    """Catches a linked cache folder whose target is emptied."""
    mine, link = below.parent / "mine", below / name
    if name == "folder":
        link.rmdir()
    link.symlink_to(mine)
    assert not remove_folder(link, below=below)
    assert not remove_file(link, below=below)
    assert not remove_file(link / "notes.csv", below=below)
    keep_only(link, (), patterns=["*"], below=below)
    (below / "notes.csv").symlink_to(mine / "notes.csv")
    assert not remove_file(below / "notes.csv", below=below)
    keep_only(below, (), patterns=["*"], below=below)
    assert link.is_symlink() and (below / "notes.csv").read_text() == "mine"


def test_what_a_link_in_a_folder_leads_to_outlives_the_folder(below: Path) -> None:
    mine = below.parent / "mine"
    (below / "folder" / "link").symlink_to(mine)
    os.link(mine / "notes.csv", below / "folder" / "hard.csv")
    assert remove_folder(below / "folder", below=below)
    assert list(below.iterdir()) == [] and (mine / "notes.csv").read_text() == "mine"


def test_a_folder_that_becomes_a_link_meanwhile_is_no_way_out(
    below: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a check of the path that is over before the path is used."""
    mine, folder, listed = below.parent / "mine", below / "folder", os.listdir
    (folder / "old.csv").write_text("")

    def exchanged(opened: int) -> list[str]:
        names = listed(opened)
        folder.rename(below / "moved")
        folder.symlink_to(mine)
        return [*names, "notes.csv"]

    monkeypatch.setattr(os, "listdir", exchanged)
    keep_only(folder, (), patterns=["*.csv"], below=below)
    monkeypatch.undo()
    assert (mine / "notes.csv").is_file() and not list((below / "moved").iterdir())


@pytest.mark.parametrize("name", HARD)
def test_a_hard_name_is_that_of_one_file(below: Path, name: str) -> None:
    for each in {name, "other.csv", "a"}:
        (below / "folder" / each).write_text("")
    before = all_names(below.parent)
    assert remove_file(below / "folder" / name, below=below)
    after = all_names(below.parent)
    assert set(before) - set(after) == {os.fsencode(below / "folder" / name)}
    (below / name).mkdir(exist_ok=True)
    assert remove_folder(below / name, below=below)
    assert all_names(below.parent) == after


def test_only_files_of_these_patterns_go(below: Path) -> None:
    """Catches a page that removes what a user keeps beside it."""
    folder = below / "folder"
    for name in ("old.csv", "new.csv", "notes.txt", ".old.csv", "OLD.CSV"):
        (folder / name).write_text("")
    (folder / "kept.csv").mkdir()
    os.mkfifo(folder / "pipe.csv")
    keep_only(folder, {"new.csv"}, patterns=["*.csv"], below=below)
    left = {path.name for path in folder.iterdir()}
    assert left == {"new.csv", "notes.txt", "OLD.CSV", "kept.csv", "pipe.csv"}


def test_what_is_not_there_is_no_error(below: Path) -> None:
    assert not remove_file(below / "none", below=below)
    assert not remove_folder(below / "none" / "inside", below=below)
    assert not remove_file(below / "folder", below=below)
    keep_only(below / "none", (), patterns=["*"], below=below)
    assert not remove_file(below / "none" / "a", below=below / "none")
