"""Perturbations: exactly what their names say, the same each time, and never taken for the clean images."""

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainables.data.images.crops import Square
from trainables.data.perturbations import KINDS, parse_perturbation, parse_perturbations, perturb
from trainables.data.pixels import cache_key, ensure_pixels, find_cache, open_pixels
from trainables.errors import InputError

ONE, OTHER = "a" * 64, "b" * 64
ORIENTATION = 0x0112


def picture(height: int = 36, width: int = 48) -> Image.Image:
    return Image.fromarray(np.random.default_rng(5).integers(0, 256, (height, width, 3), dtype=np.uint8))


def changed(image: Image.Image, text: str, digest: str = ONE) -> np.ndarray:
    return np.asarray(perturb(image, parse_perturbation(text), digest=digest))


def test_conditions_are_sorted_from_the_mildest_on_and_named_once() -> None:
    words = ["jpeg:50,90", "blur:2,1", "resize:0.25,0.5", "gamma:2,0.9", "jpeg:70,90", "noise:4.0"]
    found = [each.text for each in parse_perturbations(words)]
    assert found == [
        "jpeg:90", "jpeg:70", "jpeg:50", "blur:1", "blur:2", "resize:0.5", "resize:0.25", "gamma:0.9",
        "gamma:2", "noise:4",
    ]  # fmt: skip
    assert parse_perturbation("blur:1.23456789").text == "blur:1.23457"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("jpg:90", r"there is no perturbation 'jpg'; nearest: jpeg"),
        ("", r"there is no perturbation ''; known: blur, contrast, gamma, jpeg"),
        ("jpeg:0", r"jpeg takes a quality from 1 to 100, not 0"),
        ("jpeg:90.5", r"a whole number, not 90.5"),
        ("jpeg", r"jpeg takes a quality from 1 to 100, as in jpeg:90"),
        ("blur:nan", r"blur takes a standard deviation in pixels from 0 to 20, not nan"),
        ("resize:2", r"resize takes a factor from 0.05 to 1, not 2"),
    ],
)
def test_a_mistyped_condition_is_said(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse_perturbations([text])


def test_the_identity_is_the_identity_to_the_byte() -> None:
    image = picture()
    kinds = {name: kind.identity for name, kind in KINDS.items() if kind.identity is not None}
    assert set(kinds) == {"blur", "resize", "noise", "contrast", "gamma"}
    for name, strength in kinds.items():
        np.testing.assert_array_equal(changed(image, f"{name}:{strength}"), np.asarray(image))


@pytest.mark.parametrize(
    ("text", "name", "options"),
    [
        ("jpeg:60", "JPEG", {"quality": 60, "subsampling": "4:2:0"}),
        ("webp:60", "WEBP", {"quality": 60, "lossless": False}),
    ],
)
def test_compression_is_that_of_a_file(text: str, name: str, options: dict[str, object]) -> None:
    image, file = picture(), io.BytesIO()
    image.save(file, name, **options)
    np.testing.assert_array_equal(changed(image, text), np.asarray(Image.open(file).convert("RGB")))


def test_a_point_is_blurred_to_a_gaussian() -> None:
    """Catches another standard deviation, boxes for a Gaussian, and colours that run into each other."""
    point = np.zeros((31, 31, 3), np.uint8)
    point[15, 15, 1] = 255
    weights = np.exp(-0.5 * (np.arange(-15, 16) / 2.0) ** 2)
    expected = 255 * np.outer(weights, weights) / weights.sum() ** 2
    found = changed(Image.fromarray(point), "blur:2")
    assert np.abs(found[..., 1] - expected).max() <= 0.51 and not found[..., [0, 2]].any()


def test_noise_has_its_spread_and_is_that_of_the_image_and_the_condition() -> None:
    grey = Image.fromarray(np.full((200, 200, 3), 128, np.uint8))
    found = changed(grey, "noise:4")
    noise = found.astype(float) - 128
    # Of 120,000 values: 4 standard errors. Rounding adds a variance of 1/12.
    assert abs(noise.mean()) < 0.05 and abs(noise.std() - np.hypot(4, 12**-0.5)) < 0.04
    assert abs(np.corrcoef(noise.reshape(-1, 3).T)[0, 1]) < 0.03
    np.testing.assert_array_equal(found, changed(grey, "noise:4"))
    for other in (changed(grey, "noise:4", OTHER), changed(grey, "noise:4.01")):
        assert (other != found).mean() > 0.5


def test_contrast_and_gamma_are_those_of_their_formulas() -> None:
    pixels = np.array([[[10, 100, 0], [30, 200, 255]]], np.uint8)
    halved = changed(Image.fromarray(pixels), "contrast:0.5")
    np.testing.assert_array_equal(halved, [[[15, 125, 64], [25, 175, 191]]])
    # 255 * (10 / 255) ** 2 = 0.39, of 100: 39.2, of 30: 3.53, of 200: 156.9.
    np.testing.assert_array_equal(changed(Image.fromarray(pixels), "gamma:2"), [[[0, 39, 0], [4, 157, 255]]])


def test_resizing_loses_what_is_finer_than_the_small_picture() -> None:
    stripes = np.zeros((40, 41, 3), np.uint8)
    stripes[::2] = 200
    found = changed(Image.fromarray(stripes), "resize:0.25")
    assert found.shape == stripes.shape and np.abs(found[8:-8].astype(int) - 100).max() < 5


@pytest.fixture
def file(tmp_path: Path) -> dict[str, Path]:
    """A JPEG that lies on its side."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    picture(120, 200).save(tmp_path / "a.jpg", quality=95, exif=exif)
    return {hashlib.sha256((tmp_path / "a.jpg").read_bytes()).hexdigest(): tmp_path / "a.jpg"}


def test_the_whole_upright_image_is_changed_before_it_is_cut(file: dict[str, Path], tmp_path: Path) -> None:
    """Catches a square that is cut first, whose blocks of a JPEG begin elsewhere, and one that lies askew."""
    ((digest, path),) = file.items()
    region = Square(11, 42, 77)
    folder = ensure_pixels(
        tmp_path / "cache", file, size_px=77, squares={digest: region}, perturbation="jpeg:30"
    )
    with Image.open(path) as image:
        upright = image.convert("RGB").transpose(Image.Transpose.ROTATE_270)
    expected = changed(upright, "jpeg:30")[42 : 42 + 77, 11 : 11 + 77]
    np.testing.assert_array_equal(open_pixels(folder).array[0], expected)


def test_pixels_of_a_condition_are_never_taken_for_others(file: dict[str, Path], tmp_path: Path) -> None:
    cache, hashes = tmp_path / "cache", list(file)
    folders = {
        text: ensure_pixels(cache, file, size_px=24, perturbation=text)
        for text in ("", "jpeg:30", "jpeg:90", "gamma:1")
    }
    assert folders["gamma:1"] == folders[""] and len(set(folders.values())) == 3
    for text, folder in folders.items():
        assert find_cache(cache, hashes, size_px=24, perturbation=text) == folder
    assert find_cache(cache, hashes, size_px=24, perturbation="blur:1") is None
    arrays = [open_pixels(folder).array for folder in dict.fromkeys(folders.values())]
    assert (arrays[0] != arrays[1]).any() and (arrays[1] != arrays[2]).any()


def test_a_cache_of_more_images_serves_its_own_condition_alone(tmp_path: Path) -> None:
    files = {}
    for number in range(3):
        path = tmp_path / f"{number}.png"
        Image.fromarray(np.full((20, 20, 3), 50 * number, np.uint8)).save(path)
        files[hashlib.sha256(path.read_bytes()).hexdigest()] = path
    cache, part = tmp_path / "cache", list(files)[:2]
    whole = ensure_pixels(cache, files, size_px=16, perturbation="noise:9")
    assert find_cache(cache, part, size_px=16, perturbation="noise:9") == whole
    assert find_cache(cache, part, size_px=16) is None
    assert find_cache(cache, part, size_px=16, perturbation="noise:8") is None


def test_keys_of_the_images_as_they_are_stay() -> None:
    """Catches gigabytes that are all built again: these are the keys of before there were conditions."""
    assert cache_key([ONE, OTHER], size_px=32) == "4a08ff182d4d7face047"
    assert cache_key([ONE], size_px=64, squares={ONE: Square(1, 2, 3)}) == "c6e0b356c788b64d862a"
