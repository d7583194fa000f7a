"""Caveats of the answers: trivial pixels, chance, unequal classes, small folds, other versions on a side."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from orchestrator.analysis.collect import Tables
from orchestrator.decisions.decision import decide
from orchestrator.store.folder import Store
from orchestrator.store.records import CheckScores, ShortcutRecord, UnevenParts
from orchestrator.wording.caveats import caveat_sentences, mixed_sentence, setup_sentences

TablesOf = Callable[[], tuple[Store, Tables]]


def checked(tables: Tables, *, file_facts: float, trivial_pixels: float) -> Tables:
    """The same tables with what two models reach that see no face."""

    def scores(mean: float) -> CheckScores:
        return CheckScores(n=5, mean=mean, std=0.01, ci_low=mean - 0.02, ci_high=mean + 0.02)

    record = ShortcutRecord(
        check="c", data="/data/faces", experiments=tuple(each.name for each in tables.study.experiments),
        threshold=0.7, verdict="passed", leaks=(), written_alike=False, bytes_alone=None,
        file_facts=scores(file_facts), trivial_pixels=scores(trivial_pixels),
    )  # fmt: skip
    return dataclasses.replace(tables, study=tables.study.model_copy(update={"shortcuts": (record,)}))


def with_aucs(tables: Tables, **aucs: tuple[float, float, float]) -> Tables:
    """The same tables with other means and intervals of the AUC."""
    summary = tables.summary.copy()
    for name, numbers in aucs.items():
        rows = (summary["experiment"] == name) & (summary["metric"] == "auc") & (summary["source"] == "all")
        summary.loc[rows, ["mean", "ci_low", "ci_high"]] = numbers
    return dataclasses.replace(tables, summary=summary)


def about(sentences: tuple[str, ...], word: str) -> list[str]:
    return [sentence for sentence in sentences if word in sentence]


def test_trivial_pixels_that_reach_as_much_stand_in_the_answer(three: TablesOf) -> None:
    """Catches a winner of 0.887 that is told without the 0.894 of a model that sees no face."""
    _, tables = three()
    aucs = {"a": (0.80, 0.7, 0.9), "b": (0.887, 0.85, 0.92), "c": (0.95, 0.93, 0.97)}
    found = caveat_sentences(checked(with_aucs(tables, **aucs), file_facts=0.5, trivial_pixels=0.894), None)
    (said,) = about(found, "Trivial pixels")
    assert "alone reach AUC 0.894 on the same folds, and a (0.800) and b (0.887) are not above that" in said
    assert not about(found, "File facts")


@pytest.mark.slow
def test_a_detector_that_is_above_them_by_more_than_the_rope_has_no_caveat(three: TablesOf) -> None:
    _, tables = three()
    aucs = {name: (0.91, 0.9, 0.92) for name in ("a", "b", "c")}
    assert not about(
        caveat_sentences(checked(with_aucs(tables, **aucs), file_facts=0.5, trivial_pixels=0.894), None),
        "alone",
    )
    assert about(
        caveat_sentences(checked(with_aucs(tables, **aucs), file_facts=0.5, trivial_pixels=0.905), None),
        "alone",
    )


@pytest.mark.slow
def test_an_auc_whose_interval_holds_one_half_is_called_chance(three: TablesOf) -> None:
    _, tables = three()
    found = caveat_sentences(with_aucs(tables, a=(0.56, 0.48, 0.64), b=(0.9, 0.8, 1.0)), None)
    (said,) = about(found, "chance level")
    assert "of a (0.560, 0.480 to 0.640) contains 0.5" in said


@pytest.mark.slow
def test_an_auc_below_chance_is_not_called_chance(three: TablesOf) -> None:
    """Catches an interval below 0.5 of which it is said that it contains 0.5."""
    _, tables = three()
    found = caveat_sentences(with_aucs(tables, a=(0.2, 0.1, 0.3), b=(0.9, 0.8, 1.0)), None)
    assert not about(found, "chance level")
    (said,) = about(found, "below chance")
    assert "of a (0.200, 0.100 to 0.300) lies below 0.5; real and fake may be swapped" in said


@pytest.mark.slow
def test_few_images_to_select_by_stand_in_the_answer(three: TablesOf) -> None:
    """Catches a choice of epochs by two images that only the section of the data speaks of."""
    _, tables = three()
    said = "the inner validation part of fold 1 has 2 images of class real: epochs are chosen by it"
    small = UnevenParts(name="small_inner_validation", sentence=said, experiments=("a",))
    other = UnevenParts(name="small_test", sentence="the test part of fold 1", experiments=("a",))
    study = tables.study.model_copy(update={"uneven": (small, other)})
    found = caveat_sentences(dataclasses.replace(tables, study=study), None)
    assert about(found, "part of fold 1") == [f"T{said[1:]}."]


def test_accuracy_stands_beside_the_share_of_the_majority(results: Any, tables_of: TablesOf) -> None:
    """Catches an accuracy of 0.95 on data of which 95 % are fakes."""
    results.add("a")
    for path in results.root.glob("trials/a-r*/predictions.parquet"):
        table = pd.read_parquet(path)
        reals = table.index[(table["split"] == "test") & (table["label"] == 0)]
        table = table.drop(reals[2:])
        table.loc[table["split"] == "test", ["score", "predicted"]] = [0.9, 1]
        table.to_parquet(path)
    _, tables = tables_of()
    (said,) = about(caveat_sentences(tables, None), "of the test images")
    # 2 real and 12 fake images in each fold.
    assert said.startswith("86 % of the test images are of class fake: calling every image fake gives")
    assert "accuracy 0.857, against a (0.857); balanced accuracy and AUC give nothing for that." in said


@pytest.mark.slow
def test_classes_that_are_nearly_equal_need_no_word(three: TablesOf) -> None:
    _, tables = three()
    assert not about(caveat_sentences(tables, None), "of the test images")


@pytest.mark.slow
def test_small_folds_are_named_with_the_smallest(three: TablesOf) -> None:
    _, tables = three()
    (said,) = about(caveat_sentences(tables, None), "Small folds")
    assert said.startswith(
        "Small folds: 5 of 5 test folds have fewer than 20 images of a class, the smallest 12 "
    )
    more = dataclasses.replace(
        tables, confusion=tables.confusion.assign(count=tables.confusion["count"] * 20)
    )
    # Where no cell is empty, a class has 20 images or more.
    assert not about(caveat_sentences(more, None), "Small folds")


@pytest.mark.parametrize(
    ("run", "metrics", "said"),
    [
        ({"versions": {"torch": "2.9"}}, {}, "torch (2.8 against 2.9)"),
        ({"versions": {"torch": "2.8", "timm": "1.1"}}, {}, "timm (1.0 against 1.1)"),
        ({"device": "Tesla T4"}, {"device": "cuda"}, "device (NVIDIA H100 against Tesla T4)"),
        ({}, {"device": "cpu", "threads": 4}, "CPU threads (2 against 4)"),
    ],
)
def test_sides_that_ran_on_other_things_are_named(
    results: Any, tables_of: TablesOf, run: dict[str, Any], metrics: dict[str, Any], said: str
) -> None:
    """Catches a small difference between versions of a library that is told as one between models."""
    device = "cuda" if metrics.get("device") == "cuda" else "cpu"
    known = {"torch": "2.8", "timm": "1.0"}
    for name, mine, measured in (("a", {}, {}), ("b", run, metrics)):
        results.add(name)
        results.facts(name, **{"device": device, "threads": 2, **measured})
        for path in results.root.glob(f"trials/{name}-r*/trial.json"):
            content = json.loads(path.read_text())
            content["run"]["device"] = mine.get("device", "NVIDIA H100" if device == "cuda" else "cpu")
            content["run"]["versions"] = known | mine.get("versions", {})
            path.write_text(json.dumps(content))
    results.compare("a", "b")
    _, tables = tables_of()
    (sentence,) = about(caveat_sentences(tables, None), "ran with different")
    assert sentence.startswith(
        f"b against a: the two ran with different {said}, which alone can move a score"
    )
    assert f"the two ran with different {said}" in tables.effects["reason"].iloc[0]
    assert setup_sentences(tables) == (sentence,)
    what, values = said.rstrip(")").split(" (")
    assert mixed_sentence(tables) == (
        f"Not all of these trials ran on the same: {what} {values.replace(' against ', ', ')}."
    )


@pytest.mark.slow
def test_of_a_decision_the_chosen_one_and_the_runner_up_are_looked_at(
    results: Any, tables_of: TablesOf
) -> None:
    """Catches caveats about what nobody chose, and none about what was chosen."""
    for name, good in (("a", 0.0), ("b", 2.0), ("c", 1.0)):
        results.add(name)
        results.separate(name, "val", good)
    results.decide("b", "c")
    store, tables = tables_of()
    record = decide(store, "phase1", tables=tables).record
    aucs = {"a": (0.5, 0.4, 0.6), "b": (0.55, 0.45, 0.65), "c": (0.9, 0.8, 1.0)}
    (said,) = about(caveat_sentences(with_aucs(tables, **aucs), record), "chance level")
    assert "interval of b (0.550, 0.450 to 0.650) contains 0.5" in said


@pytest.mark.slow
def test_the_sides_of_a_choice_are_looked_at_too(results: Any, tables_of: TablesOf) -> None:
    for name, threads in (("a", 1), ("b", 4)):
        results.add(name)
        results.separate(name, "val", threads)
        results.facts(name, threads=threads)
    results.decide("a", "b")
    store, tables = tables_of()
    record = decide(store, "phase1", tables=tables).record
    (said,) = about(caveat_sentences(tables, record), "CPU threads")
    assert said.startswith(f"{record.chosen} against {record.runner_up}: ")
    assert mixed_sentence(tables) == "Not all of these trials ran on the same: CPU threads 1, 4."
