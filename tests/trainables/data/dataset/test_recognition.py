"""Class, source and split of each file by names alone, in each of the three layouts."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from trainables.data.dataset.layouts import UNLABELLED, Listing
from trainables.data.dataset.recognition import list_images
from trainables.errors import InputError

Fill = Callable[..., Path]
REAL = ("wiki", "real")


def listed(root: Path, *, layout: str = "auto", real_sources: tuple[str, ...] = REAL) -> Listing:
    return list_images(root, layout=layout, real_sources=real_sources)


def labels(listing: Listing) -> dict[str, int]:
    return {image.path: image.label for image in listing.images}


def test_sources_are_real_or_fake_by_their_folder_nested_files_and_upper_case_included(fill: Fill) -> None:
    root = fill("wiki/a.jpg", "wiki/deep/er/b.JPG", "text2img/a.jpg", "insight/c.Png", "readme.png")
    listing = listed(root)
    assert listing.layout == "sources" and listing.classes == ("real", "fake")
    assert labels(listing) == {
        "insight/c.Png": 1,
        "text2img/a.jpg": 1,
        "wiki/a.jpg": 0,
        "wiki/deep/er/b.JPG": 0,
    }
    assert [image.source for image in listing.images] == ["insight", "text2img", "wiki", "wiki"]
    assert {image.split for image in listing.images} == {""}


def test_hidden_files_and_folders_are_no_images(fill: Fill) -> None:
    root = fill("wiki/a.jpg", "fake/b.jpg", "wiki/.c.jpg", "wiki/.git/d.jpg", ".cache/e.jpg")
    assert list(labels(listed(root))) == ["fake/b.jpg", "wiki/a.jpg"]


def test_real_sources_say_which_folders_are_real_whatever_their_case(fill: Fill) -> None:
    root = fill("FFHQ/a.jpg", "celeba/a.jpg", "wiki/a.jpg")
    listing = listed(root, real_sources=("ffhq", "CelebA"))
    assert labels(listing) == {"FFHQ/a.jpg": 0, "celeba/a.jpg": 0, "wiki/a.jpg": 1}


def test_splits_keep_real_as_zero_although_fake_sorts_first(fill: Fill) -> None:
    root = fill("train/real/a.png", "train/fake/b.png", "Validation/Fake/c.png", "test/real/d.png")
    listing = listed(root)
    assert listing.layout == "splits" and listing.classes == ("real", "fake")
    assert labels(listing) == {
        "Validation/Fake/c.png": 1,
        "test/real/d.png": 0,
        "train/fake/b.png": 1,
        "train/real/a.png": 0,
    }
    assert [image.split for image in listing.images] == ["val", "test", "train", "train"]
    assert [image.source for image in listing.images] == ["fake", "real", "fake", "real"]


@pytest.mark.parametrize("name", ["val", "valid", "validation", "VAL"])
def test_every_name_of_a_validation_split_is_val(fill: Fill, name: str) -> None:
    listing = listed(fill("train/real/a.png", f"{name}/fake/b.png"))
    assert {image.split for image in listing.images} == {"train", "val"}


def test_splits_with_other_classes_are_numbered_by_name_over_all_splits(fill: Fill) -> None:
    listing = listed(fill("train/dalle/a.png", "train/real/b.png", "test/biggan/c.png"))
    assert listing.classes == ("biggan", "dalle", "real")
    assert labels(listing) == {"test/biggan/c.png": 0, "train/dalle/a.png": 1, "train/real/b.png": 2}


def test_csv_ids_find_their_files_with_and_without_suffix(fill: Fill) -> None:
    root = fill("train/a.png", "train/b.jpg", "train/deep/c.JPG", "validation/a.png", "test/x.png")
    (root / "train.csv").write_text("image_id,label\na,0\nb.jpg,1\ndeep/c,1\n")
    # A byte order mark, as spreadsheets write it, belongs to no column.
    (root / "validation.csv").write_text("label,image_id\n1,a\n", encoding="utf-8-sig")
    (root / "test.csv").write_text("image_id\nx\n")
    listing = listed(root)
    assert listing.layout == "csv" and listing.classes == ("real", "fake")
    assert labels(listing) == {
        "test/x.png": UNLABELLED,
        "train/a.png": 0,
        "train/b.jpg": 1,
        "train/deep/c.JPG": 1,
        "validation/a.png": 1,
    }
    splits = {image.path: image.split for image in listing.images}
    assert splits["validation/a.png"] == "val" and splits["test/x.png"] == "test"


def test_csv_with_five_classes_names_them_by_number_and_test_rows_may_lack_labels(fill: Fill) -> None:
    root = fill(*(f"train/{number}.png" for number in range(5)), "test/x.png", "test/y.png")
    (root / "train.csv").write_text("image_id,label\n" + "".join(f"{n},{n}\n" for n in range(5)))
    (root / "test.csv").write_text("image_id,label\nx,\ny,3\n")
    listing = listed(root)
    assert listing.classes == ("0", "1", "2", "3", "4")
    assert [image.label for image in listing.images] == [UNLABELLED, 3, 0, 1, 2, 3, 4]
    assert listing.images[0].source == "unlabelled"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("image_id,label\na,0\nb,\n", r"train\.csv, line 3: no label"),
        ("image_id,label\na,0\nb\n", r"train\.csv, line 3: no label"),
        ("image_id,label\na,0\nb,fake\n", r"numbers \(0 in line 2 .*\) and names \(fake in line 3 "),
        ("image_id,label\na,cat\nb,dog\n", r"which of cat, dog is real.*--real-sources cat"),
        ("image_id,label\na,fake\nb,deepfake\n", r"names of fakes, and none is real"),
        ("image_id,label\na,-1\n", r"line 2: label '-1'"),
        ("image_id,label\na,0.5\n", r"line 2: label '0.5' is neither a whole number from 0 to 999 nor"),
        ("image_id,label\na,1000000\n", r"line 2: label '1000000'"),
        ("image_id,label\na,0\n../b,1\n", r"line 3: image_id '\.\./b' is not a name inside train/"),
        ("image_id,label\nsub/../../b,1\n", r"line 2: image_id 'sub/\.\./\.\./b'"),
        ("image_id,label\n/etc/hostname,1\n", r"line 2: image_id '/etc/hostname'"),
        ("image_id,label\n,1\n", r"line 2: image_id ''"),
        ("image_id,label\na,0\nb,1\na,1\n", r"line 4: image_id 'a' comes twice"),
        (
            "name,label\na,0\n",
            r"train\.csv: a column of files \(path, .*label, target or is_fake are needed; it has name,label",
        ),
        ("image_id\na\n", r"one called label, target or is_fake are needed; it has image_id"),
        ("", r"one called label, target or is_fake are needed; it has none"),
    ],
)
def test_csv_that_cannot_be_meant_is_refused_with_file_and_line(
    fill: Fill, content: str, message: str
) -> None:
    root = fill("train/a.png", "train/b.png")
    (root / "train.csv").write_text(content)
    with pytest.raises(InputError, match=message):
        listed(root)


def test_csv_that_is_not_text_is_refused_by_name(fill: Fill) -> None:
    root = fill("train/a.png")
    (root / "train.csv").write_bytes(b"image_id,label\n\xff\xfe,0\n")
    with pytest.raises(InputError, match=r"train\.csv can't be read as UTF-8 CSV"):
        listed(root)


def test_csv_rows_that_name_one_file_in_two_spellings_are_a_duplicate(fill: Fill) -> None:
    """Else one image is in the data twice, here even with both labels."""
    root = fill("train/a.png", "train/b.png")
    (root / "train.csv").write_text("image_id,label\na,0\nb,0\na.png,1\n")
    with pytest.raises(InputError, match=r"line 4.*twice"):
        listed(root)


def test_csv_id_of_two_files_does_not_depend_on_the_order_of_the_disk(
    fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the same folder gives other rows on another file system."""
    root = fill("train/a.jpg", "train/a.png", "train/b.png")
    (root / "train.csv").write_text("image_id,label\na,0\nb,1\n")
    walk, outcomes = os.walk, []
    for reverse in (False, True):

        def ordered(top: Path, *, turned: bool = reverse, **options: object):  # type: ignore[no-untyped-def]
            for folder, folders, files in walk(top, **options):  # type: ignore[call-overload]
                yield folder, folders, sorted(files, reverse=turned)

        monkeypatch.setattr(os, "walk", ordered)
        try:
            outcomes.append(str(labels(listed(root))))
        except InputError as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize(
    ("layout", "paths", "message"),
    [
        (
            "auto",
            ["pictures/a.jpg"],
            r"none of the known layouts; here are: pictures.*--real-sources pict",
        ),
        ("auto", [], r"here are: no folders"),
        ("sources", ["flickr/a.jpg"], r"which of flickr is real is not clear"),
        ("splits", ["wiki/a.jpg"], r"no class folders"),
        ("csv", ["wiki/a.jpg"], r"no train\.csv, validation\.csv or test\.csv"),
    ],
)
def test_a_folder_without_the_layout_is_refused_with_what_is_there(
    fill: Fill, layout: str, paths: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        listed(fill(*paths), layout=layout)


def test_folders_without_files_are_no_images(fill: Fill) -> None:
    root = fill()
    (root / "wiki").mkdir()
    with pytest.raises(InputError, match=r"no images under .*--data"):
        listed(root)


def test_a_missing_folder_and_a_file_instead_of_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such data folder"):
        listed(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file, not a folder"):
        listed(tmp_path / "file")


def test_folders_of_videos_that_are_called_like_their_class_stay_folders_of_videos(fill: Fill) -> None:
    """Catches the frames of a video dealt over folds, for its folder was taken for a class once more."""
    root = fill("real/real0/a.png", "real/real_images/real_video_03/a.png", "fake/0_fake/fake1/a.png")
    inside = {image.path: image.inside for image in listed(root).images}
    assert inside == {
        "real/real0/a.png": "real0",
        "real/real_images/real_video_03/a.png": "real_video_03",
        "fake/0_fake/fake1/a.png": "fake1",
    }
    (root / "wiki").mkdir()
    (root / "real").rename(root / "wiki" / "real")
    (root / "fake").rename(root / "wiki" / "fake")
    found = listed(root)
    assert found.layout == "folders"
    assert {image.inside for image in found.images} == {"real0", "real_video_03", "fake1"}
