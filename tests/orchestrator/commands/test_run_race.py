"""`--race` on the command line: refused in a sentence where a phase can't race, left out in a study."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.store.race_file import EliminationRecord, RaceRecord
from trainables.errors import InputError

Call = Callable[..., tuple[int, str, str]]
FACTORS = {"choose": "auc", "factors": [{"key": "dropout", "pairs": [["a", "b"]]}]}


def phase_file(**keys: object) -> dict[str, object]:
    return {"title": "Phase", "experiments": ["a", "b"], **keys}


@pytest.fixture
def folder(write_experiments: Callable[..., Path]) -> Callable[..., Path]:
    def write(**phases: dict[str, object]) -> Path:
        files: dict[str, Any] = {f"{name}/phase.json": phase for name, phase in phases.items()}
        files |= {"phase1/a.json": {}, "phase1/b.json": {"dropout": 0.5}}
        return write_experiments(files)

    return write


@pytest.mark.parametrize(
    ("keys", "more", "said"),
    [
        ({"decision": FACTORS}, (), "phase1 decides keys by pairs of experiments, and for that every pair"),
        (
            {"comparisons": [{"question": "?", "baseline": "a", "treatment": "b"}]}, (),
            "phase1 compares experiments and chooses none, and for that every fold is needed",
        ),
        ({"decision": {"choose": "auc"}}, ("--set", "cv_folds=2"), "needs at least three folds, and a has 2"),
    ],
)  # fmt: skip
def test_what_can_not_race_is_refused_before_anything_starts(
    call: Call, folder: Callable[..., Path], faces: Path, tmp_path: Path,
    keys: dict[str, object], more: tuple[str, ...], said: str,
) -> None:  # fmt: skip
    root = folder(phase1=phase_file(**keys))
    given = ("--experiments", root, "--data", faces, "--results", tmp_path / "r", "--address", "none", *more)
    code, _, err = call("phase1", *given, "--race")
    assert code == 2 and said in err and "leave out --race" in err
    assert not (tmp_path / "r" / "trials").exists() and not (tmp_path / "r" / "races").exists()


def test_a_study_races_where_it_can(
    call: Call, folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a study that ends with an error at a phase that decides keys."""
    asked: list[tuple[str, bool]] = []

    def run_study(question: Any, options: Any, *, console: Any, budget: Any) -> None:
        asked.append((question.phase.name, options.race))
        raise InputError("that is enough")

    monkeypatch.setattr("orchestrator.execution.run.run_study", run_study)
    root = folder(phase1=phase_file(decision={"choose": "auc"}), other=phase_file(decision=FACTORS))
    _, out, _ = call("study", "phase1", "--experiments", root, "--race")
    assert asked == [("phase1", True)] and "No race" not in out
    _, out, _ = call("study", "other", "--experiments", root, "--race")
    assert asked[1:] == [("other", False)] and "No race: other decides keys by pairs" in out


@pytest.mark.slow
def test_a_plan_says_who_has_left_a_race(
    call: Call, folder: Callable[..., Path], faces: Path, tmp_path: Path
) -> None:
    """Catches a plan of trials that a race will not run, without a word of it."""
    root = folder(phase1=phase_file(decision={"choose": "auc"}))
    words = ("plan", "phase1", "--experiments", root, "--data", faces, "--results", tmp_path / "r")
    keys = [each["key"] for each in json.loads(call(*words, "--json")[1])["trials"]]
    gone = EliminationRecord(
        experiment="b", repeat=0, fold=2, n=3, cause="bound", leader="a", gap=0.3, p_value=None, level=None,
        left_out=tuple(keys[-2:]),
    )  # fmt: skip
    path = tmp_path / "r" / "races" / "phase1.json"
    path.parent.mkdir(parents=True)
    record = RaceRecord(
        phase="phase1", entry="e", metric="auc", rope=0.01, alpha=0.02, num_folds=5, looks=3,
        candidates=("a", "b"), eliminated=(gone,),
    )  # fmt: skip
    path.write_text(record.model_dump_json())
    code, out, _ = call(*words)
    assert code == 0 and "b was eliminated after fold 2 of a race: with --race its missing folds" in out
