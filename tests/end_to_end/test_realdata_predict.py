"""New images predicted by a model of real ones: the scores are those that the trial gave its test split."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

FOLDER = Path(os.environ.get("ORCHESTRATOR_TEST_DATA", "nowhere"))
ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.realdata,
    pytest.mark.slow,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="ORCHESTRATOR_TEST_DATA names no folder of images"),
]


def run(*arguments: object, folder: Path) -> str:
    line = [sys.executable, "-m", "orchestrator", *map(str, arguments), "--quiet"]
    line += ["--results", str(folder / "results")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        line, cwd=folder, env=environment, check=True, capture_output=True, text=True, timeout=600
    )
    return done.stdout


def test_the_test_split_alone_has_the_scores_of_the_trial(tmp_path: Path) -> None:
    """Catches pixels, weights or a normalisation that are others for a folder than for a data set."""
    data, name = FOLDER / "ffhq_stylegan", "p1_simplecnn_baseline"
    run(
        "run", name, "--data", data, "--set", "protocol=official", "--preset", "smoke", "--address", "none",
        folder=tmp_path,
    )  # fmt: skip
    said = run(
        "predict", data / "test", "--experiment", name, "--calibration", "none",
        "--out", tmp_path / "new.csv", folder=tmp_path,
    )  # fmt: skip
    (path,) = (tmp_path / "results" / "trials").glob("*/predictions.parquet")
    then = pd.read_parquet(path).query("split == 'test'")
    now = pd.read_csv(tmp_path / "new.csv").set_index("path")
    assert len(now) == len(then) == 300
    found = now.loc[then["path"].str.removeprefix("test/")]
    np.testing.assert_allclose(found["p_fake"], then["score"], atol=1e-6)
    assert ((found["true_label"] == "fake").to_numpy() == (then["label"] == 1).to_numpy()).all()
    assert "learned from" not in said
