"""Two runs and an interrupted one: their bits are compared, and a difference is found."""

import numpy as np
import pytest

from trainables import same_bits
from trainables.bits_verdict import BitsVerdict
from trainables.same_bits import compare_bits


@pytest.mark.slow
def test_a_cpu_gives_the_same_bits_twice_and_after_a_kill() -> None:
    verdict = compare_bits("cpu")
    assert verdict.runs and verdict.resumed and verdict.stamp == "equal"


def test_a_difference_is_found_whichever_trial_it_is_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a verdict that is always good: answers stand in for trials, in the order in which they run."""
    for answers, expected in (
        (["a", "a", "killed", "a"], (True, True)),
        (["a", "b", "killed", "a"], (False, True)),
        (["a", "a", "killed", "b"], (True, False)),
    ):
        coming = iter([*answers, "here"])
        monkeypatch.setattr(same_bits, "in_own_process", lambda *_, coming=coming: next(coming))
        verdict = compare_bits("cpu")
        assert (verdict.runs, verdict.resumed) == expected
        assert verdict.is_equal == all(expected)


def test_its_images_are_always_the_same(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Catches a comparison of two places that trained on other images."""
    one, other = (
        same_bits.made_up_rows(tmp_path_factory.mktemp("rows"), size_px=8).table["sha256"] for _ in range(2)
    )
    assert one.tolist() == other.tolist() and len(np.unique(one)) == len(one)


def test_a_verdict_that_a_later_version_wrote_is_read() -> None:
    text = '{"device": "cpu", "place": "x", "runs": true, "resumed": false, "colour": "red"}'
    assert BitsVerdict.model_validate_json(text).stamp == "differ"
