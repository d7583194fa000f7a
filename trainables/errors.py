"""The one exception that means: the input is at fault, not the program; and what a mistyped name is near to.

It carries a single sentence that says what is wrong, where, and how to mend it, or several (`Problems`). The
command line shows each on a line of its own and exits with 2; every other exception is a defect of ours.
"""

import difflib
from collections.abc import Iterable
from pathlib import Path

# A longer name is near to nothing, and takes its time over it.
LONGEST = 200


class InputError(ValueError):
    """The user's input can't be used; the message says what, where, and the way out."""

    @property
    def lines(self) -> tuple[str, ...]:
        """The sentences of the message."""
        return (str(self),)


class Problems(InputError):
    """All that is wrong with the input, a sentence each; what comes again is said once."""

    def __init__(self, lines: Iterable[str]) -> None:
        """Take the sentences, in which a name may hold a line break."""
        super().__init__(tuple(dict.fromkeys(lines)))

    def __str__(self) -> str:
        """Say them all, one to a line."""
        return "\n".join(self.lines)

    @property
    def lines(self) -> tuple[str, ...]:
        """The sentences of the message."""
        return tuple(self.args[0])


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
    name = name[:LONGEST]
    folded = {each.casefold(): each for each in known}
    near = difflib.get_close_matches(name.casefold(), list(folded), n=3, cutoff=0.4)
    if near:
        return f"nearest: {', '.join(folded[each] for each in near)}"
    return f"known: {', '.join(sorted(folded.values())[:12])}" if folded else ""
