"""A copy of a data set: the rows of the original in every layout, whole files, and nothing outside of it."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.cases import fast_first
from tests.trainables.data.copies.plain_copy import PLAIN, SIDE, Draw, files, record_of, text, write
from trainables.data.copies.cropped import crop_record, write_cropped
from trainables.data.copies.dataset_copy import (
    RECORD,
    CopyCounts,
    CopyMethod,
    Encoding,
    check_target,
    write_copy,
)
from trainables.data.copies.equalise import Settings, equalise
from trainables.data.dataset.manifest import Manifest, scan
from trainables.errors import InputError

Copy = Callable[[Manifest, Path], object]


def crop(manifest: Manifest, out: Path) -> object:
    record = crop_record(manifest.root, margin=0.6, rule="largest", size_px=None)
    return write_cropped(manifest, out, squares={}, record=record, size_px=None)


def as_jpeg(manifest: Manifest, out: Path) -> object:
    return equalise(manifest, out, Settings(SIDE, "jpeg", 95))


def as_png(manifest: Manifest, out: Path) -> object:
    return equalise(manifest, out, Settings(SIDE, "png", 0))


WRITERS = (crop, as_jpeg, as_png)
every_writer = pytest.mark.parametrize("copy", WRITERS, ids=lambda each: each.__name__)


def sources_layout(draw: Draw, suffix: str) -> Path:
    return draw(*(f"{source}/part/{n}{suffix}" for source in ("wiki", "gan", "sd") for n in range(3)))


def splits_layout(draw: Draw, suffix: str) -> Path:
    return draw(
        *(f"{split}/{name}/{split}{n}{suffix}"
          for split in ("train", "Validation", "test") for name in ("real", "fake") for n in range(2))
    )  # fmt: skip


def class_folders(draw: Draw, suffix: str) -> Path:
    names = ("real", "gan", "sd")
    return draw(
        *(
            f"{split}/{name}/{split}{n}{suffix}"
            for split in ("train", "val")
            for name in names
            for n in range(2)
        )
    )


def csv_layout(draw: Draw, suffix: str) -> Path:
    root = draw(*(f"train/{n}{suffix}" for n in range(4)), f"train/sub.part/x{suffix}")
    rows = f"0{suffix},0\n1{suffix},1\n2,0\n./3,1\nsub.part//x,0\n"
    return text(root, train=f"image_id,label\n{rows}")


def official_csv(draw: Draw, suffix: str) -> Path:
    """Three tables, as competitions publish them: the labels of the test images are not known."""
    root = draw(
        *(f"{split}/{split}{n}{suffix}" for split in ("train", "validation", "test") for n in range(3))
    )
    labelled = {
        split: f'image_id,label,note\n{split}0{suffix},0,"a, b"\n{split}1,1,\n{split}2{suffix},1,z\n'
        for split in ("train", "validation")
    }
    return text(root, **labelled, test=f"image_id\ntest0{suffix}\ntest1\ntest2\n")


def labels_table(draw: Draw, suffix: str) -> Path:
    """Sources, groups and splits lie in a table of which nothing but the images is copied as it is."""
    root = draw(*(f"pictures/{n}{suffix}" for n in range(4)))
    rows = "".join(
        f"pictures/{n}{suffix},{n % 2},{'sd' if n % 2 else 'ffhq'},g{n // 2},train\n" for n in range(4)
    )
    return text(root, labels=f"path,label,source,group,split\n{rows}")


def table_beside_folders(draw: Draw, suffix: str) -> Path:
    root = draw(*(f"{name}/{n}{suffix}" for name in ("real", "fake") for n in range(3)))
    return text(root, labels=f"path,label,source,split\nfake/0{suffix},fake,sd,test\n", notes="a\nb\n")


def rows_by_stem(manifest: Manifest) -> pd.DataFrame:
    rows = manifest.rows.assign(stem=[os.path.splitext(path)[0] for path in manifest.rows["path"]])
    # A group is called by a path; what counts is who is in it.
    rows["together"] = rows.groupby("group")["stem"].transform(lambda stems: "|".join(sorted(stems)))
    columns = ["stem", "label", "source", "split", "together"]
    return rows.sort_values("stem", ignore_index=True)[columns]


def assert_same_set(before: Manifest, after: Manifest) -> None:
    pd.testing.assert_frame_equal(rows_by_stem(before), rows_by_stem(after))
    assert (after.layout, after.classes, len(after.excluded)) == (before.layout, before.classes, 0)


# Every layout with one suffix, every suffix in one layout; the other pairs are left to `make check-all`.
LAYOUTS = (
    sources_layout,
    splits_layout,
    class_folders,
    csv_layout,
    official_csv,
    labels_table,
    table_beside_folders,
)
PAIRS = [
    pytest.param(
        make,
        suffix,
        id=f"{make.__name__}-{suffix}",
        marks=() if suffix == ".jpg" or make is sources_layout else pytest.mark.slow,
    )
    for make in LAYOUTS
    for suffix in (".jpg", ".png", ".webp", ".gif")
]


@pytest.mark.parametrize(("make", "suffix"), fast_first(PAIRS, 1))
def test_a_copy_scans_to_the_rows_of_the_original(
    make: Callable[[Draw, str], Path], suffix: str, draw: Draw, tmp_path: Path
) -> None:
    """Catches images that are lost, or get another label or split, because their suffix changes."""
    manifest = scan(make(draw, suffix))
    for copy in WRITERS:
        out = tmp_path / copy.__name__
        copy(manifest, out)
        assert_same_set(manifest, scan(out))


@every_writer
def test_an_id_that_would_name_another_image_in_the_copy_gets_its_suffix(
    copy: Copy, draw: Draw, tmp_path: Path
) -> None:
    """Catches the label of a.gif on the picture of a.jpg: with a.png instead of a.gif, "a" names that one."""
    root = text(
        draw("train/a.gif", "train/a.jpg", "train/b.jpg", "train/b.jpg.gif"),
        train="image_id,label,note\na,0,the gif\na.jpg,1,\nb.jpg,0,\nb.jpg.gif,1,\n",
    )
    manifest = scan(root)
    if copy is not crop:
        with pytest.raises(InputError, match=r"train/a\.gif, train/a\.jpg differ in their suffix alone"):
            copy(manifest, tmp_path / "out")
        return
    copy(manifest, tmp_path / "out")
    found = {row.path: row.label for row in scan(tmp_path / "out").rows.itertuples()}
    assert found == {"train/a.png": 0, "train/a.jpg": 1, "train/b.jpg": 0, "train/b.jpg.png": 1}
    table = pd.read_csv(tmp_path / "out" / "train.csv", keep_default_na=False)
    assert dict(zip(table["image_id"], table["note"], strict=True))["a.png"] == "the gif"


@every_writer
def test_rows_of_files_that_cannot_be_used_are_left_out(copy: Copy, draw: Draw, tmp_path: Path) -> None:
    root = text(draw("train/a.gif", "train/b.png"), train="image_id,label\na,0\nb,1\nbad,1\ngone,0\n")
    (root / "train" / "bad.png").write_bytes(b"no image")
    copy(scan(root, max_unusable=1.0), tmp_path / "out")
    after = scan(tmp_path / "out")
    assert (len(after.rows), len(after.excluded)) == (2, 0)


@pytest.mark.slow
@every_writer
def test_groups_of_manifest_csv_and_pairs_csv_follow_their_images(
    copy: Copy, draw: Draw, tmp_path: Path
) -> None:
    root = draw(*(f"{source}/{source}{n}.gif" for source in ("wiki", "gan") for n in range(3)))
    text(
        root,
        manifest="path,person,note\nwiki/wiki0.gif,p,1\nwiki/wiki1.gif,p,2\nwiki/wiki2.gif,q,\n"
        "gan/gan0.gif,q,\ngan/gan1.gif,r,\ngan/gan2.gif,s,\ngone.png,p,\n",
        pairs="first,second,why\nwiki/wiki0.gif,gan/gan0.gif,seen\nwiki2,gan/gan2.gif,\n",
        notes="any,thing\n1,wiki/wiki0.gif\n",
    )
    before = scan(root)
    copy(before, tmp_path / "out")
    for group_by in ("auto", "pairs", "person", "basename", "none"):
        assert_same_set(scan(root, group_by=group_by), scan(tmp_path / "out", group_by=group_by))
    assert len(pd.read_csv(tmp_path / "out" / "manifest.csv")) == 6
    assert list(pd.read_csv(tmp_path / "out" / "pairs.csv").columns) == ["first", "second", "why"]
    assert (tmp_path / "out" / "notes.csv").read_bytes() == (root / "notes.csv").read_bytes()


@pytest.mark.slow
@every_writer
def test_versions_of_one_picture_stay_one_group(copy: Copy, draw: Draw, tmp_path: Path) -> None:
    """Catches a copy in whose pictures near-duplicates can't be found any more, which folds would divide."""
    root = draw("wiki/a.png", "wiki/b.png", "gan/c.png", "gan/d.png")
    with Image.open(root / "wiki" / "a.png") as image:
        image.save(root / "gan" / "edited.jpg", quality=60)
    before = scan(root)
    assert before.rows["group"].nunique() == 4

    def flat(image: Image.Image, digest: str) -> np.ndarray:
        return np.full((SIDE, SIDE, 3), int(digest[:2], 16), dtype=np.uint8)

    copy(before, tmp_path / "out")
    assert_same_set(before, scan(tmp_path / "out"))
    method = CopyMethod(lambda path: Encoding("PNG", {}, suffix=".png"), flat)
    write_copy(before, tmp_path / "flat", record=record_of(root), method=method)
    assert_same_set(before, scan(tmp_path / "flat"))


