"""The section of more data: models told apart without colour, a prediction dashed, and a bounded page."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.analysis.collect import Tables
from orchestrator.analysis.scaling import Scaling
from orchestrator.report.section import Figure
from orchestrator.report.sections.scaling import laws_grid, scaling_figure, sizes_grid
from orchestrator.store.folder import Store
from orchestrator.wording.scaling import scaling_sentences
from tests.orchestrator.analysis.test_scaling import SHARES, add_model

Collect = Callable[[], tuple[Store, Tables]]


def drawn(found: Scaling) -> Figure:
    made = scaling_figure(found)
    assert made is not None
    return made


@pytest.mark.slow
def test_models_stand_together_and_each_with_its_band(results: Any, tables_of: Collect) -> None:
    """Catches two curves that only a colour tells apart, and a prediction drawn like what was measured."""
    add_model(results, "p4a_m", [1 - 0.1 * share**-0.5 for share in SHARES], folds=3)
    add_model(results, "p4a_flat", [0.9, 0.9, 0.9], folds=3, dropout=0.5)
    found = tables_of()[1].curves
    every, first, second = drawn(found).panels
    assert [each.name for each in (every, first, second)] == [
        "scaling-all",
        "scaling-01-p4a_m",
        "scaling-02-p4a_flat",
    ]
    svg = every.picture.svg
    assert ">1<" in svg and ">2<" in svg and len(set(re.findall(r'd="(M [^"]*z)', svg))) >= 2
    assert "stroke-dasharray" in svg and "predicted" in svg
    assert "band" in first.picture.svg and "predicted" not in second.picture.svg
    assert "1 = p4a_m; 2 = p4a_flat" in every.label and first.label.startswith("p4a_m: AUC")
    sizes, laws = sizes_grid(found), laws_grid(found)
    assert [row[4].text for row in sizes.rows] == ["200", "500", "1\u202f000"] * 2
    assert [row[1].text for row in laws.rows] == ["p4a_m", "p4a_flat"]
    assert "with 2\u202f000" in laws.rows[0][6].text and laws.rows[1][6].text == "–"
    assert "does not rise" in laws.rows[1][6].note
    # With 200 models the page is no longer than with six.
    many = Scaling(found.metric, found.models * 100)
    assert len(drawn(many).panels) == 7 and len(scaling_sentences(many)) == 6
    assert len(laws_grid(many).rows) == 50
