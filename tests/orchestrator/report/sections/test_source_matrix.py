"""Section of held-out sources: figure, table and sentences from results, and bounds of large matrices."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from orchestrator.analysis.collect import Tables, collect
from orchestrator.analysis.source_matrix import source_matrices
from orchestrator.report.page import write_report
from orchestrator.report.sections.source_matrix import (
    MOST_GAPS,
    ROWS_OF_MANY,
    gaps_grid,
    matrices_figure,
    pairs_grid,
)
from orchestrator.store.folder import Store
from orchestrator.wording.numbers import DASH

TablesOf = Callable[[], tuple[Store, Tables]]
EVERY = ("inpainting", "text2img", "wiki")


def hold_out(results: Any, source: str, **options: Any) -> None:
    trained = tuple(each for each in EVERY if each != source)
    results.add(
        options.pop("name", f"without_{source}"), train_sources=trained, eval_sources=EVERY, **options
    )


def test_the_figure_holds_every_number_of_the_matrix(results: Any, tables_of: TablesOf) -> None:
    results.add("every", folds=3, shift=1.5)
    for source in EVERY[:2]:
        hold_out(results, source, folds=3, shift=0.4)
    _, tables = tables_of()
    matrices = tables.matrices
    found = matrices_figure(matrices, matrices)
    assert found is not None
    (panel,) = found.panels
    assert panel.name == "source-matrix-1-every"
    for mean in tables.source_matrix["auc"]:
        assert f">{mean:.3f}<" in panel.picture.svg and f"{mean:.3f}" in panel.label
    for name in ("trained on all", "without inpainting", "without text2img"):
        assert f">{name}<" in panel.picture.svg
    assert panel.picture.svg.count(">gap +") + panel.picture.svg.count(">gap −") == 2
    gaps = gaps_grid(matrices)
    assert [row[2].text for row in gaps.rows] == ["inpainting", "text2img"]
    assert all(row[-1].text == "3 of 3" for row in gaps.rows)


def test_an_unfinished_hold_out_is_a_dash_with_its_reason(results: Any, tables_of: TablesOf) -> None:
    results.add("every", folds=3)
    hold_out(results, "text2img", folds=3, states={0: "failed"})
    _, tables = tables_of()
    (row,) = gaps_grid(tables.matrices).rows
    assert [cell.text for cell in row[3:-1]] == [DASH] * 6
    assert row[5].note == "fold 0 failed: the loss is nan" and row[-1].text == "2 of 3"


@pytest.mark.slow
def test_many_models_and_hold_outs_stay_bounded(results: Any, tables_of: TablesOf) -> None:
    """Catches a page of many experiments that draws and lists them all."""
    for place in range(30):
        for source in EVERY[:2]:
            name = f"m{place:03d}_{source}"
            hold_out(results, source, name=name, folds=2, image_size=32 + place)
    _, tables = tables_of()
    matrices = tables.matrices
    assert len(matrices) == 30
    found = matrices_figure(matrices, matrices[:4])
    assert found is not None and "The first 4 of 30 models are shown." in found.caption
    assert len(gaps_grid(matrices).rows) == MOST_GAPS
    assert len(pairs_grid(tables.spreads, ["m000_text2img", "m001_text2img"]).rows) == 2


@pytest.mark.slow
def test_a_matrix_of_many_rows_is_cut_and_says_so(results: Any, tables_of: TablesOf) -> None:
    """Rows beyond the twelfth: here real sources that training leaves out, each with its own row."""
    extra = [f"real{place:02d}" for place in range(13)]
    for name in extra:
        trained = ("text2img", "wiki", *(each for each in extra if each != name))
        results.add(f"without_{name}", folds=2, train_sources=trained, eval_sources=(*EVERY, *extra))
    results.write()
    _, tables = tables_of()
    data = tables.study.data[0]
    counts = (*data.counts, *(data.counts[0].model_copy(update={"source": name}) for name in extra))
    study = tables.study.model_copy(update={"data": (data.model_copy(update={"counts": counts}),)})
    (matrix,) = source_matrices(study, tables.experiments)
    assert len(matrix.experiments) == 13
    found = matrices_figure([matrix], [matrix])
    assert found is not None and found.caption.endswith("and the table has all of it.")
    assert found.panels[0].picture.svg.count(">without inpainting<") == ROWS_OF_MANY


@pytest.mark.slow
@pytest.mark.parametrize("kept", [("wiki", "text2img"), ("wiki", "camera", "inpainting", "text2img")])
def test_the_page_of_one_source_of_fakes_or_several_of_real_images_has_its_sentence(
    results: Any, kept: tuple[str, ...]
) -> None:
    results.add("a", folds=3)
    results.add("b", folds=3, states={1: "failed"})
    for path in results.root.glob("trials/*/predictions.parquet"):
        table = pd.read_parquet(path)
        if "camera" in kept:
            table.loc[(table["source"] == "wiki") & (table.index % 2 == 0), "source"] = "camera"
        table[table["source"].isin(kept)].to_parquet(path)
    for experiment in results.experiments:
        experiment["data"] = "/not/described"
    store = Store.open(results.write())
    words = write_report(store, collect(store, results.phase)).read_text(encoding="utf-8")
    one = len(kept) == 2
    assert ("holding a source of fakes out needs at least two" in words) == one
    assert ("There is no matrix of sources" in words) == one
    assert ("of all real sources together" in words) == (not one)