def test_a_second_call_writes_only_what_is_missing_or_changed(manifest: Manifest, tmp_path: Path) -> None:
    """Catches work done twice after an interrupt, and an old copy of an image that was replaced."""
    out = tmp_path / "out"
    assert write(manifest, out) == CopyCounts(written=4, present=0)
    assert write(manifest, out) == CopyCounts(written=0, present=4)
    (out / "wiki/a.png").unlink()
    changed = manifest.root / "text2img/sub/a.png"
    Image.new("RGB", (40, 40), "red").save(changed)
    os.utime(changed, ns=(1, 1))
    assert write(scan(manifest.root), out) == CopyCounts(written=2, present=2)
    with Image.open(out / "text2img/sub/a.png") as image:
        assert image.getpixel((0, 0)) == (255, 0, 0)


def test_a_copy_that_was_interrupted_is_whole_in_its_files_and_refused_as_data(
    manifest: Manifest, tmp_path: Path
) -> None:
    """Catches a study on half of the images."""
    out = tmp_path / "out"

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_copy(
            manifest, out, record=record_of(manifest.root, size_px=24), method=PLAIN, progress=interrupt
        )
    assert not [name for name in files(out) if "partial" in name]
    for path in out.rglob("*.png"):
        with Image.open(path) as image:
            image.load()
    with pytest.raises(InputError, match="out is an unfinished copy of a data set; start the command"):
        scan(out)
    write(manifest, out)
    assert len(scan(out).rows) == 4


