"""Tables in Parquet: read as they are, or refused in proportion to their file."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.bombs import parquet_of_long_text, parquet_of_many_rows
from trainables.parquet_files import FREE_ROWS, read_parquet


def test_a_large_table_of_few_sources_is_read(tmp_path: Path) -> None:
    """Catches a set of more than a million images, whose texts shrink well, that is taken for a bomb."""
    num_rows = FREE_ROWS + 1
    scores = np.random.default_rng(0).random(num_rows, dtype=np.float32)
    table = pd.DataFrame({"source": pd.Categorical(["stable-diffusion"] * num_rows), "score": scores})
    table.to_parquet(tmp_path / "a.parquet", index=False)
    assert len(read_parquet(tmp_path / "a.parquet", columns=["score"])) == num_rows


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    table = pd.DataFrame({"path": ["a", None], "n": [1, 2]})
    table.attrs["of"] = {"a": 1}
    table.to_parquet(tmp_path / "a.parquet")
    found = read_parquet(tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(found, pd.read_parquet(tmp_path / "a.parquet"))
    assert found.attrs == table.attrs


def test_what_holds_more_than_its_size_can_mean_is_refused(tmp_path: Path) -> None:
    many = parquet_of_many_rows(tmp_path / "many.parquet", num_rows=2_000_000)
    with pytest.raises(ValueError, match="claim to be 2,000,000 rows"):
        read_parquet(many)
    with pytest.raises(ValueError, match="its texts, written out, are more than 67,108,864 bytes"):
        read_parquet(parquet_of_long_text(tmp_path / "long.parquet", num_rows=100))


def test_what_is_not_there_or_lacks_a_column_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_parquet(tmp_path / "a.parquet")
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="b"):
        read_parquet(tmp_path / "a.parquet", columns=["b"])
