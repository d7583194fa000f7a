"""Images that a user names: each is a row, usable or with the reason, with its true class where told."""

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from trainables.data.dataset.named_images import NamedImages, name_images
from trainables.errors import InputError

Draw = Callable[[Path], Path]
CLASSES = ("real", "fake")


def labels(found: NamedImages) -> dict[str, int]:
    return dict(zip(found.rows["path"], found.rows["label"].astype(int), strict=True))


def reasons(found: NamedImages) -> dict[str, str]:
    rows = found.rows[found.rows["reason"] != ""]
    return dict(zip(rows["path"], rows["reason"], strict=True))


def table(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_folder_tells_classes_and_no_file_is_left_out(draw: Draw, tmp_path: Path) -> None:
    """Catches images that no label names and are skipped, and a damaged or foreign file that ends all."""
    for name in ("real/a.jpg", "fake/a.jpg", "fake/b.jpg", "loose.jpg"):
        draw(tmp_path / "in" / name)
    (tmp_path / "in/fake/cut.jpg").write_bytes((tmp_path / "in/fake/a.jpg").read_bytes()[:200])
    (tmp_path / "in/fake/clip.mp4").write_bytes(b"moving")
    (tmp_path / "in/notes.txt").write_text("beside")
    found = name_images(tmp_path / "in", classes=CLASSES)
    assert labels(found) == {
        "fake/a.jpg": 1, "fake/b.jpg": 1, "fake/clip.mp4": -1, "fake/cut.jpg": -1, "loose.jpg": -1,
        "real/a.jpg": 0,
    }  # fmt: skip
    assert set(reasons(found)) == {"fake/clip.mp4", "fake/cut.jpg"}
    assert "take frames out of it first" in reasons(found)["fake/clip.mp4"]
    assert found.usable["sha256"].str.len().eq(64).all() and len(found.usable) == 4
    assert all(Path(file).is_file() and Path(file).is_absolute() for file in found.rows["file"])


def test_a_folder_without_classes_is_scored_all_the_same(draw: Draw, tmp_path: Path) -> None:
    """Catches a refusal of what anybody would score; asked for a layout, the folder must have it."""
    draw(tmp_path / "in/a.jpg")
    found = name_images(tmp_path / "in", classes=CLASSES)
    assert labels(found) == {"a.jpg": -1} and not found.are_labelled
    assert found.notes[0].startswith("No true labels are known (")
    with pytest.raises(InputError):
        name_images(tmp_path / "in", classes=CLASSES, layout="sources")


def test_classes_of_another_question_are_no_labels(draw: Draw, tmp_path: Path) -> None:
    """Catches the third class of a folder that is taken for fake, or the first of three for real."""
    for name in ("cats", "dogs", "birds"):
        draw(tmp_path / "in/train" / name / "1.jpg")
    found = name_images(tmp_path / "in", classes=CLASSES)
    assert not found.are_labelled
    assert "(birds, cats, dogs) are not those of the models (real, fake)" in " ".join(found.notes)
    found = name_images(tmp_path / "in", classes=("dogs", "cats", "birds"))
    assert labels(found) == {"train/birds/1.jpg": 2, "train/cats/1.jpg": 1, "train/dogs/1.jpg": 0}


def test_folders_called_like_the_classes_tell_them(draw: Draw, tmp_path: Path) -> None:
    """Catches classes that only a data set with splits could tell, and -1 for the first class."""
    for name in ("cats/1.jpg", "dogs/old/cats/2.jpg", "3.jpg", "dogs/old/4.jpg"):
        draw(tmp_path / "in" / name)
    found = name_images(tmp_path / "in", classes=("cats", "dogs", "birds"))
    assert labels(found) == {"3.jpg": -1, "cats/1.jpg": 0, "dogs/old/4.jpg": 1, "dogs/old/cats/2.jpg": 0}
    assert found.usable["group"].nunique() == 4 and found.notes == ()
    only_fakes = name_images(draw(tmp_path / "one/fake/1.jpg").parents[1], classes=CLASSES)
    assert labels(only_fakes) == {"fake/1.jpg": 1}


def test_one_file_may_lie_anywhere(draw: Draw, tmp_path: Path) -> None:
    found = name_images(draw(tmp_path / "deep/one.jpg"), classes=CLASSES)
    assert labels(found) == {"one.jpg": -1}
    assert found.rows["file"].tolist() == [str(tmp_path / "deep/one.jpg")]


def test_a_table_names_files_by_any_path(draw: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches rows in another order, one file that is named twice and counted once, and a missing one."""
    elsewhere = draw(tmp_path / "else/b.jpg")
    draw(tmp_path / "lists/a.jpg")
    draw(tmp_path / "here/c.jpg")
    monkeypatch.chdir(tmp_path / "here")
    text = f"path;is_fake;group\na.jpg;0;one\n{elsewhere};True;two\nc.jpg;;\ngone.jpg;1;\na.jpg;0;one\n"
    found = name_images(table(tmp_path / "lists/new.csv", text), classes=CLASSES)
    assert found.rows["path"].tolist() == ["a.jpg", str(elsewhere), "c.jpg", "gone.jpg", "a.jpg"]
    assert found.rows["label"].tolist() == [0, 1, -1, 1, 0]
    assert found.rows["group"].tolist()[:2] == ["one", "two"]
    assert reasons(found) == {"gone.jpg": "no such file"}


@pytest.mark.parametrize(
    ("column", "values", "classes", "expected"),
    [
        ("label", "0,1", CLASSES, [0, 1]),
        ("label", "FAKE,real", CLASSES, [1, 0]),
        ("is_real", "1,0", CLASSES, [0, 1]),
        ("label", "nature,sd", CLASSES, [0, 1]),
        ("label", "x,y", CLASSES, [-1, -1]),
        ("label", "0,2", CLASSES, [-1, -1]),
        ("type", "jpg,png", CLASSES, [-1, -1]),
        ("label", "fake,fake", CLASSES, [1, 1]),
        ("label", "2.0,0", ("a", "b", "c"), [2, 0]),
        ("label", "C,b", ("a", "b", "c"), [2, 1]),
        ("label", "3,0", ("a", "b", "c"), [-1, -1]),
    ],
)
def test_labels_of_a_table(
    draw: Draw, tmp_path: Path, column: str, values: str, classes: tuple[str, ...], expected: list[int]
) -> None:
    """Catches a polarity that is guessed."""
    rows = [f"{draw(tmp_path / f'{number}.jpg')},{value}" for number, value in enumerate(values.split(","))]
    listed = table(tmp_path / "new.csv", "\n".join([f"path,{column}", *rows]))
    assert name_images(listed, classes=classes).rows["label"].tolist() == expected


def test_the_user_says_which_label_is_real(draw: Draw, tmp_path: Path) -> None:
    rows = [f"{draw(tmp_path / f'{name}.jpg')},{name}" for name in ("x", "y")]
    listed = table(tmp_path / "new.csv", "\n".join(["path,label", *rows]))
    assert name_images(listed, classes=CLASSES, real_sources=["y"]).rows["label"].tolist() == [1, 0]


def test_what_names_no_usable_image_is_refused(draw: Draw, tmp_path: Path) -> None:
    """Catches an empty outcome that looks like success."""
    empty, clips = tmp_path / "empty", tmp_path / "clips"
    empty.mkdir()
    clips.mkdir()
    (clips / "one.MP4").write_bytes(b"moving")
    draw(tmp_path / "a.jpg")
    cases = {
        tmp_path / "gone": "there is no image, folder or table",
        empty: f"no images in {empty}",
        clips: "holds videos (one.MP4), of which no frame is scored; take frames out of it first",
        clips / "one.MP4": "is a video, of which no frame is scored; take frames out of it first",
        table(tmp_path / "no.csv", "name,label\na.jpg,1\n"): "a column of files (path, file_name, ...)",
        table(tmp_path / "none.csv", "path\n"): "names no image; a row for each is needed",
        table(tmp_path / "x.csv", "path\nx.jpg\n"): "the 1 files is a usable image (x.jpg: no such file)",
        table(tmp_path / "text.jpg", "no picture"): "is a usable image (text.jpg: not an image",
    }  # fmt: skip
    for path, message in cases.items():
        with pytest.raises(InputError, match=re.escape(message)):
            name_images(path, classes=CLASSES)


def test_two_rows_that_say_two_things_of_one_file_are_refused(draw: Draw, tmp_path: Path) -> None:
    draw(tmp_path / "a.jpg")
    listed = table(tmp_path / "new.csv", "path,label\na.jpg,real\na.jpg,\n./a.jpg,fake\n")
    with pytest.raises(InputError, match=r"a\.jpg has two labels, in line 2 and in line 4; keep one"):
        name_images(listed, classes=CLASSES)


def test_a_link_that_leads_out_of_a_folder_is_listed(draw: Draw, tmp_path: Path) -> None:
    """Catches a folder from elsewhere that shows the files of this machine."""
    draw(tmp_path / "in/a.jpg")
    (tmp_path / "in/b.jpg").symlink_to(draw(tmp_path / "else/b.jpg"))
    assert list(reasons(name_images(tmp_path / "in", classes=CLASSES))) == ["b.jpg"]
    assert not reasons(name_images(tmp_path / "in", classes=CLASSES, follow_links=True))


def test_a_table_may_be_parquet(draw: Draw, tmp_path: Path) -> None:
    draw(tmp_path / "a.jpg")
    pd.DataFrame({"path": ["a.jpg"], "label": [1]}).to_parquet(tmp_path / "new.parquet")
    assert labels(name_images(tmp_path / "new.parquet", classes=CLASSES)) == {"a.jpg": 1}
