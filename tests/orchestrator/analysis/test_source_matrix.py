"""Matrices of sources: AUCs against scikit-learn, gaps against scipy, and what is missing said as missing."""

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score
from statsmodels.stats.multitest import multipletests

from orchestrator.analysis.collect import Tables, collect
from orchestrator.analysis.source_matrix import SourceMatrix, why_no_matrix
from orchestrator.store.folder import Store

FAKES = ("inpainting", "text2img")
EVERY = (*FAKES, "wiki")
# Folds of the hand-written trials: 24 test rows, and 90 + 10 that were trained and validated on.
SHARE = 24 / 100


def hold_out(results: Any, source: str, *, name: str = "", folds: int = 3, **options: Any) -> str:
    """Add an experiment that was trained without a source."""
    name = name or f"without_{source}"
    trained = tuple(each for each in EVERY if each != source)
    results.add(name, folds=folds, train_sources=trained, eval_sources=EVERY, **options)
    return name


def found(results: Any) -> tuple[Tables, tuple[SourceMatrix, ...]]:
    tables = collect(Store.look(results.write()), results.phase)
    return tables, tables.matrices


def aucs(results: Any, name: str, source: str, *, folds: int = 3, reals: tuple[str, ...] = ("wiki",)) -> Any:
    values = []
    for fold in range(folds):
        rows = pd.read_parquet(results.folder(name, fold) / "predictions.parquet")
        rows = rows[(rows["split"] == "test") & rows["source"].isin([*reals, source])]
        values.append(roc_auc_score(rows["label"], rows["score"]))
    return np.array(values)


def textbook(differences: Any, share: float = SHARE) -> tuple[float, float]:
    """Half of the interval and p by Nadeau and Bengio (2003); a fold has 6 groups of a source's fakes."""
    n = len(differences)
    error = max(differences.std(ddof=1) * math.sqrt(1 / n + share), 0.5 / (6 * n))
    p = 2 * stats.t.sf(abs(differences.mean()) / error, n - 1)
    return stats.t.ppf(0.975, n - 1) * error, p


def three(results: Any) -> None:
    results.add("every", folds=3, shift=1.5)
    for place, source in enumerate(FAKES):
        hold_out(results, source, shift=0.2 + 0.4 * place)


def test_cells_and_gaps_are_those_of_the_textbook(results: Any) -> None:
    three(results)
    tables, (matrix,) = found(results)
    assert matrix.name == "every" and matrix.trained_on_all == "every"
    assert matrix.experiments == ("every", "without_inpainting", "without_text2img")
    p_values = []
    for cell in matrix.cells:
        expected = aucs(results, cell.experiment, cell.tested_on)
        assert cell.auc.values == pytest.approx(expected)
        assert cell.auc.interval is not None and 0 <= cell.auc.interval.low <= cell.auc.interval.high <= 1
        assert cell.is_held_out == (cell.experiment == f"without_{cell.tested_on}") == (cell.gap is not None)
        if cell.gap is not None:
            gaps = aucs(results, "every", cell.tested_on) - expected
            half, p = textbook(gaps)
            difference = cell.gap.test.difference
            assert difference.mean == pytest.approx(gaps.mean())
            assert (difference.low, difference.high) == pytest.approx(
                (gaps.mean() - half, gaps.mean() + half)
            )
            assert cell.gap.test.p_value == pytest.approx(p)
            p_values.append(p)
    corrected = [cell.gap.p_holm for cell in matrix.held_out if cell.gap is not None]
    assert corrected == pytest.approx(list(multipletests(p_values, method="holm")[1]))
    # The same numbers as the AUC by source in the other tables.
    by_source = tables.per_source[tables.per_source["metric"] == "auc"].set_index(["experiment", "source"])
    rows = tables.source_matrix.set_index(["experiment", "tested_on"])
    assert rows["auc"].to_dict() == pytest.approx(by_source["mean"].to_dict())


