"""Learning curves in sentences: each claim with its interval, and nothing claimed that is not shown."""

import dataclasses
import math

import pytest

from orchestrator.analysis.scaling import (
    TWO_SIZES,
    Crossing,
    Estimate,
    MeasuredSize,
    ModelScaling,
    Scaling,
    ScalingCurve,
)
from orchestrator.statistics import Interval, PairedTest
from orchestrator.wording.scaling import crossing_sentence, model_sentence, scaling_caption

CURVE = ScalingCurve(
    a=1.0, b=0.5, c=0.05, predicted=Estimate(0.93, 0.915, 0.94), gain=Estimate(0.012, 0.004, 0.02),
    error_from="folds", images=(480.0, 2400.0, 4800.0), scores=(0.88, 0.92, 0.93), lows=(0.87, 0.91, 0.915),
    highs=(0.89, 0.93, 0.94),
)  # fmt: skip


def model(low: float = 0.01, curve: ScalingCurve | None = CURVE, reason: str = "") -> ModelScaling:
    sizes = (
        MeasuredSize("m_20pct", 0.2, 480.0, 5, 0.88, 0.87, 0.89),
        MeasuredSize("m_100pct", 1.0, 2400.0, 5, 0.92, 0.91, 0.93),
    )
    tested = PairedTest(Interval(5, 0.017, 0.01, low, 0.024, 0.003, 4), 0.012)
    return ModelScaling("m", sizes, tested, curve, reason, p_holm=0.012 if low > 0.0 else 0.06)


def test_a_gain_is_said_with_what_it_stands_on() -> None:
    assert model_sentence(model(), "auc") == (
        "m: AUC 0.880 with 480 training images and 0.920 with 2\u202f400: better by +0.017 with each "
        "doubling (95 % interval +0.010 to +0.024, p = 0.012). Twice the data (4\u202f800 images) would give "
        "AUC 0.930 (95 % interval 0.915 to 0.940), better by +0.012 (95 % interval +0.004 to +0.020) than "
        "now."
    )


@pytest.mark.parametrize("what", ["measured", "predicted"])
def test_what_is_not_shown_is_not_said_to_be(what: str) -> None:
    """Catches a prediction that is surer than what was measured."""
    if what == "measured":
        said = model_sentence(model(low=-0.001), "auc")
        corrected = "p = 0.012, Holm-corrected p = 0.060); that more data changes it is not shown. Twice"
        assert corrected in said
    else:
        unsure = dataclasses.replace(CURVE, gain=Estimate(0.012, -0.004, 0.02))
        said = model_sentence(model(curve=unsure), "auc")
    assert "that this is better than now is not shown: +0.012" in said and "than now." not in said


def test_without_a_curve_the_reason_is_said() -> None:
    said = model_sentence(model(curve=None, reason=TWO_SIZES), "auc")
    assert said.endswith("Two sizes give a slope and no curve; run a third share of the data.")
    lacking = dataclasses.replace(model(), doubling=None, curve=None, reason="m_100pct: fold 3 failed: nan")
    assert model_sentence(lacking, "auc") == "m: no learning curve: m_100pct: fold 3 failed: nan."


def test_crossings_say_how_many_drawn_curves_cross() -> None:
    found = Crossing("a", "b", "b", 1200.4, 0.97, 800.0, 1900.0)
    assert crossing_sentence(found) == (
        "a overtakes b at about 1\u202f200 training images (97 % of the drawn curves cross, 95 % of these "
        "between 800 and 1\u202f900 images)."
    )
    unsure = crossing_sentence(dataclasses.replace(found, share=0.9))
    assert unsure.endswith("1\u202f900 images): a crossing is not shown.")
    none = Crossing("a", "b", "a", math.nan, 0.0, math.nan, math.nan)
    assert crossing_sentence(none) == (
        "By the fitted curves a stays ahead of b: no crossing up to twice the data (0 % of the drawn curves "
        "cross)."
    )
    apart = dataclasses.replace(none, reason="the two were not tested on the same images")
    assert "can't be said: the two were not tested on the same images" in crossing_sentence(apart)


def test_the_caption_counts_the_gains_that_are_shown() -> None:
    several = Scaling("auc", (model(), model(low=-0.001), model(curve=None, reason=TWO_SIZES)))
    said = scaling_caption(several, shown=2)
    assert said.startswith("Of 2 fitted curves, 1 shows a gain from twice the data. Mean AUC over the test")
    assert said.endswith("The first 2 of 3 models.")
