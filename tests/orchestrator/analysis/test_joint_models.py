"""Calibration and threshold of models that predict together: from each one's inner validation rows alone."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit
from sklearn.metrics import balanced_accuracy_score, log_loss

from orchestrator.analysis.joint_models import JointModels, joint_models, joint_threshold
from orchestrator.analysis.known_images import count_learned
from orchestrator.store.find_experiment import find_experiment
from orchestrator.store.folder import Store
from trainables.errors import InputError
from trainables.files import file_sha256

NUM_ROWS = 40


@pytest.fixture
def results(trained_study: Path, tmp_path: Path) -> Path:
    """The trained study, whose inner validation rows have scores that say something."""
    results = Path(shutil.copytree(trained_study, tmp_path / "results"))
    for number, folder in enumerate(sorted((results / "trials").iterdir())):
        path = folder / "predictions.parquet"
        table = pd.read_parquet(path)
        rng = np.random.default_rng(number)
        labels = np.arange(NUM_ROWS) % 2
        rows = pd.DataFrame(
            {
                "path": [f"{row}.jpg" for row in range(NUM_ROWS)], "group": "g", "source": "s",
                "label": labels,
                "score": expit(rng.normal(number + 4.0 * (labels - 0.5), 3.0)).astype(np.float32),
                "predicted": labels, "fold": 0, "repeat": 0, "split": "val",
            }
        )  # fmt: skip
        test = table[table["split"] == "test"]
        pd.concat([test, rows])[table.columns].to_parquet(path, index=False)
        done = json.loads((folder / "done.json").read_text())
        (folder / "done.json").write_text(json.dumps({**done, "predictions_sha256": None}))
    return results


def found(results: Path, **options: object) -> JointModels:
    store = Store.look(results)
    return joint_models(store, find_experiment(store, "wide"), **options)  # type: ignore[arg-type]


def val_rows(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    rows = pd.read_parquet(folder / "predictions.parquet").query("split == 'val'").sort_values("path")
    return rows["label"].to_numpy(), rows["score"].to_numpy(dtype=np.float64)


def test_each_model_is_calibrated_on_its_own_rows(results: Path) -> None:
    """Catches rows of another trial, and test rows; the temperature is found again by another search."""
    models = found(results)
    assert len(models.trials) == 2 and models.classes == ("real", "fake")
    for each in models.trials:
        labels, scores = val_rows(each.trial.folder)
        best = minimize_scalar(
            lambda inverse, labels=labels, scores=scores: log_loss(labels, expit(inverse * logit(scores))),
            bounds=(0.01, 10.0), method="bounded",
        )  # fmt: skip
        assert each.is_calibrated
        assert each.calibration["temperature"] == pytest.approx(1 / best.x, rel=1e-3)


@pytest.mark.slow
def test_the_threshold_is_the_mean_of_those_that_suit_each_model(results: Path) -> None:
    """Catches one threshold for rows of models whose scores lie apart, and calibrated with raw rows."""
    for method in ("none", "temperature"):
        models = found(results, method=method)
        threshold = joint_threshold(models)
        best = []
        for each in models.trials:
            labels, scores = val_rows(each.trial.folder)
            values = expit(logit(scores) / each.calibration["temperature"]) if each.is_calibrated else scores
            ordered = np.sort(values)
            candidates = [0.0, *((ordered[1:] + ordered[:-1]) / 2), 1.1]
            quality = [balanced_accuracy_score(labels, values >= candidate) for candidate in candidates]
            tied = [c for c, q in zip(candidates, quality, strict=True) if q >= max(quality) - 1e-12]
            best.append(min(tied, key=lambda candidate: abs(candidate - 0.5)))
        assert threshold.value == pytest.approx(np.mean(best), abs=1e-9)
        assert (threshold.by, threshold.num_rows, threshold.num_models) == ("balanced_accuracy", 80, 2)


def test_what_is_missing_is_said(results: Path) -> None:
    """Catches a fold without weights that is passed over in silence, and one that there is not."""
    first = found(results).trials[0].trial.folder
    (first / "model.safetensors").unlink()
    part = found(results)
    assert (len(part.trials), part.num_expected) == (1, 2) and "model.safetensors" in part.problems[0]
    assert [each.trial.fold for each in found(results, folds=[1]).trials] == [1]
    with pytest.raises(InputError, match="wide has no fold 7; its folds are 0, 1"):
        found(results, folds=[0, 7])
    with pytest.raises(InputError, match=r"no trial of wide has a model: wide-r0f0.* has no model"):
        found(results, folds=[0])


def test_a_model_whose_predictions_are_damaged_stays_raw(results: Path) -> None:
    folder = found(results).trials[0].trial.folder
    (folder / "predictions.parquet").write_bytes(b"damaged")
    models = found(results)
    assert [each.is_calibrated for each in models.trials] == [False, True]
    assert "can't be read" in models.trials[0].calibration["reason"]
    assert joint_threshold(models).num_models == 1


def test_images_that_a_model_learned_from_are_found_again(results: Path, faces: Path, tmp_path: Path) -> None:
    """Catches the test fold of a model that is taken for its training images, and images that were moved."""
    store = Store.look(results)
    record = find_experiment(store, "wide")
    trials = [each.trial for each in joint_models(store, record).trials]
    files = [str(path) for path in faces.rglob("*.jpg")]
    here = pd.DataFrame({"file": [*files, "/elsewhere/face_0.jpg"], "sha256": ""})
    elsewhere, hashes = [str(tmp_path / "moved.jpg")] * 36, [file_sha256(Path(each)) for each in files]
    moved = pd.DataFrame({"file": elsewhere, "sha256": hashes})
    for images in (here, moved):
        assert count_learned(store, record, trials, images) == 36
        assert count_learned(store, record, trials[:1], images) == 18
    shutil.rmtree(store.cached("rows"))
    assert count_learned(store, record, trials, here) == 36
    assert count_learned(store, record, trials, moved) == 0
