"""Scores of other detectors as files: matched to images, counted, or refused with file and line."""

from pathlib import Path

import pandas as pd
import pytest

from orchestrator.plan.foreign_scores import ForeignScores, read_foreign
from trainables.errors import InputError

ROWS = pd.DataFrame({"path": ["real/a.jpg", "real/b.jpg", "fake/a.jpg", "fake/c.jpg"]})


def read(folder: Path, *texts: str, taken: tuple[str, ...] = ()) -> list[ForeignScores]:
    files = []
    for number, text in enumerate(texts):
        files.append(folder / f"scores{number}.csv")
        files[-1].write_text(text)
    return read_foreign(files, ROWS, root=Path("/data"), taken=taken)


def test_rows_are_of_images_by_path_or_by_a_name_that_only_one_has(tmp_path: Path) -> None:
    """Catches a score of another image, and images and rows that nobody counts."""
    text = "score,path\n0.25,real/a.jpg\n1,c.jpg\n0,/data/real/b.jpg\n0.5,else/x.jpg\n"
    (found,) = read(tmp_path, text)
    assert found.scores.to_dict() == {"real/a.jpg": 0.25, "fake/c.jpg": 1.0, "real/b.jpg": 0.0}
    assert (found.record.name, found.record.images, found.record.missing) == ("scores0", 3, 1)
    rows, missing = found.record.notes
    assert rows.startswith("1 of 4 rows are of no image there") and "scores0.csv line 5" in rows
    assert missing == "1 of 4 images have no score"


def test_a_file_may_hold_several_detectors(tmp_path: Path) -> None:
    text = "path,score,detector\nreal/a.jpg,0.1,one\nreal/a.jpg,0.2,two\n"
    found = read(tmp_path, text, "path,score\nreal/a.jpg,0.3\n")
    assert [(each.record.name, each.scores["real/a.jpg"]) for each in found] == [
        ("one", 0.1), ("two", 0.2), ("scores1", 0.3),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,value\nreal/a.jpg,0.1\n", "has no column score"),
        ("path,score\n", "has no row"),
        ("path,score\nreal/a.jpg,0.1\nreal/b.jpg,1.5\n", "line 3: '1.5' is no P(fake) from 0 to 1"),
        ("path,score\nreal/a.jpg,nan\n", "line 2: 'nan' is no P(fake)"),
        ("path,score\nreal/a.jpg,\n", "line 2: '' is no P(fake)"),
        ("path,score\n,0.5\n", "line 2 has no path"),
        ("path,score\nreal/a.jpg,0.1\nreal/a.jpg,0.1\n", "line 3: real/a.jpg has a score already"),
        ("path,score\na.jpg,0.1\n", "line 2: 'a.jpg' may be real/a.jpg or fake/a.jpg"),
        ("path,score\nx/y.jpg,0.1\n", "none of its 1 rows of scores0 is of an image below /data"),
        ("path,score,detector\nreal/a.jpg,0.1,a/b\n", "line 2: 'a/b' is no plain name"),
        ("path,score,detector\nreal/a.jpg,0.1,plain\n", "already called 'plain'"),
        ("\xff", "has no column path and score"),
    ],
)
def test_what_is_no_score_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=r"scores0\.csv") as refused:
        read(tmp_path, text, taken=("plain",))
    assert said in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be read"):
        read_foreign([tmp_path / "none.csv"], ROWS, root=Path("/data"), taken=())
