"""The section of hard examples: counts, tables, and what it says where something lacks."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from orchestrator.analysis.collect import Tables
from orchestrator.analysis.trial_facts import read_files
from orchestrator.report.material import Material, read_material
from orchestrator.report.section import Prose, Table, every_block
from orchestrator.report.sections.hard import hard_section
from orchestrator.store.folder import Store


@pytest.fixture
def material_of(tables_of: Callable[[], tuple[Store, Tables]]) -> Callable[[], Material]:
    def make() -> Material:
        store, tables = tables_of()
        return read_material(store, tables, None, read_files(store, tables.study))

    return make


def said(section: Any) -> str:
    texts = [block.text for block in every_block(section.blocks) if isinstance(block, Prose)]
    return " ".join(part if isinstance(part, str) else part.text for text in texts for part in text)


def test_counts_and_tables_are_shown_and_the_way_to_pictures(results: Any, material_of: Any) -> None:
    results.add("a", folds=2)
    results.add("b", folds=2, states={1: "failed"})

    def scores(table: pd.DataFrame) -> Any:
        right = np.where(table["label"] == 1, 0.9, 0.1) + np.arange(len(table)) / (100 * len(table))
        return np.where(table["path"] == "wiki/test0_0.jpg", 0.97, right)

    for split in ("val", "test"):
        results.rescore("a", split, scores)
    section = hard_section(material_of())
    text = said(section)
    assert "Of 48 test images, 1 is wrong (1 of 24 real, 0 of 24 fake); counted: the one complete" in text
    assert "Not counted: b, since its folds are incomplete." in text
    assert "1 of 48 label is doubted" in text
    assert "python -m orchestrator explain-images phase1" in text
    tables = [block for block in every_block(section.blocks) if isinstance(block, Table)]
    assert [table.grid.rows[0][0].text for table in tables] == ["wiki/test0_0.jpg"] * 2


def test_without_a_complete_experiment_nothing_is_called_hard(results: Any, material_of: Any) -> None:
    results.add("a", folds=2, states={1: "failed"})
    assert said(hard_section(material_of())) == "No experiment is complete, so no image can be called hard."
