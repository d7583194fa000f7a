"""A data set with splits of its own and a test split without labels: from CSV to scores and submission."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

NUM_CLASSES = 5
IMAGES = {"train": 40, "validation": 15, "test": 10}


@pytest.fixture
def generators(tmp_path: Path, draw: Callable[[Path], Path]) -> Path:
    """train.csv and validation.csv with labels, test.csv without, and a folder of images each."""
    root = tmp_path / "generators"
    for split, count in IMAGES.items():
        names = [f"{split}_{number}" for number in range(count)]
        for name in names:
            draw(root / split / f"{name}.png")
        table = pd.DataFrame({"image_id": names})
        if split != "test":
            table["label"] = [number % NUM_CLASSES for number in range(count)]
        table.to_csv(root / f"{split}.csv", index=False)
    return root


@pytest.mark.slow
def test_an_unlabelled_test_split_gets_a_submission_and_the_labelled_one_scores(
    generators: Path,
    tmp_path: Path,
    without_ray: None,
    call: Callable[[list[str]], int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Catches predictions of unlabelled rows that are taken for damage: a finished trial without scores."""
    results = tmp_path / "results"
    line = ["run", "unibuc_threecnn", "--data", str(generators), "--results", str(results)]
    for setting in ("image_size=32", "epochs=2", "precision=float32", "num_workers=1"):
        line += ["--set", setting]
    assert call([*line, "--address", "none"]) == 0
    assert "a single split" in capsys.readouterr().out
    (collected,) = (results / "collected").iterdir()
    assert pd.read_csv(collected / "failures.csv").empty
    summary = pd.read_csv(collected / "summary.csv").set_index(["experiment", "metric", "source"])
    assert 0.0 <= summary.loc[("unibuc_threecnn", "accuracy", "all"), "mean"] <= 1.0
    (folder,) = (results / "trials").glob("unibuc_threecnn-*")
    predictions = pd.read_parquet(folder / "predictions.parquet")
    counts = predictions["split"].value_counts()
    assert counts["test"] == IMAGES["validation"] and counts["unlabelled"] == IMAGES["test"]
    submission = pd.read_csv(folder / "submission.csv")
    assert list(submission.columns) == ["image_id", "label"]
    assert sorted(submission["image_id"]) == sorted(f"test_{number}" for number in range(10))
    # What has no label is in no score.
    assert json.loads((folder / "metrics.json").read_text())["n_test"] == IMAGES["validation"]

    for again in (line, ["report", collected.name, "--results", str(results)]):
        assert call(again) == 0
