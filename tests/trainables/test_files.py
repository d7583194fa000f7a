"""Files that others read while they are written: the old content or the new, never a half."""

import json
import os
from pathlib import Path

import pytest

from trainables.files import read_json, replace_file, without_infinities, write_json, write_text


def test_a_reader_sees_the_old_content_until_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replace_file(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old" and partial.parent == path.parent
    assert path.read_text() == "new" and os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_an_exception_leaves_the_old_content_and_nothing_beside_it(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(error), replace_file(path) as partial:
        partial.write_text("half")
        raise error
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["a.txt"]


def test_an_exception_before_anything_was_written_is_passed_on(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no space"), replace_file(tmp_path / "a.txt"):
        raise OSError("no space")
    assert os.listdir(tmp_path) == []


def test_missing_folders_are_made(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b" / "c.txt", "Grüße")
    assert (tmp_path / "a" / "b" / "c.txt").read_bytes() == "Grüße".encode()


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_json_without_meaning_is_refused_and_the_old_file_stays(tmp_path: Path, number: float) -> None:
    """NaN is no JSON; other readers would stop at it."""
    path = tmp_path / "a.json"
    write_json(path, {"b": 1, "a": [None, "ü"]})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"score": number})
    assert read_json(path) == {"a": [None, "ü"], "b": 1}
    assert list(json.loads(path.read_text())) == ["a", "b"] and os.listdir(tmp_path) == ["a.json"]


def test_what_json_has_no_number_for_is_null(tmp_path: Path) -> None:
    values = {
        "a": float("inf"),
        "b": -float("inf"),
        "c": float("nan"),
        "d": 0.5,
        "e": 3,
        "f": "inf",
        "g": None,
    }
    write_json(tmp_path / "a.json", without_infinities(values))
    assert read_json(tmp_path / "a.json") == {**values, "a": None, "b": None, "c": None}
