"""What other validation images would change: against a bootstrap of single draws."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from orchestrator.analysis.validation_draws import validation_covariance


def folders(results: Any, *names: str) -> list[Path]:
    return [results.folder(name, 0) for name in names]


def two(results: Any) -> list[Path]:
    for name, good in (("a", 0.2), ("b", 1.0)):
        results.add(name)
        results.separate(name, "val", good, 1.5)
    results.rescore("b", "val", lambda table: 1.0 - np.roll(1.0 - table["score"], 1), fold=0)
    return folders(results, "a", "b")


def test_the_covariance_is_that_of_drawn_groups(results: Any) -> None:
    """Against pairs of a fake and a real image, counted by how often their groups are drawn.

    Each of five groups holds an image of both classes.
    """
    paths = two(results)
    counts = np.random.default_rng(0).multinomial(5, [0.2] * 5, size=20_000)
    drawn = []
    for path in paths:
        table = pd.read_parquet(path / "predictions.parquet").query("split == 'val'").sort_values("group")
        real, fake = (table.loc[table["label"] == label, "score"].to_numpy() for label in (0, 1))
        is_above = (fake[:, None] > real).astype(float)
        drawn.append(np.einsum("di,ij,dj->d", counts, is_above, counts) / 25)
    # Five groups vary too little, by 4 / 5.
    expected = np.cov(np.array(drawn)) * 5 / 4
    found = validation_covariance(paths, "auc")
    assert found == pytest.approx(expected, rel=0.2, abs=0.002)
    assert expected[0, 0] > 0.01 and (validation_covariance(paths, "auc") == found).all()


def test_the_same_scores_have_no_difference_that_images_could_change(results: Any) -> None:
    for name in "ab":
        results.add(name)
        results.separate(name, "val", 0.2, 1.5)
    found = validation_covariance(folders(results, "a", "b"), "auc")
    assert found[0, 0] > 0.0 and found[0, 0] + found[1, 1] - 2 * found[0, 1] == pytest.approx(0.0, abs=1e-12)


def test_what_draws_say_nothing_of_is_nothing(results: Any) -> None:
    assert (validation_covariance(two(results), "eer") == 0.0).all()


def test_what_can_not_be_read_is_not_known(results: Any) -> None:
    """Catches a race that takes damaged predictions for certainty."""
    paths = two(results)
    (paths[1] / "predictions.parquet").write_bytes(b"damaged")
    assert np.isnan(validation_covariance(paths, "auc")).all()
