"""Sentences about parts of trials that are far from what the trials need, with the experiments concerned."""

from collections.abc import Sequence

from orchestrator.store.records import UnevenParts

MOST_NAMED = 3


def uneven_sentences(uneven: Sequence[UnevenParts], *, num_experiments: int) -> list[str]:
    """Say of each record what is uneven, and in which experiments where it is not all of them."""
    lines = []
    for each in uneven:
        more = len(each.experiments) - MOST_NAMED
        named = ", ".join(each.experiments[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
        where = "" if len(each.experiments) == num_experiments else f"{named}: "
        text = f"{where}{each.sentence}."
        lines.append(text if where else text[0].upper() + text[1:])
    return lines