@pytest.mark.slow
def test_the_findings_rest_on_all_held_out_sources(results: Any) -> None:
    three(results)
    _, (matrix,) = found(results)
    held_out = {source: aucs(results, f"without_{source}", source) for source in FAKES}
    gaps = {source: aucs(results, "every", source) - held_out[source] for source in FAKES}
    order = sorted(FAKES, key=lambda source: held_out[source].mean())
    assert matrix.hardest is not None and matrix.mean_gap is not None and matrix.contrast is not None
    assert [matrix.hardest.first.tested_on, matrix.hardest.second.tested_on] == order
    between = held_out[order[1]] - held_out[order[0]]
    assert matrix.hardest.test.difference.mean == pytest.approx(between.mean())
    assert matrix.hardest.test.p_value == pytest.approx(textbook(between)[1])
    mean = np.mean(list(gaps.values()), axis=0)
    assert matrix.mean_gap.difference.mean == pytest.approx(mean.mean())
    assert matrix.mean_gap.p_value == pytest.approx(textbook(mean)[1])
    largest, least = sorted(FAKES, key=lambda source: -gaps[source].mean())
    assert (matrix.contrast.first.tested_on, matrix.contrast.second.tested_on) == (largest, least)
    assert matrix.contrast.test.difference.mean == pytest.approx((gaps[largest] - gaps[least]).mean())


def test_without_an_experiment_on_all_sources_the_rows_that_saw_it_stand_for_it(results: Any) -> None:
    for place, source in enumerate(FAKES):
        hold_out(results, source, shift=0.5 + place)
    _, (matrix,) = found(results)
    assert matrix.trained_on_all is None
    for cell, other in zip(matrix.held_out, ("without_text2img", "without_inpainting"), strict=True):
        assert cell.gap is not None and cell.gap.trained_with == (other,)
        expected = aucs(results, other, cell.tested_on) - aucs(results, cell.experiment, cell.tested_on)
        assert cell.gap.test.difference.mean == pytest.approx(expected.mean())


@pytest.mark.slow
def test_models_have_a_matrix_each_and_one_family_of_tests(results: Any) -> None:
    """Catches gaps that are taken between two networks, and a correction within one of them."""
    for size in (32, 64):
        results.add(f"every_{size}", folds=3, image_size=size, shift=1.4)
        for source in FAKES:
            hold_out(results, source, name=f"{source}_{size}", image_size=size, shift=size / 80)
    tables, matrices = found(results)
    assert [matrix.experiments for matrix in matrices] == [
        (f"every_{size}", f"inpainting_{size}", f"text2img_{size}") for size in (32, 64)
    ]
    gaps = [cell.gap for matrix in matrices for cell in matrix.held_out]
    p_values = [gap.test.p_value for gap in gaps if gap is not None]
    expected = multipletests(p_values, method="holm")[1]
    assert [gap.p_holm for gap in gaps if gap is not None] == pytest.approx(list(expected))
    assert len(p_values) == 4 and len(tables.source_matrix) == 12


def test_an_unfinished_hold_out_is_incomplete_and_counts_in_the_family(results: Any) -> None:
    results.add("every", folds=3, shift=1.5)
    hold_out(results, "inpainting", states={2: "failed"})
    hold_out(results, "text2img", shift=0.1)
    tables, (matrix,) = found(results)
    cell = matrix.held_out[0]
    assert cell.auc.interval is None and cell.gap is None and len(cell.auc.by_fold) == 2
    assert cell.reason == "fold 2 failed: the loss is nan"
    assert matrix.hardest is None and matrix.mean_gap is None and matrix.contrast is None
    whole = matrix.held_out[1].gap
    assert whole is not None and whole.p_holm == pytest.approx(min(1.0, 2 * whole.test.p_value))
    row = tables.source_matrix[tables.source_matrix["trained_without"] == "inpainting"].iloc[0]
    assert (row["n"], row["n_expected"]) == (2, 3) and math.isnan(row["auc"]) and math.isnan(row["gap"])


def test_an_unfinished_experiment_on_all_sources_leaves_no_gap(results: Any) -> None:
    """Catches a gap that goes over to the other rows without a word."""
    results.add("every", folds=3, states={1: "interrupted"})
    for source in FAKES:
        hold_out(results, source)
    _, (matrix,) = found(results)
    assert all(cell.gap is None and "every: fold 1 interrupted" in cell.reason for cell in matrix.held_out)
    assert matrix.hardest is not None and matrix.mean_gap is None


