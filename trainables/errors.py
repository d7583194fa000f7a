"""The one exception that means: the input is at fault, not the program; and what a mistyped name is near to.

It carries a single sentence that says what is wrong, where, and how to mend it. The command line
shows that sentence and exits with 2; every other exception is a defect of ours.
"""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """The user's input can't be used; the message says what, where, and the way out."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which of the known names come near, or which there are."""
    folded = {each.casefold(): each for each in known}
    near = difflib.get_close_matches(name.casefold(), list(folded), n=3, cutoff=0.4)
    if near:
        return f"nearest: {', '.join(folded[each] for each in near)}"
    return f"known: {', '.join(sorted(folded.values())[:12])}" if folded else ""