def test_names_that_would_meet_are_refused_before_anything_is_written(draw: Draw, tmp_path: Path) -> None:
    manifest = scan(draw("wiki/a.gif", "wiki/a.png", "text2img/a.png"))
    with pytest.raises(InputError, match=r"wiki/a\.gif, wiki/a\.png differ.*wiki/a\.png.*1 such names"):
        write(manifest, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_link_in_the_copy_leads_nothing_out_of_it(manifest: Manifest, tmp_path: Path) -> None:
    """Catches images that are written over those of another data set."""
    write(manifest, tmp_path / "out")
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / "out" / "wiki").rename(elsewhere)
    (elsewhere / "a.png").unlink()
    (tmp_path / "out" / "wiki").symlink_to(elsewhere, target_is_directory=True)
    with pytest.raises(InputError, match=r"out/wiki leads out of .*out; remove the link"):
        write(manifest, tmp_path / "out")
    assert not (elsewhere / "a.png").exists()
    above = manifest.rows.assign(path=[f"../{path}" for path in manifest.rows["path"]])
    with pytest.raises(InputError, match="leads out of"):
        write(replace(manifest, rows=above), tmp_path / "other")


def test_images_that_the_original_has_no_longer_are_named(manifest: Manifest, tmp_path: Path) -> None:
    """Catches a copy with more images than its original, some of which were removed for a reason."""
    write(manifest, tmp_path / "out")
    (manifest.root / "wiki" / "a.png").unlink()
    with pytest.raises(InputError, match=r"holds images that .* has no longer.*wiki/a\.png \(1 such"):
        write(scan(manifest.root), tmp_path / "out")
    (tmp_path / "out" / "wiki" / "a.png").unlink()
    assert write(scan(manifest.root), tmp_path / "out") == CopyCounts(written=0, present=3)


