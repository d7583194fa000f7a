"""`plan`, for people and as JSON."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[..., Path]
Run = Callable[..., str]


@pytest.fixture
def planned(write_experiments: Write, faces: Path, tmp_path: Path) -> list[object]:
    """The arguments of a plan of two experiments."""
    folder = write_experiments({"p/a.json": {}, "p/b.json": {"precision": "auto"}})
    return ["plan", "a", "b", "--experiments", folder, "--data", faces, "--results", tmp_path / "results"]


def test_plan_json_says_everything_about_each_trial(run_command_line: Run, planned: list[object]) -> None:
    found = json.loads(run_command_line(*planned, "--json"))
    assert (found["phase"], len(found["trials"]), found["handed_over"]) == ("a+b", 10, [])
    first, last = found["trials"][0], found["trials"][-1]
    assert set(first) == {
        "name", "experiment", "repeat", "fold", "key", "state", "why", "images", "resources", "estimate_s",
    }  # fmt: skip
    assert (first["name"], first["state"], len(first["key"])) == ("a-r0f0", "missing", 64)
    assert sum(first["images"].values()) == 36
    assert first["resources"]["cpus"] >= 1
    assert (last["name"], last["key"], last["why"]) == ("b-r0f4", None, "precision not measured yet")


def test_plan_is_a_table_for_people(run_command_line: Run, planned: list[object]) -> None:
    out = run_command_line(*planned)
    assert "10 trials, 10 to run" in out
    for name in ("a-r0f0", "b-r0f4"):
        assert name in out


def test_a_plan_is_whole_off_a_terminal(run_command_line: Run, planned: list[object]) -> None:
    """Catches names and reasons cut by a table as wide as a terminal that is not there."""
    out = run_command_line(*planned)
    assert "…" not in out
    assert "precision not measured yet" in out


def test_plan_names_differences_that_a_comparison_does_not_declare(
    run_command_line: Run, write_experiments: Write, faces: Path, tmp_path: Path
) -> None:
    asked = {"question": "Is b better?", "baseline": "a", "treatment": "b", "differs": ["dropout"]}
    phase = {"title": "P", "experiments": ["a", "b"], "comparisons": [asked]}
    folder = write_experiments(
        {"p/a.json": {}, "p/b.json": {"dropout": 0.5, "epochs": 3}, "p/phase.json": phase}
    )
    words = ["plan", "p", "--experiments", folder, "--data", faces, "--results", tmp_path / "results"]
    epochs = json.loads((folder / "shared.json").read_text())["epochs"]
    said = f"b differs from a in epochs (3 against {epochs}), which the comparison does not declare"
    assert said in " ".join(run_command_line(*words).split())
    assert json.loads(run_command_line(*words, "--json"))["undeclared"] == [
        {"baseline": "a", "treatment": "b", "key": "epochs", "baseline_value": epochs, "treatment_value": 3}
    ]


def test_plan_shows_what_a_sweep_makes_or_refuses_it(
    call: Callable[..., tuple[int, str, str]], write_experiments: Write, faces: Path, tmp_path: Path
) -> None:
    grid = {"dropout": [0, 0.5], "image_size": [32, 48]}
    files = {"p/a.json": {}, "p/phase.json": {"title": "P", "extends": "a", "grid": grid}}
    folder = write_experiments(
        {**files, "q/phase.json": {"title": "Q", "extends": "a", "grid": {"epochs": list(range(1, 70))}}}
    )
    words = ["--experiments", folder, "--data", faces, "--results", tmp_path / "results"]
    code, out, _ = call("plan", "p", *words, "--json")
    found = json.loads(out)
    assert (code, len(found["trials"])) == (0, 20)
    assert [each["experiment"] for each in found["sweeps"][0]["settings"]] == [
        "a", "a-dropout=0-image_size=48", "a-dropout=0.5-image_size=32", "a-dropout=0.5-image_size=48"
    ]  # fmt: skip
    _, out, _ = call("plan", "p", *words)
    assert "Grid over dropout and image_size on top of a: 4 settings, one of them a as it is." in out
    code, _, said = call("plan", "q", *words)
    assert code == 2 and "69 experiments of 345 trials" in said and "--accept-trials 345" in said
    code, out, _ = call("plan", "q", *words, "--accept-trials", 345, "--json")
    assert code == 0 and len(json.loads(out)["sweeps"][0]["settings"]) == 69
