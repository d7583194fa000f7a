"""The choice of images that models are explained on."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.analysis.explained_images import choose_images, outcome_of

LABELS = {"wiki": 0, "text2img": 1, "in painting": 1}


def predictions(seed: int, *, experiments: int, images: int = 20) -> list[pd.DataFrame]:
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        [
            (f"{source}/{n}.png", source, f"g{n}", label)
            for source, label in LABELS.items()
            for n in range(images)
        ],
        columns=["path", "source", "group", "label"],
    )
    return [rows.assign(score=rng.random(len(rows)).round(3)) for _ in range(experiments)]


def hashes(rows: pd.DataFrame) -> dict[str, str]:
    return {path: hashlib.sha256(path.encode()).hexdigest() for path in rows["path"]}


@settings(max_examples=25)
@given(st.integers(0, 1000), st.integers(1, 4), st.integers(6, 20))
def test_each_source_and_outcome_is_there_where_there_is_one(
    seed: int, experiments: int, number: int
) -> None:
    every = predictions(seed, experiments=experiments)
    chosen = choose_images(every, hashes(every[0]), number=number)
    assert len(chosen) == number and chosen["path"].is_unique

    def shown(paths: pd.Series) -> set[tuple[str, str]]:
        return {
            (row.source, outcome_of(row.label, row.score))
            for rows in every
            for row in rows[rows["path"].isin(paths)].itertuples()
        }

    assert shown(chosen["path"]) == shown(every[0]["path"])


def test_the_order_of_rows_changes_nothing_and_the_content_decides() -> None:
    every = predictions(3, experiments=2)
    first = choose_images(every, hashes(every[0]), number=12)
    turned = choose_images([rows.iloc[::-1] for rows in every], hashes(every[0]), number=12)
    pd.testing.assert_frame_equal(first, turned)
    other = {path: digest[::-1] for path, digest in hashes(every[0]).items()}
    assert list(choose_images(every, other, number=12)["path"]) != list(first["path"])
    assert first["group"].nunique() == 12


def test_rather_images_that_every_experiment_was_tested_on() -> None:
    """Catches galleries of different images, which could not be set side by side."""
    every = predictions(4, experiments=2)
    every[1] = every[1].iloc[::2]
    chosen = choose_images(every, hashes(every[0]), number=12)
    assert set(chosen["path"]) <= set(every[1]["path"])


def test_fewer_images_than_wanted_are_all_of_them() -> None:
    every = predictions(5, experiments=1, images=2)
    known = dict(list(hashes(every[0]).items())[1:])
    assert sorted(choose_images(every, known, number=16)["path"]) == sorted(known)


@pytest.mark.parametrize(
    ("label", "score", "outcome"),
    [(0, 0.4, "true_real"), (0, 0.5, "false_fake"), (1, 0.5, "true_fake"), (1, 0.1, "false_real")],
)
def test_outcomes(label: int, score: float, outcome: str) -> None:
    assert outcome_of(label, score) == outcome
