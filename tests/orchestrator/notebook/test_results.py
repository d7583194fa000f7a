"""Results as Python users see them: frames, records and sections of a really trained study."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from orchestrator import load_results
from orchestrator.notebook.results import Results
from orchestrator.store.folder import Store
from tests.orchestrator.notebook.shown_text import shown_text
from trainables.errors import InputError


@pytest.fixture(scope="module")
def results(trained_study: Path) -> Results:
    return load_results(trained_study)


def test_tables_are_those_of_the_files(results: Results, trained_study: Path) -> None:
    """Catches a second way of computing what the command has written."""
    phase = results.phase("phase1")
    for name in ("scores", "summary", "comparisons", "per_source", "source_gains"):
        written = pd.read_csv(trained_study / "collected" / "phase1" / f"{name}.csv")
        assert list(phase.table(name).columns) == list(written.columns)
        assert len(phase.table(name)) == len(written)
    written = pd.read_csv(trained_study / "collected" / "phase1" / "summary.csv")
    np.testing.assert_allclose(phase.summary["mean"].astype(float), written["mean"], rtol=1e-9)


def test_predictions_are_out_of_fold(results: Results) -> None:
    """Catches rows of the inner validation part among those of the test folds."""
    rows = results.predictions("plain")
    assert len(rows) == 36 and rows["path"].is_unique
    assert set(rows["fold"]) == {0, 1}
    assert rows["score"].between(0, 1).all()
    assert set(rows.loc[rows["source"] == "wiki", "label"]) == {0}
    pd.testing.assert_frame_equal(results.phase("phase1").predictions("plain"), rows)


def test_trials_history_and_settings_are_frames(results: Results) -> None:
    phase = results.phase("phase1")
    assert list(phase.trials["state"]) == ["done"] * 4
    assert list(phase.history.columns[:5]) == ["experiment", "repeat", "fold", "trial", "epoch"]
    assert len(phase.history) == 8
    assert dict(phase.settings["cnn_preset"]) == {"plain": "micro", "wide": "small"}


def test_decision_and_conclusions_are_there(results: Results) -> None:
    phase = results.phase("phase1")
    assert phase.decision is not None
    assert phase.conclusions[0].startswith(f"{phase.decision.chosen} is taken")


def test_reading_changes_nothing(trained_study: Path, tmp_path: Path) -> None:
    """Catches a look at results that writes tables or a page."""
    copy = Path(shutil.copytree(trained_study, tmp_path / "results"))
    shutil.rmtree(copy / "collected")
    phase = load_results(copy).phase("phase1")
    assert len(phase.summary)
    assert not (copy / "collected").exists()


def test_an_unfinished_experiment_says_so(trained_study: Path, tmp_path: Path) -> None:
    """Catches an average over the folds that happen to be there."""
    copy = Path(shutil.copytree(trained_study, tmp_path / "results"))
    gone = sorted((copy / "trials").glob("plain-r0f1-*"))[0]
    shutil.rmtree(gone)
    results = load_results(copy)
    assert set(results.predictions("plain")["fold"]) == {0}
    phase = results.phase("phase1")
    auc = phase.summary.query("experiment == 'plain' and metric == 'auc' and source == 'all'")
    assert auc["n"].item() == 1 and auc["n_expected"].item() == 2 and auc["mean"].isna().item()
    for folder in (copy / "trials").glob("plain-*"):
        shutil.rmtree(folder)
    with pytest.raises(InputError, match="no trial of plain is finished"):
        load_results(copy).predictions("plain")


def test_sections_look_as_on_the_page(results: Results) -> None:
    html = results.section("phase1", "confusion")._repr_html_()
    assert "<h2>Confusion" in html and "<table" in html
    # The look of the report stays inside its own element.
    assert "\nbody {" not in html and ":root" not in html


def test_what_is_not_there_is_said(results: Results) -> None:
    """Catches a notebook that ends at a phase which has not been run."""
    assert "no record of 'phase3'" in shown_text(results.section("phase3", "scores"))
    assert "nothing to show under" in shown_text(results.section("phase1", "scaling"))
    assert "nearest: scores" in shown_text(results.section("phase1", "scors"))
    assert "no record of 'phase3'" in shown_text(results.against("plain", "phase3"))
    assert "no experiment 'plan'" in shown_text(results.compare("plan", "wide"))


def test_experiments_of_any_phase_are_compared(results: Results) -> None:
    html = shown_text(results.compare("plain", "wide"))
    assert "wide against plain" in html and "2 paired test folds" in html
    html = results.against("plain", "phase1")._repr_html_()
    assert html.count("<tr>") == 2 and "95 % interval" in html


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda results: results.phase("phase2"), "there are: phase1"),
        (lambda results: results.phase("phase1").table("sumary"), "nearest: summary"),
        (lambda results: results.phase("phase1").predictions("plan"), "nearest: plain"),
        (lambda results: load_results(results.store.root / "none"), "no results folder"),
    ],
)
def test_mistakes_name_the_way_out(call: object, said: str, results: Results) -> None:
    assert callable(call)
    with pytest.raises(InputError, match=said):
        call(results)


def test_several_classes_have_a_column_each(tmp_path: Path) -> None:
    """Catches a score of one class where there are three."""
    folder = tmp_path / "trials" / "three-r0f0-000000000000"
    folder.mkdir(parents=True)
    pd.DataFrame(
        {
            "path": ["a", "b"], "group": ["a", "b"], "source": ["x", "y"], "label": [0, 2], "split": "test",
            "p0": [0.5, 0.2], "p1": [0.3, 0.2], "p2": [0.2, 0.6], "predicted": [0, 2], "fold": 0, "repeat": 0,
        }
    ).to_parquet(folder / "predictions.parquet")  # fmt: skip
    (folder / "done.json").write_text(json.dumps({}))
    record = {"key": "0" * 64, "experiment": "three", "repeat": 0, "fold": 0, "ingredients": {}, "run": {}}
    (folder / "trial.json").write_text(json.dumps({**record, "recipe": {}}))
    rows = Results(Store.look(tmp_path)).predictions("three")
    assert list(rows.columns[4:8]) == ["p0", "p1", "p2", "predicted"]
