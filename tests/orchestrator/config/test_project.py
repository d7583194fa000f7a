"""The project file: which folders it names, and what it says of a mistake in it."""

from pathlib import Path

import pytest

from orchestrator.config.project import read_project
from trainables.errors import InputError


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    (tmp_path / "orchestrator.toml").write_text('data = "~/faces"\nresults = "out/results"\n')
    expected = {"data": Path("/home/someone/faces"), "results": tmp_path / "out" / "results"}
    assert read_project(tmp_path) == read_project(tmp_path / "orchestrator.toml") == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('result = "r"', "unknown key 'result'; nearest: results"),
        ("data = 3", "data is 3: input should be a valid string"),
        ("data = 2024-01-02", 'data is "2024-01-02": input should be a valid string'),
        ("data = ", "not valid TOML"),
        ("[data]\nx = 1", "data is"),
    ],
)
def test_a_mistake_is_named_with_its_file(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "orchestrator.toml").write_text(text)
    with pytest.raises(InputError) as caught:
        read_project(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'orchestrator.toml'}: ")
    assert said in str(caught.value)


def test_a_project_without_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"orchestrator\.toml can't be read \(No such file"):
        read_project(tmp_path)
