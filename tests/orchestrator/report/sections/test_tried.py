"""What sweeps have tried: sentences, table and figure, of a few settings and of many."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from orchestrator.report.section import every_block
from orchestrator.report.sections.tried import tried_figure, tried_grid, tried_section
from orchestrator.store.sweep_record import SweepRecord, TriedSetting
from orchestrator.wording.sweep_text import sweep_sentences
from orchestrator.wording.tried_text import tried_sentences

SEARCH = {"extends": "base", "search": {"trials": 9, "sampler": "tpe", "seed": 7, "parallel": 2}}


def sweep(number: int, *, planned: int = 0, asked: dict[str, Any] = SEARCH, gave_up: int = 0) -> SweepRecord:
    settings = tuple(
        TriedSetting(number=each, experiment=f"e{each}", values={"lr": each / 1000}, gave_up=each == gave_up)
        for each in range(1, number + 1)
    )
    return SweepRecord(
        base="base", keys=("lr",), num_planned=planned or number, settings=settings, asked=asked
    )


def rows(means: list[float], *, states: dict[int, str] | None = None) -> pd.DataFrame:
    """Rows of tried.csv of a search of e1, e2 ..."""
    table = pd.DataFrame({"mean": means, "number": range(1, len(means) + 1)})
    state = pd.Series(states or {}, dtype=object).reindex(table["number"]).fillna("finished")
    return table.assign(
        sweep=1, kind="search", base="base", experiment=[f"e{each}" for each in table["number"]],
        settings=[f'{{"lr": {each / 1000}}}' for each in table["number"]], metric="auc", n=5, n_expected=5,
        ci_low=table["mean"] - 0.05, ci_high=table["mean"] + 0.05, state=state.to_list(),
        best_so_far=np.fmax.accumulate(means),
    )  # fmt: skip


def test_a_search_says_what_is_still_to_come_and_what_it_went_on_without() -> None:
    assert sweep_sentences([sweep(4, planned=9, gave_up=2)]) == [
        "Search (TPE, seed 7, 2 at a time) over lr on top of base: 4 of 9 settings so far; it went on "
        "without e2, which had no deciding score, or a failed trial; 5 more, proposed when these are "
        "finished."
    ]
    assert sweep_sentences([sweep(4)]) == [
        "Search (TPE, seed 7, 2 at a time) over lr on top of base: 4 settings, all proposed."
    ]
    grid = sweep(4, asked={"extends": "base", "grid": {"lr": [1]}})
    assert sweep_sentences([grid]) == ["Grid over lr on top of base: 4 settings."]


def test_the_best_is_said_with_its_interval_and_among_how_many() -> None:
    said = tried_sentences(sweep(4), rows([0.7, 0.8, np.nan, 0.6], states={3: "failed"}))
    assert said[0] == "4 different settings were tried; 1 failed."
    assert said[1].startswith(
        "The best mean AUC on validation rows is 0.800 (95 % interval 0.750 to 0.850, 5 folds), of number 2, "
        "e2. It is the best of 3, "
    )
    assert tried_sentences(sweep(1), rows([np.nan], states={1: "unfinished"}))[1:] == [
        "None of them has a score."
    ]


def test_a_setting_that_came_again_is_one() -> None:
    table = rows([0.7, 0.8, 0.7]).assign(experiment=["e1", "base", "e1"])
    said = tried_sentences(sweep(3), table)
    assert said[0] == "2 different settings were tried, 1 of them proposed again."
    assert said[2] == "base as it is comes 1. of them."


def test_the_figure_shows_the_best_so_far_and_says_what_is_left_out() -> None:
    found = tried_figure(1, sweep(4), rows([0.7, 0.8, np.nan, 0.6], states={3: "failed"}))
    assert found is not None and "1 without a score is left out." in found.caption
    assert "of 3 settings by number, from 0.600 to 0.800; the best is 0.800" in found.panels[0].label
    assert tried_figure(1, sweep(1), rows([0.7])) is None


class _Page:
    """As much of a page's material as the section takes."""

    def __init__(self, record: SweepRecord, table: pd.DataFrame) -> None:
        self.study = type("study", (), {"sweeps": (record,)})
        self.tables = type("tables", (), {"tried": table})


@pytest.mark.parametrize(("number", "listed"), [(50, 50), (200, 50)])
def test_of_many_settings_the_best_are_listed(number: int, listed: int) -> None:
    """Catches a page that grows with the size of a grid."""
    means = [0.5 + each / 1000 for each in range(number)]
    page: Any = _Page(sweep(number), rows(means))
    section = tried_section(page)
    assert section is not None
    (table,) = [each for each in every_block(section.blocks) if each.kind == "table"]
    numbers = [int(row[0].text) for row in table.grid.rows]
    assert numbers == list(range(number - listed + 1, number + 1))
    assert tried_grid(sweep(2), rows([0.7, np.nan], states={2: "failed"})).rows[1][2].text == "failed"
    page.study = type("study", (), {"sweeps": ()})
    assert tried_section(page) is None
