"""Sentences on rankings: who may be the best, and who is balanced."""

import dataclasses
import math
from typing import Any

import pandas as pd
import pytest

from orchestrator.analysis.collect import Tables
from orchestrator.store.records import StudyRecord
from orchestrator.wording.ranking_text import balance_sentences, ranking_sentences, shown_text

NAMES = ("a", "b", "c", "d")


def ranking(*bounds: tuple[int, int], p: float = 0.01) -> pd.DataFrame:
    """A ranking of a, b, c ... in this order, by the ranks that each may have."""
    rows = [
        {"metric": "auc", "experiment": name, "rank_low": low, "rank_high": high, "n": 5}
        | {"may_be_best": "yes" if low == 1 else "", "p_value": p if place else math.nan}
        for place, (name, (low, high)) in enumerate(zip(NAMES, bounds, strict=False))
    ]
    return pd.DataFrame(rows)


def balance(**worst: float | None) -> pd.DataFrame:
    """Worst-source AUCs, of which the first is the experiment with the best mean."""
    first = next(iter(worst))
    rows = [
        {"experiment": name, "worst": math.nan if value is None else value}
        | {"worst_low": 0.7, "worst_high": 0.9, "against": None if name == first else first}
        | {
            "difference": -0.3 if value == 0.5 else 0.05,
            "ci_low": 0.01,
            "ci_high": 0.09,
            "p_value": 0.012,
            "p_holm": 0.024,
        }
        | {"reason": "text2img: 2 of 3 folds have it" if value is None else ""}
        for name, value in worst.items()
    ]
    return pd.DataFrame(rows)


def tables_with(study: StudyRecord, **frames: pd.DataFrame) -> Tables:
    empty = pd.DataFrame()
    return dataclasses.replace(Tables(study, empty, empty, empty, empty), **frames)


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        (
            [(1, 1), (2, 3), (2, 3)],
            "By AUC, a is shown to be better than each of the other 2 (all pairs, Holm-corrected).",
        ),
        (
            [(1, 2), (1, 2), (3, 3)],
            "By AUC, a and b may be the best; of c it is shown that another one is better (all pairs, "
            "Holm-corrected).",
        ),
        (
            [(1, 2), (2, 3), (2, 3)],
            "By AUC, a alone may be the best; of b and c it is shown that another one is better (all pairs, "
            "Holm-corrected).",
        ),
        (
            [(1, 3)] * 3,
            "By AUC, any of the 3 may be the best: of none is it shown that another one is better (all "
            "pairs, Holm-corrected). The best mean, that of a, proves nothing.",
        ),
    ],
)
def test_who_may_be_the_best_is_said(make_study: Any, bounds: list[tuple[int, int]], said: str) -> None:
    """Catches a best mean that is called the best, and one that is shown to be."""
    study = make_study(names=NAMES[:3])
    assert ranking_sentences(tables_with(study, ranking=ranking(*bounds))) == [said]


def test_two_folds_and_what_is_not_ranked_are_said(make_study: Any) -> None:
    study = make_study(names=NAMES)
    frame = ranking((1, 3), (1, 3), (1, 3), p=math.nan).assign(n=2)
    assert ranking_sentences(tables_with(study, ranking=frame)) == [
        "By mean AUC, a is first of 3; 2 folds give no test, so that nobody is told apart.",
        "Not ranked, since folds are missing or they were not tested on the same rows: d.",
    ]


def test_a_phase_of_three_without_a_ranking_says_why(make_study: Any) -> None:
    """Catches a section that is left out in silence; of two experiments nobody expects one."""
    (said,) = ranking_sentences(tables_with(make_study(names=NAMES[:3])))
    assert said.startswith("There is no ranking: fewer than three experiments have all their folds")
    assert ranking_sentences(tables_with(make_study(names=NAMES[:2]))) == []
    study = make_study(names=NAMES[:3])
    single = [
        each.model_copy(update={"recipe": each.recipe.model_copy(update={"protocol": "holdout"})})
        for each in study.experiments
    ]
    (said,) = ranking_sentences(tables_with(study.model_copy(update={"experiments": tuple(single)})))
    assert said.startswith("There is no ranking: a single split")


@pytest.mark.parametrize(
    ("worst", "said"),
    [
        (
            {"a": 0.81, "b": 0.80},
            "a has the best mean AUC, and on its worst source of each fold it is also the best: AUC 0.810 "
            "(95 % interval 0.700 to 0.900); of 1 other, 0 are shown to be worse there (paired by fold, "
            "Holm-corrected over all pairs).",
        ),
        (
            {"a": 0.81, "b": 0.81, "c": 0.5},
            "a has the best mean AUC, and on its worst source of each fold it is level with b: AUC 0.810 "
            "(95 % interval 0.700 to 0.900); of 2 others, 1 is shown to be worse there (paired by fold, "
            "Holm-corrected over all pairs).",
        ),
        (
            {"a": 0.75, "b": 0.80, "c": 0.78},
            "a has the best mean AUC, but on the worst source of each fold b scores more: AUC 0.800 against "
            "0.750 (95 % interval 0.700 to 0.900), difference +0.050 (95 % interval +0.010 to +0.090): shown "
            "(p = 0.012, Holm-corrected p = 0.024).",
        ),
        (
            {"a": None, "b": 0.80},
            "a has the best mean AUC; who is best on the worst source is not known: text2img: 2 of 3 folds "
            "have it.",
        ),
    ],
)
def test_the_best_mean_is_held_against_the_worst_source(
    make_study: Any, worst: dict[str, float | None], said: str
) -> None:
    """Catches a balance that is asserted without its test, and equals of which one is called better."""
    study, asked = make_study(names=NAMES), pd.DataFrame({"metric": ["auc"]})
    assert balance_sentences(tables_with(study, balance=balance(**worst), comparisons=asked)) == [said]


def test_without_two_to_compare_nothing_is_said_of_balance(make_study: Any) -> None:
    study = make_study(names=NAMES)
    assert balance_sentences(tables_with(study)) == []
    assert balance_sentences(tables_with(study, balance=balance(a=0.8))) == []


def test_not_shown_is_said_with_its_numbers() -> None:
    assert shown_text(0.03, 0.09) == "not shown (p = 0.030, Holm-corrected p = 0.090)"
    assert shown_text(0.03, 0.03) == "shown (p = 0.030)"
    assert shown_text(math.nan, math.nan) == "there is no test of it"
