"""Mean maps: faces at other places and of other sizes lie over each other."""

import numpy as np

from trainables.explain.mean_maps import CANONICAL, SIZE, aligned_mean

LEFT, TOP, RIGHT, BOTTOM = CANONICAL


def with_spot(box: tuple[float, float, float, float], *, size_px: int = 96) -> np.ndarray:
    """A map that is 1 in the upper left quarter of the box."""
    left, top, right, bottom = box
    map_SS = np.zeros((size_px, size_px), dtype=np.float16)
    map_SS[int(top) : int((top + bottom) / 2), int(left) : int((left + right) / 2)] = 1
    return map_SS


def test_the_same_part_of_the_face_comes_to_the_same_place() -> None:
    boxes = [(10.0, 20.0, 50.0, 70.0), (40.0, 8.0, 90.0, 72.0)]
    mean = aligned_mean(np.stack([with_spot(box) for box in boxes]), np.array(boxes))
    assert mean.shape == (SIZE, SIZE) and mean.dtype == np.float32
    middle_x, middle_y = int((LEFT + RIGHT) / 2), int((TOP + BOTTOM) / 2)
    assert (mean[int(TOP) + 1 : middle_y - 1, int(LEFT) + 1 : middle_x - 1] > 0.99).all()
    assert not mean[middle_y + 1 : int(BOTTOM), middle_x + 1 : int(RIGHT)].any()


def test_an_image_counts_only_where_it_shows_something() -> None:
    """The first image ends at the left edge of its box; a mean with zeros there would be 0.5."""
    boxes = np.array([(0.0, 20.0, 40.0, 70.0), (30.0, 20.0, 70.0, 70.0)])
    mean = aligned_mean(np.ones((2, 96, 96)), boxes)
    assert np.allclose(mean[np.isfinite(mean)], 1.0)
    assert np.isfinite(mean[30, 5])
    assert np.isnan(aligned_mean(np.ones((1, 96, 96)), boxes[:1])[30, 5])


def test_images_without_a_face_are_left_out() -> None:
    box = (10.0, 20.0, 50.0, 70.0)
    alone = aligned_mean(with_spot(box)[None], np.array([box]))
    both = aligned_mean(np.stack([with_spot(box), np.ones((96, 96))]), np.array([box, (np.nan,) * 4]))
    np.testing.assert_array_equal(alone, both)
    assert np.isnan(aligned_mean(np.zeros((0, 96, 96)), np.zeros((0, 4)))).all()
