"""Folders below a class folder: sources by their name or number, else videos and persons."""

from collections.abc import Callable
from pathlib import Path

import pytest

from trainables.data.dataset.layouts import ListedImage
from trainables.data.dataset.manifest import scan
from trainables.data.dataset.recognition import list_images

Fill = Callable[..., Path]


def many(*folders: str, count: int = 20) -> list[str]:
    """Paths of numbered files; a file is not opened to be listed."""
    return [f"{folder}/{number:05d}.jpg" for folder in folders for number in range(count)]


def read(root: Path, *paths: str) -> dict[str, ListedImage]:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return {image.path: image for image in list_images(root, layout="auto", real_sources=()).images}


def sources(found: dict[str, ListedImage]) -> set[tuple[int, str, str]]:
    return {(image.label, image.source, image.inside) for image in found.values()}


@pytest.mark.parametrize("above", ["", "train/"])
def test_generators_below_the_fakes_are_sources(tmp_path: Path, above: str) -> None:
    """Catches generators that can't be held out, and generators taken for groups."""
    folders = [f"{above}{name}" for name in ("real", "fake/sd", "fake/mj", "fake/StyleGAN2-ada")]
    found = read(tmp_path, *many(*folders, count=2))
    expected = {(0, "real", ""), (1, "sd", ""), (1, "mj", ""), (1, "StyleGAN2-ada", "")}
    assert sources(found) == expected


def test_a_name_of_real_and_of_fake_images_is_two_sources(tmp_path: Path) -> None:
    found = read(
        tmp_path, *many("real/celeba", "real/ffhq", "fake/celeba", "fake/stable_diffusion_v_1_4", count=1)
    )
    assert sources(found) == {
        (0, "celeba/real", ""), (0, "ffhq", ""), (1, "celeba", ""), (1, "stable_diffusion_v_1_4", ""),
    }  # fmt: skip


def test_few_large_folders_beside_images_in_a_class_folder_are_sources_and_stay_folders(
    tmp_path: Path,
) -> None:
    found = read(tmp_path, *many("real", "fake/ours", "fake/theirs"))
    assert sources(found) == {(0, "real", ""), (1, "ours", "ours"), (1, "theirs", "theirs")}


@pytest.mark.parametrize(
    "folders",
    [
        ("real/anna", "real/ben", "fake/carl", "fake/dora"),
        ("real", "fake/video1", "fake/video2"),
        ("real", "fake/a", "fake/b", "fake/c", "fake/d", "fake/e"),
        ("wiki/x", "wiki/y", "text2img"),
    ],
)  # fmt: skip
def test_folders_that_may_be_videos_or_persons_are_no_sources(
    tmp_path: Path, folders: tuple[str, ...]
) -> None:
    """Catches a person for each source, and a set of photos that is not found by its name any more."""
    found = read(tmp_path, *many(*folders))
    assert {image.source for image in found.values()} == {folder.partition("/")[0] for folder in folders}


def test_small_folders_beside_images_in_a_class_folder_are_no_sources(tmp_path: Path) -> None:
    found = read(tmp_path, *many("real", "fake/a", "fake/b", count=19))
    assert {image.source for image in found.values()} == {"real", "fake"}


@pytest.mark.parametrize("name", ["{n:03d}", "{source}_{n:03d}"])
def test_images_of_sources_below_the_class_are_groups_of_their_own(fill: Fill, name: str) -> None:
    """Catches a generator as one group, too few of which there are for folds, by its folder or its prefix."""
    folders = ("real/ffhq", "real/coco", "real/lsun", "fake/sd", "fake/mj", "fake/dalle")
    root = fill(*(f"{each}/{name.format(n=n, source=each[5:])}.png" for each in folders for n in range(3)))
    manifest = scan(root)
    assert manifest.rows["group"].nunique() == 18
    assert manifest.group_by == "none+near"
    assert "read as sources: coco, dalle, ffhq, lsun, mj, sd" in " ".join(manifest.reading.notes)
