"""Pictures are drawn once: kept while nothing that they are drawn from changes, and never longer."""

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from orchestrator.report.drawing.picture import Picture
from orchestrator.report.kept import WRITING_S, keeping, kept
from orchestrator.store.caches import list_caches
from orchestrator.store.folder import Store
from trainables.files import write_json

SVG, PNG = "<svg>{}</svg>\n", b"\x89PNG {} IEND\xaeB`\x82"


class Pen:
    """A drawing function that counts how often it drew."""

    def __init__(self) -> None:
        self.drawn = 0
        self.draw = kept(self._draw)

    def _draw(self, *args: Any, **kwargs: Any) -> Picture:
        self.drawn += 1
        return Picture(SVG.format(self.drawn), PNG.replace(b"{}", str(self.drawn).encode()))


FRAME = pd.DataFrame({"name": ["a", "b"], "value": [0.5, np.nan], "n": [1, 2]}, index=[3, 7])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (FRAME, FRAME.assign(value=[0.5, 0.0])),
        (FRAME, FRAME.assign(value=[np.nextafter(0.5, 1), np.nan])),
        (FRAME, FRAME.iloc[::-1]),
        (FRAME, FRAME[["value", "name", "n"]]),
        (FRAME, FRAME.rename(columns={"name": "nome"})),
        (FRAME.set_index("name"), FRAME.assign(name=["a", "c"]).set_index("name")),
        (FRAME.set_index("name"), FRAME.set_index("name").rename_axis("nome")),
        (FRAME, FRAME.astype({"n": float})),
        (np.zeros(4), np.zeros((2, 2))),
        (np.zeros(4), np.zeros(4, dtype=np.float32)),
        (np.array([1, 0]), np.array([True, False])),
        ([np.zeros(2), np.zeros(1)], [np.zeros(1), np.zeros(2)]),
        (["ab", "c"], ["a", "bc"]),
        (("a", "b"), ("a", ("b",))),
        ({"a": 1, "b": 2}, {"a": 2, "b": 1}),
        ({"a": 1}, [("a", 1)]),
        (1, 1.0),
        (1, "1"),
        (1, True),
        (None, "None"),
    ],
)
def test_whatever_changes_is_drawn_again(tmp_path: Path, one: Any, other: Any) -> None:
    """Catches the picture of other numbers."""
    pen = Pen()
    with keeping(tmp_path, below=tmp_path):
        first = pen.draw(one, name="x")
        assert pen.draw(other, name="x") != first and pen.drawn == 2
        assert pen.draw(one, name="y") != first and pen.drawn == 3
        assert pen.draw(one, name="x") == first and pen.drawn == 3


def test_where_rows_stood_in_a_longer_table_does_not_matter(tmp_path: Path) -> None:
    """Catches every picture being drawn again because one experiment has a row more."""
    pen = Pen()
    with keeping(tmp_path, below=tmp_path):
        assert pen.draw(FRAME) == pen.draw(FRAME.reset_index(drop=True))
    assert pen.drawn == 1


@pytest.mark.parametrize(
    "value",
    [
        pd.Series([1, 2]),
        pd.Timestamp("2026-01-01"),
        np.array(["2026-01-01"], dtype="datetime64[D]"),
        pd.DataFrame({"kind": pd.Categorical(["a", "b"])}).groupby("kind", observed=True),
        {"a", "b"},
    ],
)
def test_what_would_not_be_known_again_is_refused(tmp_path: Path, value: Any) -> None:
    """Catches a long series, whose text leaves out its middle, standing for another one."""
    with keeping(tmp_path, below=tmp_path), pytest.raises(TypeError, match="a figure can't be drawn from"):
        Pen().draw([value])


def test_what_a_page_does_not_show_any_more_is_removed(tmp_path: Path) -> None:
    """Catches a partial file that is removed under the hands of another process, too."""
    folder = tmp_path / "figures"
    pen = Pen()
    with keeping(folder, below=tmp_path):
        first, _ = pen.draw(1), pen.draw(2)
    left, under_way = folder / ".left.figure.123.partial", folder / ".new.figure.124.partial"
    for path in (left, under_way):
        path.write_bytes(b"by another process")
    os.utime(left, (time.time() - 2 * WRITING_S,) * 2)
    with keeping(folder, below=tmp_path):
        assert pen.draw(1) == first
    assert under_way.is_file() and len(list(folder.iterdir())) == 2
    with keeping(folder, below=tmp_path):
        pen.draw(2)
    assert pen.drawn == 3


