"""Folders and label tables that contradict each other, or leave open what is real."""

from collections.abc import Callable
from pathlib import Path

import pytest

from trainables.data.dataset.manifest import scan
from trainables.data.dataset.recognition import list_images
from trainables.errors import InputError

Fill = Callable[..., Path]


def labels(root: Path, *, layout: str = "auto", real: tuple[str, ...] = ()) -> dict[str, int]:
    listing = list_images(root, layout=layout, real_sources=real)
    return {image.path: image.label for image in listing.images}


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("image_id,label\na,0.0\nb,1.0\n", {"a": 0, "b": 1}),
        ("image_id,label\na,REAL\nb,FAKE\n", {"a": 0, "b": 1}),
        ("\ufeffimage_id;label\na;0\nb;1\n", {"a": 0, "b": 1}),
        ("filename\tlabel\na.png\t0\nb.png\t1\n", {"a": 0, "b": 1}),
        (",original_path,id,label,label_str,path\n1,x,a.png,1,real,train/real/a.png\n2,x,b.png,0,fake,train/fake/b.png\n",
         {"a": 0, "b": 1}),
        ("path,label\ntrain\\a.png,0\ntrain\\b.png,1\n", {"a": 0, "b": 1}),
        ("path,target\na.png,0\nb.png,1\n", {"a": 0, "b": 1}),
        ("path,is_fake\na.png,False\nb.png,true\n", {"a": 0, "b": 1}),
        ("path,is_real\na.png,0\nb.png,1\n", {"a": 1, "b": 0}),
        ("path,type\na.png,real\nb.png,fake\n", {"a": 0, "b": 1}),
        ("path,type,target\na.png,jpg,0\nb.png,png,1\n", {"a": 0, "b": 1}),
    ],
)  # fmt: skip
def test_labels_are_read_as_people_write_them(fill: Fill, table: str, expected: dict[str, int]) -> None:
    """Catches floats, names, semicolons and Windows paths that are refused, and 1 = real turned round."""
    root = fill("train/a.png", "train/b.png")
    (root / "train.csv").write_text(table, encoding="utf-8")
    assert labels(root) == {f"train/{name}.png": label for name, label in expected.items()}


def test_the_number_of_the_real_class_can_be_named(fill: Fill) -> None:
    root = fill("train/a.png", "train/b.png")
    (root / "train.csv").write_text("image_id,label\na,0\nb,1\n")
    assert labels(root, real=("1",)) == {"train/a.png": 1, "train/b.png": 0}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("file,label,label_str\nc/a.png,0,real\nc/b.png,1,real\n",
         r"line 2: label 0 for real, but .*line 3: label 1 for real; .*--real-sources 0"),
        ("file,label\nc/a.png,0\n../b.png,1\n", r"line 3: file '\.\./b\.png' is not a name inside"),
        ("file,is_fake\nc/a.png,0\nc/b.png,2\n", r"line 3: is_fake is '2', but may be 0, 1, true or false"),
        ("file,label\nc/a.png,real\nc/b.png,1\n", r"numbers \(1 in line 3 .*\) and names \(real in line 2 "),
        ("file,label\nc/a.png,real\n./c/a.png,fake\n", r"line 3: file 'c/a\.png' comes twice, in line 2"),
        ("file,label\nx.png,0\nc/b.png,1\n", r"'x\.png' may be c/x\.png or d/x\.png"),
    ],
)  # fmt: skip
def test_a_label_table_that_cannot_be_meant_is_refused(fill: Fill, table: str, said: str) -> None:
    root = fill("c/a.png", "c/b.png", "c/x.png", "d/x.png")
    (root / "labels.csv").write_text(table)
    with pytest.raises(InputError, match=said):
        labels(root)


def test_a_table_beside_folders_completes_them_and_may_not_contradict_them(fill: Fill) -> None:
    root = fill("real/a.png", "real/b.png", "fake/c.png", "fake/d.png")
    (root / "fake" / "metadata.csv").write_text("file_name,label,source,group,split\nc.png,1,sd,g1,test\n")
    found = {image.path: image for image in list_images(root, layout="auto", real_sources=()).images}
    assert (found["fake/c.png"].source, found["fake/c.png"].named_group, found["fake/c.png"].split) == (
        "sd", "g1", "test",
    )  # fmt: skip
    assert found["fake/d.png"].source == "fake" and found["real/a.png"].split == ""
    (root / "labels.csv").write_text("path,label\nreal/a.png,1\nreal/b.png,0\n")
    with pytest.raises(InputError, match=r"line 3: label 0 for real, but .*line 2: label 1 for real; mend"):
        labels(root)
    (root / "labels.csv").write_text("path,label\nreal/a.png,fake\n")
    with pytest.raises(InputError, match=r"label fake means fake, but real/a\.png lies in a folder of real"):
        labels(root)


