"""A phase's choice: on validation scores alone, ties to the cheaper, and refused where it can't be made."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from orchestrator.analysis.collect import Tables, collect
from orchestrator.decisions.decide import choose, differing_keys, read_candidates
from orchestrator.decisions.decision import decide
from orchestrator.statistics import correlated_t
from orchestrator.store.folder import Store
from orchestrator.wording.decision_text import decision_sentences
from tests.cases import fast_first
from trainables.errors import InputError


def chosen(results: Any, **asked: Any) -> dict[str, Any]:
    """What the rule of the results chooses."""
    if asked or results.decision is None:
        results.decide(*(experiment["name"] for experiment in results.experiments), **asked)
    store = Store.look(results.write())
    tables: Tables = collect(store, results.phase)
    rule = tables.study.phase.decision
    assert rule is not None
    return choose(read_candidates(tables, rule), rule).plain()


def two(results: Any, *, val: tuple[float, float], folds: int = 5) -> None:
    """Two experiments whose validation scores are as good as `val` says."""
    for name, good in zip(("a", "b"), val, strict=True):
        results.add(name, folds=folds)
        results.separate(name, "val", good)


def test_the_best_validation_mean_is_chosen_with_its_numbers(results: Any) -> None:
    two(results, val=(0.0, 2.0))
    found = chosen(results)
    assert (found["chosen"], found["runner_up"]) == ("b", "a")
    assert (found["is_tie"], found["ties"], found["decided_by"]) == (False, [], "score")
    scores = collect(Store.look(results.root), "phase1").scores
    val = scores[(scores["split"] == "val") & (scores["metric"] == "auc") & (scores["source"] == "all")]
    wide = val.pivot_table(index="fold", columns="experiment", values="value")
    first, second = found["evidence"]["candidates"]
    assert (first["experiment"], second["experiment"]) == ("b", "a")
    assert first["validation"]["mean"] == pytest.approx(wide["b"].mean())
    assert first["validation"]["std"] == pytest.approx(wide["b"].std())
    against = found["evidence"]["chosen_against_runner_up"]
    assert against["mean_diff"] == pytest.approx((wide["b"] - wide["a"]).mean())
    posterior = correlated_t(
        (wide["b"] - wide["a"]).to_numpy(), test_share=10 / 90, rope=0.01, folds=len(wide)
    )
    assert against["p_better"] == pytest.approx(posterior.above)
    assert against["p_worse"] == pytest.approx(posterior.below)


@pytest.mark.parametrize("good", fast_first([-3.0, 0.0, 3.0], 1))
def test_no_test_score_can_change_the_choice(results: Any, good: float) -> None:
    """Catches a choice that has seen the test rows, which would make the test score beside it worthless."""
    two(results, val=(0.0, 1.0))
    before = chosen(results)
    results.separate("a", "test", -good)
    results.separate("b", "test", good)
    after = chosen(results)
    beside = [
        [each.pop("test_beside_it") for each in found["evidence"]["candidates"]] for found in (before, after)
    ]
    assert before == after
    assert beside[0] != beside[1]


def test_a_lower_log_loss_is_better(results: Any) -> None:
    two(results, val=(0.0, 2.0))
    found = chosen(results, choose="log_loss")
    assert found["chosen"] == "b"
    assert found["evidence"]["better_is"] == "lower"
    against = found["evidence"]["chosen_against_runner_up"]
    assert against["mean_diff"] < 0
    assert against["p_better"] > against["p_worse"]


def test_a_tie_goes_to_the_cheaper_and_is_called_one(results: Any) -> None:
    two(results, val=(1.0, 1.4))
    results.facts("a", flops_per_image=10)
    results.facts("b", flops_per_image=30)
    found = chosen(results)
    assert found["evidence"]["best_mean"] == found["runner_up"] == "b"
    assert (found["chosen"], found["is_tie"], found["decided_by"]) == ("a", True, "flops")
    assert sorted(found["ties"]) == ["a", "b"]
    assert found["evidence"]["sure"] == 0.95


def test_what_is_surely_better_wins_whatever_it_costs(results: Any) -> None:
    two(results, val=(0.0, 3.0))
    results.facts("a", flops_per_image=1)
    results.facts("b", flops_per_image=1000)
    found = chosen(results)
    assert (found["chosen"], found["is_tie"]) == ("b", False)
    assert found["evidence"]["candidates"][1]["against_best"]["p_worse"] > 0.95


def test_a_mean_that_is_better_by_chance_is_a_tie(results: Any) -> None:
    """Catches means far apart that are announced as clear, however much the folds disagree about them."""
    two(results, val=(0.0, 0.0))
    for fold, (one, other) in enumerate(zip([0.8] * 5, (0.95, 0.70, 0.92, 0.78, 0.90), strict=True)):
        results.halves("a", (one, one), fold=fold)
        results.halves("b", (other, other), fold=fold)
    results.facts("a", flops_per_image=10)
    results.facts("b", flops_per_image=30)
    found = chosen(results)
    assert found["evidence"]["chosen_against_runner_up"]["mean_diff"] == pytest.approx(-0.05)
    assert (found["chosen"], found["is_tie"], found["decided_by"]) == ("a", True, "flops")
    # Student's t with 4 degrees of freedom, 10 validation images beside 90 that are learned from.
    differences = np.array([0.15, -0.10, 0.12, -0.02, 0.10])
    scale = differences.std(ddof=1) * np.sqrt(1 / 5 + 10 / 90)
    against = found["evidence"]["candidates"][1]["against_best"]
    assert against["p_worse"] == pytest.approx(stats.t(4, 0.05, scale).sf(0.01))
    assert against["p_worse"] < 0.95


@pytest.mark.slow
def test_a_candidate_beside_the_tie_is_no_part_of_it(results: Any) -> None:
    """Catches a cheap and bad experiment that wins because two good ones are tied."""
    two(results, val=(2.0, 2.0))
    results.add("c")
    results.separate("c", "val", -2.0)
    for name, flops in (("a", 30), ("b", 10), ("c", 1)):
        results.facts(name, flops_per_image=flops)
    found = chosen(results)
    assert (found["chosen"], found["ties"], found["runner_up"]) == ("b", ["a", "b"], "a")


@pytest.mark.parametrize(
    ("facts_a", "facts_b", "winner", "decided_by"),
    fast_first([
        ({"flops_per_image": 20, "parameters": 5}, {"flops_per_image": 10, "parameters": 9}, "b", "flops"),
        ({"flops_per_image": 9, "parameters": 9}, {"flops_per_image": 9, "parameters": 5}, "b", "parameters"),
        ({"parameters": 9}, {"flops_per_image": 99, "parameters": 5}, "b", "parameters"),
        ({"training_seconds": 46.0}, {"training_seconds": 9.0}, "a", "name"),
        ({"device": "cuda", "parameters": 9}, {"training_seconds": 99.0, "parameters": 5}, "b", "parameters"),
        ({"parameters": None}, {"parameters": 5}, "a", "name"),
        ({}, {}, "a", "name"),
    ], 4),
    ids=["flops", "same-flops", "one-uncounted", "never-by-the-clock", "two-devices", "unknown", "same"],
)  # fmt: skip
def test_what_is_cheaper(
    results: Any, facts_a: dict[str, Any], facts_b: dict[str, Any], winner: str, decided_by: str
) -> None:
    """Catches a choice by the moment in which a trial was run: 9 and 46 seconds of one and the same."""
    two(results, val=(1.0, 1.0))
    results.facts("a", **facts_a)
    results.facts("b", **facts_b)
    found = chosen(results)
    assert (found["chosen"], found["decided_by"], found["is_tie"]) == (winner, decided_by, True)


def clearly(results: Any, name: str, score: float) -> None:
    """Give every fold a deciding score near `score`."""
    for fold in range(5):
        results.halves(name, (score, score + fold / 1000 * (1 if name == "a" else -1)), fold=fold)


def test_the_deciding_score_decides_and_not_the_best_epoch(results: Any) -> None:
    """Catches a maximum over epochs that is taken for a score."""
    two(results, val=(3.0, 0.0))
    clearly(results, "a", 0.6)
    clearly(results, "b", 0.8)
    found = chosen(results)
    assert (found["chosen"], found["is_tie"]) == ("b", False)
    assert found["evidence"]["taken_on"] == "inner validation rows, cross-fitted between their halves"
    assert found["evidence"]["candidates"][0]["validation"]["mean"] == pytest.approx(0.799)


@pytest.mark.slow
def test_without_halves_of_one_all_are_judged_by_their_best_epoch(results: Any) -> None:
    """Catches scores of two kinds in one decision."""
    two(results, val=(0.0, 3.0))
    clearly(results, "a", 0.9)
    found = chosen(results)
    assert found["chosen"] == "b"
    assert found["evidence"]["taken_on"] == (
        "inner validation rows at the best epoch: b has no deciding scores (fold 0: it was trained by "
        "an earlier version, which kept no scores of the halves of its validation part)"
    )
    scores = collect(Store.look(results.root), "phase1").scores
    val = scores[(scores["split"] == "val") & (scores["metric"] == "auc") & (scores["experiment"] == "a")]
    mean = found["evidence"]["candidates"][1]["validation"]["mean"]
    assert mean == pytest.approx(val["value"].mean()) and abs(mean - 0.9) > 0.1
    assert "a maximum over epochs: b has no deciding scores" in " ".join(
        decision_sentences(decide(Store.open(results.root), "phase1").record)
    )


def test_of_the_same_cost_the_better_mean_decides(results: Any) -> None:
    two(results, val=(1.0, 1.4))
    found = chosen(results, rope=0.2)
    assert (found["chosen"], found["decided_by"]) == ("b", "score")


def single(results: Any, **asked: Any) -> dict[str, Any]:
    for experiment in results.experiments:
        experiment["recipe"]["protocol"] = "holdout"
    found = chosen(results, **asked)
    json.dumps(found, allow_nan=False)
    return found


@pytest.mark.slow
def test_a_single_split_has_the_chances_of_other_validation_images(results: Any) -> None:
    """Against a bootstrap of the five groups, each of which holds an image of both classes."""
    two(results, val=(0.5, 1.0), folds=1)
    against = single(results)["evidence"]["candidates"][1]["against_best"]
    assert against["p_value"] is None
    one, other = (pd.read_parquet(results.folder(name, 0) / "predictions.parquet") for name in ("b", "a"))
    rng, drawn = np.random.default_rng(0), []
    one, other = (each[each["split"] == "val"].sort_values(["label", "group"]) for each in (one, other))
    sides = [(each["label"].to_numpy(), each["score"].to_numpy()) for each in (one, other)]
    for _ in range(500):
        groups = rng.integers(0, 5, 5)
        rows = np.concatenate([groups, groups + 5])
        first, second = (roc_auc_score(labels[rows], scores[rows]) for labels, scores in sides)
        drawn.append(second - first)
    worse = stats.t(4, against["mean_diff"], np.std(drawn) * np.sqrt(5 / 4)).cdf(-0.01)
    assert against["p_worse"] == pytest.approx(worse, abs=0.02)


def test_on_a_single_split_what_is_far_better_wins_and_the_rest_is_a_tie(results: Any) -> None:
    """Catches the cheapest of all that is taken on any data set with splits of its own, however bad it is."""
    two(results, val=(-0.5, 6.0), folds=1)
    results.add("c", folds=1)
    results.separate("c", "val", 5.0)
    for name, flops in (("a", 1), ("b", 30), ("c", 20)):
        results.facts(name, flops_per_image=flops)
    found = single(results)
    assert (found["chosen"], found["ties"], found["decided_by"]) == ("c", ["b", "c"], "flops")


def test_without_any_probability_all_are_tied(results: Any) -> None:
    two(results, val=(0.0, 2.0), folds=1)
    found = single(results, choose="eer")
    assert (found["chosen"], found["is_tie"], found["decided_by"]) == ("b", True, "score")
    assert found["evidence"]["chosen_against_runner_up"]["p_better"] is None


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("failed", "the loss is nan"),
        ("missing", "not run to its end"),
        ("interrupted", "fold 3 is interrupted"),
    ],
)
def test_an_incomplete_candidate_is_refused_with_the_reason(results: Any, state: str, said: str) -> None:
    results.add("a")
    results.add("b", states={3: state})
    with pytest.raises(InputError, match=said):
        chosen(results)


def test_every_reason_is_said_at_once(results: Any) -> None:
    results.add("a", states={0: "failed"})
    results.add("b", states={1: "missing"})
    with pytest.raises(InputError) as caught:
        chosen(results)
    assert [line.split(":")[1].strip() for line in str(caught.value).splitlines()] == ["a", "b"]


@pytest.mark.slow
def test_an_incomplete_experiment_that_is_no_candidate_does_not_matter(results: Any) -> None:
    two(results, val=(0.0, 2.0))
    results.add("c", states={0: "failed"})
    results.decide("a", "b")
    assert chosen(results)["chosen"] == "b"


def test_folds_that_were_not_asked_for_are_missing(results: Any) -> None:
    two(results, val=(0.0, 2.0))
    results.experiments[1]["trials"] = results.experiments[1]["trials"][:3]
    with pytest.raises(InputError, match="3 of 5 folds"):
        chosen(results)


@pytest.mark.slow
def test_a_candidate_that_the_run_left_out_is_named(results: Any) -> None:
    two(results, val=(0.0, 2.0))
    results.decide("a", "b", "c")
    with pytest.raises(InputError, match="c: the last run of the phase left it out"):
        chosen(results)


def test_predictions_that_the_trial_did_not_write_are_refused(results: Any) -> None:
    two(results, val=(0.0, 2.0))
    done = results.folder("b", 2) / "done.json"
    done.write_text(json.dumps({**json.loads(done.read_text()), "predictions_sha256": "0" * 64}))
    with pytest.raises(InputError, match=r"b: fold 2 is unreadable: .*not what the trial wrote"):
        chosen(results)


def test_candidates_validated_on_other_images_are_not_compared(results: Any) -> None:
    """Catches a smaller data set that wins because its images are easier."""
    two(results, val=(0.0, 2.0))
    path = results.folder("b", 1) / "predictions.parquet"
    table = pd.read_parquet(path)
    table.assign(path=table["path"].str.replace("val1_0", "other")).to_parquet(path)
    with pytest.raises(InputError, match="fold 1"):
        chosen(results)


def test_candidates_with_other_folds_are_not_compared(results: Any) -> None:
    """Catches scores of five folds beside scores of four, in either order."""
    for name, folds in (("a", 5), ("b", 4)):
        results.add(name, folds=folds)
    for names in (("a", "b"), ("b", "a")):
        results.decide(*names)
        with pytest.raises(InputError, match=r"not validated on the same images \(fold 4"):
            chosen(results)


@pytest.mark.slow
def test_one_class_among_the_validation_rows_is_no_score(results: Any) -> None:
    two(results, val=(0.0, 2.0))
    for name in ("a", "b"):
        path = results.folder(name, 4) / "predictions.parquet"
        table = pd.read_parquet(path)
        table.loc[table["split"] == "val", "label"] = 1
        table.to_parquet(path)
    with pytest.raises(InputError, match="fold 4 has no auc on its validation rows"):
        chosen(results)


def test_what_keeps_no_validation_rows_can_not_be_decided_on(results: Any) -> None:
    two(results, val=(0.0, 2.0))
    results.facts("b", n_val=0)
    with pytest.raises(InputError, match="b: it keeps no validation rows"):
        chosen(results)


def test_the_keys_in_which_candidates_differ_are_what_was_decided() -> None:
    """Catches a decision that hands the whole recipe over and overwrites what the next phase varies."""
    same = {"epochs": 3, "seed": 42, "memory_format": "contiguous"}
    one = {**same, "backbone": "resnet18", "optimizer": {"type": "adamw", "lr": 1e-3}, "precision": "bf16"}
    other = {
        **same,
        "backbone": "simple_cnn",
        "optimizer": {"type": "adamw", "lr": 1e-4},
        "precision": "float32",
    }
    third = {**one, "dropout": 0.5, "memory_format": "channels_last"}
    assert differing_keys("one", {"one": one, "other": other}) == {
        "backbone": "resnet18",
        "optimizer": {"lr": 1e-3},
    }
    assert differing_keys("other", {"one": one, "other": other, "third": {**third, "epochs": 4}}) == {
        "backbone": "simple_cnn",
        "epochs": 3,
        "optimizer": {"lr": 1e-4},
    }


def test_a_key_that_is_an_object_for_one_alone_is_handed_over_whole() -> None:
    one, other = {"augment": {"hflip_p": 0.5, "blur_p": 0.0}}, {"augment": False}
    assert differing_keys("one", {"one": one, "other": other}) == one
    assert differing_keys("other", {"one": one, "other": other}) == other


@pytest.mark.slow
def test_the_places_of_a_selection_are_filled_by_one_rule_after_the_other(results: Any) -> None:
    """Catches a tie on the last place that goes to the dearer one, and places in another order."""
    for name, good, flops in (("best", 4.0, 9), ("dear", 1.0, 90), ("cheap", 1.0, 9), ("bad", -2.0, 1)):
        results.add(name)
        results.separate(name, "val", good)
        results.facts(name, flops_per_image=flops)
    found = chosen(results, top=2)
    assert found["selected"] == ["best", "cheap"] and found["chosen"] == "best"
    assert [place["decided_by"] for place in found["places"]] == ["score", "flops"]
    assert sorted(found["places"][1]["ties"]) == ["cheap", "dear"]
    assert chosen(results, top=9)["selected"] == ["best", "cheap", "dear", "bad"]


@pytest.mark.slow
def test_a_selection_is_handed_over_with_what_the_phase_had_taken_over(results: Any) -> None:
    for name, good in (("a", 0.0), ("b", 4.0), ("c", 2.0)):
        results.add(name, image_size=48, backbone={"a": "simple_cnn"}.get(name, "resnet18"))
        results.separate(name, "val", good)
    results.decide("a", "b", "c", top=2)
    path = results.write() / "studies" / "phase1.json"
    taken = [{"phase": "phase0", "version": 1, "chosen": "", "values": {"image_size": 48}, "own": []}]
    study = json.loads(path.read_text())
    path.write_text(json.dumps({**study, "handed_over": taken, "preset": "smoke"}))
    record = decide(Store.open(results.root), "phase1").record
    assert (record.selected, record.handed_over) == (("b", "c"), {"image_size": 48})
    assert record.preset == "smoke"
    first = decision_sentences(record)[0]
    assert (
        first.startswith("phase1: 2 of 3 are selected, by AUC on validation rows: b (") and ", c (" in first
    )
