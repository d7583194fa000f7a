"""Versions of one picture are linked, different pictures are not, and the price is bounded and paid once."""

import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageEnhance, ImageOps

from tests.cases import fast_first
from trainables.data.dataset.manifest import scan
from trainables.data.duplicates import fingerprints, near_duplicates
from trainables.data.duplicates.alignment import SAME, similarity
from trainables.data.duplicates.fingerprints import SIDE
from trainables.data.duplicates.near_duplicates import find_links

Change = Callable[[Image.Image], Image.Image]
PX = 192


def picture(seed: int, *, px: int = PX) -> Image.Image:
    """Coarse and fine structure, like a photo's, that depends on the seed alone."""
    rng = np.random.default_rng(seed)
    layers = [
        np.asarray(
            Image.fromarray(rng.integers(0, 256, (size, size, 3), dtype=np.uint8)).resize(
                (px, px), Image.Resampling.BICUBIC
            ),
            dtype=float,
        )
        * share
        for size, share in ((5, 0.5), (12, 0.3), (40, 0.2))
    ]
    return Image.fromarray(np.clip(sum(layers), 0, 255).astype(np.uint8))


def recoded(image: Image.Image, quality: int) -> Image.Image:
    content = io.BytesIO()
    image.save(content, "JPEG", quality=quality)
    return Image.open(io.BytesIO(content.getvalue())).convert("RGB")


def cropped(image: Image.Image, share: float) -> Image.Image:
    edge = round(image.width * share)
    return image.crop((edge, edge, image.width - edge, image.height - edge))


