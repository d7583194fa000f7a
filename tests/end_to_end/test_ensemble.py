"""An ensemble on real Ray: bases first; a base that fails is the reason, and the next run mends it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

pytestmark = [pytest.mark.ray, pytest.mark.timeout(280)]

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 200


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


@pytest.fixture
def experiments(tmp_path: Path) -> Path:
    folder = tmp_path / "experiments"
    shared = {
        "seed": 7, "image_size": 16, "epochs": 1, "batch_size": 8, "val_ratio": 0.2, "test_ratio": 0.3,
        "protocol": "holdout", "precision": "float32",
    }  # fmt: skip
    write(folder / "shared.json", shared)
    write(folder / "p" / "one.json", {"backbone": "deepfake_net", "lr": 0.01})
    write(folder / "p" / "two.json", {"backbone": "three_cnn", "lr": 0.01})
    write(folder / "p" / "both.json", {"backbone": "ensemble_cnn", "bases": ["one", "two"], "epochs": 3})
    return folder


@pytest.mark.slow
def test_bases_run_first_and_a_failed_base_fails_its_ensemble_until_it_is_mended(
    experiments: Path,
    faces: Path,
    orchestrate: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    """Catches an ensemble that starts before its bases, waits for ever for one, or uses one that failed."""
    results = tmp_path / "results"
    line = ("run", "both", "--experiments", experiments, "--data", faces, "--results", results)
    # A rate that no loss survives.
    write(experiments / "p" / "two.json", {"backbone": "three_cnn", "optimizer": {"type": "sgd", "lr": 10.0}})
    write(experiments / "shared.json", json.loads((experiments / "shared.json").read_text()) | {"epochs": 40})
    first = orchestrate(*line)
    failures = pd.read_csv(results / "collected" / "both" / "failures.csv")
    states = dict(zip(failures["experiment"], failures["state"], strict=True))
    if first.returncode == 0:
        pytest.fail("the case needs a base that fails")
    assert states["two"] == states["both"] == "failed" and "one" not in states
    (reason,) = failures.loc[failures["experiment"] == "both", "reason"]
    assert "the base two-r0f0-" in reason and "has not finished" in reason

    write(experiments / "p" / "two.json", {"backbone": "three_cnn", "epochs": 2})
    second = orchestrate(*line)
    assert second.returncode == 0, second.stderr
    scores = pd.read_csv(results / "collected" / "both" / "scores.csv")
    assert set(scores["experiment"]) == {"one", "two", "both"}
    (folder,) = (path for path in (results / "trials").glob("both-*") if (path / "done.json").is_file())
    bases = json.loads((folder / "trial.json").read_text())["ingredients"]["bases"]
    for key, name in zip(bases, ("one", "two"), strict=True):
        assert (results / "trials" / f"{name}-r0f0-{key[:12]}" / "done.json").is_file()

    alone = subprocess.run(
        [
            *(sys.executable, "-m", "trainables", str(folder / "trial.json"), "--data", str(faces)),
            *("--fold", "0", "--out", str(tmp_path / "alone")),
            *(part for key, name in zip(bases, ("one", "two"), strict=True)
              for part in ("--base", str(results / "trials" / f"{name}-r0f0-{key[:12]}"))),
        ],
        cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert alone.returncode == 0, alone.stderr
    mine, theirs = (pd.read_parquet(path / "predictions.parquet") for path in (tmp_path / "alone", folder))
    pd.testing.assert_frame_equal(mine, theirs, check_exact=True)
