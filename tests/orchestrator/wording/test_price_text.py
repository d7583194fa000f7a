"""Sentences on what a cap left, and on how to go on."""

import re

from orchestrator.wording.price_text import cut_sentence


def test_the_cap_that_is_suggested_leaves_room_for_a_beginning() -> None:
    """Catches a suggested cap that a command has used up before its first trial, each time."""
    for more_s in (15.0, 3600.0):
        said = cut_sentence("p", unfinished=9, stopped=0, planned=9, more_s=more_s, price=None, units=1)
        found = re.search(r"--max-hours ([\d.]+)$", said)
        assert found is not None
        assert more_s * 1.5 + 60 <= float(found[1]) * 3600 < more_s * 1.5 + 100
