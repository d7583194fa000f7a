"""Phase files: experiments and the comparisons declared before any of them ran."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config.library import Library
from orchestrator.config.phase import load_phase, phase_of
from trainables.errors import InputError

Write = Callable[..., Path]
GOOD: dict[str, Any] = {
    "title": "T",
    "experiments": ["a", "b"],
    "comparisons": [{"question": "Q", "baseline": "a", "treatment": "b"}],
}


def test_a_phase_is_named_after_its_folder_and_compares_by_auc(write_experiments: Write) -> None:
    folder = write_experiments({"p/phase.json": GOOD, "p/a.json": {}, "p/b.json": {}})
    phase = load_phase(Library((folder,)), "p")
    assert (phase.name, phase.experiments) == ("p", ("a", "b"))
    assert phase.comparisons[0].metrics == ("auc",)
    assert Library((folder,)).phases() == ["p"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"comparisons": [{"question": "Q", "baseline": "a", "treatment": "c"}]}, "'c'"),
        ({"comparisons": [{"question": "Q", "baseline": "a"}]}, "treatment"),
        ({"experiments": []}, "experiments"),
        ({"experiment": ["a"]}, "experiment"),
        ({"title": 3}, "title"),
        ({"name": "q"}, "name"),
        ({"experiments": ["a", "b", "a"]}, "experiments"),
        (
            {"comparisons": [{"question": "Q", "baseline": "a", "treatment": "b", "metrics": ["aucc"]}]},
            "aucc",
        ),
        ({"comparisons": [{"question": "Q", "baseline": "a", "treatment": "b", "metrics": []}]}, "metrics"),
        ({"decisions": {"choose": "auc"}}, "unknown key 'decisions'; nearest: decision"),
        ({"decision": {}}, "decision.choose"),
        ({"decision": {"choose": "acuracy"}}, "nearest: accuracy"),
        ({"decision": {"choose": "auc", "amongst": ["a", "b"]}}, "'decision.amongst'; nearest: among"),
        ({"decision": {"choose": "auc", "among": ["a", "bb"]}}, "the phase does not run; nearest: b"),
        ({"decision": {"choose": "auc", "among": ["a", "a"]}}, "more than once"),
        ({"decision": {"choose": "auc", "among": ["a"]}}, "two or more"),
        ({"decision": {"choose": "auc", "prefer": "dearer"}}, "decision.prefer"),
        ({"decision": {"choose": "auc", "rope": -0.01}}, "decision.rope"),
        ({"decision": {"choose": "auc", "rope": "0.01"}}, "decision.rope"),
    ],
    ids=[
        "unknown-experiment", "no-treatment", "no-experiments", "unknown-key", "wrong-type", "other-name",
        "experiment-twice", "unknown-metric", "no-metric",
        "near-key", "no-score-to-choose-by", "unknown-score", "unknown-key-of-the-rule", "unknown-candidate",
        "candidate-twice", "one-candidate", "unknown-preference", "negative-rope", "rope-in-quotes",
    ],
)  # fmt: skip
def test_a_wrong_phase_file_is_refused(write_experiments: Write, change: dict[str, Any], said: str) -> None:
    """Catches a phase that could never be finished or collected: it is refused before anything runs."""
    folder = write_experiments({"p/phase.json": {**GOOD, **change}})
    with pytest.raises(InputError) as caught:
        load_phase(Library((folder,)), "p")
    assert "phase.json" in str(caught.value)
    assert said in str(caught.value)


DECIDES: dict[str, Any] = {**GOOD, "decision": {"choose": "auc"}}


def test_a_phase_builds_on_one_or_on_several(write_experiments: Write) -> None:
    files = {"p/phase.json": DECIDES, "q/phase.json": DECIDES}
    one = write_experiments({**files, "r/phase.json": {**GOOD, "builds_on": "p"}})
    assert load_phase(Library((one,)), "r").builds_on == ("p",)
    several = write_experiments({**files, "r/phase.json": {**GOOD, "builds_on": ["p", "q"]}})
    assert load_phase(Library((several,)), "r").builds_on == ("p", "q")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"r": {**GOOD, "builds_on": "pp"}}, "builds_on names 'pp', which is no phase; nearest: p"),
        ({"p": GOOD, "r": {**GOOD, "builds_on": "p"}}, 'no "decision" to hand over'),
        ({"r": {**DECIDES, "builds_on": "r"}}, "leads from r back to r"),
        (
            {"p": {**DECIDES, "builds_on": ["r"]}, "r": {**DECIDES, "builds_on": "p"}},
            "leads from r back to r",
        ),
        ({"r": {**GOOD, "builds_on": 3}}, "builds_on"),
    ],
    ids=["unknown-phase", "nothing-decided", "itself", "circle", "wrong-type"],
)
def test_what_a_phase_can_not_build_on(write_experiments: Write, files: dict[str, Any], said: str) -> None:
    contents = {f"{name}/phase.json": content for name, content in {"p": DECIDES, **files}.items()}
    with pytest.raises(InputError) as caught:
        load_phase(Library((write_experiments(contents),)), "r")
    assert "phase.json" in str(caught.value)
    assert said in str(caught.value)


def test_a_circle_further_down_ends_the_search(write_experiments: Write) -> None:
    """Catches a search that goes round for ever in phases that this one is not part of."""
    around = {"p/phase.json": {**DECIDES, "builds_on": "q"}, "q/phase.json": {**DECIDES, "builds_on": "p"}}
    folder = write_experiments({**around, "r/phase.json": {**GOOD, "builds_on": "p"}})
    assert load_phase(Library((folder,)), "r").builds_on == ("p",)


def test_a_decision_is_among_all_experiments_where_none_are_named(write_experiments: Write) -> None:
    folder = write_experiments({"p/phase.json": {**GOOD, "decision": {"choose": "accuracy"}}})
    rule = load_phase(Library((folder,)), "p").decision
    assert rule is not None
    assert (rule.choose, rule.among, rule.prefer, rule.rope) == ("accuracy", ("a", "b"), "cheaper", 0.01)


def test_a_phase_need_not_decide_anything(write_experiments: Write) -> None:
    assert load_phase(Library((write_experiments({"p/phase.json": GOOD}),)), "p").decision is None


@pytest.mark.parametrize("name", ["r", "p/", "p/../q"])
def test_an_unknown_phase_is_refused_with_those_that_are_there(write_experiments: Write, name: str) -> None:
    """Catches a path for a name, which would lead the record and the page of a run elsewhere."""
    folder = write_experiments({"p/phase.json": GOOD, "q/phase.json": GOOD})
    with pytest.raises(InputError, match="p, q"):
        load_phase(Library((folder,)), name)


def test_the_name_of_many_single_experiments_fits_a_file_name() -> None:
    """Catches `run` with a dozen names that ends in "File name too long"."""
    phase = phase_of(tuple(f"p2_resnet18_{number:03d}_baseline" for number in range(20)))
    assert len(f"{phase.name}.json".encode()) < 200


def test_single_experiments_make_a_phase_without_comparisons() -> None:
    phase = phase_of(("a", "b"))
    assert (phase.name, phase.experiments, phase.comparisons) == ("a+b", ("a", "b"), ())
