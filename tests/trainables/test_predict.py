"""Several models as one: mean, spread and confidence, and arrays that go the way of files."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainables.errors import InputError
from trainables.evaluation.calibration import Parameters
from trainables.predict import join_scores, write_images

RAW: Parameters = {"method": "temperature", "outcome": "not fitted"}
COOL: Parameters = {"method": "temperature", "outcome": "fitted", "temperature": 2.0}


def test_each_model_is_calibrated_by_its_own_numbers() -> None:
    """By hand: log-odds ln 9 halved are ln 3, so 0.9 becomes 0.75; the other model stays at 0.25."""
    found = join_scores([np.array([0.9, 0.5]), np.array([0.25, 0.5])], [COOL, RAW])
    np.testing.assert_allclose(found.each, [[0.75, 0.5], [0.25, 0.5]], atol=1e-12)
    np.testing.assert_allclose(found.mean, [0.5, 0.5], atol=1e-12)
    predicted = found.predicted(0.4)
    assert predicted.tolist() == [1, 1] and found.predicted(0.6).tolist() == [0, 0]
    np.testing.assert_allclose(found.spread(predicted), [0.5 / np.sqrt(2), 0.0], atol=1e-12)
    single = join_scores([np.array([0.3])], [RAW])
    assert np.isnan(single.spread(single.predicted(0.2))).all()
    # Called fake from 0.2 on, with a probability of 0.3.
    assert single.confidence(single.predicted(0.2)).tolist() == [0.3]
    assert single.confidence(single.predicted(0.5)).tolist() == [0.7]


def test_of_several_classes_the_likeliest_is_taken() -> None:
    scores = [np.array([[0.2, 0.5, 0.3]]), np.array([[0.6, 0.3, 0.1]])]
    found = join_scores(scores, [RAW, RAW])
    assert found.num_classes == 3 and found.predicted(0.5).tolist() == [0]
    assert found.confidence(np.array([0])).tolist() == [pytest.approx(0.4)]
    assert found.spread(np.array([0])).tolist() == [pytest.approx(np.std([0.2, 0.6], ddof=1))]


def test_arrays_are_kept_without_loss(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (2, 9, 7, 3), dtype=np.uint8)
    files = write_images(pixels, tmp_path)
    for file, image in zip(files, pixels, strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(file)), image)
    for wrong in (pixels[0, ..., 0], pixels[0] / 255.0, pixels[0, :0]):
        with pytest.raises(InputError, match=r"image 0 is .* pixels are uint8"):
            write_images([wrong], tmp_path)
