"""Layout of a table of experiment x fold within the width of a terminal.

Names are shortened where they are too long, numbers never: folds that do not fit beside each other come in
further tables below.
"""

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Group
from rich.table import Table
from rich.text import Text

# The least that is left of a name, and what a column takes beside its text: a space on both sides, a border.
LEAST_NAME, BESIDE = 12, 3
NAME = "experiment"


def lay_out(heads: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]], *, width: int) -> Group:
    """Draw rows, a name and a cell of markup for each of the heads, in tables of at most `width` columns."""
    widths = [
        max(cell_len(head), *(cell_len(Text.from_markup(cells[place]).plain) for _, cells in rows))
        for place, head in enumerate(heads)
    ]
    longest = max(cell_len(name) for name in (NAME, *(name for name, _ in rows)))
    tables = []
    for places in _stretches(widths, width - (min(longest, LEAST_NAME) + BESIDE + 1)):
        room = width - 1 - BESIDE - sum(widths[place] + BESIDE for place in places)
        table = Table()
        table.add_column(NAME, no_wrap=True)
        for place in places:
            table.add_column(heads[place], no_wrap=True)
        for name, cells in rows:
            shown = _shortened(name, max(room, min(longest, LEAST_NAME)))
            table.add_row(Text(shown), *(Text.from_markup(cells[place]) for place in places))
        tables.append(table)
    return Group(*tables)


def _stretches(widths: Sequence[int], room: int) -> Iterator[list[int]]:
    """Yield the places of columns that fit beside each other, at least one at a time."""
    places: list[int] = []
    used = 0
    for place, width in enumerate(widths):
        if places and used + width + BESIDE > room:
            yield places
            places, used = [], 0
        places.append(place)
        used += width + BESIDE
    if places:
        yield places


def _shortened(name: str, room: int) -> str:
    """Cut a name in its middle: names of one study often begin or end alike."""
    if len(name) <= room:
        return name
    tail = (room - 1) // 2
    return f"{name[: room - 1 - tail]}…{name[len(name) - tail :]}"
