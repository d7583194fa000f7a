"""Tables as CSV are what pandas would have written, for whatever stands in them."""

import io
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from orchestrator.analysis.csv_text import as_csv

NASTY = ["", "a,b", 'say "no"', "two\nlines", "a;b", " ", "a=b", "'", "ä, ö", None, "nan", '"']
NUMBERS = [
    0.1 + 0.2,
    -0.0,
    1e-300,
    1e22,
    5e-324,
    math.nan,
    math.inf,
    -math.inf,
    1.0,
    123456789.123456789,
    1e16,
    7,
]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(NASTY),
        pd.Series(NASTY, dtype=object),
        pd.Series(NUMBERS, dtype=float),
        pd.Series(NUMBERS, dtype=object),
        pd.Series(range(12)),
        pd.Series([True, False] * 6),
        pd.Series([True, None, False] * 4, dtype="boolean"),
        pd.Series([2**53 + 1, None] * 6, dtype="Int64"),
        pd.Series(["x", 1, 2.5, None, True, math.nan] * 2, dtype=object),
        pd.Series([np.float64(0.1), np.int64(3), None] * 4, dtype=object),
    ],
    ids=str,
)
def test_a_table_is_written_as_pandas_writes_it(column: "pd.Series[Any]") -> None:
    for table in (
        column.to_frame("value"),
        pd.DataFrame({"n": range(12), "the, value": column, "last": "x"}),
        pd.DataFrame({"n": range(12), "value": column}).iloc[::-3],
        pd.DataFrame({"value": column}).iloc[:0],
    ):
        text = as_csv(table)
        assert text == table.to_csv(index=False, lineterminator="\n")
        assert len(pd.read_csv(io.StringIO(text), skip_blank_lines=False)) == len(table)


def test_random_floats_keep_every_digit() -> None:
    values = np.random.default_rng(3).normal(size=2000) * 10.0 ** np.random.default_rng(4).integers(
        -20, 20, 2000
    )
    back = pd.read_csv(io.StringIO(as_csv(pd.DataFrame({"value": values}))))
    assert (back["value"].to_numpy() == values).all()


def test_a_carriage_return_stays_in_its_field() -> None:
    """Catches a name that begins a new row: some versions of the csv module don't quote it."""
    table = pd.DataFrame({"name": ["a\rb", "c"], "n": [1, 2]})
    back = pd.read_csv(io.StringIO(as_csv(table), newline=""))
    assert back["n"].tolist() == [1, 2] and back["name"].tolist() == ["a\rb", "c"]


def test_no_text_becomes_a_formula_and_numbers_stay_numbers() -> None:
    """Catches a folder called =cmd|... that runs something where its table is opened."""
    names = ["=1+1", "+sd", "-0.5", "@x", "\tx", "wiki"]
    table = pd.DataFrame({"=name": names, "value": [-1.5, -2, 0, 1, 2, 3]})
    lines = as_csv(table).splitlines()
    assert lines[0] == "'=name,value"
    assert [line.split(",")[0] for line in lines[1:]] == ["'=1+1", "'+sd", "-0.5", "'@x", "'\tx", "wiki"]
    assert pd.read_csv(io.StringIO(as_csv(table)))["value"].tolist() == [-1.5, -2.0, 0.0, 1.0, 2.0, 3.0]
