"""Sources in figures and tables: the hardest, and what is lost on those held out."""

import dataclasses
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from orchestrator.analysis.collect import Tables
from orchestrator.report.sections.sources import held_out_figure, held_out_grid, sources_figure
from orchestrator.store.folder import Store
from orchestrator.wording.numbers import DASH

TablesOf = Callable[[], tuple[Store, Tables]]


def test_of_many_held_out_sources_the_greatest_losses_are_shown() -> None:
    """Catches a caption that names a loss which the figure leaves out."""
    rows = pd.DataFrame(
        {
            "experiment": "a",
            "source": [f"s{number:02d}" for number in range(13)],
            "delta": np.arange(13) / 100,
        }
    ).assign(ci_low=-0.1, ci_high=0.2)
    study = {"phase": {"name": "p"}, "experiments": [{"name": "a"}]}
    empty = pd.DataFrame()
    tables = Tables(study, empty, empty, empty, empty, holdout=rows)
    found = held_out_figure(tables)
    assert [name for name in rows["source"] if f">{name}<" in found.panels[0].picture.svg] == list(
        rows["source"][-8:]
    )
    assert found.caption.startswith("a loses most on s12: 0.120")
    assert found.caption.endswith("The 8 greatest losses of 13 are shown.")
    gained = dataclasses.replace(tables, holdout=rows.assign(delta=-rows["delta"] - 0.01))
    assert held_out_figure(gained).caption.startswith(
        "No mean is lower on a held-out source; the least gain is a’s on s00: 0.010 AUC."
    )


def test_the_hardest_source_of_those_shown_is_called_that(results: Any, tables_of: TablesOf) -> None:
    results.add("a", folds=2)
    results.separate("a", "test", 0.3)
    results.add("b", folds=2)
    _, tables = tables_of()
    assert sources_figure(tables, ["a"], "").caption.startswith("On average ")
    assert sources_figure(tables, ["a"], "Shown is one.").caption.startswith("Of those shown, on average ")


def test_no_source_is_the_hardest_where_all_look_alike(results: Any, tables_of: TablesOf) -> None:
    for name in ("a", "b", "c"):
        results.add(name, folds=2)
        results.separate(name, "test", 9.0)
    _, tables = tables_of()
    heat = sources_figure(tables, ["a", "b", "c"], "Shown are three.")
    assert "hardest" not in heat.caption, "all are 1.000"


@pytest.mark.parametrize(
    ("delta", "low", "flag", "said"),
    [
        (0.05, 0.0, DASH, ""),
        (0.051, 0.0, "flagged", "above 0.05: not shown"),
        (0.09, 0.06, "flagged", "above 0.05: shown"),
        (0.101, 0.0, "strong", "above 0.1: not shown"),
        (0.101, 0.06, "strong", "above 0.1: not shown; above 0.05: shown"),
        (0.2, 0.11, "strong", "above 0.1: shown"),
    ],
)
def test_a_loss_is_flagged_by_its_mean_and_says_what_its_interval_shows(
    delta: float, low: float, flag: str, said: str
) -> None:
    """Catches a badge that calls strong what the answers to the questions call not shown."""
    row = {
        "experiment": "a", "source": "insight", "n": 5, "n_expected": 5, "in_source": 0.9,
        "held_out": 0.9 - delta, "delta": delta, "std": 0.01, "ci_low": low, "ci_high": 0.2, "p_value": 0.1,
        "reason": "",
    }  # fmt: skip
    rows = pd.DataFrame([row])
    found = held_out_grid(SimpleNamespace(holdout=rows, experiments={}))  # type: ignore[arg-type]
    assert found is not None
    cell = found.rows[0][list(found.columns).index("Source-specific")]
    assert (cell.text, cell.note) == (flag, said)
    two = {"a": SimpleNamespace(folds=2)}
    found = held_out_grid(SimpleNamespace(holdout=rows, experiments=two))  # type: ignore[arg-type]
    assert found is not None and "above 0.05: shown" not in str(found.rows), "two folds show nothing"
