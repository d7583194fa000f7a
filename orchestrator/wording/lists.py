"""Lists of names and of parts in a sentence: a few of them in full, and how many more there are."""

from collections.abc import Sequence

MOST_SAID, MOST_LISTED = 6, 20


def few_named(names: Sequence[str], most: int = MOST_SAID) -> str:
    """Name up to `most`, and count the others."""
    shown = [*names[:most], *([f"{len(names) - most} more"] if len(names) > most else [])]
    return "".join(shown) if len(shown) < 2 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def shortened(parts: Sequence[str]) -> str:
    """List up to MOST_LISTED parts of what a table holds, and count the others."""
    more = len(parts) - MOST_LISTED
    return ", ".join([*parts[:MOST_LISTED], *([f"and {more} more in the table"] if more > 0 else [])])
