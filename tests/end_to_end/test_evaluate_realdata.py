"""A small network trained on one set of real images and evaluated on others, by the command line."""

import os
from pathlib import Path

import pandas as pd
import pytest

from orchestrator.cli import main
from orchestrator.store.evaluation_files import read_evaluation
from orchestrator.store.folder import Store

FOLDER = Path(os.environ.get("ORCHESTRATOR_TEST_DATA", "nowhere"))
pytestmark = [
    pytest.mark.realdata,
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not FOLDER.is_dir(), reason="ORCHESTRATOR_TEST_DATA names no folder of images"),
]


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as end:
        main([*map(str, arguments), "--address", "none", "--quiet"])
    return int(end.value.code or 0)


def test_what_is_learnt_from_one_generator_does_not_find_edited_photos(tmp_path: Path) -> None:
    """Catches a loss that is not seen, and images of a set with a shortcut that are scored in silence."""
    results = tmp_path / "results"
    name = "p1_simplecnn_baseline"
    trained = ("--data", FOLDER / "ffhq_stylegan", "--results", results, "--preset", "smoke")
    assert run("run", name, *trained, "--set", "epochs=2") == 0
    assert run("evaluate", name, "--on", FOLDER / "ciplab_paired", "--results", results) == 0
    record = read_evaluation(Store.look(results), "ciplab_paired")
    assert record is not None and (record.images, record.groups) == (168, 84)
    assert record.overlap is not None and record.overlap.near and record.overlap.compared == 1600
    drop = pd.read_csv(results / "evaluations/ciplab_paired/tables/drop.csv").set_index("metric")
    assert drop.loc["auc", "n"] == 5 and drop.loc["auc", "ci_low"] > 0.0
    assert run("evaluate", name, "--on", FOLDER / "celeba_stylegan_confounded", "--results", results) == 0
    confounded = read_evaluation(Store.look(results), "celeba_stylegan_confounded")
    assert confounded is not None and confounded.shortcut is not None
    assert confounded.shortcut.verdict == "refused"
    page = (results / "reports/evaluation-celeba_stylegan_confounded/index.html").read_text(encoding="utf-8")
    assert "These files give the classes away" in page
    assert run("evaluate", name, "--on", FOLDER / "unibuc", "--results", results) == 2
