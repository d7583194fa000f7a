"""Confident learning: a case computed by hand, planted flips, and several classes."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from orchestrator.analysis.image_scores import ImageIndex
from orchestrator.analysis.image_tally import ImageTally
from orchestrator.analysis.label_errors import (
    confident_joint,
    find_label_errors,
    label_errors_table,
    normalised_margins,
)
from orchestrator.wording.hard_text import doubt_sentences


def tally(probabilities: np.ndarray, labels: np.ndarray) -> ImageTally:
    number = len(labels)
    paths = np.array([f"image{place:04d}.jpg" for place in range(number)], dtype=object)
    images = ImageIndex(paths, labels, np.full(number, "drawn", dtype=object), {})
    return ImageTally(
        images, (), (), (), (), np.full(number, 3), np.zeros(number, dtype=np.int64), probabilities
    )


def test_a_case_computed_by_hand() -> None:
    """Catches thresholds that are not mean self-confidences, and counts of images that reach none."""
    fake = np.array([0.1, 0.2, 0.9, 0.5, 0.8, 0.9, 0.7, 0.1])
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    probabilities = np.stack([1 - fake, fake], axis=1)
    found = confident_joint(probabilities, labels)
    # Of real (0.9 + 0.8 + 0.1 + 0.5) / 4, of fake (0.8 + 0.9 + 0.7 + 0.1) / 4.
    assert found.thresholds == pytest.approx([0.575, 0.625])
    assert found.counted.tolist() == [0, 0, 1, -1, 1, 1, 1, 0]
    assert found.counts.tolist() == [[2, 1], [1, 3]]
    # Half of the images are of each class: (1/3 + 1/4) / 2.
    assert found.noise_share(labels) == pytest.approx((1 / 3 + 1 / 4) / 2)
    assert normalised_margins(probabilities, labels) == pytest.approx(
        [0.8, 0.6, -0.8, 0.0, 0.6, 0.8, 0.4, -0.8]
    )


def test_doubts_come_in_the_order_of_their_margins() -> None:
    fake = np.array([0.1, 0.2, 0.9, 0.95, 0.8, 0.9, 0.7, 0.1])
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    found = find_label_errors(tally(np.stack([1 - fake, fake], axis=1), labels))
    table = label_errors_table(found)
    assert table["path"].tolist() == ["image0003.jpg", "image0002.jpg", "image0007.jpg"]
    assert table["suggested"].tolist() == [1, 1, 0]
    assert table["rank"].tolist() == [1, 2, 3]
    assert found.num_found == 3 and found.num_images == 8


@pytest.mark.parametrize("num_classes", [2, 4])
def test_planted_flips_are_found(num_classes: int) -> None:
    """Catches an order or a threshold that finds other images than those with a wrong label.

    Of 2,000 images 60 have a flipped label; the model learns from the flipped labels, out of fold.
    Found are 49 of them with 2 classes and 54 with 4, and no other; the estimated share is 0.030 and 0.031.
    """
    rng = np.random.default_rng(5)
    truth = rng.integers(0, num_classes, 2000)
    centres = rng.normal(size=(num_classes, 8)) * 2.2
    features = centres[truth] + rng.normal(size=(2000, 8))
    labels, flipped = truth.copy(), rng.choice(2000, 60, replace=False)
    labels[flipped] = (labels[flipped] + rng.integers(1, num_classes, 60)) % num_classes
    model = LogisticRegression(max_iter=1000)
    probabilities = cross_val_predict(model, features, labels, cv=5, method="predict_proba")
    found = find_label_errors(tally(probabilities, labels))
    planted = {f"image{place:04d}.jpg" for place in flipped}
    right = planted & {each.path for each in found.doubts}
    recall, precision = len(right) / 60, len(right) / found.num_found
    assert recall >= 0.8 and precision >= 0.95, (recall, precision)
    right_class = [
        each.suggested == truth[int(each.path[5:9])] for each in found.doubts if each.path in right
    ]
    assert np.mean(right_class) > 0.95
    assert found.share == pytest.approx(0.03, abs=0.01)


def test_a_class_without_images_is_no_ground_for_doubts() -> None:
    labels = np.zeros(4, dtype=np.int64)
    found = find_label_errors(tally(np.full((4, 2), 0.5), labels))
    assert found.doubts == () and found.num_images == 4
    assert list(label_errors_table(found)) == list(label_errors_table(replace(found, num_found=1)))


@pytest.mark.parametrize("fake", [0.5, 0.3])
def test_equal_scores_doubt_nothing(fake: float) -> None:
    """Catches every fake called real, since equal scores reach the thresholds of all classes."""
    labels = np.repeat([0, 1], [20, 10])
    found = find_label_errors(tally(np.full((30, 2), [1 - fake, fake]), labels))
    assert found.doubts == () and found.num_found == 0 and not found.is_told_apart
    (said,) = doubt_sentences(found, ("real", "fake"))
    assert said == "Labels can’t be doubted: the scores do not tell the classes apart."
