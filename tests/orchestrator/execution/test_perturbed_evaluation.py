"""Evaluation under perturbations: scores by condition, what is asked again, what is refused, the page."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from orchestrator.cli import main
from orchestrator.store.evaluation_files import read_evaluated_images, read_evaluation, read_scores
from orchestrator.store.folder import Store

MakeFaces = Callable[..., Path]


@pytest.fixture
def results(trained_study: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained_study, tmp_path / "results"))


def evaluate(results: Path, *arguments: str | Path) -> int:
    line = ["evaluate", *map(str, arguments), "--results", str(results), "--address", "none", "--name", "e"]
    with pytest.raises(SystemExit) as end:
        main([*line, "--quiet"])
    return int(end.value.code or 0)


def table(results: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(results / "evaluations" / "e" / "tables" / f"{name}.csv")


@pytest.mark.slow
def test_images_are_scored_under_each_condition_once(
    results: Path, make_faces: MakeFaces, tmp_path: Path
) -> None:
    """Catches perturbed scores for clean ones, conditions asked again, and conditions that are lost."""
    on = make_faces(tmp_path / "on", sources=("wiki", "swap"), basenames=range(100, 108))
    assert evaluate(results, "plain", "wide", "--on", on, "--perturb", "noise:90", "gamma:2,0.5") == 0
    store = Store.look(results)
    record, paths = read_evaluation(store, "e"), read_evaluated_images(store, "e")["path"].tolist()
    assert record is not None and record.conditions == ("clean", "noise:90", "gamma:0.5", "gamma:2")
    found = read_scores(store, "e", "plain")
    assert found is not None
    by_condition = [found.of("r0f1", paths, condition=each) for each in record.conditions]
    assert all(each is not None for each in by_condition)
    assert all(not np.array_equal(by_condition[0], each) for each in by_condition[1:])
    rows, means = table(results, "robustness"), table(results, "robust_means")
    auc = rows[rows["metric"] == "auc"]
    assert auc["condition"].tolist() == 2 * list(record.conditions) and (auc["n"] == 2).all()
    summary = table(results, "summary").query("metric == 'auc'")
    np.testing.assert_allclose(auc[auc["condition"] == "clean"]["mean"], summary["mean"])
    assert auc["change"].isna().tolist() == 2 * [True, False, False, False]
    assert means["detector"].tolist() == ["plain", "wide"] and len(table(results, "robust_differences")) == 1
    page = (results / "reports" / "evaluation-e" / "index.html").read_text()
    assert "Under perturbations" in page and "Changed gamma" in page
    files = {path: path.read_bytes() for path in (results / "evaluations" / "e").rglob("*.*")}
    # Without what was prepared, whoever scores an image again has to read it.
    shutil.rmtree(on.parent / "on" / "swap")
    make_faces(on, sources=("swap",), basenames=range(100, 108))
    shutil.rmtree(results / "cache" / "pixels")
    assert evaluate(results, "plain", "wide", "--on", on, "--perturb", "noise:90 gamma:2,0.5") == 0
    assert not list((results / "cache").glob("pixels/*"))
    assert {path: path.read_bytes() for path in files} == files
    assert evaluate(results, "plain", "--on", on) == 0
    assert read_scores(store, "e", "plain").of("r0f0", paths, condition="gamma:2") is not None  # type: ignore[union-attr]
    assert "Under perturbations" not in (results / "reports" / "evaluation-e" / "index.html").read_text()


@pytest.mark.slow
def test_files_that_give_the_classes_away_are_not_perturbed(
    results: Path, make_faces: MakeFaces, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches curves that show how real images were compressed before."""
    on = make_faces(tmp_path / "on", sources=("wiki", "swap"), basenames=range(100, 124))
    for path in sorted((on / "wiki").glob("*.jpg")):
        with Image.open(path) as image:
            image.save(path.with_suffix(".png"))
        path.unlink()
    assert evaluate(results, "plain", "--on", on, "--perturb", "jpeg:50") == 2
    said = capsys.readouterr().err
    assert "--perturb needs files that are written alike" in said and f"data equalise {on}" in said
    assert not (results / "evaluations").exists()
    assert evaluate(results, "plain", "--on", on, "--perturb", "jpeg:50", "--accept-shortcut") == 0
    assert (
        "a perturbation may change one class more"
        in (results / "reports/evaluation-e/index.html").read_text()
    )
    assert evaluate(results, "plain", "--on", on) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["plain", "--perturb", "jpg:90"], "there is no perturbation 'jpg'; nearest: jpeg"),
        (["plain", "--perturb", "jpeg:90", "blur:99"], "from 0 to 20, not 99"),
        (["--scores", "a.csv", "--perturb", "jpeg:90"], "--perturb needs an experiment"),
    ],
)
def test_a_mistaken_condition_stops_before_anything_starts(
    trained_study: Path, words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(trained_study, *words, "--on", tmp_path) == 2
    assert said in capsys.readouterr().err
