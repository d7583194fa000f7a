"""Text from outside: what a terminal would obey, addresses with accounts, cells that would be formulas."""

import pytest

from trainables.outside_text import from_spreadsheet, spreadsheet_cell, visible, without_accounts


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07\x1b[2J", r"\x1b]0;title\x07\x1b[2J"),
        ("a\rb\x9b31m\x7f", r"a\rb\x9b31m\x7f"),
        ("fake\u202egpj.exe", r"fake\u202egpj.exe"),
        ("caf\udce9", r"caf\udce9"),
        ("é données 顔 100%#1 [a]\n\tb", "é données 顔 100%#1 [a]\n\tb"),
    ],
)
def test_orders_to_a_terminal_are_spelled_out(text: str, shown: str) -> None:
    assert visible(text) == shown
    shown.encode("utf-8")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:secret@db:5432/x refuses", "postgresql://db:5432/x refuses"),
        ("'mysql+pymysql://me:s/e:c'r@et@db/x'", "'mysql+pymysql://db/x'"),
        ("https://token@host/a?sig=abc&x=1", "https://host/a?sig=abc&x=1"),
        ("s3://bucket/a?X-Amz-Signature=secret&b=2#c", "s3://bucket/a?X-Amz-Signature=...&b=2#c"),
        ("http://host:5000/a@b and s3://bucket/x@y", "http://host:5000/a@b and s3://bucket/x@y"),
        ("s3:/key:secret@bucket/x", "s3:/bucket/x"),
        ("sqlite:////tmp/a@b/mlflow.db", "sqlite:////tmp/a@b/mlflow.db"),
    ],
)
def test_addresses_are_shown_without_accounts(text: str, shown: str) -> None:
    assert without_accounts(text) == shown


@pytest.mark.parametrize("text", ["=1+1", "+cmd|'/C calc'!A0", "-x", "@sum", "\tx", "'=1", "''-a", "-1e5x"])
def test_a_cell_that_would_be_a_formula_is_a_text_and_comes_back(text: str) -> None:
    assert spreadsheet_cell(text) == f"'{text}"
    assert from_spreadsheet(spreadsheet_cell(text)) == text


@pytest.mark.parametrize(
    "text", ["", "wiki", "'", "'a", "-0.5", "+1.2e-05", "-1,234", "-inf", "–", "-", "+0.01 (−0.02 to 0.04)"]
)
def test_other_cells_stay_as_they_are(text: str) -> None:
    """Catches numbers that can't be counted with any more."""
    assert spreadsheet_cell(text) == text == from_spreadsheet(text)
