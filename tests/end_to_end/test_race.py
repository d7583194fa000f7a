"""A race of tiny networks from the command line, without Ray: what learns nothing stops, and comes back."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.end_to_end.conftest import write

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(280),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow", "ignore::DeprecationWarning:sqlalchemy"),
]
Command = Callable[..., subprocess.CompletedProcess[str]]
KEYS = {
    "seed": 7, "image_size": 32, "epochs": 3, "batch_size": 16, "cv_folds": 5, "val_ratio": 0.25, "lr": 1e-2,
    "backbone": "simple_cnn", "cnn_preset": "micro", "precision": "float32", "early_stopping_patience": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """A phase of one network that learns and two that can't, on images whose fakes are redder."""
    folder = tmp_path_factory.mktemp("race")
    rng = np.random.default_rng(0)
    for source, red in (("wiki", 0), ("text2img", 40)):
        for number in range(60):
            pixels = rng.integers(0, 200, (32, 32, 3)) + np.array([red, 0, 0])
            path = folder / "faces" / source / f"face_{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(path)
    names = ["learns", "stuck", "stiff"]
    write(folder / "experiments" / "shared.json", KEYS)
    phase = {"title": "Rates", "experiments": names, "decision": {"choose": "auc"}}
    write(folder / "experiments" / "phase1" / "phase.json", phase)
    for name, keys in zip(names, ({}, {"lr": 1e-9}, {"lr": 1e-8, "dropout": 0.5}), strict=True):
        write(folder / "experiments" / "phase1" / f"{name}.json", keys)
    return [
        *("phase1", "--experiments", folder / "experiments", "--data", folder / "faces"),
        *("--results", folder / "results", "--address", "none", "--accept-shortcut"),
    ]


def trials(line: list[object], name: str) -> int:
    results = Path(str(line[line.index("--results") + 1]))
    return len(list(results.glob(f"trials/{name}-*/done.json")))


def test_what_learns_nothing_is_stopped_and_a_later_run_brings_it_back(
    line: list[object], orchestrate: Command
) -> None:
    raced = orchestrate(*line, "--race")
    assert raced.returncode == 0, raced.stdout + raced.stderr
    assert re.search(
        r"stuck is eliminated after fold \d: on validation scores its AUC is 0\.\d+ worse", raced.stdout
    )
    assert "phase1: learns is chosen: all others left the race" in raced.stdout
    assert re.search(r"The race saved \d trials, about [\d.]+ CPU", raced.stdout)
    assert trials(line, "learns") == 5 and 2 <= trials(line, "stuck") < 5
    known = trials(line, "stuck"), trials(line, "stiff")
    again = orchestrate(*line, "--race")
    assert again.returncode == 0 and (trials(line, "stuck"), trials(line, "stiff")) == known
    status = json.loads(orchestrate("status", *line[line.index("--results") :][:2], "--json").stdout)
    assert status["phase1"]["counts"] == {"done": 5 + sum(known), "eliminated": 10 - sum(known)}
    back = orchestrate(*line)
    assert back.returncode == 0, back.stdout + back.stderr
    assert re.search(r"stuck left a race after fold \d: its missing folds are run now", back.stdout)
    assert trials(line, "stuck") == trials(line, "stiff") == 5
    assert "stuck had left a race then, and has run all folds since" in back.stdout + back.stderr
