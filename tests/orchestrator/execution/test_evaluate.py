"""Evaluation on another data set: what is scored, kept out, and refused before anything starts."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from orchestrator.cli import main
from orchestrator.store.evaluation_files import (
    EvaluationRecord,
    read_evaluated_images,
    read_evaluation,
    read_scores,
)
from orchestrator.store.folder import Store

MakeFaces = Callable[..., Path]
Evaluate = Callable[..., int]


@pytest.fixture
def results(trained_study: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained_study, tmp_path / "results"))


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory: pytest.TempPathFactory, make_faces: MakeFaces) -> Path:
    """6 basenames that no model has seen, real and of two generators: 18 images. Don't change them."""
    root = tmp_path_factory.mktemp("drawn") / "elsewhere"
    return make_faces(root, sources=("wiki", "swap", "gan"), basenames=range(100, 106))


@pytest.fixture
def evaluate(results: Path) -> Evaluate:
    def run(*arguments: str | Path) -> int:
        line = ["evaluate", *map(str, arguments), "--results", str(results), "--address", "none", "--quiet"]
        with pytest.raises(SystemExit) as end:
            main(line)
        return int(end.value.code or 0)

    return run


def record_of(results: Path, name: str = "elsewhere") -> EvaluationRecord:
    record = read_evaluation(Store.look(results), name)
    assert record is not None
    return record


def test_every_model_scores_and_only_what_is_new_scores_again(
    evaluate: Evaluate, results: Path, elsewhere: Path
) -> None:
    """Catches scores taken twice, columns of other models, and a score file that loses what it had."""
    assert evaluate("plain", "--on", elsewhere) == 0
    store, score_file = Store.look(results), results / "evaluations/elsewhere/scores/plain.parquet"
    first = score_file.read_bytes()
    assert evaluate("plain", "wide", "--on", elsewhere) == 0
    assert score_file.read_bytes() == first
    images = read_evaluated_images(store, "elsewhere")
    assert len(images) == 18 and images["label"].sum() == 12
    for name in ("plain", "wide"):
        found = read_scores(store, "elsewhere", name)
        assert found is not None and list(found.table.columns) == ["path", "condition", "r0f0", "r0f1"]
        scores = [found.of(column, images["path"].tolist()) for column in ("r0f0", "r0f1")]
        assert all(each is not None and ((0 <= each) & (each <= 1)).all() for each in scores)
        assert not np.array_equal(*scores)
    before = read_scores(store, "elsewhere", "plain")
    # A trial that ran again under other weights is the only one that is asked.
    trial = next((results / "trials").glob("plain-r0f1-*"))
    done = (trial / "done.json").read_text()
    (trial / "done.json").write_text(done.replace('predictions_sha256": "', 'predictions_sha256": "0'))
    assert evaluate("plain", "--on", elsewhere) == 0
    again = read_scores(store, "elsewhere", "plain")
    assert again is not None and before is not None
    assert again.weights["r0f0"] == before.weights["r0f0"]
    assert again.weights["r0f1"] != before.weights["r0f1"]


def test_images_that_models_learned_from_are_kept_out(
    evaluate: Evaluate, results: Path, elsewhere: Path, faces: Path, tmp_path: Path
) -> None:
    """Catches a score of images that were trained on, as the same file or as another version of it."""
    mixed = Path(shutil.copytree(elsewhere, tmp_path / "mixed"))
    shutil.copy(faces / "wiki" / "face_3.jpg", mixed / "wiki" / "copied.jpg")
    assert evaluate("plain", "--on", mixed) == 0
    record = record_of(results, "mixed")
    assert record.images == 18 and record.excluded == {"in the training data": 1}
    excluded = pd.read_csv(results / "evaluations/mixed/excluded.csv")
    assert excluded.values.tolist() == [["wiki/copied.jpg", "in the training data (wiki/face_3.jpg)"]]
    assert record.overlap is not None and record.overlap.near and record.overlap.compared == 36


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "nothing to evaluate: name an experiment, or a file of scores"),
        (("plain", "plain"), "plain is named twice"),
        (("palin",), "no experiment 'palin'"),
        (("plain", "--name", "a/b"), "--name 'a/b' is no name of a folder"),
        (("plain", "--layout", "tree"), "--layout tree"),
    ],
)
def test_bad_input_is_refused_before_anything_starts(
    evaluate: Evaluate,
    results: Path,
    elsewhere: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    said: str,
) -> None:
    assert evaluate(*arguments, "--on", elsewhere) == 2
    assert said in capsys.readouterr().err
    assert not (results / "evaluations").exists()


