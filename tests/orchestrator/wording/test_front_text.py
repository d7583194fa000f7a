"""Sentences on Pareto fronts."""

import math

import pandas as pd

from orchestrator.wording.front_text import cost_gaps, factors_text, front_rows, front_sentences


def pareto(measure: str, *rows: tuple[str, float, str, str, str]) -> pd.DataFrame:
    """Rows of one cost: experiment, cost, on_front, against, is_shown."""
    columns = ["experiment", "cost", "on_front", "against", "is_shown"]
    numbers = {"gain": 0.02, "ci_low": 0.01, "ci_high": 0.03, "p_holm": 0.012}
    return pd.DataFrame(rows, columns=columns).assign(metric="auc", measure=measure, **numbers)


def test_members_come_from_the_cheapest_on_with_what_is_shown() -> None:
    """Catches an advantage without its test, and one that is not shown among those that are."""
    frame = pareto(
        "parameters",
        ("large", 900.0, "yes", "middle", "no"),
        ("small", 1.0, "yes", "", ""),
        ("other", 500.0, "no", "", ""),
        ("middle", 30.0, "yes", "small", "yes"),
        ("old", math.nan, "", "", ""),
    )
    assert front_sentences(frame) == [
        "By parameters, 3 of 4 are on the front, the cheapest first: small, middle and large. Shown by a "
        "paired test: middle over small by +0.020 in AUC (95 % interval +0.010 to +0.030), Holm-corrected "
        "p = 0.012. Not shown: large over middle."
    ]


def test_the_fastest_is_the_cheapest() -> None:
    frame = pareto("images_per_s", ("slow", 5.0, "yes", "fast", "no"), ("fast", 90.0, "yes", "", ""))
    assert list(front_rows(frame, "images_per_s")["experiment"]) == ["fast", "slow"]


def test_one_member_equals_and_one_experiment() -> None:
    alone = pareto("flops", ("a", 1.0, "yes", "", ""), ("b", 2.0, "no", "", ""))
    assert front_sentences(alone) == [
        "By FLOPs per image, 1 of 2 is on the front: a is the cheapest, and none scores better."
    ]
    equal = pareto("flops", ("a", 1.0, "yes", "", ""), ("b", 1.0, "yes", "", ""), ("c", 2.0, "no", "", ""))
    assert front_sentences(equal) == [
        "By FLOPs per image, 2 of 3 are on the front, the cheapest first: a and b. They cost and score the "
        "same."
    ]
    same = pareto("flops", ("a", 1.0, "yes", "", ""), ("b", 1.0, "no", "", ""))
    assert front_sentences(same) == ["By FLOPs per image, all 2 cost the same."]
    assert front_sentences(pareto("flops", ("a", 1.0, "yes", "", ""))) == []
    assert front_sentences(pd.DataFrame()) == []


def test_costs_that_nobody_knows_are_named() -> None:
    """Catches a panel that is missing in silence."""
    frame = pd.concat([pareto(each, ("a", 1.0, "yes", "", "")) for each in ("parameters", "hours")])
    assert cost_gaps(frame) == "Not known of any trial: FLOPs per image and images/s in training."
    assert factors_text([("parameters", 12.04), ("flops", math.nan)]) == "12 times the parameters"