def test_a_fold_without_the_source_is_never_averaged_over(results: Any) -> None:
    three(results)
    for name in ("every", "without_inpainting", "without_text2img"):
        path = results.folder(name, 2) / "predictions.parquet"
        table = pd.read_parquet(path)
        table[(table["source"] != "inpainting") | (table["split"] != "test")].to_parquet(path)
    _, (matrix,) = found(results)
    cell = matrix.held_out[0]
    assert (cell.auc.interval, cell.reason) == (None, "fold 2 has no fake image of inpainting")
    assert matrix.held_out[1].gap is not None


def test_other_test_rows_are_not_paired(results: Any) -> None:
    three(results)
    path = results.folder("every", 0) / "predictions.parquet"
    pd.read_parquet(path).iloc[1:].to_parquet(path)
    _, (matrix,) = found(results)
    assert all("not tested on the same rows" in cell.reason for cell in matrix.held_out)


def test_fakes_stand_against_the_real_images_that_were_trained_on(results: Any) -> None:
    """Catches a gap that is made by real images which one side never saw."""
    results.add("every", folds=3, shift=1.5)
    results.add("less", folds=3, train_sources=("text2img", "wiki"), eval_sources=(*EVERY, "camera"))
    for path in results.root.glob("trials/*/predictions.parquet"):
        table = pd.read_parquet(path)
        table.loc[(table["source"] == "wiki") & (table.index % 3 == 0), "source"] = "camera"
        table.to_parquet(path)
    study = results.write() / "studies" / "phase1.json"
    record = json.loads(study.read_text())
    record["data"][0]["counts"].append({"source": "camera", "label": 0, "split": "", "count": 20})
    study.write_text(json.dumps(record))
    tables = collect(Store.look(results.root), results.phase)
    (matrix,) = tables.matrices
    (cell,) = matrix.held_out
    inside, outside = (aucs(results, name, "inpainting") for name in ("every", "less"))
    assert cell.auc.values == pytest.approx(outside)
    assert cell.gap is not None and cell.gap.test.difference.mean == pytest.approx((inside - outside).mean())
    whole = matrix.row("every")[0]
    assert whole.auc.values == pytest.approx(aucs(results, "every", "inpainting", reals=("wiki", "camera")))


@pytest.mark.parametrize(("folds", "said"), [(2, "two folds"), (1, "single split")])
def test_few_folds_give_a_gap_and_no_test(results: Any, folds: int, said: str) -> None:
    results.add("every", folds=folds, shift=1.5)
    for source in FAKES:
        hold_out(results, source, folds=folds, shift=0.3)
    _, (matrix,) = found(results)
    for cell in matrix.held_out:
        assert cell.gap is not None and math.isnan(cell.gap.test.p_value) and said in cell.reason
    for test in (matrix.mean_gap, matrix.hardest and matrix.hardest.test):
        assert test is not None and math.isnan(test.p_value)


def test_nothing_held_out_one_source_and_several_classes_have_no_matrix(results: Any) -> None:
    results.add("a", folds=2)
    tables, matrices = found(results)
    assert matrices == () and tables.source_matrix.empty
    assert why_no_matrix(tables.study, tables.experiments) == "nothing held out"
    data = tables.study.data[0]
    one = data.model_copy(update={"counts": tuple(each for each in data.counts if each.source != "text2img")})
    study = tables.study.model_copy(update={"data": (one,)})
    assert why_no_matrix(study, tables.experiments) == "one source"


def test_several_classes_have_no_matrix(results: Any) -> None:
    results.add("a", folds=2, num_classes=5)
    tables, matrices = found(results)
    assert matrices == () and tables.pairwise_sources.empty
    assert why_no_matrix(tables.study, tables.experiments) == "several classes"


def test_a_second_run_reads_no_predictions(results: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    three(results)
    before, _ = found(results)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("predictions are read again")

    monkeypatch.setattr("orchestrator.analysis.trial_scores.read_predictions", refuse)
    after, _ = found(results)
    assert after.texts == before.texts