def test_only_pictures_are_removed(tmp_path: Path) -> None:
    """Catches a page that removes whatever it finds where it keeps its figures."""
    folder, elsewhere = tmp_path / "figures", tmp_path / "elsewhere"
    elsewhere.mkdir()
    theirs = [folder / "notes.txt", folder / ".hidden.partial", elsewhere / "old.figure"]
    for path in theirs:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    (folder / "linked.figure").symlink_to(elsewhere / "old.figure")
    with keeping(folder, below=tmp_path):
        Pen().draw(1)
    (tmp_path / "link").symlink_to(elsewhere)
    with keeping(tmp_path / "link", below=tmp_path):
        pass
    assert all(path.read_text() == "mine" for path in theirs)
    assert (folder / "linked.figure").is_symlink()


def test_looking_is_use(tmp_path: Path) -> None:
    """Catches pictures that every page shows being pruned as not used."""
    store = Store.open(tmp_path)
    pen = Pen()
    with keeping(store.cache / "figures" / "p1", below=tmp_path):
        pen.draw(1)
    os.utime(store.cache / "figures" / "p1", (1, 1))
    with keeping(store.cache / "figures" / "p1", below=tmp_path):
        pen.draw(1)
    (entry,) = list_caches(store)
    assert pen.drawn == 1 and entry.last_used > time.time() - 3600


def test_a_page_that_fails_loses_no_picture(tmp_path: Path) -> None:
    pen = Pen()
    with keeping(tmp_path, below=tmp_path):
        pen.draw(1)
    with pytest.raises(ValueError, match="broken"), keeping(tmp_path, below=tmp_path):
        raise ValueError("broken")
    with keeping(tmp_path, below=tmp_path):
        pen.draw(1)
    assert pen.drawn == 1


def test_nothing_is_kept_where_nobody_asked(tmp_path: Path) -> None:
    pen = Pen()
    with keeping(tmp_path, below=tmp_path):
        pass
    pen.draw(1), pen.draw(1)
    assert pen.drawn == 2 and not list(tmp_path.iterdir())


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2 + 20] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "harm",
    [
        Path.unlink,
        _flip,
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"\xff \xff\n"),
        lambda path: path.write_bytes(b"0 0 0\n"),
    ],
)
def test_a_damaged_picture_is_drawn_again(tmp_path: Path, harm: Callable[[Path], Any]) -> None:
    pen = Pen()
    with keeping(tmp_path, below=tmp_path):
        pen.draw(1)
    harm(next(tmp_path.iterdir()))
    with keeping(tmp_path, below=tmp_path):
        found = pen.draw(1)
    assert pen.drawn == 2 and found.svg == SVG.format(2)
    with keeping(tmp_path, below=tmp_path):
        pen.draw(1)
    assert pen.drawn == 2


@pytest.mark.slow
def test_a_page_is_written_where_nothing_can_be_kept(tmp_path: Path, write_results: Any, render: Any) -> None:
    """Catches a page that fails because of a cache that nobody needs."""
    store = write_results(tmp_path, draws_anew=True)
    store.cache.mkdir(parents=True, exist_ok=True)
    (store.cache / "figures").write_text("in the way")
    assert render(store).page.is_file()
    assert (store.cache / "figures").read_text() == "in the way"


def test_what_is_in_the_way_of_one_picture_is_left(tmp_path: Path) -> None:
    pen = Pen()
    with keeping(tmp_path, below=tmp_path):
        pen.draw(1)
    (path,) = tmp_path.iterdir()
    path.unlink()
    path.mkdir()
    (tmp_path / "other.figure").mkdir()
    with keeping(tmp_path, below=tmp_path):
        pen.draw(1)
    assert pen.drawn == 2 and path.is_dir()


@pytest.mark.slow
def test_one_new_trial_draws_what_it_changes_and_the_page_is_the_same_as_from_nothing(
    tmp_path: Path, write_results: Any, render: Any
) -> None:
    """Catches a page that hangs on what was drawn before."""
    store = write_results(tmp_path, compare=False, draws_anew=True)
    before = render(store)
    whole = len(list(before.page.parent.glob("figures/*.svg")))
    folder = next(store.trials.glob("p1_b-r0f1-*"))
    rows = pd.read_parquet(folder / "predictions.parquet")
    rows.assign(score=rows["score"] * 0.9).to_parquet(folder / "predictions.parquet", index=False)
    digest = hashlib.sha256((folder / "predictions.parquet").read_bytes()).hexdigest()
    write_json(folder / "done.json", {"format": 1, "best_epoch": 3, "predictions_sha256": digest})
    known = {path.name for path in store.cache.glob("figures/*/*")}
    after = render(store)
    found = {path.name for path in store.cache.glob("figures/*/*")}
    assert len(known) == len(found) == whole
    assert 0 < len(found - known) <= whole * 2 / 3
    content = {path: path.read_bytes() for path in after.page.parent.rglob("*") if path.is_file()}
    shutil.rmtree(store.cache)
    shutil.rmtree(after.page.parent)
    render(store)
    assert {path: path.read_bytes() for path in content} == content
