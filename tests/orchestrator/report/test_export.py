"""The files beside a page: three formats of each table, two of each figure, everything escaped."""

import csv
import io
import re
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from orchestrator.report.export import clear, grid_csv, grid_latex, grid_markdown, latex, write_page
from orchestrator.report.grid import GridCell, grid

SCORES = grid(
    "Scores of 5 folds",
    ["Experiment", "AUC"],
    [
        ["p1_a & <b>", GridCell("0.912 ± 0.003", "0.900 to 0.920")],
        ["b|c", GridCell("–", "not defined: one class")],
    ],
)


def test_latex_is_a_booktabs_table_with_everything_escaped() -> None:
    text = grid_latex(SCORES, name="scores_5 folds")
    assert r"\begin{tabular}{lr}" in text and r"\label{tab:scores-5-folds}" in text
    assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]
    assert r"p1\_a \& \textless{}b\textgreater{} & 0.912 $\pm$ 0.003 (0.900 to 0.920) \\" in text
    assert r"b\textbar{}c & -- (not defined: one class) \\" in text


def test_markdown_keeps_its_columns_whatever_a_cell_says() -> None:
    lines = grid_markdown(SCORES).splitlines()
    assert lines[1] == "| --- | ---: |"
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {3}
    assert r"p1\_a & \<b\>" in lines[2]


@pytest.mark.slow
@given(st.text())
def test_no_text_breaks_out_of_latex(text: str) -> None:
    """Catches a special letter that reaches TeX as itself: it would end the row, or run a command."""
    left = re.sub(
        r"\\textbackslash\{\}|\\text(?:asciicircum|asciitilde|less|greater|bar)\{\}|\\dots\{\}|\\,"
        r"|\\[{}$&#%_]|\$\\(?:pm|times|downarrow|rightarrow|cdot|geq)\$|\$-\$",
        "",
        latex(text),
    )
    assert not re.search(r"[\\{}$&#%_^<>|\n]", left)


@given(st.lists(st.text(), min_size=1, max_size=4), st.text())
def test_csv_and_markdown_keep_their_shape(names: list[str], note: str) -> None:
    table = grid("Table", names, [[GridCell("x", note) for _ in names]] * 2)
    rows = list(csv.reader(io.StringIO(grid_csv(table))))
    assert [len(row) for row in rows] == [len(names)] * 3
    lines = grid_markdown(table).split("\n")
    assert len(lines) == 5
    assert {re.sub(r"\\.", "", line).count("|") for line in lines[:4]} == {len(names) + 1}


def test_every_table_of_the_page_lies_beside_it_in_three_formats(two_classes: Any) -> None:
    folder = two_classes.page.parent / "tables" / "paper"
    names = {path.stem for path in folder.iterdir()}
    assert {"comparisons", "scores", "sources", "calibration", "costs"} <= names
    assert {path.name for path in folder.iterdir()} == {
        f"{n}.{kind}" for n in names for kind in ("csv", "md", "tex")
    }
    shown = pd.read_csv(folder / "scores.csv")
    exact = two_classes.tables.summary.query("metric == 'auc' and source == 'all'").set_index("experiment")
    for name, text in zip(shown["Experiment"], shown["AUC"], strict=True):
        assert text.startswith(f"{exact.loc[name, 'mean']:.3f} ± {exact.loc[name, 'std']:.3f} (")


def test_every_figure_lies_beside_the_page_twice(two_classes: Any) -> None:
    folder = two_classes.page.parent / "figures"
    vectors, pixels = ({path.stem for path in folder.glob(f"*.{kind}")} for kind in ("svg", "png"))
    assert vectors == pixels and len(vectors) > 15
    for path in folder.glob("*.png"):
        with Image.open(path) as image:
            assert image.width == 722 and not {"Software", "Creation Time"} & set(image.info)


@pytest.mark.parametrize("name", ["summary", "effects", "per_source", "confusion"])
def test_collected_tables_are_there_with_every_digit(two_classes: Any, name: str) -> None:
    collected = two_classes.store.collected("phase1") / f"{name}.csv"
    assert (two_classes.page.parent / "tables" / f"{name}.csv").read_bytes() == collected.read_bytes()


@pytest.mark.parametrize("linked", [None, ".", "figures", "tables", "tables/paper"])
def test_only_files_of_an_earlier_page_are_removed(tmp_path: Path, linked: str | None) -> None:
    """Catches a user's own files being removed from beside a page, or from behind a link."""
    page = tmp_path / "page"
    ours = {"figures/old.svg", "figures/old.png", "tables/old.csv", "tables/paper/old.tex"}
    theirs = {"figures/notes.txt", "tables/mine.xlsx", "tables/paper/draft.docx", "figures/folder.svg/a.svg"}
    for name in ours | theirs | {"figures/new.svg"}:
        (page / name).parent.mkdir(parents=True, exist_ok=True)
        (page / name).write_text("")
    (page / "tables" / "link.csv").symlink_to(page / "tables" / "mine.xlsx")
    if linked is not None:
        (page / linked).rename(tmp_path / "elsewhere")
        (page / linked).symlink_to(tmp_path / "elsewhere")
    clear(page, ["figures/new.svg"], below=tmp_path)
    kept = {name for name in ours if linked == "." or (linked is not None and name.startswith(linked))}
    assert {name for name in ours if (page / name).is_file()} == kept
    assert all((page / name).is_file() for name in theirs | {"figures/new.svg", "tables/link.csv"})


def test_processes_that_write_one_page_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a page without its figures, or with those of another one, since two were written at once."""
    page, lock = tmp_path / "page" / "index.html", tmp_path / "pages.lock"
    others = {"figures/other.svg": "o", "tables/other.csv": "o"}
    other = threading.Thread(target=lambda: write_page(page, "other", others, lock=lock, below=tmp_path))

    def clear_and_meet_the_other(folder: Path, files: Iterable[str], *, below: Path) -> None:
        monkeypatch.setattr("orchestrator.report.export.clear", clear)
        clear(folder, files, below=below)
        other.start()
        other.join(0.2)

    monkeypatch.setattr("orchestrator.report.export.clear", clear_and_meet_the_other)
    write_page(page, "one", {"figures/one.svg": "1", "tables/one.csv": "1"}, lock=lock, below=tmp_path)
    other.join()
    assert page.read_text() == "other"
    files = {path.name for path in page.parent.rglob("*") if path.is_file()}
    assert files == {"index.html", "other.svg", "other.csv"}
