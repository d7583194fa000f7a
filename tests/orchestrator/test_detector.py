"""The models of an experiment in Python: arrays, paths and folders give what the command gives."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from orchestrator.detector import Detector
from trainables import trained
from trainables.errors import InputError
from trainables.files import file_sha256, read_json, write_json


def test_arrays_and_paths_give_the_same_scores(trained_study: Path, faces: Path, tmp_path: Path) -> None:
    """Catches pixels that go another way than files, and rows in another order than they were given."""
    detector = Detector.of(results=trained_study, experiment="wide")
    assert detector.classes == ("real", "fake")
    files = sorted(faces.rglob("*.jpg"))[:4]
    pixels = []
    for number, file in enumerate(files):
        with Image.open(file) as image:
            # Without loss, so that both are the same pixels.
            image.save(tmp_path / f"{number}.png")
            pixels.append(np.asarray(image))
    paths = [tmp_path / f"{number}.png" for number in range(4)]
    mixed = detector.predict([paths[3], pixels[1], str(paths[0]), pixels[2]])
    assert mixed["path"].tolist() == [str(paths[3]), "1", str(paths[0]), "3"]
    whole = detector.predict(tmp_path)
    assert whole["path"].tolist() == ["0.png", "1.png", "2.png", "3.png"]
    np.testing.assert_allclose(mixed["p_fake"], whole["p_fake"].iloc[[3, 1, 0, 2]], atol=1e-6)
    assert whole["p_fake"].nunique() == 4


def test_a_detector_loads_its_networks_once(
    trained_study: Path, faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches weights that are read for every call, and those of before that stay when a file is replaced."""
    results = Path(shutil.copytree(trained_study, tmp_path / "results"))
    loaded, load = [], trained.load_network
    monkeypatch.setattr(
        trained, "load_network", lambda each, **on: loaded.append(each.weights) or load(each, **on)
    )
    detector, image = Detector.of(results=results, experiment="wide"), next(faces.rglob("*.jpg"))
    first, again = (detector.predict([image])["p_fake"].item() for _ in range(2))
    assert first == again and len(loaded) == len(set(loaded)) == 2
    shutil.copy(loaded[1], loaded[0])
    done = loaded[0].parent / "done.json"
    write_json(done, {**read_json(done), "weights_sha256": file_sha256(loaded[0])})
    assert detector.predict([image])["p_fake"].item() != first and len(loaded) == 3
    assert Detector.of(results=results, experiment="wide").predict([image])["p_fake"].item() != first
    assert len(loaded) == 5


def test_unusable_images_are_rows_unless_all_are(trained_study: Path, faces: Path, tmp_path: Path) -> None:
    detector = Detector.of(results=str(trained_study), experiment="wide", folds=[1], calibration="none")
    found = detector.predict([tmp_path / "gone.jpg", next(faces.rglob("*.jpg"))])
    assert found["reason"].tolist() == ["no such file", ""]
    assert pd.isna(found["p_fake"]).tolist() == [True, False]
    assert "r0f1" in found and "r0f0" not in found
    with pytest.raises(InputError, match=r"none of the 1 images is usable \(.*gone.jpg: no such file\)"):
        detector.predict([tmp_path / "gone.jpg"])
    with pytest.raises(InputError, match="none of the 0 images is usable"):
        detector.predict([])
    with pytest.raises(InputError, match="pixels are uint8"):
        detector.predict([np.zeros((4, 4, 3))])
