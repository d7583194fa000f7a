"""The made-up set: same seed, same bytes; nothing but pixels to tell by; one artefact per fake source."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from sklearn.metrics import roc_auc_score

from trainables.data.demo import write_demo
from trainables.data.planted import PLANTED
from trainables.errors import InputError

SOURCES = ["wiki", "text2img", "inpainting", "insight"]
FAKES = SOURCES[1:]
NUM_FACES = 40
# Divisible by the number of grid periods (10 and 20), so that the grid falls on whole Fourier bins.
SIZE_PX = 80


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("demo") / "set"
    write_demo(root, num_faces=NUM_FACES, size_px=SIZE_PX)
    return root


def bytes_by_path(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*.jpg"))}


def pictures(root: Path, source: str) -> list[NDArray[np.float64]]:
    return [np.asarray(Image.open(path), np.float64) for path in sorted((root / source).iterdir())]


def auc_against_real(statistic: Callable[[NDArray[np.float64]], float], root: Path, source: str) -> float:
    real, fake = ([statistic(picture) for picture in pictures(root, name)] for name in ("wiki", source))
    return float(roc_auc_score([0] * len(real) + [1] * len(fake), real + fake))


def test_layout_and_counts_with_each_person_under_one_name_in_all_sources(demo: Path) -> None:
    assert sorted(path.name for path in demo.iterdir()) == sorted(SOURCES)
    names = {source: sorted(path.name for path in (demo / source).iterdir()) for source in SOURCES}
    assert names["wiki"] == [f"face_{number:04d}.jpg" for number in range(1, NUM_FACES + 1)]
    assert all(names[source] == names["wiki"] for source in FAKES)


def test_returns_counts_and_reports_progress_up_to_the_total(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    counts = write_demo(
        tmp_path / "new" / "set",
        num_faces=2,
        size_px=32,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert counts == dict.fromkeys(SOURCES, 2)
    assert seen == [(done, 8) for done in range(1, 9)]


def test_same_seed_same_bytes_and_another_seed_other_bytes(tmp_path: Path) -> None:
    for name, seed in (("first", 7), ("second", 7), ("third", 8)):
        write_demo(tmp_path / name, num_faces=3, size_px=48, seed=seed)
    first, second, third = (bytes_by_path(tmp_path / name) for name in ("first", "second", "third"))
    assert first == second
    assert all(first[path] != third[path] for path in first)


def test_no_two_images_are_alike(demo: Path) -> None:
    assert len(set(bytes_by_path(demo).values())) == NUM_FACES * len(SOURCES)


def test_files_differ_in_nothing_but_their_pixels(demo: Path) -> None:
    facts = set()
    for path in demo.rglob("*.jpg"):
        with Image.open(path) as image:
            tables = repr(image.quantization)  # type: ignore[attr-defined]
            facts.add(
                (image.format, image.mode, image.size, tables, repr(image.layer), repr(sorted(image.info)))
            )
    assert len(facts) == 1


@pytest.mark.parametrize("source", FAKES)
def test_bytes_per_file_are_no_shortcut(demo: Path, source: str) -> None:
    sizes = [[path.stat().st_size for path in sorted((demo / name).iterdir())] for name in ("wiki", source)]
    assert 0.35 < roc_auc_score([0] * NUM_FACES + [1] * NUM_FACES, sizes[0] + sizes[1]) < 0.65


def test_text2img_carries_a_period_grid(demo: Path) -> None:
    def grid_power(picture: NDArray[np.float64]) -> float:
        """Power at the grid's frequency in green against magenta, over the median around it."""
        opponent = (picture[..., 0] + picture[..., 2]) / 2 - picture[..., 1]
        window = np.outer(np.hanning(SIZE_PX), np.hanning(SIZE_PX))
        power = np.abs(np.fft.fft2((opponent - opponent.mean()) * window)) ** 2
        return float(power[10, [10, -10]].sum() / np.median(power[6:15, 6:15]))

    assert auc_against_real(grid_power, demo, "text2img") > 0.9
    # A grid in every source would be a property of the drawing, not an artefact.
    assert auc_against_real(grid_power, demo, "inpainting") < 0.7
    assert auc_against_real(grid_power, demo, "insight") < 0.7


