"""Section of the questions: there where a phase has something to answer, bounded, and nowhere else."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.analysis.collect import Tables
from orchestrator.report.section import Group, Heading, every_block
from orchestrator.report.sections.questions import MOST_ROWS, gains_grid, interactions_grid, questions_section
from orchestrator.store.folder import Store
from orchestrator.wording.numbers import DASH

TablesOf = Callable[[], tuple[Store, Tables]]


def cards(section: Any) -> list[str]:
    blocks = [block for block in section.blocks if isinstance(block, Group)]
    return [part.text for part in every_block(blocks) if isinstance(part, Heading)]


@pytest.mark.slow
def test_a_phase_of_two_choices_answers_its_questions(results: Any, tables_of: TablesOf) -> None:
    """Catches a question without a card, and a card for what the phase has no experiments for."""
    on = {"hflip_p": 0.5}
    for name, good, keys in (
        ("plain", 0.5, {}),
        ("crop", 1.0, {"face_crop": True}),
        ("aug", 0.7, {"augment": on}),
        ("both", 2.0, {"face_crop": True, "augment": on}),
    ):
        results.add(name, folds=3, **keys)
        results.separate(name, "test", good)
    factors = [
        {"key": "face_crop", "pairs": [["plain", "crop"], ["aug", "both"]]},
        {"key": "augment", "pairs": [["plain", "aug"], ["crop", "both"]]},
    ]
    results.decision = {"choose": "auc", "factors": factors}
    store, tables = tables_of()
    found = questions_section(SimpleNamespace(tables=tables, explained=None))
    assert cards(found) == [
        "Which choices matter?",
        "Does one source of fakes gain more from a choice than the others?",
        "Which source of fakes is easy to find, and which is hard?",
        "Do two choices depend on each other?",
        "Does augmentation remove shortcuts or over-regularise?",
    ]
    grid = gains_grid(tables.questions.gains)
    assert [row[1].text for row in grid.rows] == ["all", "inpainting", "text2img"] * 2
    assert grid.rows[0][7].text == DASH
    (row,) = interactions_grid(tables.questions.interactions).rows
    assert [row[0].text, row[1].text] == ["face_crop off → on", "augment off → on"]
    for name in ("source_gains", "source_ease", "interactions", "regularisation", "source_losses"):
        assert (store.collected("phase1") / f"{name}.csv").exists()


def test_a_phase_with_nothing_to_answer_has_no_section(results: Any, tables_of: TablesOf) -> None:
    results.add("plain", folds=2, num_classes=3)
    _, tables = tables_of()
    assert questions_section(SimpleNamespace(tables=tables, explained=None)) is None


def test_a_table_of_many_choices_is_cut(results: Any, tables_of: TablesOf) -> None:
    results.add("a", folds=2)
    results.add("b", folds=2, image_size=64)
    results.decision = {"choose": "auc", "factors": [{"key": "image_size", "pairs": [["a", "b"]]}]}
    _, tables = tables_of()
    assert len(gains_grid(tables.questions.gains * 20).rows) == MOST_ROWS
