"""A whole study: phases, each on the decision of the one before, in one command."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

pytestmark = pytest.mark.timeout(290)

STANDING_ON = ("builds_on", "assumes")
SHARED = {
    "seed": 7, "image_size": 24, "epochs": 1, "batch_size": 8, "cv_folds": 2, "val_ratio": 0.3, "lr": 1e-3,
    "backbone": "simple_cnn", "cnn_preset": "micro", "precision": "float32", "early_stopping_patience": None,
}  # fmt: skip
FILES: dict[str, Any] = {
    "shared.json": SHARED,
    "presets/quick.json": {"dropout": 0.1, "subsample": 1.0},
    "phase1/phase.json": {
        "title": "Preprocessing",
        "experiments": ["plain", "large"],
        "for_each_source": [{"name": "without_{source}", "extends": "plain"}],
        "comparisons": [{"question": "Larger?", "baseline": "plain", "treatment": "large"}],
        "decision": {"choose": "auc", "factors": [{"key": "image_size", "pairs": [["plain", "large"]]}]},
    },
    "phase1/plain.json": {},
    "phase1/large.json": {"image_size": 32},
    "phase2/phase.json": {
        "title": "Models",
        "builds_on": "phase1",
        "assumes": ["image_size"],
        "experiments": ["m_micro", "m_small"],
        "decision": {"choose": "auc", "top": 2},
    },
    "phase2/m_micro.json": {},
    "phase2/m_small.json": {"cnn_preset": "small"},
    "phase3/phase.json": {
        "title": "Data",
        "builds_on": "phase2",
        "for_each_selected": [
            {"name": "half_{model}", "extends": "{experiment}", "values": {"subsample": 0.5}},
            {
                "name": "full_{model}",
                "extends": "{experiment}",
                "values": {"subsample": 1.0},
                "against": "half_{model}",
            },
        ],
        "decision": {"choose": "auc", "among": ["full_*"]},
    },
}


def write_study(root: Path, files: dict[str, Any], faces: Path) -> list[str]:
    """Write a folder of experiments; return the command line of its study, which has not been run."""
    for name, content in files.items():
        path = root / "experiments" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    return [
        *("study", "--preset", "quick", "--experiments", str(root / "experiments"), "--data", str(faces)),
        *("--results", str(root / "results")),
    ]


def words_of(page: Path) -> str:
    """What is read on a page."""
    return " ".join(re.sub(r"<[^>]*>", "", page.read_text(encoding="utf-8")).replace("\u00a0", " ").split())


def decisions_of(line: list[str]) -> dict[str, dict[str, Any]]:
    """The decisions of a study that has run."""
    decisions = (Path(line[-1]) / "decisions").glob("*.json")
    return {path.stem: json.loads(path.read_text()) for path in sorted(decisions)}


@pytest.mark.slow
def test_a_study_runs_in_one_command_and_never_again(
    tmp_path: Path,
    faces: Path,
    without_ray: None,
    call: Callable[[list[str]], int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Catches a phase whose experiments are not those that were selected, and a study that runs again."""
    models = {key: value for key, value in FILES["phase2/phase.json"].items() if key not in STANDING_ON}
    files = {name: content for name, content in FILES.items() if not name.startswith("phase1/")}
    line = write_study(tmp_path, {**files, "phase2/phase.json": models}, faces)
    results, phases = Path(line[-1]), ["phase2", "phase3"]
    line = [*line[:-2], "--set", "holdout_final=0.25", *line[-2:]]
    assert call([*line, "--address", "none"]) == 0
    decisions = decisions_of(line)
    assert set(decisions) == set(phases)
    assert set(decisions["phase2"]["selected"]) == {"m_micro", "m_small"}
    assert decisions["phase3"]["chosen"] in ("full_micro", "full_small")
    assert {record["preset"] for record in decisions.values()} == {"quick"}
    # Two models, and half of the data of both: all of it is phase 2's.
    assert len(list((results / "trials").glob("*/done.json"))) == 2 * (2 + 2)
    rows = pd.read_csv(results / "collected" / "phase3" / "comparisons.csv")
    assert len(rows) == 2 and set(rows["verdict"]) != {"incomplete"}

    kept = {path: path.read_bytes() for path in results.glob("*/*.json")}
    capsys.readouterr()
    assert call([*line, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["phases"]
    assert [each["phase"] for each in found] == phases
    assert {path: path.read_bytes() for path in kept} == kept

    # The last phase says where its models come from, what more data gives, and that a last look is left.
    said = words_of(results / "reports" / "phase3" / "index.html")
    assert "phase2: 2 of 2 are selected, by AUC on validation rows" in said
    assert "full_micro: no learning curve: two folds give no verdict" in said
    assert "The held-out set has not been opened: python -m orchestrator final phase3." in said
    assert call(["final", "--results", results, "--quiet"]) == 0
    said = words_of(results / "reports" / "phase3" / "index.html")
    assert f"phase3: {decisions['phase3']['chosen']} on 9 images that no fold holds" in said
    assert "has not been opened" not in said


@pytest.mark.slow
@pytest.mark.ray
def test_three_phases_stand_on_each_other(
    tmp_path: Path, faces: Path, orchestrate: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """Catches a value that gets lost on its way through two decisions, or a source that is not held out."""
    line = write_study(tmp_path, FILES, faces)
    results = Path(line[-1])
    done = orchestrate(*line)
    assert done.returncode == 0, done.stderr
    decisions = decisions_of(line)
    size = decisions["phase1"]["handed_over"]["image_size"]
    assert decisions["phase2"]["handed_over"] == {"image_size": size}
    for name in ("phase2", "phase3"):
        study = json.loads((results / "studies" / f"{name}.json").read_text())
        assert {each["recipe"]["image_size"] for each in study["experiments"]} == {size}
        assert {each["recipe"]["dropout"] for each in study["experiments"]} == {0.1}
    # plain, large and two hold-outs; two models, of which one is plain at its size; half of the data of both.
    assert len(list((results / "trials").glob("*/done.json"))) == 2 * (4 + 1 + 2)
    holdout = pd.read_csv(results / "collected" / "phase1" / "holdout.csv")
    assert dict(zip(holdout["experiment"], holdout["source"], strict=True)) == {
        "without_inpainting": "inpainting", "without_text2img": "text2img",
    }  # fmt: skip
    for name in decisions:
        assert (results / "reports" / name / "index.html").is_file()
