"""Tables ready to be typeset: grids of cells, where a number that does not exist is a dash, never a zero."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GridCell:
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
    rows: tuple[tuple[GridCell, ...], ...]
    num_text: int = 1


def grid(
    label: str, columns: Sequence[str], rows: Sequence[Sequence[GridCell | str]], num_text: int = 1
) -> Grid:
    """Build a grid from cells or plain text."""
    cells = (tuple(GridCell(cell) if isinstance(cell, str) else cell for cell in row) for row in rows)
    return Grid(label, tuple(columns), tuple(cells), num_text)
