"""From a study that holds images out to the one look at them: run, decide, open, and what is refused."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from orchestrator import cli

Say = pytest.CaptureFixture[str]
pytestmark = pytest.mark.slow


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        cli.main([str(argument) for argument in arguments])
    return int(end.value.code or 0)


@pytest.fixture(scope="module")
def line(small_experiments: Path, faces: Path) -> Callable[[Path], list[str]]:
    """What runs the phase without Ray, with a quarter of the images held out."""

    def arguments(results: Path) -> list[str]:
        return [
            *("phase1", "--experiments", str(small_experiments), "--data", str(faces)),
            *("--results", str(results), "--address", "none", "--preset", "quick"),
        ]

    return arguments


@pytest.fixture(scope="module")
def studied(
    small_experiments: Path, line: Callable[[Path], list[str]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Results of a finished and decided phase whose held-out images nobody has looked at."""
    quick = {"epochs": 2, "cv_folds": 2, "holdout_final": 0.25}
    (small_experiments / "presets").mkdir(exist_ok=True)
    (small_experiments / "presets" / "quick.json").write_text(json.dumps(quick))
    results = tmp_path_factory.mktemp("studied") / "results"
    assert run(*line(results)) == 0
    return results


@pytest.fixture
def results(studied: Path, tmp_path: Path) -> Path:
    """A copy of these results."""
    return Path(shutil.copytree(studied, tmp_path / "results"))


@pytest.fixture
def opened(results: Path) -> Path:
    assert run("final", "--results", results, "--quiet") == 0
    return results


def record_of(results: Path) -> Any:
    return json.loads((results / "final" / "phase1.json").read_text())


def files(results: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted((results / "final").iterdir())}


def test_held_out_images_are_in_no_fold_and_in_no_trial(studied: Path) -> None:
    """Catches a set that is frozen in a file and learned from all the same."""
    (file,) = (studied / "holdout").iterdir()
    held_out = pd.read_csv(file, dtype=str)
    assert len(held_out) == 9 and set(held_out["source"]) == {"wiki", "text2img", "inpainting"}
    for path in (studied / "folds").iterdir():
        folds = pd.read_csv(path, dtype=str)
        assert not set(folds["group"]) & set(held_out["group"])
        assert len(folds) + len(held_out) == 36
    for path in studied.glob("trials/*/predictions.parquet"):
        assert not set(pd.read_parquet(path)["path"]) & set(held_out["path"])
    page = (studied / "reports" / "phase1" / "index.html").read_text()
    assert "9 images in 3 groups are in no fold" in page


def test_the_chosen_model_scores_them_with_its_best_weights(opened: Path) -> None:
    """Catches the mean of something else than the chosen experiment's models, and a made-up metric."""
    record = record_of(opened)
    decision = json.loads((opened / "decisions" / "phase1.json").read_text())
    assert record["chosen"] == decision["chosen"] and record["images"] == 9 and record["groups"] == 3
    assert record["by_class"] == [3, 6]
    table = pd.read_parquet(opened / "final" / "phase1.parquet")
    (file,) = (opened / "holdout").iterdir()
    assert list(table["path"]) == list(pd.read_csv(file)["path"])
    single = table[["score_r0f0", "score_r0f1"]].to_numpy()
    np.testing.assert_allclose(table["score"], single.mean(axis=1))
    metrics = {each["metric"]: each for each in record["metrics"]}
    assert metrics["auc"]["value"] == pytest.approx(roc_auc_score(table["label"], table["score"]))
    aucs = [roc_auc_score(table["label"], each) for each in single.T]
    assert metrics["auc"]["single_mean"] == pytest.approx(np.mean(aucs))
    assert metrics["auc"]["single_std"] == pytest.approx(np.std(aucs, ddof=1))
    assert 0.0 <= metrics["auc"]["ci_low"] <= metrics["auc"]["ci_high"] <= 1.0
    for model in record["models"]:
        weights = (opened / model["folder"] / "model.safetensors").read_bytes()
        assert model["weights_sha256"] == hashlib.sha256(weights).hexdigest()
    text = (opened / "reports" / "phase1" / "index.html").read_text()
    said = f"phase1: {record['chosen']} on 9 images that no fold holds (3 real and 6 fake, 3 groups): AUC"
    assert said in text


