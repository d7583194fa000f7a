"""The files beside a page: exact tables as CSV, the page's own in three formats, figures in two.

tables/<name>.csv are the collected tables with every digit. tables/paper/<name>.csv, .md and .tex are
tables as the page shows them: means with spread and interval, rounded, for a manuscript (LaTeX: booktabs).
figures/<name>.svg and .png are the page's figures. What people wrote is escaped for each format.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from filelock import FileLock

from orchestrator.report.grid import Grid, GridCell
from orchestrator.report.section import Block, Figure, Table, every_block
from trainables.files import replace_file
from trainables.outside_text import spreadsheet_cell
from trainables.removal import keep_only

LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%",
    "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", "±": r"$\pm$", "×": r"$\times$", "−": r"$-$", "–": "--",
    "↓": r"$\downarrow$", "→": r"$\rightarrow$", "·": r"$\cdot$", "≥": r"$\geq$", "\u00a0": "~",
    "\u202f": r"\,", "…": r"\dots{}", "’": "'", "“": "``", "”": "''",
}  # fmt: skip
# The folders beside a page, and what is written into each.
WRITTEN = {"figures": (".svg", ".png"), "tables": (".csv",), "tables/paper": (".csv", ".md", ".tex")}
MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~$])")


def paper_files(blocks: Iterable[Block]) -> dict[str, str]:
    """Write the named tables among blocks in the three formats: file below tables/paper -> its text."""
    found = {}
    for block in every_block(blocks):
        if isinstance(block, Table) and block.name:
            found[f"{block.name}.csv"] = grid_csv(block.grid)
            found[f"{block.name}.md"] = grid_markdown(block.grid)
            found[f"{block.name}.tex"] = grid_latex(block.grid, name=block.name)
    return found


def figure_files(blocks: Iterable[Block]) -> dict[str, str | bytes]:
    """Return both files of each figure among blocks: file below figures -> its content."""
    found: dict[str, str | bytes] = {}
    for block in every_block(blocks):
        for panel in block.panels if isinstance(block, Figure) else ():
            found[f"{panel.name}.svg"] = panel.picture.svg
            found[f"{panel.name}.png"] = panel.picture.png
    return found


def slug(text: str) -> str:
    """Make a name for a file of any text."""
    return re.sub(r"[^A-Za-z0-9_]+", "-", str(text))[:60]


def grid_csv(table: Grid) -> str:
    """Write a grid as CSV, a cell's second line in parentheses."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(spreadsheet_cell(_line(name)) for name in table.columns)
    writer.writerows([spreadsheet_cell(_text(cell)) for cell in row] for row in table.rows)
    return stream.getvalue()


def grid_markdown(table: Grid) -> str:
    """Write a grid as a Markdown table (GitHub's), numbers to the right."""
    heads = [markdown(name) for name in table.columns]
    marks = ["---" if place < table.num_text else "---:" for place in range(len(heads))]
    lines = [heads, marks, *([markdown(_text(cell)) for cell in row] for row in table.rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def grid_latex(table: Grid, *, name: str) -> str:
    """Write a grid as a LaTeX table float with the rules of the package booktabs."""
    columns = "".join("l" if place < table.num_text else "r" for place in range(len(table.columns)))
    lines = [
        "% Needs \\usepackage{booktabs}.",
        "\\begin{table}",
        "\\centering",
        f"\\caption{{{latex(table.label)}}}",
        f"\\label{{tab:{re.sub(r'[^A-Za-z0-9-]+', '-', name)}}}",
        f"\\begin{{tabular}}{{{columns}}}",
        "\\toprule",
        " & ".join(latex(head) for head in table.columns) + r" \\",
        "\\midrule",
        *(" & ".join(latex(_text(cell)) for cell in row) + r" \\" for row in table.rows),
        "\\bottomrule",
        "\\end{tabular}",
        "\\end{table}",
    ]
    return "\n".join(lines) + "\n"


def latex(text: str) -> str:
    """Escape text for LaTeX; a line break becomes a space."""
    return "".join(LATEX.get(letter, letter) for letter in _line(text))


def markdown(text: str) -> str:
    """Escape text for Markdown; a line break becomes a space."""
    return MARKDOWN.sub(r"\\\1", _line(text))


def write_page(page: Path, html: str, files: Mapping[str, str | bytes], *, lock: Path, below: Path) -> None:
    """Write a page with the files beside it, and remove those that only an earlier one had.

    Processes that write the same page take turns, so that none removes what another one's page names. `below`
    is the results folder.
    """
    with FileLock(lock):
        clear(page.parent, files, below=below)
        for name, data in files.items():
            with replace_file(page.parent / name) as partial:
                partial.write_bytes(data if isinstance(data, bytes) else data.encode())
        # Last, because it carries the hash that says that everything is there.
        with replace_file(page) as partial:
            partial.write_text(html, encoding="utf-8", newline="\n")


def clear(folder: Path, files: Iterable[str], *, below: Path) -> None:
    """Remove what an earlier page wrote and this one doesn't: a figure of a dropped experiment misleads.

    `below` is the results folder.
    """
    kept = set(files)
    for name, suffixes in WRITTEN.items():
        mine = {file.removeprefix(f"{name}/") for file in kept}
        keep_only(folder / name, mine, patterns=[f"*{suffix}" for suffix in suffixes], below=below)


def _text(cell: GridCell) -> str:
    return _line(f"{cell.text} ({cell.note})" if cell.note else cell.text)


def _line(text: str) -> str:
    return " ".join(text.splitlines())
