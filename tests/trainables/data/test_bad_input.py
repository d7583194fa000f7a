"""Folders as people have them: each oddity is usable, listed with its reason, or refused in one sentence."""

import errno
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from trainables.data.dataset.manifest import Manifest, scan
from trainables.data.dataset.recognition import list_images
from trainables.data.pixels import cache_key, ensure_pixels, open_pixels
from trainables.data.splits.trial_rows import experiment_rows, image_files, trial_table
from trainables.errors import InputError
from trainables.recipe import RecipeKeys

Fill = Callable[..., Path]


def picture(mode: str = "RGB", seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (32, 40, 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def reasons(manifest: Manifest) -> dict[str, str]:
    return dict(zip(manifest.excluded["path"], manifest.excluded["reason"], strict=True))


def save_animation(path: Path) -> None:
    picture("P").save(path, save_all=True, append_images=[picture("P", 1), picture("P", 2)])


def save_png_bomb(path: Path) -> None:
    """50,000 x 50,000 pixels in a hundred bytes."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + b"\x00\x00\x00\x00IDAT\x35\xaf\x06\x1e")


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("x.gif", save_animation, "several pictures in one file"),
        ("x.webp", save_animation, "several pictures in one file"),
        ("x.tif", save_animation, "several pictures in one file"),
        ("x.tif", lambda path: picture("F").save(path), "floating-point pixels"),
        ("x.png", save_png_bomb, "more than 50 megapixels"),
        (
            "x.jpg",
            lambda path: picture().save(path, "EPS"),
            "not an image (JPEG, PNG, WEBP, BMP, TIFF, GIF are",
        ),
        ("x.jpg", lambda path: picture().save(path, "PDF"), "not an image"),
        ("x.png", lambda path: picture().save(path, "ICO"), "not an image"),
        ("x.jpg", os.mkfifo, "not a regular file"),
        ("x.jpg", lambda path: path.symlink_to("x.jpg"), "a link that leads round in a circle"),
        ("x.jpg", lambda path: path.symlink_to("gone.jpg"), "no such file"),
        ("x.jpg", lambda path: path.symlink_to("/etc/hostname"), "a link that leaves the data folder"),
        ("x", lambda path: path.symlink_to(".."), "a link to a folder, which is not followed"),
        ("x.jpg", lambda path: path.symlink_to(".", True), "a link to a folder, which is not followed"),
    ],
)
def test_what_is_no_picture_is_listed_with_its_reason_and_never_followed(
    fill: Fill, name: str, make: Callable[[Path], object], reason: str
) -> None:
    """Catches a scan that waits for a pipe, goes in circles, starts a program, or drops a file."""
    root = fill("wiki/a.jpg", "fake/b.jpg")
    make(root / "wiki" / name)
    manifest = scan(root, max_unusable=0.5)
    assert list(manifest.rows["path"]) == ["fake/b.jpg", "wiki/a.jpg"]
    assert list(reasons(manifest)) == [f"wiki/{name}"]
    assert reasons(manifest)[f"wiki/{name}"].startswith(reason)


def test_a_circle_of_links_beside_the_sources_is_no_source(fill: Fill) -> None:
    """Catches a folder that "can't be read" because of one broken link in it."""
    root = fill("wiki/a.jpg", "fake/b.jpg")
    (root / "one").symlink_to("other")
    (root / "other").symlink_to("one")
    assert len(scan(root).rows) == 2


@pytest.mark.parametrize(
    ("name", "image_format"),
    [("x.jpg", "PNG"), ("x.png", "JPEG"), ("x.webp", "BMP"), ("x.bmp", "WEBP"), ("x.JPEG", "JPEG"),
     ("x.TIF", "TIFF"), ("x.gif", "GIF")],
)  # fmt: skip
def test_content_says_what_a_file_is_not_its_suffix(fill: Fill, name: str, image_format: str) -> None:
    """A wrong extension is no reason to lose an image; an upper-case one is not even wrong."""
    root = fill("wiki/a.jpg", "fake/b.jpg")
    picture().save(root / "wiki" / name, image_format)
    rows = scan(root).rows.set_index("path")
    assert rows.loc[f"wiki/{name}", "format"] == image_format


def test_a_phone_s_picture_with_a_second_one_behind_it_is_the_first(fill: Fill, tmp_path: Path) -> None:
    root = fill("wiki/a.jpg", "fake/b.jpg")
    picture().save(root / "wiki" / "x.jpg", "MPO", save_all=True, append_images=[picture(seed=1)])
    picture().save(tmp_path / "plain.jpg")
    manifest = scan(root)
    assert manifest.excluded.empty and manifest.rows.set_index("path").loc["wiki/x.jpg", "format"] == "MPO"
    files = image_files(manifest.rows, root)
    pixels = open_pixels(ensure_pixels(tmp_path / "cache", files, size_px=32))
    digest = manifest.rows.set_index("path").loc["wiki/x.jpg", "sha256"]
    with Image.open(tmp_path / "plain.jpg") as image:
        expected = np.asarray(image.crop((4, 0, 36, 32)))
    np.testing.assert_array_equal(pixels.array[pixels.rows([digest])[0]], expected)


NAMES = [
    "a,b.jpg",
    'say "cheese".jpg',
    "two\nlines.jpg",
    "car\rriage.jpg",
    " blank .jpg",
    "100%;$(x).jpg",
    "é 顔.jpg",
]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_is_lost_on_the_way_through_a_table(fill: Fill, tmp_path: Path, name: str) -> None:
    """Catches a comma, a quote or a newline that cuts a row of the fold file in two."""
    root = fill(*(f"{source}/{n}{name}" for source in ("wiki", "fake") for n in range(6)))
    rows = experiment_rows(scan(root), RecipeKeys(), repeat=0)
    rows.to_csv(tmp_path / "folds.csv", index=False, lineterminator="\n")
    with (tmp_path / "folds.csv").open(newline="") as stream:
        again = pd.read_csv(stream, lineterminator="\n", dtype={"group": str})
    assert (
        list(again["path"])
        == list(rows["path"])
        == sorted(f"{source}/{n}{name}" for source in ("wiki", "fake") for n in range(6))
    )
    assert list(again["group"]) == list(rows["group"])


def test_csv_ids_may_hold_commas_quotes_and_newlines(fill: Fill) -> None:
    names = ["a,b", 'say "cheese"', "two\nlines"]
    root = fill(*(f"train/{name}.png" for name in names))
    pd.DataFrame({"image_id": names, "label": [0, 1, 1]}).to_csv(root / "train.csv", index=False)
    assert {row.path: row.label for row in list_images(root, layout="csv", real_sources=()).images} == {
        "train/a,b.png": 0,
        'train/say "cheese".png': 1,
        "train/two\nlines.png": 1,
    }


@pytest.mark.parametrize("spelled", ["./a.png", "a.png/.", ".//a.png", "a"])
def test_one_file_spelled_in_two_ways_comes_once(fill: Fill, spelled: str) -> None:
    """Catches an image that is in the data twice, and even with two labels."""
    root = fill("train/a.png", "train/b.png")
    (root / "train.csv").write_text(f"image_id,label\na.png,0\nb.png,1\n{spelled},1\n")
    with pytest.raises(InputError, match="line 4"):
        scan(root)


@pytest.mark.parametrize("image_id", ["../../etc/passwd", "/etc/passwd", "a/../../b", ".", " ", "..", "./.."])
def test_an_id_does_not_lead_out_of_its_folder(fill: Fill, image_id: str) -> None:
    root = fill("train/a.png", "train/b.png")
    (root / "train.csv").write_text(f"image_id,label\na,0\n{image_id},1\n")
    with pytest.raises(InputError, match=r"train\.csv, line 3: image_id .* is not a name inside train/"):
        scan(root)


@pytest.mark.parametrize("closed", [".", "wiki", "wiki/deep"])
def test_an_unreadable_folder_is_refused_never_skipped(
    fill: Fill, monkeypatch: pytest.MonkeyPatch, closed: str
) -> None:
    """Whoever runs the tests may be allowed to read everything, so the refusal comes from a stand-in."""
    root = fill("wiki/deep/a.jpg", "fake/b.jpg")
    shut = (root / closed).resolve()

    def closing(function: Callable[..., object]) -> Callable[..., object]:
        def closed_one(path: str = ".") -> object:
            if Path(path).resolve() == shut:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return function(path)

        return closed_one

    monkeypatch.setattr(os, "scandir", closing(os.scandir))
    monkeypatch.setattr(os, "listdir", closing(os.listdir))
    with pytest.raises(InputError, match=r"can't be read \(Permission denied\); check its permissions"):
        scan(root)


def test_an_unreadable_file_is_listed(fill: Fill, monkeypatch: pytest.MonkeyPatch) -> None:
    root = fill("wiki/a.jpg", "fake/b.jpg", "fake/shut.jpg")
    opened = Path.open

    def closed_one(path: Path, *arguments: object, **options: object) -> object:
        if path.name == "shut.jpg":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", closed_one)
    assert reasons(scan(root, max_unusable=0.5)) == {"fake/shut.jpg": "can't be opened (Permission denied)"}


@pytest.mark.parametrize(
    ("paths", "changes", "message"),
    [
        (["wiki/a.png"], {}, r"one class only \(real, 1 images\)"),
        (["wiki/a.png", "fake/b.png"], {}, r"class 0 has 1 group, fewer than the 5 folds"),
        (["wiki/a.png", "fake/b.png"], {"protocol": "holdout"}, r"fewer than two classes"),
        (["wiki/a.png", "fake/b.png", "fake/c.png"], {"protocol": "holdout"}, r"fewer than two classes"),
        (["train/real/a.png", "train/fake/b.png", "test/real/c.png", "test/fake/d.png"],
         {"protocol": "official"}, r"fewer than two classes"),
        (["train/real/a.png", "train/real/b.png", "test/real/c.png", "test/fake/d.png"],
         {"protocol": "official"}, r"the test split holds class fake, 1 images, which the train split lacks"),
        (["train/x/a.png", "train/y/b.png", "val/x/c.png", "val/z/d.png"],
         {"protocol": "official"}, r"the val split holds class z, 1 images, which the train split lacks"),
    ],
)  # fmt: skip
def test_no_or_one_image_of_a_class_is_refused(
    fill: Fill, paths: list[str], changes: dict[str, object], message: str
) -> None:
    recipe = RecipeKeys.model_validate(changes)
    with pytest.raises(InputError, match=message):
        trial_table(experiment_rows(scan(fill(*paths)), recipe, repeat=0), recipe, repeat=0, fold=0)


def test_a_class_that_is_not_in_the_training_part_is_refused(fill: Fill) -> None:
    """Catches a network that is tested on a class of which it saw no image, where there are several."""
    few = ["train/z/0.png", "test/z/0.png"]
    many = [f"{split}/{name}/{n}.png" for split in ("train", "test") for name in "xy" for n in range(5)]
    recipe = RecipeKeys(protocol="official")
    rows = experiment_rows(scan(fill(*many, *few)), recipe, repeat=0)
    table = trial_table(rows, recipe, repeat=0, fold=0)
    # The only group of a class is trained on, whatever seed deals the inner validation part.
    assert table.loc[table["path"] == "train/z/0.png", "part"].item() == "train"
    rows.loc[rows["path"] == "train/z/0.png", "learnable"] = False
    with pytest.raises(InputError, match=r"class 2, of which no image is left to train on"):
        trial_table(rows, recipe, repeat=0, fold=0)


@pytest.fixture
def images(fill: Fill) -> dict[str, Path]:
    root = fill(*(f"wiki/{n}.png" for n in range(3)), "fake/b.png")
    return image_files(scan(root).rows, root)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS])
def test_a_cache_folder_that_is_read_only_is_one_sentence(
    images: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(path: Path, *arguments: object, **options: object) -> None:
        raise OSError(code, os.strerror(code), str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(InputError, match=r"the pixel cache .*cache can't be written \(.*--results"):
        ensure_pixels(tmp_path / "cache", images, size_px=16)


def test_a_finished_cache_is_read_where_nothing_can_be_written(
    images: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ensure_pixels(tmp_path / "cache", images, size_px=16)

    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    for name in ("mkdir", "touch"):
        monkeypatch.setattr(Path, name, refuse)
    monkeypatch.setattr(os, "utime", refuse)
    assert ensure_pixels(tmp_path / "cache", images, size_px=16) == folder
    assert len(open_pixels(folder).array) == 4


@pytest.mark.parametrize("where", ["reserving", "in the middle"])
def test_a_disk_that_fills_up_leaves_nothing_and_says_how_much_is_needed(
    images: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Space is claimed first: a memory map that meets a full disk ends the process with SIGBUS."""

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        if where == "reserving":
            patch.setattr(os, "posix_fallocate", full)
        with pytest.raises(InputError, match=r"needs 12 MiB in .*cache, where \d+ MiB are free; .*--results"):
            progress = full if where == "in the middle" else None
            ensure_pixels(tmp_path / "cache", images, size_px=1024, progress=progress)
    key = cache_key(list(images), size_px=1024)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [f"{key}.lock"]
    folder = ensure_pixels(tmp_path / "cache", images, size_px=1024)
    # Every block is on the disk: none is left to be found missing later.
    status = (folder / "pixels.npy").stat()
    assert status.st_blocks * 512 >= status.st_size > 12 * 2**20