def test_a_folder_of_other_settings_or_of_others_is_refused(manifest: Manifest, tmp_path: Path) -> None:
    write(manifest, tmp_path / "out")
    record = record_of(manifest.root, size_px=24)
    check_target(tmp_path / "out", record)
    check_target(tmp_path / "new", record)
    with pytest.raises(InputError, match=r"other settings .size_px 24 there, 48 asked for"):
        check_target(tmp_path / "out", record_of(manifest.root, size_px=48))
    with pytest.raises(InputError, match=r"made of .*set; remove it"):
        check_target(tmp_path / "out", record_of(tmp_path / "another", size_px=24))
    with pytest.raises(InputError, match="made by `a test`"):
        check_target(tmp_path / "out", replace(record, command="another"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("")
    with pytest.raises(InputError, match="mine holds files that are no copy of a data set"):
        write_copy(manifest, tmp_path / "mine", record=record, method=PLAIN)
    assert files(tmp_path / "mine") == {"notes.txt"}
    with pytest.raises(InputError, match="is a file"):
        check_target(tmp_path / "mine" / "notes.txt", record)
    for inside in (manifest.root, manifest.root / "cropped", manifest.root.parent):
        with pytest.raises(InputError, match="inside each other"):
            check_target(inside, record)
    said = {"command": record.command, "source": record.source}
    for content in ("{", "[]", json.dumps({**said, "settings": []}), json.dumps({**said, "settings": None})):
        (tmp_path / "out" / RECORD).write_text(content)
        with pytest.raises(InputError, match="can't be read"):
            check_target(tmp_path / "out", record)


def test_a_file_that_changed_since_the_scan_is_named(manifest: Manifest, tmp_path: Path) -> None:
    Image.new("RGB", (40, 40), "red").save(manifest.root / "wiki" / "a.png")
    with pytest.raises(InputError, match=r"wiki/a\.png changed since it was scanned"):
        write(manifest, tmp_path / "out")


def test_a_link_that_leads_round_in_a_circle_is_named(manifest: Manifest, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(InputError, match=r"loop .*name another folder"):
        write(manifest, tmp_path / "loop")
    write(manifest, tmp_path / "out")
    (tmp_path / "out" / "wiki").rename(tmp_path / "elsewhere")
    (tmp_path / "out" / "wiki").symlink_to(tmp_path / "out" / "wiki")
    with pytest.raises(InputError, match=r"out.* name another folder"):
        write(manifest, tmp_path / "out")
