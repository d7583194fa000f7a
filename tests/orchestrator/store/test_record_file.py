"""Records as they are read: what is damaged is absent or one sentence, and nothing waits."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.store.decision_file import on_disk
from orchestrator.store.evaluation_files import read_evaluation
from orchestrator.store.explanation_files import read_explanations
from orchestrator.store.final_file import read_final
from orchestrator.store.folder import (
    Store,
    read_error,
    read_measurement,
    read_metrics,
    read_trial,
    trial_state,
)
from orchestrator.store.hard_files import read_hard
from orchestrator.store.known_weights import read_known_weights
from orchestrator.store.plain_names import is_inside, is_plain
from orchestrator.store.race_file import read_race
from orchestrator.store.record import Record
from orchestrator.store.record_file import known_record, plain_record, read_record
from trainables.errors import InputError
from trainables.trial_files import DONE, ERROR, FORMAT, METRICS, TRIAL


class Example(Record):
    """A record with a format, a name and numbers."""

    format: int = FORMAT
    name: str
    numbers: tuple[int, ...] = ()


DAMAGES = {
    "empty": b"", "half": b'{"name": "a', "list": b'["a"]', "wrong type": b'{"name": 5, "message": 5}',
    "nested": b'{"name": ' + b"[" * 100_000, "whole nest": b"[" * 100_000 + b"]" * 100_000,
    "no text": b"\xff\xfe", "zeros": b"\0" * 4096, "lone surrogate": b'{"name": "\\ud800"}',
    "large number": b'{"name": "a", "numbers": [1' + b"0" * 5000 + b"]}",
}  # fmt: skip
FORMS = ("pipe", "folder", "link in a circle")
# What can't be made again by itself is refused; everything else is as if it were not there.
REFUSED: dict[str, tuple[str, Callable[[Store], Any]]] = {
    "study": ("studies/p.json", lambda store: store.study("p")),
    "decision": ("decisions/p.json", lambda store: on_disk(store, "p")),
    "race": ("races/p.json", lambda store: read_race(store, "p")),
    "final": ("final/p.json", lambda store: read_final(store, "p")),
    "evaluation": ("evaluations/p/evaluation.json", lambda store: read_evaluation(store, "p")),
    "explanations": ("explanations/p/explained.json", lambda store: read_explanations(store, "p")),
    "evidence": ("explanations/p/hard/hard.json", lambda store: read_hard(store, "p")),
}
ABSENT: dict[str, tuple[str, Callable[[Store], Any]]] = {
    "known study": ("studies/p.json", lambda store: store.known_study("p")),
    "trial": (f"trials/t/{TRIAL}", lambda store: read_trial(store.trials / "t")),
    "metrics": (f"trials/t/{METRICS}", lambda store: read_metrics(store.trials / "t")),
    "error": (f"trials/t/{ERROR}", lambda store: read_error(store.trials / "t")),
    "measurement": ("precision/m.json", lambda store: read_measurement(store.precision_file("m"))),
    "weights": ("weights/m.json", lambda store: read_known_weights(store, "m")),
}


def put(path: Path, damage: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if damage == "pipe":
        os.mkfifo(path)
    elif damage == "folder":
        path.mkdir()
    elif damage == "link in a circle":
        path.symlink_to(path)
    else:
        path.write_bytes(DAMAGES[damage])


@pytest.mark.parametrize("damage", [*DAMAGES, *FORMS])
def test_no_record_is_a_dead_end(tmp_path: Path, damage: str) -> None:
    """Catches a command that ends in a traceback, waits for ever, or says "run it first" for ever."""
    for kind, (name, read) in REFUSED.items():
        store = Store(tmp_path / kind)
        put(store.root / name, damage)
        with pytest.raises(InputError, match=rf"{name} is damaged \(.+\); .*(again|delete|bring it back)"):
            read(store)
    for kind, (name, read) in ABSENT.items():
        store = Store(tmp_path / kind)
        put(store.root / name, damage)
        assert read(store) is None, kind
        Store.look(store.root)


@pytest.mark.parametrize("damage", [*sorted(set(DAMAGES) - {"wrong type", "large number"}), *FORMS])
def test_a_trial_whose_end_cant_be_read_is_not_done(tmp_path: Path, damage: str) -> None:
    """Catches a trial that counts as finished for ever, with predictions that nobody can check."""
    folder = tmp_path / "trials" / "t"
    put(folder / DONE, damage)
    assert trial_state(folder) == "missing"
    (folder / TRIAL).write_text("{}")
    assert trial_state(folder) == "interrupted"
    Store.open(tmp_path)


def test_a_record_of_a_newer_version_is_refused_whatever_it_says(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(f'{{"format": {FORMAT + 1}, "name": {{"new": "kind"}}}}')
    with pytest.raises(InputError, match="newer version; update the program"):
        read_record(path, Example, way_out="make it again")


def test_what_a_later_version_of_this_format_adds_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"name": "a", "later": 1}')
    assert read_record(path, Example, way_out="") == known_record(path, Example) == Example(name="a")
    assert plain_record(path) == {"name": "a", "later": 1}
    none = tmp_path / "none"
    assert read_record(none, Example, way_out="") is None and known_record(none, Example) is None


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/", "/a", "a/b", "../a", "a\0b", "a" * 256, "ä" * 128, "\ud800"]
)
def test_what_is_no_plain_name(name: str) -> None:
    """Catches a name that leads elsewhere, or that no file system takes."""
    assert not is_plain(name)


@pytest.mark.parametrize("name", ["a", "a b", "ä", "...", "-rf", "a+b", os.fsdecode(b"caf\xe9")])
def test_what_is_a_plain_name(name: str) -> None:
    assert is_plain(name) and is_inside(f"{name}/{name}.json")


@pytest.mark.parametrize("path", ["../a", "a/../../b", "/a", "a//b", "a/./b", "", "a/\0"])
def test_what_leads_out_of_a_folder(path: str) -> None:
    assert not is_inside(path)


@pytest.mark.parametrize("name", ["p1/", "../studies/p1", "a" * 5000, "x\ny/z"])
def test_a_long_or_crooked_name_is_one_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="is no name of a phase"):
        Store.open(tmp_path).study(name)
