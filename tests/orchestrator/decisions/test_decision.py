"""Decision files: frozen, with the hashes of all that they rest on, versions, and what is handed over."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from orchestrator.config.experiment import Experiment
from orchestrator.decisions.decision import decide
from orchestrator.store.decision_file import in_force
from orchestrator.store.folder import Store
from orchestrator.wording.decision_text import decision_sentences
from tests.cases import fast_first
from trainables.errors import InputError

DAMAGED = '{"chosen": "b", "version": 1, "rule": {}, "trials": [], "handed_over": ["backbone"]}'


@pytest.fixture
def decided(results: Any) -> Any:
    """A phase of which b is clearly the better, ready to be decided."""
    results.add("a", backbone="simple_cnn")
    results.add("b", backbone="resnet18", pretrained=True)
    for name, good in (("a", 0.0), ("b", 2.0)):
        results.separate(name, "val", good)
    results.decide("a", "b")
    results.write()
    return results


def store(results: Any) -> Store:
    return Store.open(results.root)


def on_disk(results: Any) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((results.root / "decisions").glob("*"))}


def test_a_decision_is_written_with_its_evidence(decided: Any) -> None:
    found = decide(store(decided), "phase1")
    assert found.is_new and not found.moved
    record = json.loads((decided.root / "decisions" / "phase1.json").read_text())
    assert record == json.loads(json.dumps(found.record.plain()))
    assert (record["format"], record["phase"], record["version"]) == (1, "phase1", 1)
    assert (record["chosen"], record["runner_up"], record["ties"]) == ("b", "a", [])
    asked = {"choose": "auc", "among": ["a", "b"], "top": 1, "factors": [], "prefer": "cheaper", "rope": 0.01}
    assert record["rule"] == asked
    assert record["handed_over"] == {"backbone": "resnet18", "pretrained": True}
    assert {"command", "time", "environment"} == set(record["made"])
    assert "numpy" in record["made"]["environment"]["versions"]
    assert len(record["trials"]) == 10


@pytest.mark.slow
def test_it_names_every_trial_with_key_and_hash(decided: Any) -> None:
    """Catches hashes of something else than the file that was read."""
    record = decide(store(decided), "phase1").record
    keys = {trial["key"] for experiment in decided.experiments for trial in experiment["trials"]}
    assert {trial.key for trial in record.trials} == keys
    for trial in record.trials:
        content = (decided.root / trial.folder / "predictions.parquet").read_bytes()
        assert trial.predictions_sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("again", fast_first([False, True], 1))
def test_asked_again_over_the_same_trials_not_a_byte_changes(decided: Any, again: bool) -> None:
    decide(store(decided), "phase1")
    before = on_disk(decided)
    found = decide(store(decided), "phase1", again=again)
    assert (found.is_new, found.moved) == (False, ())
    assert on_disk(decided) == before


def change_validation(results: Any) -> None:
    results.separate("a", "val", 4.0)
    results.separate("b", "val", -4.0)


def change_test(results: Any) -> None:
    results.separate("b", "test", -4.0, fold=2)


def change_rule(results: Any) -> None:
    results.decide("a", "b", choose="accuracy")
    results.write()


def change_trial(results: Any) -> None:
    path = results.folder("a", 1) / "trial.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "key": "f" * 64}))


CHANGES: list[tuple[Any, str, str]] = [
    (change_validation, "a repeat 0 fold 0 has other predictions", "a"),
    (change_test, "b repeat 0 fold 2 has other predictions", "b"),
    (change_rule, "the rule's choose was auc and is accuracy", "b"),
    (change_trial, "a repeat 0 fold 1 is another trial", "b"),
]


@pytest.mark.parametrize(("change", "said", "now"), fast_first(CHANGES, 1))
def test_what_has_moved_is_said_and_changes_nothing(decided: Any, change: Any, said: str, now: str) -> None:
    """Catches a decision that follows the results around."""
    decide(store(decided), "phase1")
    before = on_disk(decided)
    change(decided)
    found = decide(store(decided), "phase1")
    assert not found.is_new
    assert any(said in line for line in found.moved)
    assert found.now == f"the rule would {'still' if now == 'b' else 'now'} choose {now}"
    assert found.record.chosen == "b"
    assert on_disk(decided) == before


@pytest.mark.parametrize(("change", "said", "now"), fast_first(CHANGES, 1))
def test_again_writes_a_new_version_and_keeps_the_old(decided: Any, change: Any, said: str, now: str) -> None:
    decide(store(decided), "phase1")
    before = on_disk(decided)
    change(decided)
    found = decide(store(decided), "phase1", again=True)
    assert found.is_new
    assert (found.record.version, found.record.chosen) == (2, now)
    assert any(said in line for line in found.record.moved)
    after = on_disk(decided)
    assert sorted(after) == ["phase1.json", "phase1.v1.json"]
    assert after["phase1.v1.json"] == before["phase1.json"]
    assert not decide(store(decided), "phase1").moved


@pytest.mark.slow
def test_three_versions_are_all_kept(decided: Any) -> None:
    decide(store(decided), "phase1")
    for good in (3.0, 4.0):
        decided.separate("b", "val", good)
        decide(store(decided), "phase1", again=True)
    assert sorted(on_disk(decided)) == ["phase1.json", "phase1.v1.json", "phase1.v2.json"]
    assert [json.loads(content)["version"] for content in on_disk(decided).values()] == [3, 1, 2]


@pytest.mark.slow
def test_a_trial_that_is_lost_leaves_the_decision_and_can_not_renew_it(decided: Any) -> None:
    decide(store(decided), "phase1")
    before = on_disk(decided)
    (decided.folder("a", 0) / "done.json").unlink()
    found = decide(store(decided), "phase1")
    assert any("a: fold 0 is interrupted" in line for line in found.moved)
    assert found.now == "the rule can't be applied any more"
    with pytest.raises(InputError, match="a: fold 0"):
        decide(store(decided), "phase1", again=True)
    assert on_disk(decided) == before


def test_an_incomplete_phase_leaves_no_file(decided: Any) -> None:
    (decided.folder("b", 4) / "done.json").unlink()
    with pytest.raises(InputError, match="no decision yet: b: fold 4"):
        decide(store(decided), "phase1")
    assert not (decided.root / "decisions").exists()


def test_a_phase_without_a_rule_says_where_it_belongs(results: Any) -> None:
    results.add("a", folds=2)
    results.write()
    with pytest.raises(InputError, match=r"phase\.json a \"decision\""):
        decide(store(results), "phase1")


@pytest.mark.parametrize("content", ["{", "[]", '{"chosen": "b"}', DAMAGED])
def test_a_damaged_file_is_not_written_over(decided: Any, content: str) -> None:
    """Catches a frozen decision that is lost because a byte of it was."""
    path = store(decided).decision_file("phase1")
    path.parent.mkdir()
    path.write_text(content)
    for call in (
        lambda: decide(store(decided), "phase1", again=True),
        lambda: in_force(store(decided), "phase1"),
    ):
        with pytest.raises(InputError, match="damaged"):
            call()
    assert path.read_text() == content


def test_a_file_of_a_newer_version_is_refused(decided: Any) -> None:
    found = decide(store(decided), "phase1")
    found.path.write_text(json.dumps({**found.record.plain(), "format": 99}))
    with pytest.raises(InputError, match="newer version"):
        in_force(store(decided), "phase1")


def test_what_is_handed_over_are_keys_of_an_experiment_file(decided: Any) -> None:
    decide(store(decided), "phase1")
    record = in_force(store(decided), "phase1")
    assert record is not None
    values = record.handed_over
    assert values == {"backbone": "resnet18", "pretrained": True}
    assert Experiment.model_validate({"name": "next", **values}).backbone == "resnet18"


def test_no_decision_is_in_force_before_it_is_taken(decided: Any) -> None:
    assert in_force(store(decided), "phase1") is None


def test_the_sentences_have_the_numbers_of_the_file(decided: Any) -> None:
    record = decide(store(decided), "phase1").record
    said = " ".join(decision_sentences(record))
    best, other = record.evidence.candidates
    assert "b is chosen, on validation scores" in said
    assert f"{best.validation.mean:.3f} against {other.validation.mean:.3f} of a" in said
    assert best.test_beside_it is not None and f"b {best.test_beside_it.mean:.3f}" in said
    assert "Test scores beside it, not read by the rule: " in said
    assert "backbone = resnet18, pretrained = on" in said


def test_the_sentences_call_a_tie_a_tie(results: Any) -> None:
    for name, good in (("a", 1.0), ("b", 1.4)):
        results.add(name)
        results.separate(name, "val", good)
    results.facts("a", flops_per_image=1_820_000_000)
    results.facts("b", flops_per_image=4_000_000_000)
    results.decide("a", "b")
    results.write()
    said = " ".join(decision_sentences(decide(store(results), "phase1").record))
    assert (
        "It is a tie: b has the best mean AUC, and is not better than a by more than 0.01 with a probability "
        "above 0.95. It goes to a: it takes the fewest operations for an image, 1.82 GFLOPs against 4 GFLOPs."
    ) in said


@pytest.mark.parametrize(
    ("facts", "said"),
    fast_first(
        [
            (
                {"a": (30, 1), "b": (20, 9), "c": (25, 5)},
                "to b: it takes the fewest operations for an image, 20 FLOPs against 25 FLOPs.",
            ),
            (
                {"a": (100, 9), "b": (10, 9), "c": (10, 9)},
                "to b: b and c take the fewest operations for an image, 10 FLOPs, they have equally many "
                "parameters, and it has the best mean of these.",
            ),
            (
                {"a": (100, 5), "b": (10, 1000), "c": (10, 2000)},
                "to b: b and c take the fewest operations for an image, 10 FLOPs, and it has the fewest "
                "parameters, 1,000 against 2,000.",
            ),
            (
                {"a": (None, 9), "b": (1000, 9), "c": (1000, 10)},
                "to a: not all of their operations for an image are counted, a and b have the fewest "
                "parameters, and it has the best mean of these.",
            ),
            (
                {"a": (5, None), "b": (5, 8), "c": (5, 7)},
                "to a: they take equally many operations for an image, 5 FLOPs, not all of their parameters "
                "are counted, and it has the best mean of these.",
            ),
        ],
        2,
    ),
)
def test_why_a_tie_went_where_it_went(results: Any, facts: dict[str, tuple[Any, ...]], said: str) -> None:
    """Catches a reason that is true of the runner-up alone, which may have been out of the race."""
    for place, (name, (flops, parameters)) in enumerate(facts.items()):
        results.add(name)
        results.separate(name, "val", 1.0 - 0.3 * place)
        results.facts(name, parameters=parameters, flops_per_image=flops)
    results.decide("a", "b", "c", rope=0.5)
    results.write()
    record = decide(store(results), "phase1").record
    means = [each.validation.mean for each in record.evidence.candidates]
    assert means == sorted(set(means), reverse=True), "all three differ"
    assert said in " ".join(decision_sentences(record))


@pytest.mark.slow
def test_a_decision_by_the_rule_of_an_earlier_version_is_read_and_called_one(decided: Any) -> None:
    """Catches a tie of then that is told by the rule of now, and a rule that can't be applied anew."""
    found = decide(store(decided), "phase1")
    content = json.loads(found.path.read_text())
    evidence = {name: value for name, value in content["evidence"].items() if name != "sure"}
    evidence |= {"taken_on": "inner validation rows", "same_cost": 0.1}
    then = {"is_tie": True, "ties": ["b", "a"], "decided_by": "cost", "evidence": evidence}
    kept = {name: value for name, value in content.items() if name != "digest"}
    found.path.write_text(json.dumps(kept | then))
    record = in_force(store(decided), "phase1")
    assert record is not None
    said = " ".join(decision_sentences(record))
    assert "It is a tie by the rule of an earlier version: b and a lie within 0.01 of the best mean" in said
    assert "It went to b for its training time." in said and "cross-fitted" not in said
    again = decide(store(decided), "phase1")
    assert not again.is_new and again.record.chosen == "b"
    assert again.moved == (
        "its rule was that of an earlier version: means within rope were tied, seconds of training decided",
    )
    new = decide(store(decided), "phase1", again=True)
    assert (new.record.version, new.record.is_tie, new.record.moved) == (2, False, again.moved)


def test_test_scores_beside_a_choice_are_of_all_folds_or_none(results: Any) -> None:
    """Catches a mean over the folds that have both classes."""
    for name in ("a", "b"):
        results.add(name, folds=3)
    path = results.folder("b", 1) / "predictions.parquet"
    rows = pd.read_parquet(path)
    rows.loc[rows["split"] == "test", "label"] = 1
    rows.to_parquet(path)
    results.decide("a", "b")
    results.write()
    record = decide(store(results), "phase1").record
    beside = {each.experiment: each.test_beside_it for each in record.evidence.candidates}
    assert beside["b"] is None and beside["a"].n == 3


def test_a_version_file_is_beside_the_decision(tmp_path: Path) -> None:
    found = Store.look(tmp_path).decision_file("phase1", version=3)
    assert found.relative_to(tmp_path.resolve()).as_posix() == "decisions/phase1.v3.json"
