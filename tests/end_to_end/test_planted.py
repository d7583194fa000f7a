"""The planted truth of the made-up set, found by the answers on a page: small networks, without Ray."""

import json
import re
from collections.abc import Callable, Iterable
from html import unescape
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from trainables.data.demo import write_demo
from trainables.data.planted import PLANTED

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow", "ignore::DeprecationWarning:sqlalchemy"),
]

SMALL_PX, LARGE_PX = 16, 32
SHARED: dict[str, Any] = {
    "seed": 42, "backbone": "simple_cnn", "cnn_preset": "small", "epochs": 10, "batch_size": 16, "lr": 2e-3,
    "scheduler": {"type": "cosine_annealing", "T_max": 10}, "early_stopping_patience": None,
    "precision": "float32", "cv_folds": 5, "num_workers": 0, "image_size": SMALL_PX,
}  # fmt: skip
Call = Callable[[Iterable[object]], int]


def run_phase(call: Call, root: Path, experiments: dict[str, Any], *, has_cast: bool) -> tuple[str, Path]:
    """Draw the set, run a phase of these experiments on it; return the words of its page, and its tables."""
    write_demo(root / "demo", has_cast=has_cast)
    folder = root / "experiments" / "planted"
    folder.mkdir(parents=True)
    (folder.parent / "shared.json").write_text(json.dumps(SHARED))
    for name, keys in experiments.items():
        (folder / f"{name}.json").write_text(json.dumps(keys))
    phase: dict[str, Any] = {"title": "Planted", "experiments": list(experiments)}
    if len(experiments) == 2:
        pairs = [list(experiments)]
        phase["decision"] = {"choose": "auc", "factors": [{"key": "image_size", "pairs": pairs}]}
    (folder / "phase.json").write_text(json.dumps(phase))
    line = ("planted", "--experiments", folder.parent, "--data", root / "demo", "--results", root / "results")
    assert call((*line, "--address", "none", "--quiet")) == 0
    page = (root / "results" / "reports" / "planted" / "index.html").read_text(encoding="utf-8")
    return unescape(re.sub(r"<[^>]+>", "", page)), root / "results" / "collected" / "planted"


def test_the_artefact_that_a_small_size_hides_is_found(call: Call, tmp_path: Path) -> None:
    """Catches answers that miss what is there: below 20 px the grid of text2img is averaged away."""
    hidden = PLANTED["text2img"].hidden_below_px
    assert hidden is not None and SMALL_PX < hidden < LARGE_PX
    sizes = {"small": {"image_size": SMALL_PX}, "large": {"image_size": LARGE_PX}}
    said, tables = run_phase(call, tmp_path, sizes, has_cast=False)
    assert "image_size 16 → 32 helps" in said
    assert "image_size 16 → 32: text2img gains more than the other sources" in said
    assert "From 16 to 32 px text2img gains more than the other sources" in said
    gains = pd.read_csv(tables / "source_gains.csv").set_index("source")
    assert gains.loc["text2img", "above_p_holm"] < 0.01 and gains.loc["text2img", "above_others"] > 0.1
    # Nothing of text2img is found at the small size, and much at the large one.
    assert gains.loc["text2img", "mean_before"] < 0.6 < 0.7 < gains.loc["text2img", "mean_after"]
    assert (gains.loc[["inpainting", "insight"], "above_others"] < 0).all()


def test_the_easy_source_is_found(call: Call, tmp_path: Path) -> None:
    said, tables = run_phase(call, tmp_path, {"large": {"image_size": LARGE_PX, "epochs": 6}}, has_cast=True)
    assert f"{next(iter(PLANTED))} is easier to find than the other sources" in said
    assert "insight is harder to find than the other sources" in said
    ease = pd.read_csv(tables / "source_ease.csv").set_index("source")
    assert ease["auc"].idxmax() == next(iter(PLANTED)) and ease["auc"].idxmin() == "insight"
