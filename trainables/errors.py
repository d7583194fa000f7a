"""The one exception that means: the input is at fault, not the program; and what a mistyped name is near to.

It carries a single sentence that says what is wrong, where, and how to mend it. The command line
shows that sentence and exits with 2; every other exception is a defect of ours.
"""

import difflib
from collections.abc import Iterable
from pathlib import Path


class InputError(ValueError):
    """The user's input can't be used; the message says what, where, and the way out."""


class ChangedFileError(InputError):
    """A file is another one by now than when it was scanned."""

    def __init__(self, path: Path) -> None:
        """Take the file's path, which alone crosses to another process."""
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        """Say which file it is, and the way out."""
        return f"{self.path} changed since it was scanned; start the command again"


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which of the known names come near, or which there are."""
    folded = {each.casefold(): each for each in known}
    near = difflib.get_close_matches(name.casefold(), list(folded), n=3, cutoff=0.4)
    if near:
        return f"nearest: {', '.join(folded[each] for each in near)}"
    return f"known: {', '.join(sorted(folded.values())[:12])}" if folded else ""
