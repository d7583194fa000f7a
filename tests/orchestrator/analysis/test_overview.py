"""The overview of a phase: settings that vary, and nothing but the numbers of the other tables."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from orchestrator.analysis.collect import Tables, collect
from orchestrator.analysis.overview import varying_settings
from orchestrator.store.folder import Store
from trainables.recipe import Augment, Optimizer, RecipeKeys

EVERY = ("inpainting", "text2img", "wiki")


def tables(results: Any) -> Tables:
    return collect(Store.look(results.write()), results.phase)


def test_settings_are_those_that_vary_by_their_parts() -> None:
    """Catches a column for each key of a recipe, and objects that hide in what they differ."""
    recipes = {
        "a": RecipeKeys(epochs=3),
        "b": RecipeKeys(epochs=5, optimizer=Optimizer(lr=1e-3), train_sources=("wiki",)),
        "c": RecipeKeys(epochs=3, augment=Augment(hflip_p=0.5)),
    }
    found = varying_settings(recipes)
    assert list(found) == ["augment", "epochs", "optimizer.lr"]
    assert found["epochs"] == {"a": 3, "b": 5, "c": 3}
    assert found["optimizer.lr"] == {"a": 1e-4, "b": 1e-3, "c": 1e-4}
    assert found["augment"]["a"] is False and isinstance(found["augment"]["c"], dict)
    assert varying_settings({"a": recipes["a"]}) == {}


def test_a_row_holds_the_numbers_of_the_other_tables(results: Any) -> None:
    results.add("a", folds=3, image_size=32)
    results.add("b", folds=3, image_size=64, train_sources=("inpainting", "wiki"), eval_sources=EVERY)
    results.facts("b", parameters=1234, flops_per_image=None)
    results.compare("a", "b", "auc")
    found = tables(results)
    row = found.overview.set_index("experiment").loc["b"]
    assert (row["image_size"], row["trained_without"], row["parameters"]) == ("64", "text2img", 1234)
    assert pd.isna(row["flops_per_image"])
    for metric in ("auc", "accuracy", "f1", "eer", "train_val_gap"):
        whole = found.overall["b", metric]
        assert [row[f"{metric}_{name}"] for name in ("mean", "std", "ci_low", "ci_high")] == pytest.approx(
            [whole[name] for name in ("mean", "std", "ci_low", "ci_high")], nan_ok=True
        )
    by_source = found.per_source[
        (found.per_source["metric"] == "auc") & (found.per_source["experiment"] == "b")
    ]
    for source, mean in zip(by_source["source"], by_source["mean"], strict=True):
        assert row[f"auc[{source}]"] == mean
    spread = found.pairwise_sources
    chosen = spread[(spread["experiment"] == "b") & (spread["measure"] == "std")]
    assert row["source_spread"] == chosen["mean"].item()
    compared = found.comparisons.iloc[0]
    assert row["baseline"] == "a" and row["mean_diff"] == compared["mean_diff"]
    assert (row["diff_low"], row["p_holm"]) == (compared["ci_low"], compared["p_holm"])
    assert found.overview.set_index("experiment").loc["a", "baseline"] == ""


def test_what_is_unfinished_has_no_numbers(results: Any) -> None:
    results.add("a", folds=3)
    results.add("b", folds=3, states={0: "missing", 1: "missing", 2: "missing"})
    results.compare("a", "b")
    row = tables(results).overview.set_index("experiment").loc["b"]
    assert np.isnan(row["auc_mean"]) and np.isnan(row["mean_diff"]) and pd.isna(row["parameters"])
    assert (row["baseline"], row["verdict"]) == ("a", "incomplete")


def test_several_classes_have_an_overview_without_sources(results: Any) -> None:
    results.add("a", folds=2, num_classes=5)
    found = tables(results).overview
    assert found["auc_mean"].notna().all() and found["source_spread"].isna().all()
    assert not [name for name in found if name.startswith("auc[")]
