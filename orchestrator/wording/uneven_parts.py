"""Sentences about parts of trials that are far from what the trials need, with the experiments concerned."""

from collections.abc import Sequence

from orchestrator.store.records import UnevenParts
from orchestrator.wording.lists import few_named

MOST_NAMED = 3


def uneven_sentences(uneven: Sequence[UnevenParts], *, num_experiments: int) -> list[str]:
    """Say of each record what is uneven, and in which experiments where it is not all of them."""
    lines = []
    for each in uneven:
        is_all = len(each.experiments) == num_experiments
        where = "" if is_all else f"{few_named(each.experiments, MOST_NAMED)}: "
        text = f"{where}{each.sentence}."
        lines.append(text if where else text[0].upper() + text[1:])
    return lines
