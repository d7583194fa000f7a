"""`data fetch` on the command line: what is asked, what is said, and exit codes."""

import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.cli import main
from trainables.data.fetching import fetch
from trainables.data.fetching.fetch import Fetched, Terms
from trainables.progress import OpenBar

TERMS = Terms("OpenRL/DeepFakeFace", "0123456789abcdef", "apache-2.0", ("wiki.zip", "insight.zip"), 3 * 2**30)


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(["data", "fetch", *map(str, arguments)])
    captured = capsys.readouterr()
    return int(end.value.code or 0), captured.out, captured.err


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    with zipfile.ZipFile(tmp_path / "faces.zip", "w") as file:
        file.writestr("wiki/a.jpg", "x")
        file.writestr("insight/a.jpg", "y")
    return tmp_path / "faces.zip"


def test_an_archive_is_unpacked_and_the_next_command_named(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "--from", archive, tmp_path / "faces")
    assert code == 0 and sorted(path.name for path in (tmp_path / "faces").iterdir()) == [
        "fetched.json", "insight", "wiki",
    ]  # fmt: skip
    assert f"{tmp_path / 'faces'}: 2 files from faces.zip" in out
    assert f"data scan {tmp_path / 'faces'}" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--help"),
        (["dff"], "dff DIR"),
        (["dff", "a", "b"], "dff DIR"),
        (["--from", "x.zip", "a", "b"], "one folder"),
        (["--from", "nowhere.zip", "a"], "no such file or folder"),
        (["--from", "ssh://host/x.zip", "a"], "ssh is not known"),
        (["--from", "x.zip", "--sha256", "123", "a"], "64 hexadecimal digits"),
        (["dff", "a", "--sha256", "0" * 64], "goes with --from"),
        (["celeba", "a"], "no data set 'celeba' is known; there are: dff"),
    ],
)
def test_a_bad_argument_is_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, *arguments)
    assert code == 2 and said in err and "Traceback" not in out + err
    assert len(err.splitlines()) == 1 and list(tmp_path.iterdir()) == []


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Stands for the hub: shows terms, and notes what would be downloaded."""
    done: list[Path] = []

    def fake(name: str, folder: Path, *, accept: Callable[[Terms], None], bar: OpenBar) -> Fetched:
        accept(TERMS)
        done.append(folder)
        return Fetched(folder, 2, TERMS.files)

    monkeypatch.setattr(fetch, "fetch_hub", fake)
    return done


def test_the_licence_is_shown_and_has_to_be_accepted(
    fetched: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a download of gigabytes under terms that nobody saw."""
    code, out, err = run(capsys, "dff", tmp_path / "faces")
    assert code == 2 and fetched == [] and "--accept-licence" in err
    assert "Licence: apache-2.0" in out and "wiki.zip, insight.zip; 3.0 GiB" in out
    code, out, _ = run(capsys, "dff", tmp_path / "faces", "--accept-licence")
    assert code == 0 and fetched == [tmp_path / "faces"] and "Licence: apache-2.0" in out


@pytest.mark.parametrize("answer", [True, False])
def test_at_a_terminal_the_licence_is_asked_for(
    fetched: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    answer: bool,
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", lambda text: answer)
    code, _, _ = run(capsys, "dff", tmp_path / "faces")
    assert (code, fetched) == ((0, [tmp_path / "faces"]) if answer else (2, []))


def test_where_no_licence_is_stated_that_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    nameless = Terms("a/b", "0" * 40, "", ("x.zip",), 2**20)
    monkeypatch.setattr(fetch, "fetch_hub", lambda *given, accept, bar: accept(nameless))
    _, out, _ = run(capsys, "dff", tmp_path / "faces")
    assert "none is stated" in out


def test_help_shows_how_and_imports_nothing_heavy(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("fetch", "cache", "report"):
        with pytest.raises(SystemExit):
            main(["data", command, "--help"])
        assert f"Example: python -m orchestrator data {command}" in " ".join(capsys.readouterr().out.split())
