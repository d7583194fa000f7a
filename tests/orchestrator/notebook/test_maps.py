"""Maps in a notebook: one table over all phases, and the maps of the same images by several models."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from orchestrator import load_results
from orchestrator.notebook.results import Results
from orchestrator.store.explanation_files import (
    MAP,
    OVERLAY,
    SMALL_IMAGE,
    ExplanationRecord,
    Explanations,
    explanations_folder,
    write_explanations,
)
from tests.orchestrator.notebook.shown_text import shown_text

FACE = {"face_left": 8.0, "face_top": 8.0, "face_right": 24.0, "face_bottom": 24.0}
SHARES = {"eyes": 0.25, "mouth": 0.125, "face_rest": 0.25, "hair": 0.125, "background": 0.25}


@pytest.fixture
def results(trained_study: Path, tmp_path: Path) -> Results:
    """Results of which three images were explained: both say the same of a and b, and differ on c."""
    found = load_results(shutil.copytree(trained_study, tmp_path / "results"))
    folder = explanations_folder(found.store, "phase1")
    rows = []
    for experiment, gain in (("plain", -0.25), ("wide", 0.0)):
        for number, path in enumerate("abc"):
            is_missed = experiment == "wide" and path == "c"
            file = f"{experiment}/{path}"
            (folder / experiment).mkdir(parents=True, exist_ok=True)
            for end in (OVERLAY, SMALL_IMAGE):
                Image.new("RGB", (8, 8), (40 * number, 0, 0)).save(folder / f"{file}{end}")
            rows.append(
                {
                    "experiment": experiment, "path": path, "source": "wiki", "group": path, "label": 1,
                    "score": 0.25 if is_missed else 0.75,
                    "outcome": "false_real" if is_missed else "true_fake",
                    "deletion_road": 0.5 + gain + number / 1000, "random_road": 0.5,
                    "deletion_blur": 0.5 + gain + number / 1000, "random_blur": 0.5,
                    "similarity": 0.125, "inside_face": 0.625, **SHARES, **FACE,
                    "overlay": f"{file}{OVERLAY}", "map": f"{file}{MAP}",
                }
            )  # fmt: skip
    numbers = pd.DataFrame(rows)
    images = numbers[["path", "source", "group", "label"]].assign(sha256="", reason="")
    record = ExplanationRecord(phase="phase1", per_experiment=4)
    write_explanations(Explanations(folder, record, images, numbers))
    return found


def test_one_table_holds_the_maps_of_all_phases(results: Results) -> None:
    """Catches an experiment that is left out, and numbers below another head."""
    said = shown_text(results.maps())
    assert "phase1 plain matter 3 0.251" in said and "phase1 wide not shown to matter 3 0.501" in said
    for head in ("Deletion ↓", "Random maps", "Similarity to random weights", "Inside the face"):
        assert head in said


def test_maps_of_an_image_stand_beside_each_other(results: Results) -> None:
    """Catches a map below another model's name, and images of which the models say the same first."""
    said = shown_text(results.side_by_side("phase1", images=1))
    c = "c (wiki) image plain: fake, taken for fake, P(fake) 0.750 wide: fake, taken for real, P(fake) 0.250"
    assert c in said and "a (wiki)" not in said
    assert "no evidence: those of wide." in said
    alone = shown_text(results.side_by_side("phase1", "wide"))
    assert "plain:" not in alone and "1 of 2 experiments are not shown" in alone


def test_what_can_t_be_shown_is_said(results: Results) -> None:
    assert "nearest: wide" in shown_text(results.side_by_side("phase1", "wid"))
    assert "has no record of 'phase2'" in shown_text(results.side_by_side("phase2"))
    shutil.rmtree(results.store.root / "explanations")
    for view in (load_results(results.store.root).maps(), results.side_by_side("phase1")):
        assert "explain-images phase1" in shown_text(view)
