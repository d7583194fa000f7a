"""Pages name no host, no command line and no absolute path, unless that is asked for."""

from pathlib import Path
from typing import Any

import pytest

from orchestrator.analysis.collect import collect
from orchestrator.report.page import write_report
from orchestrator.report.places import names_of_folders, without_paths
from orchestrator.store.folder import Store, write_error
from orchestrator.store.outcome_records import ErrorRecord
from trainables.files import read_json, write_json

COMMAND = "python -m orchestrator phase1 --data /home/me/faces"
PLACES = ("/home/", "secrethost", "--data")


def texts(folder: Path) -> str:
    """Everything of a page that is text, and all files beside it."""
    files = [path for path in folder.rglob("*") if path.suffix in (".html", ".csv", ".md", ".tex", ".svg")]
    assert len(files) > 10
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


@pytest.fixture
def store(write_results: Any, tmp_path: Path) -> Store:
    """A phase on a machine and in folders with names; one of its trials failed with a path in its message."""
    store: Store = write_results(tmp_path, without=[("p1_b", 1)])
    record = read_json(store.study_file("phase1"))
    record["command"] = COMMAND
    record["environment"]["host"] = "secrethost"
    record["data"][0]["root"] = "/home/me/faces"
    record["notes"] = ["/home/me/mine.json takes the place of a shipped experiment"]
    for experiment in record["experiments"]:
        experiment["data"] = "/home/me/faces"
        for trial in experiment["trials"]:
            path = store.trial(trial["folder"]) / "trial.json"
            if path.is_file():
                known = read_json(path)
                run = known["run"] | {"host": "secrethost", "command": COMMAND}
                write_json(path, known | {"run": run})
    write_json(store.study_file("phase1"), record)
    failed = store.trial(record["experiments"][1]["trials"][1]["folder"])
    failed.mkdir(parents=True, exist_ok=True)
    write_error(failed, ErrorRecord(type="OSError", message="[Errno 28] no space for /home/me/results/x.bin"))
    return store


def test_a_page_names_no_machine_and_nobodys_folders(store: Store) -> None:
    """Catches a page that is handed on with the names of a host, of a home folder, or of a failure's path."""
    tables = collect(store, "phase1")
    shown = texts(write_report(store, tables).parent)
    assert not [shown[shown.index(place) - 90 :][:200] for place in PLACES if place in shown]
    assert "no space for x.bin" in shown and "faces" in shown and "report phase1 --with-paths" in shown
    assert "/home/me/results" in (store.collected("phase1") / "failures.csv").read_text()
    with_paths = texts(write_report(store, tables, with_paths=True).parent)
    assert not [place for place in PLACES if place not in with_paths]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("can't read /home/me/a.jpg, or '/mnt/x y/b'", "can't read a.jpg, or 'x y/b'"),
        ("s3://bucket/study/x, and/or wiki/a/b.jpg", "s3://bucket/study/x, and/or wiki/a/b.jpg"),
        ("/data/faces/wiki/a.jpg in old/data/faces", "faces/wiki/a.jpg in old/data/faces"),
    ],
)
def test_absolute_paths_are_called_by_their_last_name(text: str, shown: str) -> None:
    assert without_paths(text, names_of_folders(["/data/faces"])) == shown


def test_folders_that_are_called_alike_stay_apart() -> None:
    """Catches the classes of one data set that are shown for another."""
    names = names_of_folders(["/a/faces", "/b/faces", "s3://bucket/faces", "/a/faces"])
    assert list(names.values()) == ["faces", "faces (2)", "faces (3)"]
