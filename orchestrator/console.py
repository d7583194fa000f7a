"""Output of the commands: sentences on standard output, warnings and errors on standard error.

`screen` is the one place that makes consoles. What is printed is shown as it stands: names of files and
folders are no markup, and hold no orders to the terminal (`outside_text`). A file or a pipe has no width: a
line that is written there is never broken, whatever COLUMNS says, so that sentences and paths in it can be
searched for.
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from trainables.output_width import UNWRAPPED
from trainables.outside_text import visible, without_accounts, without_middle
from trainables.progress import OnProgress

# Of one error: above the longest of the program's own sentences.
MOST_LETTERS = 1500


class _PlainConsole(Console):
    """A console that takes every text for what it says."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(visible(without_accounts(text)), **options)


def screen(*, stderr: bool = False) -> Console:
    """Return the console for people (standard error when standard output carries JSON)."""
    stream = sys.stderr if stderr else sys.stdout
    if stream.isatty():
        return _PlainConsole(file=stream, markup=False, emoji=False)
    # FORCE_COLOR and the like would make a terminal of COLUMNS columns of it, and a notebook an HTML block of
    # every line.
    return _PlainConsole(
        file=stream,
        width=UNWRAPPED,
        force_terminal=False,
        force_jupyter=False,
        markup=False,
        emoji=False,
    )


def say(line: str, *, console: Console | None = None, style: str = "") -> None:
    """Print a sentence as it is: no markup, no colours for numbers, no line breaks of our own."""
    (console or screen()).print(line, style=style, markup=False, emoji=False, highlight=False, soft_wrap=True)


def show_table(table: RenderableType, *, title: str, notes: Iterable[str] = (), console: Console) -> None:
    """Print a table between its title and notes, which as parts of it would be wrapped to its width."""
    say(title, console=console, style="bold")
    console.print(table)
    for note in notes:
        say(note, console=console)


def warn(line: str) -> None:
    """Print a warning."""
    say(f"Warning: {line}", console=screen(stderr=True), style="yellow")


def complain(sentence: str) -> None:
    """Print an error on a line of its own, whatever the names in it hold and however long they are."""
    line = without_middle(sentence.replace("\n", "\\n"), MOST_LETTERS)
    say(f"Error: {line}", console=screen(stderr=True), style="red")


@contextmanager
def progress_bar(console: Console, title: str, *, quiet: bool) -> Iterator[OnProgress]:
    """Give a function (done, total) that draws a progress bar on a terminal and one line elsewhere."""
    if quiet or not console.is_terminal:
        yield _LastLine(console, title, quiet=quiet)
        return
    with Progress(*bar_columns(MofNCompleteColumn()), console=console, transient=True) as bar:
        task = bar.add_task(visible(title), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def bar_columns(done: ProgressColumn) -> tuple[ProgressColumn, ...]:
    """Return what a progress bar shows: its title as it stands, a bar, `done`, the time left."""
    return TextColumn("{task.description}", markup=False), BarColumn(), done, TimeRemainingColumn()


class _LastLine:
    def __init__(self, console: Console, title: str, *, quiet: bool) -> None:
        self._console, self._title, self._quiet = console, title, quiet
        self._told = -1

    def __call__(self, done: int, total: int) -> None:
        # A second pass over the same things, or some of them, is no news.
        if done == total > self._told and not self._quiet:
            say(f"{self._title}: {total}", console=self._console)
            self._told = total


def duration(seconds: float) -> str:
    """Say seconds as people do."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def size_text(num_bytes: int) -> str:
    """Write a size for people."""
    if num_bytes >= 2**30:
        return f"{num_bytes / 2**30:.1f} GiB"
    return f"{num_bytes / 2**20:.1f} MiB" if num_bytes >= 2**20 else f"{num_bytes / 2**10:.0f} KiB"