def test_tables_about_something_else_are_left_aside(fill: Fill) -> None:
    root = fill("real/a.png", "fake/b.png")
    (root / "metadata.csv").write_text("file_name,label\nreal/a.png,cat\nfake/b.png,dog\n")
    listing = list_images(root, layout="auto", real_sources=())
    assert listing.layout == "sources" and "speak of cat, dog" in listing.reading.notes[0]


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (["real/fake/a.png", "fake/b.png"],
         r"real is read as real, but holds fake.*--layout sources .*--layout folders"),
        (["train/real/ai/a.png", "train/fake/b.png"], r"train/real is read as real, but holds ai"),
        (["wiki/a.png", "text2img/original/b.png"], r"text2img is read as fake, but holds original"),
        (["g/real/x/a.png", "g/fake/real/b.png", "h/ai/c.png", "h/nature/d.png"],
         r"g/fake/real is called fake and real"),
        (["gan/ai/a.png", "gan/nature/b.png", "other/c.png"],
         r"1 of 3 files lie below no folder.*other/c\.png.*labels\.csv"),
        (["many/a.png", "one/b.png"],
         r"here are: many, one\. Nearest are sources.*--real-sources many.*or tables"),
        (["box/train/x/a.png", "box/train/y/b.png"],
         r"Nearest are splits, if box is named with --data; or sources"),
    ],
)  # fmt: skip
def test_folders_that_contradict_each_other_are_refused_with_the_option(
    fill: Fill, paths: list[str], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        labels(fill(*paths))


def test_the_option_that_is_named_settles_it(fill: Fill) -> None:
    root = fill("wiki/a.png", "text2img/original/b.png")
    assert labels(root, layout="sources") == {"wiki/a.png": 0, "text2img/original/b.png": 1}
    assert labels(root, layout="folders") == {"wiki/a.png": 0, "text2img/original/b.png": 0}


def test_an_unknown_folder_beside_a_known_one_is_the_other_class_at_any_depth(fill: Fill) -> None:
    root = fill("g/ai/a.png", "g/coco/b.png", "h/ai/c.png", "h/imagenet/d.png")
    assert labels(root) == {"g/ai/a.png": 1, "g/coco/b.png": 0, "h/ai/c.png": 1, "h/imagenet/d.png": 0}


def test_what_lies_beside_the_images_is_named_apart_and_not_counted_as_unusable(fill: Fill) -> None:
    """Catches a run that stops at 1 % because of a table and a system's file in each folder."""
    root = fill("real/a.png", "fake/b.png")
    for name in ("metadata.csv", "desktop.ini", "Thumbs.db"):
        (root / "fake" / name).write_text("filename,target\n")
    manifest = scan(root)
    assert manifest.excluded.empty and len(manifest.rows) == 2
    assert "3 files beside the images" in manifest.reading.notes[0]
    assert "(1 .csv, 1 .db, 1 .ini)" in manifest.reading.notes[0]


def test_a_type_of_file_is_no_label(fill: Fill) -> None:
    root = fill("c/a.png", "c/b.png")
    (root / "labels.csv").write_text("path,type\nc/a.png,png\nc/b.png,png\n")
    with pytest.raises(InputError, match="none of the known layouts"):
        labels(root)


def test_classes_beside_splits_are_refused_with_two_layouts_of_which_the_first_works(fill: Fill) -> None:
    """Catches a message that speaks of one folder alone, and an option that is refused in its turn."""
    root = fill("real/a.png", "fake/b.png", "train/ai/c.png", "stuff/x/d.png")
    with pytest.raises(InputError) as raised:
        labels(root)
    said = str(raised.value)
    assert "fake, real (names of classes) lie beside train (names of splits)" in said
    assert "with --layout sources (data commands; --set layout=sources for plan and run), which reads" in said
    assert "fake = fake, stuff, train; real = real; or --layout folders" in said
    assert "stuff/x/d.png for one" in said
    assert labels(root, layout="sources") == {
        "real/a.png": 0, "fake/b.png": 1, "train/ai/c.png": 1, "stuff/x/d.png": 1,
    }  # fmt: skip


def test_of_classes_beside_splits_the_layout_that_reads_all_is_named_first(fill: Fill) -> None:
    root = fill("real/a.png", "fake/b.png", "train/fake/c.png", "train/real/d.png")
    with pytest.raises(
        InputError, match=r"settle it with --layout folders .*; or --layout splits .*, without 2 of 4"
    ):
        labels(root)
    assert labels(root, layout="folders") == {
        "real/a.png": 0, "fake/b.png": 1, "train/fake/c.png": 1, "train/real/d.png": 0,
    }  # fmt: skip


def test_two_tables_that_say_two_things_of_one_image_are_refused_with_both_lines(fill: Fill) -> None:
    """Catches a source or a group that hangs on the order of the tables."""
    root = fill("real/a.png", "real/b.png", "fake/c.png", "fake/d.png")
    (root / "fake" / "metadata.csv").write_text("file_name,label,group\nd.png,1,g1\nc.png,1,g1\n")
    (root / "labels.csv").write_text("path,label,group\nfake/c.png,1,g1\n")
    assert labels(root)["fake/c.png"] == 1
    (root / "labels.csv").write_text("path,label,group\nfake/c.png,1,g2\n")
    said = r"labels\.csv, line 2: group of fake/c\.png is g2, but g1 in .*metadata\.csv, line 3; keep one"
    with pytest.raises(InputError, match=said):
        labels(root)


def test_a_row_with_more_cells_than_the_head_is_refused_with_its_line(fill: Fill) -> None:
    root = fill("c/a.png", "c/b.png")
    (root / "labels.csv").write_text("file,label\nc/a.png,0\nc/b.png,x.png,1\n")
    with pytest.raises(InputError, match=r"labels\.csv can't be read .*line 3 has more cells than the first"):
        labels(root)


def test_what_systems_leave_beside_images_is_no_image_and_no_source(fill: Fill) -> None:
    """Catches archives of macOS and folders of Windows taken for unusable images or for a class."""
    root = fill("real/a.png", "fake/b.png", "__MACOSX/real/._a.png", "real/@eaDir/a.png", "fake/.hidden.png")
    for name in ("Thumbs.db", "desktop.ini", ".DS_Store", "notes.txt", "facts.json", "other.csv"):
        (root / "fake" / name).write_bytes(b"\x00")
    manifest = scan(root)
    assert list(manifest.rows["path"]) == ["fake/b.png", "real/a.png"] and manifest.excluded.empty
    assert "5 files beside the images are no images and not counted" in " ".join(manifest.reading.notes)
