"""A stored study gives the same tables, page and decision as ever, and shipped experiments the same keys."""

import json
import math
import re
from pathlib import Path

from tests.golden.outputs import HERE, keys, made_of_results, processor

EXPECTED = HERE / "expected"
NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
DRAWING = re.compile(r"<svg [0-9a-f]{16}>|^[0-9a-f]{16} ", re.M)


def expected() -> dict[str, str]:
    found = (path for path in sorted(EXPECTED.rglob("*")) if path.is_file() and path.parent != EXPECTED)
    return {path.relative_to(EXPECTED).as_posix(): path.read_text(encoding="utf-8") for path in found}


def test_the_stored_study_gives_what_it_gave(tmp_path: Path) -> None:
    """Catches a change of numbers or words that nobody meant."""
    made, stored = made_of_results(tmp_path / "results"), expected()
    assert sorted(made) == sorted(stored)
    if processor() != json.loads((EXPECTED / "processor.json").read_text()):
        made, stored = ({name: rounded(text) for name, text in each.items()} for each in (made, stored))
    differing = [name for name in made if made[name] != stored[name]]
    for name in differing[:1]:
        # Lines, so that a failure shows the one that differs.
        assert made[name].splitlines() == stored[name].splitlines(), f"and {differing[1:]}"


def test_shipped_experiments_have_the_keys_that_they_had(tmp_path: Path) -> None:
    """Catches a change after which finished trials of all users are run again."""
    assert keys(tmp_path) == json.loads((EXPECTED / "keys.json").read_text())


def rounded(text: str) -> str:
    """Leave out what another processor may change: the last digits, and the drawings."""
    return NUMBER.sub(lambda found: _nine_digits(float(found[0])), DRAWING.sub("", text))


def _nine_digits(value: float) -> str:
    return f"{value:.9g}" if abs(value) > math.sqrt(1e-30) else "0"


def test_another_last_digit_is_the_same_on_another_processor() -> None:
    assert rounded("a,0.10921118067026434\n") == rounded("a,0.10921118067026441\n")
    assert rounded("a,0.109211\n") != rounded("a,0.109212\n")
    assert rounded("better 0.1") != rounded("worse 0.1")
