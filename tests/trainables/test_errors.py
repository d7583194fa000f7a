"""Errors of the user: one sentence, or several, wherever they are raised."""

import copy

from trainables.errors import InputError, Problems, nearest


def test_several_sentences_are_one_error_and_cross_to_another_process() -> None:
    """Catches an error of a worker that can't be sent, or is said twice."""
    problems = Problems(["a is wrong", "two\nlines", "a is wrong"])
    assert problems.lines == ("a is wrong", "two\nlines") and str(problems) == "a is wrong\ntwo\nlines"
    # By the same protocol as between processes.
    again = copy.copy(problems)
    assert isinstance(again, InputError) and again.lines == problems.lines
    assert InputError("one").lines == ("one",)


def test_a_name_of_any_length_is_compared_in_no_time() -> None:
    assert nearest("epohcs", ["epochs", "seed"]) == "nearest: epochs"
    assert nearest("k" * 10**7, ["epochs", "seed"]) == "known: epochs, seed"
