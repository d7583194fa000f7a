"""Real photographs under ORCHESTRATOR_TEST_DATA: what MTCNN finds, and a study that crops to it."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainables.data.faces import DetectedFaces
from trainables.data.images.decoding import MAX_DIFFERENCE, square

FOLDER = Path(os.environ.get("ORCHESTRATOR_TEST_DATA", "nowhere"))
ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="ORCHESTRATOR_TEST_DATA names no folder of images"),
]


def found_in(*paths: Path) -> list[DetectedFaces]:
    # Its imports take seconds, and most machines have no such photographs.
    from trainables.data.face_detector import look_at

    return look_at([(hashlib.sha256(path.read_bytes()).hexdigest(), str(path)) for path in paths])


def images_of(name: str) -> list[Path]:
    return sorted((FOLDER / "facedet" / name).iterdir())


@pytest.mark.parametrize(
    ("name", "expected"), [("one_face", [1] * 9), ("many_faces", [6]), ("no_face", [0] * 12)]
)
def test_the_faces_are_found_that_are_there(name: str, expected: list[int]) -> None:
    assert [len(found.faces()) for found in found_in(*images_of(name))] == expected


def test_the_largest_and_the_most_central_face_of_a_group() -> None:
    """By eye: the largest is at the lower right, the most central stands right of the middle, further up."""
    (group,) = found_in(*images_of("many_faces"))
    largest = group.square(margin=0.0, rule="largest")
    central = group.square(margin=0.0, rule="central")
    assert largest is not None and central is not None and largest != central
    sizes = [(right - left) * (bottom - top) for left, top, right, bottom in group.faces()]
    assert largest.side**2 >= max(sizes)
    middles = [
        abs((left + right) / 2 - group.width / 2) + abs((top + bottom) / 2 - group.height / 2)
        for left, top, right, bottom in group.faces()
    ]
    across, down = central.left + central.side / 2, central.top + central.side / 2
    assert abs(across - group.width / 2) + abs(down - group.height / 2) <= min(middles) + 2


def test_a_box_does_not_depend_on_the_images_beside_it() -> None:
    """Catches boxes that differ in the last bits after a resumed detection: other crops, other numbers."""
    paths = sorted((FOLDER / "ffhq_stylegan" / "val").rglob("*.jpg"))[:6]
    assert found_in(*paths) == [found_in(path)[0] for path in paths]


@pytest.mark.parametrize(
    ("name", "size_px"), [("ciplab_paired", 128), ("ciplab_paired", 64), ("ffhq_stylegan/val", 56)]
)
def test_reduced_decoding_of_photographs_stays_within_the_stated_tolerance(name: str, size_px: int) -> None:
    for path in sorted((FOLDER / name).rglob("*.jpg"))[::12]:
        with Image.open(path) as image:
            found = square(image, size_px).astype(int)
        with Image.open(path) as image:
            full = image.convert("RGB").resize((size_px, size_px), Image.Resampling.LANCZOS)
        assert np.abs(found - np.asarray(full)).mean() <= MAX_DIFFERENCE, path.name


@pytest.mark.slow
@pytest.mark.ray
def test_a_study_with_face_crops_runs_from_photographs_to_its_report(tmp_path: Path) -> None:
    for folder, source in (("one_face", "real"), ("no_face", "fake"), ("many_faces", "fake")):
        shutil.copytree(FOLDER / "facedet" / folder, tmp_path / "data" / source, dirs_exist_ok=True)
    keys = {
        "image_size": 32, "epochs": 1, "batch_size": 4, "cv_folds": 3, "val_ratio": 0.2,
        "backbone": "simple_cnn", "cnn_preset": "micro", "precision": "float32", "face_crop": True,
        "normalization": "real_norm",
    }  # fmt: skip
    (tmp_path / "experiments" / "one").mkdir(parents=True)
    (tmp_path / "experiments" / "shared.json").write_text(json.dumps(keys))
    (tmp_path / "experiments" / "one" / "cropped.json").write_text("{}")
    results = tmp_path / "results"
    command = [
        *(sys.executable, "-m", "orchestrator", "run", "cropped", "--quiet", "--data", tmp_path / "data"),
        # Faces of one size against animals of another: file facts do tell them apart.
        "--accept-shortcut",
        *("--experiments", tmp_path / "experiments", "--results", results),
    ]
    for _ in range(2):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
        assert done.returncode == 0, done.stderr
    (study,) = (json.loads(path.read_text()) for path in (results / "studies").glob("*.json"))
    found = study["data"][0]["faces"]
    assert (found["images"], found["with_face"], found["several"]) == (22, 10, 1)
    (report,) = (results / "reports").glob("*/index.html")
    assert "10 of 22 images show one" in report.read_text(encoding="utf-8")
    metrics = [json.loads(path.read_text()) for path in sorted(results.glob("trials/*/metrics.json"))]
    assert len(metrics) == 3
    means = [metric["normalization"]["mean"] for metric in metrics]
    assert means[0] != means[1] != means[2]
    trial = next(results.glob("trials/*"))
    command = [
        *(sys.executable, "-m", "trainables", trial / "trial.json", "--data", tmp_path / "data"),
        *("--fold", trial.name.rpartition("-")[0][-1], "--out", tmp_path / "alone"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    alone = json.loads((tmp_path / "alone" / "metrics.json").read_text())
    kept = json.loads((trial / "metrics.json").read_text())
    for name in ("test", "val", "normalization"):
        assert alone[name] == kept[name]