def test_asked_again_it_shows_what_is_stored(opened: Path, capsys: Say) -> None:
    """Catches images that are scored twice, and a stored result that hangs on the images of today."""
    before = files(opened)
    for folder in ("cache", "trials"):
        shutil.rmtree(opened / folder)
    capsys.readouterr()
    assert run("final", "phase1", "--results", opened, "--json") == 0
    content = json.loads(capsys.readouterr().out)
    assert content["final"] == record_of(opened) and not content["is_new"]
    assert files(opened) == before


def redecide(results: Path) -> None:
    """Take another decision: the rule of the phase chooses by another metric."""
    path = results / "studies" / "phase1.json"
    study = json.loads(path.read_text())
    study["phase"]["decision"]["choose"] = "log_loss"
    path.write_text(json.dumps(study))
    assert run("decide", "phase1", "--again", "--results", results) == 0


def test_after_another_decision_a_second_look_is_refused_or_counted(opened: Path, capsys: Say) -> None:
    """Catches a held-out set that is looked at until a number pleases."""
    first, before = record_of(opened), files(opened)
    redecide(opened)
    capsys.readouterr()
    assert run("final", "phase1", "--results", opened) == 2
    said = capsys.readouterr().err
    assert "the held-out images were opened before" in said
    assert "`python -m orchestrator final phase1 --again`" in said
    assert files(opened) == before
    assert run("final", "phase1", "--again", "--results", opened) == 0
    assert "The images were opened 2 times" in capsys.readouterr().out
    record = record_of(opened)
    auc = next(each["value"] for each in first["metrics"] if each["metric"] == "auc")
    (earlier,) = record["earlier"]
    assert (record["decision_version"], earlier["version"], earlier["value"]) == (2, 1, auc)


def test_what_changed_since_the_decision_is_not_scored(results: Path, capsys: Say) -> None:
    chosen = json.loads((results / "decisions" / "phase1.json").read_text())["chosen"]
    (folder,) = results.glob(f"trials/{chosen}-r0f1-*")
    done = json.loads((folder / "done.json").read_text())
    (folder / "done.json").write_text(json.dumps({**done, "predictions_sha256": "0" * 64}))
    assert run("final", "phase1", "--results", results) == 2
    assert "is not the trial that the decision was taken on" in capsys.readouterr().err
    assert not (results / "final").exists()


def test_a_held_out_image_in_a_fold_is_found_before_anything_is_scored(results: Path, capsys: Say) -> None:
    (file,) = (results / "holdout").iterdir()
    (folds,) = (results / "folds").iterdir()
    held_out, table = pd.read_csv(file), pd.read_csv(folds)
    file.write_text(
        pd.concat([held_out, table.head(1).assign(sha256="x")[held_out.columns]]).to_csv(index=False)
    )
    assert run("final", "phase1", "--results", results) == 2
    assert "held-out images are in a fold of" in capsys.readouterr().err
    assert not (results / "final").exists()


def test_an_earlier_decision_that_knew_the_images_is_said(results: Path, capsys: Say) -> None:
    """Catches a number that looks clean although what it builds on was chosen on these images."""
    (file,) = (results / "holdout").iterdir()
    (folds,) = (results / "folds").iterdir()
    table = pd.read_csv(folds)
    together = pd.concat([table, pd.read_csv(file).head(4).assign(fold=0)[table.columns]])
    (results / "folds" / "before.csv").write_text(together.to_csv(index=False))
    path = results / "studies" / "phase1.json"
    study = json.loads(path.read_text())
    taken = {"phase": "phase0", "version": 1, "chosen": "plain", "values": {}, "own": []}
    path.write_text(json.dumps({**study, "handed_over": [taken]}))
    study["phase"]["name"] = "phase0"
    for experiment in study["experiments"]:
        experiment["fold_files"] = ["before.csv"]
    (results / "studies" / "phase0.json").write_text(json.dumps(study))
    assert run("final", "phase1", "--results", results, "--json") == 0
    (note,) = json.loads(capsys.readouterr().out)["final"]["notes"]
    assert note.startswith("phase0, whose decision phase1 builds on, had ")
    assert "of the held-out images in its folds" in note


def test_a_second_run_starts_nothing_and_another_share_is_refused(
    results: Path, line: Callable[[Path], list[str]], capsys: Say
) -> None:
    """Catches a study that deals other images, or none, into the folder where some are held out."""
    trials = {path.name for path in (results / "trials").iterdir()}
    assert run(*line(results)) == 0
    assert {path.name for path in (results / "trials").iterdir()} == trials
    capsys.readouterr()
    assert run(*line(results), "--set", "holdout_final=0") == 2
    assert "images that are held out for the end" in capsys.readouterr().err
