"""A folder of images in a notebook: sections, checks and steps of preprocessing."""

from pathlib import Path

import numpy as np
import pytest

from orchestrator.notebook.images import load_images
from tests.orchestrator.notebook.shown_text import shown_text
from trainables.data import demonstration
from trainables.data.images.crops import Square
from trainables.recipe import Augment
from trainables.training.normalization import Normalization

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)


@pytest.mark.slow
def test_sections_are_those_of_the_data_page(faces: Path) -> None:
    images = load_images(faces, per_source=2)
    assert "36" in shown_text(images.section("counts"))
    assert images.section("samples")._repr_html_().count("<img") == 36
    html = shown_text(images.summary())
    assert "Width (px)" in html and "Saturation" in html


@pytest.mark.slow
def test_checks_verify_finished_runs(faces: Path, trained_study: Path) -> None:
    """Catches a check of splits that looks at the folder alone."""
    html = shown_text(load_images(faces, results=trained_study).check())
    assert "4 finished trials in 2 rounds of folds verified" in html


def test_a_missing_folder_is_said(tmp_path: Path, trained_study: Path) -> None:
    """Catches a notebook that ends where there are no images."""
    images = load_images(tmp_path / "none", results=trained_study)
    for view in (images.section("counts"), images.check(), images.cuts(face_crop=False), images.summary()):
        assert str(tmp_path / "none") in shown_text(view)


@pytest.mark.slow
def test_runs_on_other_images_are_not_verified_in_silence(own_faces: Path, trained_study: Path) -> None:
    html = shown_text(load_images(own_faces, results=trained_study).check())
    assert "Finished runs were not verified" in html


def test_steps_of_preprocessing_are_shown(faces: Path) -> None:
    images = load_images(faces, per_source=4)
    assert images.cuts(face_crop=False, per_source=2)._repr_html_().count("<img") == 12
    view = images.augmented("p2d_resnet18_aug", size_px=32, epochs=2)
    assert view._repr_html_().count("<img") == 9 and "hflip_p 0.5" in shown_text(view)
    html = shown_text(images.normalisations(size_px=32))
    assert "4 real images among them" in html


@pytest.mark.slow
def test_faces_are_outlined(faces: Path) -> None:
    """Noise has no face: each image keeps its middle, which is said."""
    assert "0 of these 3 images" in shown_text(load_images(faces).cuts(face_crop=True, per_source=1))


def test_no_change_is_no_change() -> None:
    np.testing.assert_array_equal(demonstration.augmented(PIXELS, Augment(), seed=0, epoch=0), PIXELS)
    flipped = demonstration.augmented(PIXELS, Augment(hflip_p=1.0), seed=0, epoch=0)
    np.testing.assert_array_equal(flipped, PIXELS[:, :, ::-1])


def test_normalised_values_are_those_of_the_formula() -> None:
    values = demonstration.normalised(PIXELS, Normalization((0.5, 0.4, 0.3), (0.2, 0.25, 0.5)))
    np.testing.assert_allclose(values[0, 3, 5, 1], (PIXELS[0, 3, 5, 1] / 255 - 0.4) / 0.25, rtol=1e-5)
    shown = demonstration.as_picture(np.array([-9.0, -3.0, 0.0, 3.0, 9.0]))
    assert shown.tolist() == [0, 0, 128, 255, 255]


def test_a_cut_is_drawn_where_it_lies(faces: Path) -> None:
    """Catches an outline that is not scaled with its picture."""
    images = load_images(faces)
    rows = images.manifest.rows.head(1)
    cut = {rows["sha256"].iloc[0]: Square(0, 0, 8)}
    picture = demonstration.outlined(faces, rows, side_px=128, squares=cut, faces={})[0]
    end = round(8 * 128 / max(rows["width"].iloc[0], rows["height"].iloc[0])) - 1
    assert tuple(picture[0, 0]) == demonstration.CUT and tuple(picture[end, end]) == demonstration.CUT
    assert tuple(picture[end + 4, end + 4]) != demonstration.CUT
