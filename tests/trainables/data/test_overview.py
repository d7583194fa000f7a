"""The look of a set, against numbers that are known because the pictures were made to have them."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from trainables.data import overview
from trainables.data.dataset.manifest import Manifest, scan
from trainables.errors import InputError

SIZE_PX = 64


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """wiki: white noise. fake: the same with a wave of period 8 px. red: one colour. All 64 px but one of
    red.
    """
    root, rng = tmp_path_factory.mktemp("data") / "set", np.random.default_rng(1)
    wave = 40 * np.sin(2 * np.pi * np.arange(SIZE_PX) / 8)
    for number in range(6):
        noise = rng.normal(128, 20, (SIZE_PX, SIZE_PX, 1)).repeat(3, axis=2)
        save(root / "wiki" / f"{number}.png", noise)
        save(root / "fake" / f"{number}.png", noise + wave[None, :, None])
    for number, (height, width) in enumerate([(64, 64), (100, 200), (16, 16)]):
        save(root / "red" / f"{number}.png", np.full((height, width, 3), (200, 100, 100)))
    (root / "fake" / "copy.png").write_bytes((root / "wiki" / "0.png").read_bytes())
    Image.open(root / "wiki" / "1.png").save(root / "wiki" / "wrong.jpg", "PNG")
    return scan(root)


def test_counts_name_source_class_and_split(manifest: Manifest) -> None:
    found = [tuple(row) for row in overview.counts(manifest).itertuples(index=False)]
    assert found == [("fake", "fake", "", 7), ("red", "fake", "", 3), ("wiki", "real", "", 7)]


def test_an_unlabelled_part_is_called_so(manifest: Manifest) -> None:
    rows = manifest.rows.assign(label=-1)
    table = overview.counts(Manifest(manifest.root, "csv", "none", manifest.classes, rows, manifest.excluded))
    assert set(table["class"]) == {"unlabelled"}


def test_spreads_are_the_quantiles_of_each_source(manifest: Manifest) -> None:
    rows = overview.with_ratios(manifest.rows)
    width = overview.quantiles_by_source(rows, "width")
    assert list(width.index) == ["fake", "red", "wiki"]
    assert width.loc["wiki"].tolist() == [64] * 5
    assert width.loc["red", "median"] == 64 and width.loc["red", "high"] == pytest.approx(
        np.quantile([16, 64, 200], 0.95)
    )
    assert overview.quantiles_by_source(rows, "aspect").loc["red", "high"] == pytest.approx(
        np.quantile([1, 1, 2], 0.95)
    )
    first = rows.iloc[0]
    assert first["bits_per_pixel"] == pytest.approx(8 * first["bytes"] / 64 / 64)


def test_identical_and_misnamed_files_are_named(manifest: Manifest) -> None:
    twice = [("fake/copy.png", "wiki/0.png"), ("wiki/1.png", "wiki/wrong.jpg")]
    assert overview.identical(manifest.rows) == twice
    assert overview.misnamed(manifest.rows).to_dict("records") == [
        {"path": "wiki/wrong.jpg", "format": "PNG"}
    ]


def test_a_sample_does_not_depend_on_names_order_or_the_rest(manifest: Manifest) -> None:
    rows = manifest.rows
    few = overview.sample(rows, per_source=3)
    assert few["source"].value_counts().to_dict() == {"fake": 3, "red": 3, "wiki": 3}
    assert set(few["sha256"]) <= set(overview.sample(rows, per_source=5)["sha256"])
    shuffled = rows.sample(frac=1.0, random_state=0).assign(path=lambda table: "x/" + table["path"])
    assert list(overview.sample(shuffled, per_source=3)["sha256"]) == list(few["sha256"])


@pytest.mark.parametrize(
    ("sides", "expected"), [([300] * 9 + [40], 128), ([300] * 8 + [70] * 2, 64), ([20], 32)]
)
def test_the_crop_is_one_that_nearly_all_pictures_can_give(sides: list[int], expected: int) -> None:
    rows = pd.DataFrame({"width": sides, "height": 1000, "source": "a"})
    assert overview.crop_size(rows) == expected


def test_brightness_contrast_and_saturation_are_those_of_the_colour(manifest: Manifest) -> None:
    red = manifest.rows[manifest.rows["source"] == "red"]
    _, facts = overview.measure_pictures(manifest.root, red, crop_px=64)
    # 0.299 red + 0.587 green + 0.114 blue; (max - min) / max.
    assert facts["brightness"].to_numpy() == pytest.approx((0.299 * 200 + 0.701 * 100) / 255, abs=1e-4)
    assert facts["contrast"].to_numpy() == pytest.approx(0.0, abs=1e-4)
    assert facts["saturation"].to_numpy() == pytest.approx(0.5)
    assert list(facts["path"]) == list(red["path"])


def test_colours_are_shares_of_pixels_with_equal_weight_a_picture(manifest: Manifest) -> None:
    looks, _ = overview.measure_pictures(manifest.root, manifest.rows, crop_px=64)
    assert looks["red"].colours.shape == (3, 32)
    assert looks["red"].colours[0, 200 // 8] == looks["red"].colours[1, 100 // 8] == 1.0
    for each in looks.values():
        assert each.colours.sum(axis=1) == pytest.approx(1.0)
    assert looks["wiki"].colours[0].argmax() in (15, 16)


def test_a_wave_is_a_peak_at_its_frequency_and_noise_is_flat(manifest: Manifest) -> None:
    """Catches a spectrum that is turned, shifted or scaled: 1/8 cycle per pixel along the rows."""
    looks, _ = overview.measure_pictures(manifest.root, manifest.rows, crop_px=64)
    waved, plain = looks["fake"], looks["wiki"]
    assert waved.spectrum.shape == (64, 64) and waved.radial.shape == (32,)
    difference = waved.spectrum - plain.spectrum
    peaks = {(int(i), int(j)) for i, j in zip(*np.where(difference > 1.5), strict=True)}
    assert {(32, 32 + 8), (32, 32 - 8)} <= peaks
    assert all(abs(i - 32) <= 1 and 6 <= abs(j - 32) <= 10 for i, j in peaks)
    assert np.argmax(waved.radial - plain.radial) == 8
    # White noise of variance v has power v at every frequency, whatever the window (Parseval).
    assert 10 ** plain.radial[4:].mean() == pytest.approx((20 / 255) ** 2, rel=0.1)


def test_pictures_smaller_than_the_crop_are_counted_not_enlarged(manifest: Manifest) -> None:
    looks, _ = overview.measure_pictures(manifest.root, manifest.rows, crop_px=64)
    assert (looks["red"].num_images, looks["red"].num_spectra) == (3, 2)
    only = manifest.rows[manifest.rows["width"] == 16]
    small, _ = overview.measure_pictures(manifest.root, only, crop_px=32)
    assert small["red"].num_spectra == 0 and math.isnan(small["red"].radial[0])
    assert small["red"].radial.shape == (16,)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "I;16"])
def test_every_mode_of_pixels_can_be_measured(tmp_path: Path, mode: str) -> None:
    image = (
        Image.new("I;16", (40, 33), 40_000)
        if mode == "I;16"
        else Image.new("RGB", (40, 33), (90, 90, 90)).convert(mode)
    )
    image.save(tmp_path / "a.tif")
    rows = pd.DataFrame({"path": ["a.tif"], "source": ["x"]})
    looks, facts = overview.measure_pictures(tmp_path, rows, crop_px=32)
    assert 0.3 < facts["brightness"][0] < 0.7 and looks["x"].num_spectra == 1


def test_thumbnails_are_small_squares(manifest: Manifest, tmp_path: Path) -> None:
    (content,) = overview.thumbnails(manifest.root, ["red/1.png"], size_px=48)
    (tmp_path / "a.jpg").write_bytes(content)
    with Image.open(tmp_path / "a.jpg") as image:
        assert (image.format, image.size) == ("JPEG", (48, 48))
        assert np.abs(np.asarray(image).astype(int) - (200, 100, 100)).max() < 6


def test_a_file_that_is_gone_is_one_sentence(manifest: Manifest) -> None:
    with pytest.raises(InputError, match=r"gone\.png was scanned but can't be read now"):
        overview.thumbnails(manifest.root, ["gone.png"], size_px=48)


def test_progress_counts_pictures(manifest: Manifest) -> None:
    seen: list[tuple[int, int]] = []
    overview.measure_pictures(
        manifest.root, manifest.rows, crop_px=32, progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(number, 17) for number in range(1, 18)]
