"""A comparison asked for alone, beside what the phase says that declares it among others."""

from typing import Any

import pytest

from orchestrator.analysis.collect import collect
from orchestrator.analysis.compare_two import compare_experiments
from orchestrator.store.folder import Store
from orchestrator.wording.compare_text import comparison_lines


@pytest.mark.slow
def test_the_numbers_of_the_report_stand_beside_those_asked_for_alone(results: Any) -> None:
    """Catches two commands that ask for other repeats of the same folds, and neither says why."""
    for name, good in (("a", 0.5), ("b", 0.8), ("c", 0.55)):
        results.add(name)
        results.separate(name, "test", good)
    results.compare("b", "a")
    results.compare("a", "c", "auc", "accuracy")
    store = Store.open(results.write())
    found = compare_experiments(store, "a", "b", metric="auc", rope=0.01)
    tables = collect(store, "phase1")
    row, effect = tables.comparisons.iloc[0], tables.effects.iloc[0]
    assert found["declared"] == [
        {
            "phase": "phase1",
            "num_declared": 3,
            "verdict": row["verdict"],
            "p_holm": row["p_holm"],
            "repeats_needed": effect["repeats_needed"],
        }
    ]
    needed = found["repeats_needed"]
    assert needed is not None and needed < effect["repeats_needed"]
    said = " ".join(comparison_lines(found))
    assert "declares this comparison among 3 tests (comparisons × metrics), for which it corrects" in said
    assert (
        f", and {effect['repeats_needed']} repeats of the folds to show a difference like this one." in said
    )


def test_what_a_phase_has_shown_takes_no_more_repeats(results: Any) -> None:
    """Catches "1 repeats to show it" beside a verdict."""
    for name, good in (("a", 0.1), ("b", 1.0)):
        results.add(name, folds=5)
        results.separate(name, "test", good)
    results.compare("a", "b", "auc")
    found = compare_experiments(Store.open(results.write()), "a", "b", metric="auc", rope=0.01)
    (line,) = (each for each in comparison_lines(found) if each.startswith("phase1 declares"))
    assert "its report says better (p " in line and "repeats" not in line


def test_a_comparison_that_no_phase_declares_is_said_to_be_alone(results: Any) -> None:
    for name, good in (("a", 0.5), ("b", 1.0)):
        results.add(name)
        results.separate(name, "test", good)
    results.compare("a", "b", "accuracy")
    found = compare_experiments(Store.open(results.write()), "a", "b", metric="auc", rope=0.01)
    assert found["declared"] == []
    assert "a phase declares its comparisons beforehand" in " ".join(comparison_lines(found))


def test_float32_that_a_gpu_rounded_is_another_precision(results: Any) -> None:
    """Catches TF32 on one side of a comparison that nobody hears of."""
    for name in ("a", "b"):
        results.add(name)
        results.ran(name, device="GPU", tf32=name == "b")
    found = compare_experiments(Store.open(results.write()), "a", "b", metric="auc", rope=0.01)
    said = "The two ran with different precision (float32 against float32 with TF32)"
    assert any(line.startswith(said) for line in comparison_lines(found))


def test_a_side_that_ran_out_of_memory_is_named(results: Any) -> None:
    """Catches batch normalisation over parts of a batch on one side of a comparison that nobody hears of."""
    for name in ("a", "b"):
        results.add(name)
        results.ran(name, device="GPU", micro_batch=16 if name == "b" else None)
    found = compare_experiments(Store.open(results.write()), "a", "b", metric="auc", rope=0.01)
    said = "The two ran with different parts of a batch (as planned against 16 images after memory ran out)"
    assert any(line.startswith(said) for line in comparison_lines(found))


def test_sides_that_ran_on_other_devices_are_named(results: Any) -> None:
    for name, threads in (("a", 1), ("b", 4)):
        results.add(name)
        results.separate(name, "test", 0.5 + threads / 10)
        results.facts(name, threads=threads)
    found = compare_experiments(Store.open(results.write()), "a", "b", metric="auc", rope=0.01)
    said = "The two ran with different CPU threads (1 against 4): a small difference may be of that."
    assert said in comparison_lines(found)
