"""`predict`: the scores that the trials gave, together and calibrated, and sentences that say how."""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

Run = Callable[..., str]
Call = Callable[..., tuple[int, str, str]]
Draw = Callable[[Path], Path]


def contents(folder: Path) -> dict[str, str]:
    """The files below a folder, by their content."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_scores_are_those_of_the_trials_and_results_are_only_read(
    run_command_line: Run, trained_study: Path, faces: Path, tmp_path: Path
) -> None:
    """Catches other pixels, weights or order, a mean of raw scores that is called calibrated, and litter."""
    out, before = tmp_path / "new.csv", contents(trained_study)
    text = run_command_line(
        "predict", faces, "--experiment", "wide", "--results", trained_study, "--out", out,
    )  # fmt: skip
    assert contents(trained_study) == before
    table = pd.read_csv(out, keep_default_na=False).set_index("path")
    assert list(table.columns) == [
        "p_fake", "spread", "r0f0", "r0f1", "calibrated", "confidence", "label", "threshold", "threshold_by",
        "true_label", "reason",
    ]  # fmt: skip
    assert len(table) == 36 and (table["calibrated"] == "no").all()
    for fold in (0, 1):
        (folder,) = (trained_study / "trials").glob(f"wide-r0f{fold}-*")
        then = pd.read_parquet(folder / "predictions.parquet").query("split == 'test'")
        np.testing.assert_allclose(table.loc[then["path"], f"r0f{fold}"], then["score"], atol=1e-6)
    np.testing.assert_allclose(table["p_fake"], table[["r0f0", "r0f1"]].mean(axis=1), atol=1e-12)
    np.testing.assert_allclose(table["spread"], table[["r0f0", "r0f1"]].std(axis=1, ddof=1), atol=1e-12)
    assert ((table["p_fake"] >= table["threshold"]) == (table["label"] == "fake")).all()
    assert (table["true_label"] == "real").sum() == 12
    lines = text.splitlines()
    assert "36 images, scored by the mean of 2 models of wide (r0f0, r0f1)." in lines
    assert "since no temperature could be fitted: r0f0, 6 validation rows; at least 10 are needed" in text
    assert "36 of these images are among those that the models learned from or were chosen by" in text
    assert re.search(r"On the 36 images whose class is told \(12 groups\): AUC 0\.\d+ \(95 % interval", text)


def test_one_image_by_one_trial_as_json(
    run_command_line: Run, trained_study: Path, draw: Draw, tmp_path: Path
) -> None:
    (folder,) = (trained_study / "trials").glob("plain-r0f1-*")
    text = run_command_line(
        "predict", draw(tmp_path / "one.jpg"), "--trial", folder.name[-12:], "--results", trained_study,
        "--json", "--calibration", "none",
    )  # fmt: skip
    found = json.loads(text)
    (image,) = found["images"]
    assert image["path"] == "one.jpg" and image["p_fake"] == image["r0f1"] and image["spread"] is None
    assert "true_label" not in image and found["metrics"] == []
    assert "Probabilities are raw: no calibration was asked for." in found["sentences"]


def test_what_can_t_be_scored_is_a_row_with_its_reason(
    call: Call, trained_study: Path, draw: Draw, tmp_path: Path
) -> None:
    """Catches a broken model or file that ends all others, and a mean that hides how many models it is of."""
    results = Path(shutil.copytree(trained_study, tmp_path / "results"))
    broken = next((results / "trials").glob("wide-r0f0-*"))
    shutil.copy(next((results / "trials").glob("plain-r0f0-*")) / "model.safetensors", broken)
    draw(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    (tmp_path / "new.csv").write_text("path,label\na.jpg,fake\nb.jpg,real\ngone.jpg,real\n")
    options = ("--experiment", "wide", "--results", results)
    code, out, err = call("predict", tmp_path / "new.csv", *options, "--out", tmp_path / "out.csv")
    assert code == 0
    assert "1 of the 2 models of wide are missing: " in err
    assert "model.safetensors is not what the trial wrote" in err
    assert "2 of 3 files are no usable images: b.jpg: not an image" in err and "gone.jpg: no such file" in err
    assert "1 images, scored by one model of wide (r0f1)." in out
    assert "There are no intervals: no image is real." in out
    table = pd.read_csv(tmp_path / "out.csv", keep_default_na=False).set_index("path")
    assert table["p_fake"].map(bool).tolist() == [True, False, False]
    assert table.loc["gone.jpg", ["label", "true_label", "reason"]].tolist() == ["", "real", "no such file"]
    shutil.copy(broken / "model.safetensors", next((results / "trials").glob("wide-r0f1-*")))
    code, _, err = call("predict", tmp_path / "a.jpg", *options)
    assert code == 2 and "no model of wide can score: " in err


def test_what_is_wrong_is_said_before_anything_starts(
    call: Call, trained_study: Path, faces: Path, draw: Draw, tmp_path: Path
) -> None:
    image, (folder,) = draw(tmp_path / "one.jpg"), (trained_study / "trials").glob("plain-r0f1-*")
    named = ("--experiment", "wide", "--results", trained_study)
    cases = [
        ((image, "--results", trained_study), "either --experiment NAME or --trial TRIAL"),
        ((image, *named, "--trial", "plain"), "either --experiment NAME or --trial TRIAL"),
        ((image, "--results", trained_study, "--trial", folder.name, "--folds", "1"), "leave out --folds"),
        (
            (image, "--results", trained_study, "--trial", "plain"),
            "match 'plain'; name one of them, like plain-",
        ),
        ((image, "--results", trained_study, "--trial", "plane-r0f1"), "nearest: plain-r0f1-"),
        ((image, "--results", trained_study, "--experiment", "wise"), "nearest: wide"),
        ((image, "--results", tmp_path / "none", "--experiment", "wide"), "there is no results folder"),
        ((image, *named, "--folds", "9"), "wide has no fold 9; its folds are 0, 1"),
        ((image, *named, "--folds", "one"), "--folds one: give numbers"),
        ((image, *named, "--calibration", "hot"), "temperature, platt, isotonic or none"),
        ((image, *named, "--out", tmp_path / "out.txt"), "name a file that ends in .csv"),
        ((image, *named, "--out", image / "out.csv"), "can't be written"),
        ((tmp_path / "nowhere", *named), "there is no image, folder or table"),
        ((faces, *named, "--layout", "odd"), "--layout odd"),
    ]
    for arguments, message in cases:
        code, _, err = call("predict", *arguments)
        assert (code, message in err, err.count("Error:")) == (2, True, 1), (arguments, err)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_an_out_that_can_t_be_written_is_said_first(call: Call, trained_study: Path, faces: Path) -> None:
    code, _, err = call(
        "predict", faces, "--experiment", "wide", "--results", trained_study, "--out", "/proc/out.csv"
    )
    assert code == 2 and "can't be written" in err


@pytest.mark.slow
def test_batches_give_what_one_gives(
    run_command_line: Run, trained_study: Path, faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a batch that is lost, or comes in another place."""
    for name, size in (("whole", 512), ("parts", 7)):
        monkeypatch.setattr("orchestrator.execution.predicting.BATCH", size)
        run_command_line(
            "predict", faces, "--experiment", "plain", "--results", trained_study, "--quiet",
            "--out", tmp_path / f"{name}.csv",
        )  # fmt: skip
    whole, parts = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("whole", "parts"))
    pd.testing.assert_frame_equal(whole, parts, rtol=0, atol=1e-6)


