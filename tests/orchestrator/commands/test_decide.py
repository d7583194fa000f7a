"""`decide` and `compare` as users type them: what they print, and how they end."""

import json
from collections.abc import Callable
from typing import Any

import pytest

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def decided(results: Any) -> Any:
    for name, good in (("a", 0.0), ("b", 2.0)):
        results.add(name)
        results.separate(name, "val", good)
        results.separate(name, "test", good)
    results.decide("a", "b")
    results.write()
    return results


def test_decide_says_its_choice_and_where_it_is(call: Call, decided: Any) -> None:
    code, out, err = call("decide", "phase1", "--results", decided.root)
    assert (code, err) == (0, "")
    assert "phase1: b is chosen" in out
    assert f"{decided.root / 'decisions' / 'phase1.json'} (version 1, written)" in out
    code, out, err = call("decide", "phase1", "--results", decided.root)
    assert (code, err) == (0, "")
    assert "as it was taken before" in out


@pytest.mark.slow
def test_decide_warns_of_what_has_moved_and_ends_well(call: Call, decided: Any) -> None:
    call("decide", "phase1", "--results", decided.root)
    decided.separate("a", "val", 9.0)
    code, out, err = call("decide", "phase1", "--results", decided.root)
    assert code == 0
    assert "phase1: b is chosen" in out
    assert "Warning: since the decision of phase1 was taken: a repeat 0 fold 0 has other predictions" in err
    assert "the rule would now choose a" in err
    assert "decide phase1 --again" in err
    code, out, err = call("decide", "phase1", "--again", "--results", decided.root)
    assert (code, err) == (0, "")
    assert "phase1: a is chosen" in out
    assert "version 2" in out


@pytest.mark.slow
def test_decide_is_refused_while_a_trial_is_missing(call: Call, decided: Any) -> None:
    (decided.folder("a", 3) / "done.json").unlink()
    code, out, err = call("decide", "phase1", "--results", decided.root)
    assert (code, out) == (2, "")
    assert "no decision yet: a: fold 3 is interrupted" in err


def test_decide_of_an_unknown_phase(call: Call, decided: Any) -> None:
    code, _, err = call("decide", "phase7", "--results", decided.root)
    assert code == 2
    assert "phase1" in err


@pytest.mark.slow
def test_decide_as_json(call: Call, decided: Any) -> None:
    code, out, _ = call("decide", "phase1", "--results", decided.root, "--json")
    found = json.loads(out)
    assert (code, found["is_new"], found["moved"]) == (0, True, [])
    assert found["decision"] == json.loads((decided.root / "decisions" / "phase1.json").read_text())


def test_compare_says_it_in_sentences(call: Call, decided: Any) -> None:
    code, out, err = call("compare", "a", "b", "--results", decided.root)
    assert (code, err) == (0, "")
    assert "b against a, AUC (higher is better) on 5 paired test folds" in out
    assert "The smallest difference that these folds could have shown" in out
    assert "text2img" in out


def test_compare_as_json_by_another_metric(call: Call, decided: Any) -> None:
    code, out, _ = call("compare", "a", "b", "--metric", "accuracy", "--results", decided.root, "--json")
    found = json.loads(out)
    assert (code, found["metric"], found["n"]) == (0, "accuracy", 5)
    assert found["sentences"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a", "bb"], "no experiment 'bb'"),
        (["a", "b", "--metric", "acuracy"], "nearest: accuracy"),
        (["a", "b", "--rope", "2"], "--rope"),
        (["a"], "B"),
    ],
)
def test_compare_refuses_what_it_can_not_know(
    call: Call, decided: Any, arguments: list[str], said: str
) -> None:
    code, out, err = call("compare", *arguments, "--results", decided.root)
    assert (code, out) == (2, "")
    assert said in err


def test_compare_ends_with_1_while_a_fold_is_missing(call: Call, decided: Any) -> None:
    (decided.folder("a", 3) / "done.json").unlink()
    code, out, _ = call("compare", "a", "b", "--results", decided.root)
    assert code == 1
    assert "b can't be compared with a: a: fold 3 interrupted" in out


def test_compare_makes_no_results_folder(call: Call, decided: Any) -> None:
    folder = decided.root / "typo"
    code, _, err = call("compare", "a", "b", "--results", folder)
    assert code == 2
    assert "no results folder" in err
    assert not folder.exists()
