"""Texts and marks of a figure, with their places."""

import re
from collections.abc import Callable

import pytest

# Text that is upright is rotated by nothing about its anchor; other text is moved to its own.
TEXT = re.compile(
    r'<text [^>]*transform="(?:rotate\(-0|translate\()[ ]?([\d.]+) ([\d.]+)[^>]*>([^<]*)</text>'
)


def texts(svg: str) -> dict[str, tuple[float, float]]:
    """Every text of a figure, with where it is anchored in points from the top left."""
    return {said: (float(x), float(y)) for x, y, said in TEXT.findall(svg)}


@pytest.fixture(name="texts")
def texts_fixture() -> Callable[[str], dict[str, tuple[float, float]]]:
    """`texts`, for tests to call."""
    return texts
