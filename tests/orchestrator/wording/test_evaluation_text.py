"""Evaluations in sentences: a claim stands on the corrected test, and on what is known of a detector."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.analysis.elsewhere import ElsewhereScore
from orchestrator.analysis.elsewhere_pairs import DetectorDifference, HomeLoss
from orchestrator.wording.evaluation_text import (
    difference_sentence,
    evaluation_lead,
    foreign_sentences,
    loss_sentence,
)


@pytest.mark.parametrize(
    ("loss", "p_holm", "said"),
    [
        (0.1, 0.04, "here: it loses 0.100 (95 % interval +0.050 to +0.150, p = 0.040 by Holm over"),
        (-0.1, 0.04, "here: it gains 0.100 (95 % interval of the loss −0.150 to −0.050"),
        (0.1, 0.06, "here: that it loses anything is not shown (95 % interval of the loss +0.050 to +0.150"),
    ],
)  # fmt: skip
def test_a_loss_is_shown_by_its_corrected_test(loss: float, p_holm: float, said: str) -> None:
    """Catches a loss that is claimed since its own interval leaves out 0, whatever the correction says."""
    row = HomeLoss(
        "a", "auc", "clean", 5, 5, home=0.9, here=0.9 - loss, loss=loss, ci_low=loss - 0.05,
        ci_high=loss + 0.05, p_value=0.02, p_holm=p_holm,
    )  # fmt: skip
    assert said in loss_sentence(row)


def test_a_highest_score_says_on_how_many_of_the_images_it_is() -> None:
    rows = [
        ElsewhereScore("a", "experiment", "clean", "auc", 18, 18, 5, 5, mean=0.8),
        ElsewhereScore("theirs", "foreign", "clean", "auc", 17, 17, 1, 1, mean=0.9),
    ]
    record = SimpleNamespace(name="other", images=18)
    said = evaluation_lead(cast(Any, SimpleNamespace(summary=rows, record=record)))
    assert said == "On other: highest of 2: theirs, AUC 0.900, on 17 of the 18 images."


def test_what_foreign_detectors_learned_from_is_said_to_be_unknown() -> None:
    foreign = [SimpleNamespace(name=name, file=f"{name}.csv", notes=()) for name in ("x", "y")]
    (said,) = foreign_sentences(cast(Any, SimpleNamespace(foreign=foreign)))
    assert said.startswith("What x and y learned from is not known: images of it could not be kept out")
    assert foreign_sentences(cast(Any, SimpleNamespace(foreign=()))) == []


def test_a_difference_of_single_models_says_that_others_may_differ() -> None:
    """Catches two training runs that are taken for two recipes."""
    for n, is_paired, is_single in ((1, True, True), (2, False, True), (2, True, False), (6, False, False)):
        row = DetectorDifference(
            "a", "b", "auc", "clean", 90, 90, n, is_paired, mean_diff=0.1, ci_low=0.05, ci_high=0.15,
            p_value=0.01, p_holm=0.01,
        )  # fmt: skip
        said = difference_sentence(row, num_pairs=1)
        assert said.startswith("b is better than a here by AUC: +0.100 (95 % interval +0.050 to +0.150, p = ")
        assert ("other training runs would give other models" in said) == is_single
