"""Learning curves over the amount of data, from stored trials: paired sizes, predictions, and crossings."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from orchestrator.analysis.collect import Tables
from orchestrator.analysis.scaling import BENT, FLAT, TWO_SIZES, ModelScaling
from orchestrator.statistics import holm
from orchestrator.store.folder import Store

Collect = Callable[[], tuple[Store, Tables]]
SHARES = {0.2: "20pct", 0.5: "50pct", 1.0: "100pct"}


def add_model(
    results: Any,
    model: str,
    aucs: Sequence[float],
    *,
    shares: Sequence[float] = tuple(SHARES),
    states: dict[int, str] | None = None,
    **recipe: Any,
) -> None:
    """Add a model whose experiments have about these AUCs, one for each share of the data."""
    for share, auc in zip(shares, aucs, strict=True):
        name = f"{model}_{SHARES[share]}"
        last = states if share == shares[-1] else None
        results.add(name, subsample=share, states=last, backbone="resnet18", **recipe)
        results.facts(name, n_train=round(1000 * share), n_val=round(100 * share))
        set_aucs(results, name, auc)


def set_aucs(results: Any, name: str, auc: float) -> None:
    """Let the AUC of every fold be about `auc`, a little different on each fold."""

    def scores(table: pd.DataFrame) -> Any:
        fold = int(table["fold"].iloc[0])
        fakes, reals = int((table["label"] == 1).sum()), int((table["label"] == 0).sum())
        # This many real images are above all fakes but for one, each of which costs 1 / fakes / reals.
        wrong = round((1.0 - auc + 0.004 * (fold - 2)) * fakes * reals)
        score = np.where(table["label"] == 1, 0.6, 0.4) + 1e-4 * np.arange(len(table)) / len(table)
        order = np.flatnonzero(table["label"] == 0)
        full, rest = divmod(wrong, fakes)
        score[order[:full]] = 0.9
        if rest:
            among = np.sort(score[table["label"] == 1])
            score[order[full]] = among[rest - 1] + 1e-7
        return score

    results.rescore(name, "test", scores)


def only(tables: Tables) -> ModelScaling:
    (found,) = tables.curves.models
    return found


def test_a_planted_curve_is_found_with_what_twice_the_data_gives(results: Any, tables_of: Collect) -> None:
    """Catches images counted with those of validation, sizes out of order, and a gain of the wrong sign."""
    # Errors 0.05 + 0.05 * (n / 1000)^-0.5, in steps of 1 / 144.
    add_model(results, "m", [0.95 - 0.05 * share**-0.5 for share in SHARES])
    _, tables = tables_of()
    found = only(tables)
    assert found.name == "m" and not found.reason
    assert [each.experiment for each in found.sizes] == ["m_20pct", "m_50pct", "m_100pct"]
    assert [each.images for each in found.sizes] == [200.0, 500.0, 1000.0]
    for each in found.sizes:
        row = tables.overall[each.experiment, "auc"]
        assert (each.mean, each.low, each.high) == (row["mean"], row["ci_low"], row["ci_high"])
    curve, doubling = found.curve, found.doubling
    assert curve is not None and doubling is not None
    assert curve.predicted.value == pytest.approx(0.95 - 0.05 * 2**-0.5, abs=0.006)
    assert curve.predicted.low <= curve.predicted.value <= curve.predicted.high <= 1.0
    assert curve.gain.value == pytest.approx(curve.predicted.value - found.sizes[-1].mean, abs=1e-6)
    assert curve.images[-1] == pytest.approx(2000.0) and curve.scores[-1] == curve.predicted.value
    assert all(low <= y <= high for low, y, high in zip(curve.lows, curve.scores, curve.highs, strict=True))
    # From 200 to 1000 images are log2(5) doublings.
    gained = found.sizes[-1].mean - found.sizes[0].mean
    assert doubling.difference.mean == pytest.approx(gained / math.log2(5))
    # Folds of 24 images agree more closely than that: other test images make the error.
    assert curve.error_from == "test groups" and not found.is_gain_shown
    fits = tables.scaling_fits.iloc[0]
    assert fits["n_twice"] == pytest.approx(2000.0) and fits["predicted"] == curve.predicted.value
    law = fits["c"] + fits["a"] * 2000.0 ** -fits["b"]
    assert 1.0 - law == pytest.approx(curve.predicted.value)
    assert tables.scaling["n_train"].tolist() == [200.0, 500.0, 1000.0]
    again = tables_of()[1].texts
    for name in ("scaling", "scaling_fits"):
        assert again[name] == tables.texts[name]


@pytest.mark.parametrize("aucs", [[0.85, 0.85, 0.85], [0.9, 0.85, 0.8]], ids=["flat", "falls"])
def test_what_does_not_rise_predicts_nothing(results: Any, tables_of: Collect, aucs: list[float]) -> None:
    add_model(results, "m", aucs)
    found = only(tables_of()[1])
    assert found.reason == FLAT and found.curve is None and found.doubling is not None
    assert found.doubling.difference.mean <= 1e-12


def test_what_rises_faster_and_faster_predicts_nothing(results: Any, tables_of: Collect) -> None:
    """Catches a prediction for twice the data that is worse than what was measured."""
    add_model(results, "m", [0.56, 0.58, 0.9], folds=3)
    found = only(tables_of()[1])
    assert found.reason == BENT and found.curve is None and found.doubling is not None


@pytest.mark.slow
def test_two_sizes_have_a_slope_and_no_curve(results: Any, tables_of: Collect) -> None:
    add_model(results, "m", [0.8, 0.9], shares=[0.5, 1.0])
    found = only(tables_of()[1])
    assert found.reason == TWO_SIZES and found.curve is None and found.doubling is not None
    assert found.doubling.difference.mean == pytest.approx(0.1, abs=0.01)


@pytest.mark.slow
def test_missing_folds_are_said_and_nothing_is_fitted(results: Any, tables_of: Collect) -> None:
    """Catches a curve through means over different folds."""
    add_model(results, "m", [0.7, 0.8, 0.9], states={3: "failed"})
    _, tables = tables_of()
    found = only(tables)
    assert found.curve is None and found.doubling is None
    assert "m_100pct: fold 3 failed: the loss is nan" in found.reason
    assert math.isnan(found.sizes[-1].mean) and found.sizes[-1].folds == 4
    assert "the loss is nan" in tables.scaling_fits.iloc[0]["reason"]


def test_two_folds_predict_nothing(results: Any, tables_of: Collect) -> None:
    add_model(results, "m", [0.7, 0.8, 0.9], folds=2)
    assert "two folds give no verdict" in only(tables_of()[1]).reason


def test_experiments_that_differ_in_more_are_no_series(results: Any, tables_of: Collect) -> None:
    """Catches a curve over two networks, and one of equal trials under two names."""
    results.add("a", subsample=0.5, backbone="resnet18")
    results.add("b", backbone="resnet34")
    results.add("c", backbone="resnet34")
    _, tables = tables_of()
    assert tables.curves.models == () and tables.scaling.empty and tables.scaling_fits.empty


@pytest.mark.slow
def test_an_error_metric_is_its_own_error(results: Any, tables_of: Collect) -> None:
    """Catches a log loss of which 1 - loss is fitted, or whose gain is a rise."""
    add_model(results, "m", [0.75, 0.85, 0.9])
    for name, good in (("m_20pct", 0.5), ("m_50pct", 1.0), ("m_100pct", 1.4)):
        results.separate(name, "test", good, 0.7)
    results.compare("m_20pct", "m_100pct", "log_loss")
    _, tables = tables_of()
    found, curve = only(tables), only(tables).curve
    assert tables.curves.metric == "log_loss" and curve is not None and found.doubling is not None
    assert curve.predicted.value < found.sizes[-1].mean and curve.gain.value > 0.0
    assert found.doubling.difference.mean > 0.0
    assert curve.predicted.low <= curve.predicted.value <= curve.predicted.high


@pytest.mark.slow
def test_two_curves_cross_where_they_cross_by_hand(results: Any, tables_of: Collect) -> None:
    """Catches models that are not drawn on the same folds, and a crossing before the first size."""
    # c = 0, b = 0.5 and 0.25: errors 0.1 (n / 1000)^-0.5 and 0.12 (n / 1000)^-0.25 cross at 482 images.
    add_model(results, "steep", [1 - 0.1 * share**-0.5 for share in SHARES], folds=3)
    add_model(results, "slow", [1 - 0.12 * share**-0.25 for share in SHARES], dropout=0.5, folds=3)
    add_model(results, "best", [0.97, 0.975, 0.98], dropout=0.2, folds=3)
    _, tables = tables_of()
    found = {(each.one, each.other): each for each in tables.curves.crossings}
    assert set(found) == {("steep", "slow"), ("steep", "best"), ("slow", "best")}
    crossing = found["steep", "slow"]
    assert crossing.ahead_first == "slow"
    assert crossing.images == pytest.approx(1000 * (0.1 / 0.12) ** 4, rel=0.25)
    assert crossing.share > 0.8 and crossing.low <= crossing.images <= crossing.high
    none = found["slow", "best"]
    assert math.isnan(none.images) and none.share < 0.2 and none.ahead_first == "best"
    # Gains of three models are one family, on the page and in the table.
    tested = [model.doubling.p_value for model in tables.curves.models if model.doubling is not None]
    assert [model.p_holm for model in tables.curves.models] == holm(tested) != tested
    assert list(tables.scaling_fits["doubling_p_holm"]) == holm(tested)
