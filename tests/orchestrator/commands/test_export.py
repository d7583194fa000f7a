"""`export`: files of models, what is said of them, and a card whose numbers are those of the tables."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def results(trained_study: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained_study, tmp_path / "results"))


def test_each_fold_is_a_file_with_its_use_and_the_card_has_the_numbers_of_the_tables(
    call: Call, results: Path
) -> None:
    """Catches a fold with another's calibration, and a card that says other scores than the page."""
    code, out, err = call("export", "wide", "--format", "torchscript", "--results", results)
    assert (code, err) == (0, "")
    folder = results / "exports" / "wide"
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md", "wide-r0f0.json", "wide-r0f0.pt", "wide-r0f1.json", "wide-r0f1.pt",
    ]  # fmt: skip
    assert out.count("on 18 test images (read by torch.jit)") == 2
    thresholds, joint = list[float](), 0.0
    for fold in (0, 1):
        use = json.loads((folder / f"wide-r0f{fold}.json").read_text())
        assert (use["fold"], use["classes"], use["probabilities"]) == (fold, ["real", "fake"], "sigmoid")
        assert use["preprocessing"]["image_size"] == 32 and len(use["preprocessing"]["mean"]) == 3
        assert use["max_difference"] <= 1e-4 and use["trial"].startswith(f"wide-r0f{fold}-")
        thresholds.append(use["own_threshold"])
        joint = use["threshold"]
    assert sum(thresholds) / 2 == pytest.approx(joint) and thresholds[0] != thresholds[1]
    card = (folder / "README.md").read_text()
    head = yaml.safe_load(card.split("---\n")[1])
    found = {each["type"]: each["value"] for each in head["model-index"][0]["results"][0]["metrics"]}
    summary = pd.read_csv(results / "collected" / "phase1" / "summary.csv").query("source == 'all'")
    means = summary.query("experiment == 'wide'").set_index("metric")["mean"]
    assert found["roc_auc"] == pytest.approx(means["auc"], abs=1e-6)
    assert found["accuracy"] == pytest.approx(means["accuracy"], abs=1e-6)
    for title in ("## Training", "## Protocol", "## Scores", "## Calibration", "## Limits", "## Use"):
        assert title in card
    assert "2 outer folds" in card and "text2img" in card


def test_one_trial_is_named_by_its_folder_and_the_card_can_stand_alone(call: Call, results: Path) -> None:
    trial = next((results / "trials").glob("plain-r0f1-*")).name
    asked = ("--trial", trial[-12:], "--card", "--results", results, "--out", results / "card")
    assert call("export", *asked)[0] == 0
    assert [path.name for path in (results / "card").iterdir()] == ["README.md"]
    assert "1 of 1 models" in (results / "card" / "README.md").read_text()


def test_what_is_wrong_is_said_before_or_beside_the_rest(call: Call, results: Path) -> None:
    code, _, err = call("export", "wide", "--format", "onx", "--results", results)
    assert code == 2 and "--format onx is none of onnx, torchscript" in err
    code, _, err = call("export", "wid", "--results", results)
    assert code == 2 and "no experiment 'wid'" in err
    for wrong in ((), ("wide", "--trial", "plain")):
        code, _, err = call("export", *wrong, "--results", results)
        assert code == 2 and "either EXPERIMENT or --trial TRIAL" in err
    wide = [next((results / "trials").glob(f"wide-r0f{fold}-*")) for fold in (0, 1)]
    plain = next((results / "trials").glob("plain-r0f0-*"))
    shutil.copy(plain / "model.safetensors", wide[0])
    code, out, err = call("export", "wide", "--format", "torchscript", "--results", results)
    assert code == 1 and "model.safetensors is not what the trial wrote" in err
    assert "wide-r0f1.pt: logits differ" in out
    for folder in wide:
        (folder / "model.safetensors").unlink()
    code, _, err = call("export", "wide", "--results", results)
    assert code == 2 and "has no model.safetensors any more" in err
