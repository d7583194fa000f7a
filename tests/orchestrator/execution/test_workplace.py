"""Addresses of a Ray, and what is said of one that is none."""

from pathlib import Path

import pytest

from orchestrator.execution.executor import start_executor
from trainables.errors import InputError


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:1", r"no Ray cluster at 127.0.0.1:1 \(from RAY_ADDRESS\)"),
        ("http://127.0.0.1:8265", r"ray job submit"),
        ("somewhere", r"somewhere \(from RAY_ADDRESS\): give local, none, auto or HOST:PORT"),
    ],
)
def test_a_wrong_address_says_where_it_is_from(
    address: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(InputError, match=said), start_executor(address, logs=tmp_path):
        raise AssertionError
