"""Who leaves a race: a function of the scores of complete looks, whatever else has ended by then."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config.phase import Phase
from orchestrator.decisions.race import Course, Judged, Standing, run_race, why_no_race
from orchestrator.store.records import Comparison, Factor, Rule

PLACES = tuple((0, fold) for fold in range(5))
# Scores are drawn so that some leave and some stay: how far behind the best of them each experiment is.
BEHIND = (0.0, 0.005, 0.1, 0.3)


def scores_of(seed: int, names: Sequence[str] = "abcd", noise: float = 0.01) -> dict[str, list[float]]:
    rng = np.random.default_rng(seed)
    return {
        name: (0.9 - BEHIND[place % 4] + noise * rng.normal(size=5)).clip(0.0, 1.0).tolist()
        for place, name in enumerate(names)
    }


def course_of(
    *heats: str,
    staying: str = "",
    choose: str = "auc",
    places: Sequence[tuple[int, int]] = PLACES,
) -> Course:
    names = "".join(heats)
    return Course(
        rule=Rule(choose=choose, among=tuple(names)),  # type: ignore[arg-type]
        heats=tuple(tuple(heat) for heat in heats),
        staying=frozenset(staying),
        places=tuple(places),
        test_share=0.1,
        keys={(name, place): f"{name}{place}" for name in names for place in places},
    )


def race(course: Course, scores: dict[str, list[float]], known: int = 99, **given: object) -> Standing:
    """Race on the first `known` trials that end, in the order of the folds."""
    every = [
        ((name, place), Judged(scores[name][number], rows=f"rows {place}"))
        for number, place in enumerate(course.places)
        for name in course.names
    ]
    given = {"covariance": no_draws, **given}
    return run_race(course, dict(every[:known]), **given)  # type: ignore[arg-type]


def no_draws(names: Sequence[str], place: tuple[int, int]) -> np.ndarray:
    return np.zeros((len(names), len(names)))


def places(standing: Standing) -> dict[str, tuple[int, int]]:
    return {each.experiment: each.place for each in standing.eliminated}


def test_the_hopeless_leave_and_the_close_stay() -> None:
    found = race(course_of("abcd"), scores_of(0))
    assert set(places(found)) == {"c", "d"} and found.looks == 4
    first = found.eliminated[0]
    assert first.leader in "ab" and first.gap > 0.05 and first.p_value is not None and first.level is not None
    assert first.p_value < first.level
    assert first.left_out == tuple(f"{first.experiment}{place}" for place in PLACES[first.n :])


@pytest.mark.slow
@given(st.integers(0, 1000), st.randoms(use_true_random=False))
def test_the_order_of_events_changes_nothing(seed: int, random: object) -> None:
    """Catches a look at folds that are not complete, and one that sees later folds."""
    course, scores = course_of("abcd"), scores_of(seed)
    expected = race(course, scores)
    order = [(name, number) for name in course.names for number in range(5)]
    random.shuffle(order)  # type: ignore[attr-defined]
    judged: dict[tuple[str, tuple[int, int]], Judged] = {}
    seen: list[Standing] = []
    for name, number in order:
        judged[name, PLACES[number]] = Judged(scores[name][number], rows=f"rows {PLACES[number]}")
        # As a run does it: what has left before stays out.
        gone = seen[-1].eliminated if seen else ()
        seen.append(run_race(course, judged, covariance=no_draws, gone=gone))
    assert seen[-1] == expected
    for one, other in itertools.pairwise(seen):
        assert other.eliminated[: len(one.eliminated)] == one.eliminated


@given(st.integers(0, 1000), st.integers(0, 20))
def test_a_race_goes_on_from_what_is_written_down(seed: int, known: int) -> None:
    course, scores = course_of("abcd"), scores_of(seed)
    half = race(course, scores, known)
    assert race(course, scores, gone=half.eliminated) == race(course, scores)


def test_a_look_waits_for_all_that_are_in_and_for_nobody_else() -> None:
    course, scores = course_of("abcd"), scores_of(0)
    assert race(course, scores, 4).looks == 1
    assert race(course, scores, 7).looks == 1 and race(course, scores, 8).looks == 2
    # Both have left by then: the others alone are waited for.
    assert places(race(course, scores, 8)) == {"c": (0, 1), "d": (0, 1)}
    assert race(course, scores, 10).looks == 3


def test_who_can_not_be_judged_stays_and_leads_nobody() -> None:
    scores = scores_of(0, noise=0.003)
    course = course_of("abcd")
    judged = {
        (name, place): Judged(scores[name][number], rows="r")
        for number, place in enumerate(PLACES)
        for name in "abcd"
    }
    judged["d", (0, 1)] = Judged(None, reason="it failed")
    judged["a", (0, 0)] = Judged(0.99, rows="other")
    found = run_race(course, judged, covariance=no_draws)
    assert {each.experiment: each.reason for each in found.unjudged} == {
        "a": "fold 0: it was validated on other images than the others",
        "d": "fold 1: it failed",
    }
    assert set(places(found)) == {"c"} and found.eliminated[0].leader == "b"


def test_without_draws_of_validation_images_nobody_leaves_by_a_test() -> None:
    unknown = race(
        course_of("abcd"), scores_of(0), covariance=lambda names, place: no_draws(names, place) * np.nan
    )
    assert all(each.cause == "bound" for each in unknown.eliminated) and unknown.looks == 4


def test_what_an_ensemble_combines_stays_and_the_ensemble_races_after_it() -> None:
    """c and d are combined by e and f: they stay, and of the two ensembles the hopeless one leaves."""
    scores = {**scores_of(0), "e": scores_of(1)["a"], "f": scores_of(1)["d"]}
    course = course_of("abcd", "ef", staying="cd")
    assert places(race(course_of("abcd", staying="cd"), scores)) == {}
    found = race(course, scores)
    assert set(places(found)) == {"f"} and found.looks == 8
    plain = race(course_of("abcd", "ef"), scores)
    assert set(places(plain)) == {"c", "d", "f"}


def test_what_is_better_when_lower_races_the_other_way_round() -> None:
    losses = {name: [1.0 - each for each in values] for name, values in scores_of(0).items()}
    found = race(course_of("abcd", choose="log_loss"), losses)
    assert set(places(found)) == {"c", "d"}
    assert all(each.gap > 0 and each.cause == "test" for each in found.eliminated)
    assert places(race(course_of("abcd", choose="eer"), losses)) == places(found)


def test_repeats_are_looked_at_one_after_the_other() -> None:
    twice = tuple((repeat, fold) for repeat in range(2) for fold in range(3))
    scores = {name: [*values, 0.9] for name, values in scores_of(3, noise=0.04).items()}
    found = race(course_of("abcd", places=twice), scores)
    assert found.looks == 5 and all(each.n == 3 * each.repeat + each.fold + 1 for each in found.eliminated)


def test_why_a_phase_can_not_race() -> None:
    phase = Phase(name="p", title="P", experiments=("a", "b"))
    assert why_no_race(phase) == ""
    asked = Comparison(question="?", baseline="a", treatment="b")
    assert "chooses none" in why_no_race(phase.model_copy(update={"comparisons": (asked,)}))
    rule = Rule(choose="auc", factors=(Factor(key="dropout", pairs=(("a", "b"),)),))
    assert "every pair is needed" in why_no_race(phase.model_copy(update={"decision": rule}))
