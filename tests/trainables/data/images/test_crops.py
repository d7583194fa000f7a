"""Squares around faces: inside the image, around the face, as wide as the margin says."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from trainables.data.images.crops import Box, Square, central_square, choose_face, face_square

SIDES = st.integers(1, 3000)
COORDINATES = st.floats(-500, 3500)


@pytest.mark.slow
@settings(max_examples=300)
@given(SIDES, SIDES, COORDINATES, COORDINATES, COORDINATES, COORDINATES, st.floats(0, 4))
def test_a_face_square_lies_inside_and_holds_the_middle_of_the_face(
    width: int, height: int, left: float, top: float, right: float, bottom: float, margin: float
) -> None:
    """Catches crops that leave the image (black borders) or miss the face, at any border and margin."""
    left, right, top, bottom = min(left, right), max(left, right), min(top, bottom), max(top, bottom)
    assume(min(right, width) > max(left, 0) and min(bottom, height) > max(top, 0))
    square = face_square((left, top, right, bottom), width=width, height=height, margin=margin)
    assert square.side >= 1 and square.left >= 0 and square.top >= 0
    assert square.left + square.side <= width and square.top + square.side <= height
    across, down = (max(left, 0) + min(right, width)) / 2, (max(top, 0) + min(bottom, height)) / 2
    assert square.left <= across <= square.left + square.side
    assert square.top <= down <= square.top + square.side


@settings(max_examples=100)
@given(st.integers(1, 200), st.integers(1, 200), st.floats(0, 4), st.floats(0, 4))
def test_a_larger_margin_never_gives_a_smaller_square(
    width: int, height: int, one: float, other: float
) -> None:
    box = (100.0, 120.0, 100.0 + width, 120.0 + height)
    small, large = (face_square(box, width=500, height=400, margin=margin) for margin in sorted((one, other)))
    assert small.side <= large.side


@pytest.mark.parametrize(
    ("box", "margin", "expected"),
    [
        ((40, 50, 60, 70), 0.0, Square(40, 50, 20)),
        # 0.6 of 20 on each side: 12 + 20 + 12.
        ((40, 30, 60, 50), 0.6, Square(28, 18, 44)),
        # Taller than wide: the height decides, around the same middle.
        ((45, 20, 55, 60), 0.25, Square(20, 10, 60)),
        # Near a corner it moves inside and keeps its size.
        ((0, 0, 20, 20), 0.5, Square(0, 0, 40)),
        ((90, 70, 100, 80), 1.0, Square(70, 50, 30)),
        # Wider than the image is high: as large as it can be.
        ((40, 30, 60, 50), 4.0, Square(10, 0, 80)),
        # A face that is cut off counts as far as it is seen.
        ((-20, 10, 20, 30), 0.0, Square(0, 10, 20)),
    ],
)
def test_margin_and_borders_by_hand(box: Box, margin: float, expected: Square) -> None:
    assert face_square(box, width=100, height=80, margin=margin) == expected


def test_the_rules_for_several_faces() -> None:
    corner, middle, outside = (0.0, 0.0, 40.0, 40.0), (45.0, 45.0, 55.0, 55.0), (-400.0, 0.0, -10.0, 90.0)
    faces = [outside, middle, corner]
    assert choose_face(faces, width=100, height=100, rule="largest") == 2
    assert choose_face(faces, width=100, height=100, rule="central") == 1
    assert choose_face([middle, middle], width=100, height=100, rule="largest") == 0
    assert choose_face([outside], width=100, height=100, rule="largest") is None
    assert choose_face([], width=100, height=100, rule="central") is None


def test_what_is_seen_of_a_face_decides_which_is_largest() -> None:
    """Catches a face that is mostly outside the picture and is preferred to a whole one."""
    cut_off, whole = (-300.0, 0.0, 20.0, 100.0), (40.0, 20.0, 90.0, 80.0)
    assert choose_face([cut_off, whole], width=100, height=100, rule="largest") == 1


@pytest.mark.parametrize(
    ("size", "expected"),
    [((100, 80), Square(10, 0, 80)), ((7, 10), Square(0, 1, 7)), ((5, 5), Square(0, 0, 5))],
)
def test_the_central_square(size: tuple[int, int], expected: Square) -> None:
    assert central_square(*size) == expected
