"""JSON of people: what may be meant is read, however it is written."""

from pathlib import Path

import pytest

from orchestrator.config.json_text import MOST_LEVELS, parse_json, read_object


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    """Catches a file that an editor of Windows wrote."""
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"epochs": 3, "lr": 1e-4, "tags": ["\xc3\xa9"]}')
    assert read_object(tmp_path / "a.json") == {"epochs": 3, "lr": 1e-4, "tags": ["é"]}


def test_levels_are_counted(tmp_path: Path) -> None:
    """Catches a bound that is one off, or that the width of a file counts for."""
    deepest = "[" * (MOST_LEVELS - 1) + "1" + "]" * (MOST_LEVELS - 1)
    parse_json(deepest)
    with pytest.raises(ValueError, match="nested more than"):
        parse_json(f"[{deepest}]")
    parse_json(f"[{', '.join(['[1]'] * 1000)}]")


@pytest.mark.parametrize("text", ['{"a": {"b": 1, "b": 1}}', "[NaN]", "[-Infinity]", "[1" + "0" * 200 + "]"])
def test_what_nobody_means_is_refused_at_any_depth(text: str) -> None:
    with pytest.raises(ValueError):
        parse_json(text)