@pytest.mark.slow
def test_overlays_lie_beside_the_table(
    run_command_line: Run, call: Call, trained_study: Path, faces: Path, tmp_path: Path
) -> None:
    """Catches a picture for another image, one that an odd name leads elsewhere, and one of a bad file."""
    odd = tmp_path / "in" / "odd .. name \u00e9.jpg"
    odd.parent.mkdir()
    shutil.copy(next(faces.rglob("*.jpg")), odd)
    (odd.parent / "bad.jpg").write_bytes(b"no picture")
    shutil.copy(sorted(faces.rglob("*.jpg"))[-1], odd.parent / "face.jpg")
    named = ("predict", odd.parent, "--experiment", "plain", "--results", trained_study, "--gradcam")
    text = run_command_line(*named, "--out", tmp_path / "new.csv")
    assert "Overlays (Grad-CAM) show what r0f0 alone" in text
    table = pd.read_csv(tmp_path / "new.csv", keep_default_na=False).set_index("path")
    assert table.loc["bad.jpg", "overlay"] == ""
    for path in (odd.name, "face.jpg"):
        content = (odd.parent / path).read_bytes()
        name = table.loc[path, "overlay"]
        assert re.fullmatch(r"new-gradcam/[\w-]+-[0-9a-f]{8}\.webp", name)
        assert hashlib.sha256(content).hexdigest()[:8] in name
        with Image.open(tmp_path / name) as picture:
            assert picture.size == (256, 256)
    assert len(list((tmp_path / "new-gradcam").iterdir())) == 2
    code, _, err = call(*named)
    assert code == 2 and "name it with --out FILE.csv" in err
