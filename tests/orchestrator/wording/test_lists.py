"""Lists in sentences: how few are joined, and that many are counted."""

from orchestrator.wording.lists import few_named, shortened

LETTERS = list("abcdefgh")


def test_few_are_all_named() -> None:
    """Catches the end of a sentence that is lost where there is nothing to name."""
    said = [few_named(LETTERS[:count]) for count in range(4)]
    assert said == ["", "a", "a and b", "a, b and c"]


def test_many_are_counted() -> None:
    assert few_named(LETTERS) == "a, b, c, d, e, f and 2 more"
    assert few_named(LETTERS, 1) == "a and 7 more"


def test_many_parts_of_a_table_are_counted() -> None:
    assert shortened(LETTERS) == "a, b, c, d, e, f, g, h"
    assert shortened(["a"] * 22).endswith("a, a, and 2 more in the table")
