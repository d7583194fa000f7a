"""What the tables of the page are made of: cells, grids, and how a value is written.

A number that does not exist is a dash, never an empty cell or a zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: text, a smaller line below it, a tone that the style knows, and a shade from 0 to 1."""

    text: str
    note: str = ""
    tone: str = ""
    shade: float | None = None


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: the first `num_text` columns hold words, the others numbers."""

    label: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    num_text: int = 1


def grid(label: str, columns: Sequence[str], rows: Sequence[Sequence[Cell | str]], num_text: int = 1) -> Grid:
    """Build a grid from cells or plain text."""
    cells = (tuple(Cell(cell) if isinstance(cell, str) else cell for cell in row) for row in rows)
    return Grid(label, tuple(columns), tuple(cells), num_text)
