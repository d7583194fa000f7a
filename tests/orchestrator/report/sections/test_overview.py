"""Section of all experiments: one table, bars on one scale, bounded whatever the number of experiments."""

from collections.abc import Callable
from typing import Any

from orchestrator.analysis.collect import Tables
from orchestrator.report.sections.overview import MOST_SETTINGS, overview_grid, source_bars_figure
from orchestrator.report.summary_cells import SummaryCells
from orchestrator.store.folder import Store
from orchestrator.wording.numbers import DASH

TablesOf = Callable[[], tuple[Store, Tables]]
EVERY = ("inpainting", "text2img", "wiki")


def cells(tables: Tables, *names: str) -> dict[str, dict[str, Any]]:
    """The overview as experiment -> column -> cell."""
    found = overview_grid(tables, SummaryCells.of(tables), names)
    return {row[0].text: dict(zip(found.columns, row, strict=True)) for row in found.rows}


def test_the_table_has_what_varies_and_what_was_declared(results: Any, tables_of: TablesOf) -> None:
    results.add("a", folds=3)
    results.add("b", folds=3, shift=2.0, augment={"hflip_p": 0.5})
    results.add("c", folds=3, train_sources=("inpainting", "wiki"), eval_sources=EVERY)
    results.compare("a", "b", "accuracy")
    _, tables = tables_of()
    found = cells(tables, "a", "b", "c")
    assert [found[name]["augment"].text for name in "abc"] == ["off", "on", "off"]
    assert [found[name]["trained without"].text for name in "abc"] == [DASH, DASH, "text2img"]
    assert found["a"]["Experiment"].note == "baseline" and found["b"]["Experiment"].note == ""
    difference = found["b"]["Difference"]
    assert difference.note.endswith("accuracy against a") and difference.text != DASH
    assert found["a"]["Difference"].text == DASH
    assert "image_size" not in found["a"] and "AUC text2img" in found["a"]


def test_two_augmentations_are_told_apart(results: Any, tables_of: TablesOf) -> None:
    results.add("a", folds=2, augment={"hflip_p": 0.5})
    results.add("b", folds=2, augment={"hflip_p": 0.25})
    results.add("c", folds=2)
    _, tables = tables_of()
    found = cells(tables, "a", "b", "c")
    texts = [found[name]["augment"].text for name in "abc"]
    assert len(set(texts)) == 3 and "0.5" in texts[0] and "0.25" in texts[1]


def test_an_unfinished_comparison_says_so(results: Any, tables_of: TablesOf) -> None:
    results.add("a", folds=2)
    results.add("b", folds=2, states={1: "failed"})
    results.compare("a", "b")
    _, tables = tables_of()
    found = cells(tables, "b")
    assert (found["b"]["Difference"].text, found["b"]["Difference"].note) == (DASH, "against a: incomplete")


def test_many_settings_are_cut(results: Any, tables_of: TablesOf) -> None:
    results.add("a", folds=2)
    results.add(
        "b", folds=2, image_size=64, epochs=9, batch_size=7, seed=1, dropout=0.5, val_ratio=0.2,
        normalization="none", select_by="f1", face_crop=True, cnn_preset="large",
    )  # fmt: skip
    _, tables = tables_of()
    found = overview_grid(tables, SummaryCells.of(tables), ["a", "b"])
    assert found.columns[MOST_SETTINGS + 1] == "AUC" and len(tables.overview_rows[0].settings) == 10


def test_bars_are_on_one_scale_and_say_what_was_held_out(results: Any, tables_of: TablesOf) -> None:
    """Catches bars of two sources that look alike and are not."""
    results.add("a", folds=3, shift=2.0)
    results.add("c", folds=3, shift=0.0, train_sources=("inpainting", "wiki"), eval_sources=EVERY)
    results.add("d", folds=3, states={1: "failed"})
    results.add("e", folds=3, states=dict.fromkeys(range(3), "missing"))
    results.compare("a", "c")
    _, tables = tables_of()
    found = source_bars_figure(tables, ["a", "c", "d", "e"], "")
    assert found is not None
    first, second = (panel.picture.svg for panel in found.panels)
    assert [panel.name for panel in found.panels] == ["source-bars-01-inpainting", "source-bars-02-text2img"]
    assert ">not trained on, " in second and ">not trained on, " not in first
    assert all(
        ">baseline, " in svg and ">2 of 3 folds<" in svg and ">0 of 3 folds<" in svg
        for svg in (first, second)
    )
    scales = [{text for text in ("0.4", "0.6", "0.8", "1.0") if f">{text}" in svg} for svg in (first, second)]
    assert scales[0] == scales[1] != set()
    assert source_bars_figure(tables, ["d"], "") is None