def edited(image: Image.Image) -> Image.Image:
    """Another picture's pixels in a tenth of the area: what face swapping and inpainting do."""
    changed = image.copy()
    side = round(PX * 0.32)
    changed.paste(picture(999).crop((0, 0, side, side)), (PX // 2 - side // 2, PX // 2 - side // 2))
    return changed


VERSIONS: dict[str, tuple[Change, str]] = {
    "JPEG quality 20": (lambda image: recoded(image, 20), "near"),
    "half the size": (lambda image: image.resize((PX // 2, PX // 2), Image.Resampling.BICUBIC), "near"),
    "another shape": (lambda image: image.resize((PX, PX // 2), Image.Resampling.BICUBIC), "near"),
    "brighter": (lambda image: ImageEnhance.Brightness(image).enhance(1.3), "near"),
    "less contrast": (lambda image: ImageEnhance.Contrast(image).enhance(0.6), "near"),
    "grey": (lambda image: image.convert("L"), "near"),
    "cropped a little": (lambda image: cropped(image, 0.02), "near|cropped"),
    "cropped by 5 %": (lambda image: cropped(image, 0.05), "cropped"),
    "mirrored": (ImageOps.mirror, "mirrored"),
    "mirrored and recoded": (lambda image: recoded(ImageOps.mirror(image), 30), "mirrored"),
    "edited": (edited, "near"),
}


def write(root: Path, images: dict[str, Image.Image]) -> pd.DataFrame:
    for path, image in images.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        image.save(root / path)
    return scan(root, group_by="none").rows


def pairs_of(links: pd.DataFrame) -> set[tuple[str, str]]:
    return set(zip(links["first"], links["second"], strict=True))


@pytest.fixture(scope="module")
def twelve(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve different pictures, real/0.png to real/11.png."""
    root = tmp_path_factory.mktemp("twelve")
    write(root, {f"real/{seed}.png": picture(seed) for seed in range(12)})
    return root


@pytest.mark.parametrize("name", fast_first(VERSIONS, 3))
def test_a_version_of_a_picture_is_linked_to_it_and_to_no_other(
    tmp_path: Path, twelve: Path, name: str
) -> None:
    change, kind = VERSIONS[name]
    shutil.copytree(twelve, tmp_path, dirs_exist_ok=True)
    rows = write(tmp_path, {"fake/x.png": change(picture(5))})
    links = find_links(tmp_path, rows)
    assert pairs_of(links) == {("fake/x.png", "real/5.png")}
    assert links["kind"].iloc[0] in kind.split("|") and SAME <= links["similarity"].iloc[0] <= 1.0


@pytest.mark.slow
def test_different_pictures_are_not_linked(tmp_path: Path) -> None:
    rows = write(tmp_path, {f"{('real', 'fake')[seed % 2]}/{seed}.png": picture(seed) for seed in range(40)})
    links = find_links(tmp_path, rows)
    assert links.empty and list(links.columns) == list(near_duplicates.LINK_COLUMNS)


def test_a_chain_is_connected_by_links_that_are_just_enough(tmp_path: Path) -> None:
    """a ~ b ~ c: an image, a crop of it, and a crop of the crop."""
    once = cropped(picture(1), 0.05)
    twice = cropped(once, 0.05)
    rows = write(
        tmp_path,
        {"real/a.png": picture(1), "real/b.png": once, "fake/c.png": twice, "real/d.png": picture(2)},
    )
    links = find_links(tmp_path, rows)
    assert len(links) == 2
    groups = scan(tmp_path).rows.set_index("path")["group"]
    assert groups["real/a.png"] == groups["real/b.png"] == groups["fake/c.png"] != groups["real/d.png"]


def test_images_of_one_colour_are_linked_only_when_their_files_are_identical(tmp_path: Path) -> None:
    """Catches all black frames of a data set joined into one group with whatever is dark."""
    flat = {f"real/{grey}.png": Image.new("RGB", (64, 64), (grey,) * 3) for grey in range(0, 250, 10)}
    rows = write(tmp_path, {**flat, "fake/copy.png": Image.new("RGB", (64, 64), (0, 0, 0))})
    assert find_links(tmp_path, rows).to_dict("records") == [
        {"first": "fake/copy.png", "second": "real/0.png", "kind": "identical", "similarity": 1.0}
    ]


def test_identical_files_are_linked_to_the_first_of_them(tmp_path: Path) -> None:
    rows = write(tmp_path, {f"real/{name}.png": picture(3) for name in "cab"})
    links = find_links(tmp_path, rows)
    assert pairs_of(links) == {("real/a.png", "real/b.png"), ("real/a.png", "real/c.png")}
    assert set(links["kind"]) == {"identical"}


def test_many_versions_of_one_picture_are_one_component_with_one_link_less(tmp_path: Path) -> None:
    versions = {f"real/{q}.jpg": recoded(picture(7), q) for q in range(30, 96, 2)}
    rows = write(tmp_path, {**versions, "fake/other.png": picture(8)})
    assert rows["sha256"].nunique() == len(rows)
    links = find_links(tmp_path, rows)
    assert len(links) == len(versions) - 1
    assert scan(tmp_path).rows["group"].nunique() == 2


def test_links_depend_on_contents_and_not_on_names_or_order(tmp_path: Path) -> None:
    images = [picture(1), recoded(picture(1), 20), picture(2), ImageOps.mirror(picture(2)), picture(3)]
    first = write(tmp_path / "one", {f"real/{n}.png": image for n, image in enumerate(images)})
    second = write(tmp_path / "two", {f"real/{9 - n}.png": image for n, image in enumerate(images)})
    contents = []
    for root, rows in ((tmp_path / "one", first), (tmp_path / "two", second)):
        digest = rows.set_index("path")["sha256"]
        links = find_links(root, rows.sample(frac=1.0, random_state=1))
        contents.append({frozenset(digest[[a, b]]) for a, b in pairs_of(links)})
    assert contents[0] == contents[1] and len(contents[0]) == 2


def test_a_turned_photo_is_compared_upright(tmp_path: Path) -> None:
    """Catches a picture whose EXIF says "turned" and that is not recognised in its upright copy."""
    upright = picture(4)
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "real").mkdir()
    upright.rotate(90, expand=True).save(tmp_path / "real" / "turned.jpg", exif=exif, quality=90)
    rows = write(tmp_path, {"fake/upright.png": upright})
    assert pairs_of(find_links(tmp_path, rows)) == {("fake/upright.png", "real/turned.jpg")}


def test_what_was_found_is_remembered_and_only_new_images_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = tmp_path / "cache" / "scan.parquet"
    root = tmp_path / "data"
    images = {"real/a.png": picture(1), "fake/b.png": recoded(picture(1), 40), "real/c.png": picture(2)}
    write(root, images)
    first = scan(root, memory=memory)
    read: list[bytes] = []
    original = fingerprints.perceptual_fingerprint
    monkeypatch.setattr(
        fingerprints, "perceptual_fingerprint", lambda content: (read.append(content), original(content))[1]
    )
    again = scan(root, memory=memory)
    assert not read
    pd.testing.assert_frame_equal(again.rows, first.rows)
    assert again.links is not None and first.links is not None
    pd.testing.assert_frame_equal(again.links, first.links)
    picture(2).resize((90, 90)).save(root / "fake" / "d.png")
    grown = scan(root, memory=memory)
    assert len(read) == 1 and grown.links is not None and len(grown.links) == 2


@pytest.mark.parametrize("what", fast_first(["fingerprints", "links"], 2))
@pytest.mark.parametrize("content", [b"", b"PAR1 no", None])
def test_a_damaged_memory_is_no_harm(tmp_path: Path, what: str, content: bytes | None) -> None:
    memory, root = tmp_path / "scan.parquet", tmp_path / "data"
    write(root, {"real/a.png": picture(1), "fake/b.png": recoded(picture(1), 40)})
    first = scan(root, memory=memory)
    for file in tmp_path.glob("scan-*.parquet"):
        if what in file.name and content is not None:
            file.write_bytes(content)
        elif what in file.name:
            pd.DataFrame({"other": [1]}).to_parquet(file)
        elif what == "fingerprints":
            file.unlink()
    again = scan(root, memory=memory)
    assert again.links is not None and first.links is not None
    pd.testing.assert_frame_equal(again.links, first.links)


def test_where_nothing_can_be_written_it_works_all_the_same(tmp_path: Path) -> None:
    root = tmp_path / "data"
    write(root, {"real/a.png": picture(1), "fake/b.png": recoded(picture(1), 40)})
    (tmp_path / "file").write_text("")
    links = scan(root, memory=tmp_path / "file" / "scan.parquet").links
    assert links is not None and len(links) == 1


def test_a_file_that_vanished_is_left_out_and_not_remembered_as_alone(tmp_path: Path) -> None:
    memory, root = tmp_path / "scan.parquet", tmp_path / "data"
    rows = write(root, {"real/a.png": picture(1), "fake/b.png": recoded(picture(1), 40)})
    os.rename(root / "fake" / "b.png", root / "gone")
    assert find_links(root, rows, memory=memory).empty
    os.rename(root / "gone", root / "fake" / "b.png")
    assert len(find_links(root, rows, memory=memory)) == 1


def test_similarity_of_nothing_and_of_flat_thumbnails_is_no_similarity() -> None:
    empty = np.zeros((0, SIDE, SIDE), dtype=np.uint8)
    assert similarity(empty, empty, np.ones(0)).shape == (0,)
    flat = np.full((3, SIDE, SIDE), 7, dtype=np.uint8)
    np.testing.assert_array_equal(similarity(flat, flat, np.ones(3)), 0.0)