def test_the_grid_is_there_from_the_planted_size_on_and_hidden_below(demo: Path) -> None:
    """Catches a truth that is written down and not drawn, which no study could find."""
    side = PLANTED["text2img"].hidden_below_px
    assert side is not None and {name: each.hidden_below_px for name, each in PLANTED.items()} == {
        "text2img": side, "inpainting": None, "insight": None
    }  # fmt: skip

    def peak(size_px: int) -> Callable[[NDArray[np.float64]], float]:
        """Power where the coarse grid is, or falls to when it is sampled too rarely, over the median."""

        def measure(picture: NDArray[np.float64]) -> float:
            small = Image.fromarray(picture.astype(np.uint8)).resize(
                (size_px, size_px), Image.Resampling.LANCZOS
            )
            pixels = np.asarray(small, np.float64)
            opponent = (pixels[..., 0] + pixels[..., 2]) / 2 - pixels[..., 1]
            window = np.outer(np.hanning(size_px), np.hanning(size_px))
            power = np.abs(np.fft.fft2((opponent - opponent.mean()) * window)) ** 2
            place = side // 2 if size_px >= side else size_px - side // 2
            around = power[1 : size_px // 2, 1 : size_px // 2]
            return float((power[place, place] + power[place, -place]) / np.median(around))

        return measure

    assert auc_against_real(peak(side + 4), demo, "text2img") > 0.9
    assert auc_against_real(peak(side - 4), demo, "text2img") < 0.7


@pytest.mark.slow
def test_without_its_cast_the_mean_colour_of_text2img_says_nothing(demo: Path, tmp_path: Path) -> None:
    """Catches a cast that is left: with it a small image would do, and no size would hide the grid."""

    def cast(picture: NDArray[np.float64]) -> float:
        return float(((picture[..., 0] + picture[..., 2]) / 2 - picture[..., 1]).mean())

    write_demo(tmp_path / "set", num_faces=NUM_FACES, size_px=SIZE_PX, has_cast=False)
    assert auc_against_real(cast, demo, "text2img") > 0.7
    assert auc_against_real(cast, tmp_path / "set", "text2img") < 0.6


def test_inpainting_lacks_noise_somewhere_in_the_face(demo: Path) -> None:
    def uneven_noise(picture: NDArray[np.float64]) -> float:
        """How far the quietest place of the middle lies below the typical one."""
        detail = picture.mean(axis=2) - ndimage.gaussian_filter(picture.mean(axis=2), 1.0)
        local = ndimage.uniform_filter(np.minimum(np.abs(detail), 5), 9)[20:60, 20:60]
        return float(np.median(local) / np.percentile(local, 3))

    assert auc_against_real(uneven_noise, demo, "inpainting") > 0.7


def test_insight_changes_the_face_and_leaves_the_backdrop(demo: Path) -> None:
    change = np.mean(
        [
            np.abs(ndimage.gaussian_filter(fake - real, 2, axes=(0, 1))).mean(axis=2)
            for real, fake in zip(pictures(demo, "wiki"), pictures(demo, "insight"), strict=True)
        ],
        axis=0,
    )
    face, backdrop = change[30:60, 30:50].mean(), change[:15, [*range(8), *range(-8, 0)]].mean()
    assert face > 5 * backdrop


def test_insight_leaves_a_cast_on_the_face(demo: Path) -> None:
    casts = [
        (fake - real)[25:62, 26:54].mean(axis=(0, 1))
        for real, fake in zip(pictures(demo, "wiki"), pictures(demo, "insight"), strict=True)
    ]
    # Green against magenta, which another skin tone hardly moves.
    assert np.mean([(cast[0] + cast[2]) / 2 - cast[1] for cast in casts]) > 1


@pytest.mark.parametrize("what", ["a folder with a file", "a file"])
def test_refuses_what_is_already_there_and_leaves_it_alone(tmp_path: Path, what: str) -> None:
    root = tmp_path / "data"
    kept = root / "photo.jpg" if what == "a folder with a file" else root
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("mine")
    with pytest.raises(InputError, match="not an empty folder"):
        write_demo(root, num_faces=2, size_px=32)
    assert kept.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [root]


def test_two_at_once_don_t_mix_their_sets(tmp_path: Path) -> None:
    """Catches a second set that is drawn into the same folder, and what is then called a defect."""
    root = tmp_path / "data"

    def draw_mine(done: int, total: int) -> None:
        root.mkdir(exist_ok=True)
        (root / "photo.jpg").write_text("mine")

    with pytest.raises(InputError, match="somebody else"):
        write_demo(root, num_faces=2, size_px=32, progress=draw_mine)
    assert list(tmp_path.rglob("*.*")) == [root / "photo.jpg"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    write_demo(root, num_faces=2, size_px=32)
    assert len(bytes_by_path(root)) == 8


@pytest.mark.parametrize(("num_faces", "size_px"), [(1, 64), (4, 16)])
def test_refuses_a_set_too_small_to_swap_or_to_see(tmp_path: Path, num_faces: int, size_px: int) -> None:
    with pytest.raises(InputError, match="too small"):
        write_demo(tmp_path / "set", num_faces=num_faces, size_px=size_px)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_nothing_is_left_after_an_interruption(tmp_path: Path, error: type[BaseException]) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 5:
            raise error

    with pytest.raises(error):
        write_demo(tmp_path / "set", num_faces=3, size_px=32, progress=interrupt)
    assert list(tmp_path.iterdir()) == []