def test_data_that_says_nothing_is_refused(
    evaluate: Evaluate,
    results: Path,
    faces: Path,
    make_faces: MakeFaces,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Catches an evaluation on the training data, on other classes, and on a folder of unknown polarity."""
    (tmp_path / "empty").mkdir()
    several = make_faces(tmp_path / "several" / "train", sources=("cats", "dogs", "cows"), basenames=range(4))
    unknown = make_faces(tmp_path / "unknown", sources=("a", "b"), basenames=range(4))
    for folder, said in (
        (faces, "each of its 36 images is in the training data"),
        (tmp_path / "empty", "empty"),
        (tmp_path / "nowhere", "is no folder that is there; name the folder of the other images"),
        (several.parent, "plain tells 2 classes apart and"),
        (unknown, "--real-sources"),
    ):
        assert evaluate("plain", "--on", folder) == 2, folder
        assert said in capsys.readouterr().err
    for trial in (results / "trials").glob("plain-*"):
        (trial / "model.safetensors").unlink()
    assert evaluate("plain", "--on", unknown, "--real-sources", "a") == 2
    assert "no trial of plain has a model" in capsys.readouterr().err
    assert not (results / "evaluations").exists()


@pytest.mark.slow
def test_a_name_stands_for_one_set_of_images(
    evaluate: Evaluate,
    elsewhere: Path,
    make_faces: MakeFaces,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Catches scores of two data sets in one table."""
    own = Path(shutil.copytree(elsewhere, tmp_path / "own"))
    assert evaluate("plain", "--on", own) == 0
    make_faces(own, sources=("gan",), basenames=[200])
    assert evaluate("plain", "--on", own) == 2
    assert "is of other images, labels or groups" in capsys.readouterr().err


@pytest.mark.slow
def test_a_model_that_can_not_score_is_told_and_the_others_go_on(
    evaluate: Evaluate, results: Path, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = next((results / "trials").glob("wide-r0f1-*"))
    shutil.copy(next((results / "trials").glob("plain-r0f1-*")) / "model.safetensors", broken)
    assert evaluate("plain", "wide", "--on", elsewhere) == 1
    assert "model.safetensors is not what the trial wrote" in capsys.readouterr().err
    plain, wide = record_of(results).experiments
    assert plain.is_complete and not wide.is_complete
    assert [trial.column for trial in wide.trials] == ["r0f0"] and len(wide.problems) == 1


@pytest.mark.slow
def test_tables_and_page_are_written_and_stay_as_they_are(
    evaluate: Evaluate, results: Path, elsewhere: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a page without a detector, numbers that a second run changes, and foreign scores left out."""
    foreign = tmp_path / "other.csv"
    paths = sorted(path.relative_to(elsewhere).as_posix() for path in elsewhere.rglob("*.jpg"))
    lines = [f"{path},{0.2 if path.startswith('wiki') else 0.9}" for path in paths[1:]]
    foreign.write_text("\n".join(["path,score", *lines]))
    asked = ("plain", "wide", "--on", elsewhere, "--scores", foreign)
    assert evaluate(*asked) == 0
    said = capsys.readouterr()
    assert said.out.startswith("On elsewhere: highest of 3: other, AUC 1.000 (95 % interval")
    assert "1 of 18 images have no score" in said.err
    folder, page = results / "evaluations/elsewhere", results / "reports/evaluation-elsewhere/index.html"
    summary = pd.read_csv(folder / "tables/summary.csv").set_index(["detector", "metric"])
    assert summary.loc[("plain", "auc"), "n"] == 2 and summary.loc[("other", "auc"), "images"] == 17
    differences = pd.read_csv(folder / "tables/differences.csv")
    assert (differences["images"] == 17).all() and len(differences) == 3
    assert differences["is_paired"].tolist() == [True, False, False]
    drop = pd.read_csv(folder / "tables/drop.csv").query("metric == 'auc'").set_index("experiment")
    home = pd.read_csv(results / "collected/phase1/summary.csv")
    home = home.query("metric == 'auc' and source == 'all'").set_index("experiment")["mean"]
    assert drop["home"].to_dict() == pytest.approx(home.to_dict())
    html = page.read_text(encoding="utf-8")
    assert all(
        name in html for name in ("plain", "wide", "other", "By source", "Against the home test folds")
    )
    files = {path: path.read_bytes() for path in (*folder.rglob("*.*"), page)}
    assert evaluate(*asked) == 0
    assert {path: path.read_bytes() for path in files} == files


@pytest.mark.slow
def test_foreign_scores_need_no_experiment(elsewhere: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "other.csv"
    paths = sorted(path.relative_to(elsewhere).as_posix() for path in elsewhere.rglob("*.jpg"))
    foreign.write_text("\n".join(["path,score", *(f"{path},0.5" for path in paths)]))
    line = ["evaluate", "--on", str(elsewhere), "--scores", str(foreign), "--results", str(tmp_path / "new")]
    with pytest.raises(SystemExit) as end:
        main([*line, "--quiet"])
    assert not end.value.code
    record = read_evaluation(Store.look(tmp_path / "new"), "elsewhere")
    assert record is not None and record.detectors == ("other",)
    assert (tmp_path / "new/reports/evaluation-elsewhere/index.html").is_file()
