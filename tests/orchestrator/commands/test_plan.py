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


def test_what_one_side_has_found_out_is_no_undeclared_difference(
    run_command_line: Run, write_experiments: Write, faces: Path, tmp_path: Path
) -> None:
    """Catches "layout (auto against sources)" where one side is measured and the other is not yet."""
    asked = {
        "question": "Is b better?",
        "baseline": "a",
        "treatment": "b",
        "differs": ["precision", "epochs"],
    }
    phase = {"title": "P", "experiments": ["a", "b"], "comparisons": [asked]}
    files = {"p/a.json": {"precision": "float32"}, "p/b.json": {"precision": "auto", "dropout": 0.5}}
    folder = write_experiments({**files, "p/phase.json": phase})
    words = [
        "plan",
        "p",
        "--experiments",
        folder,
        "--data",
        faces,
        "--results",
        tmp_path / "results",
        "--json",
    ]
    assert [each["key"] for each in json.loads(run_command_line(*words))["undeclared"]] == ["dropout"]


def test_plan_json_has_what_every_experiment_costs(run_command_line: Run, planned: list[object]) -> None:
    """Catches a plan that knows nothing before the first measurement."""
    found = json.loads(run_command_line(*planned, "--json", "--price", "3.6"))
    assert found["price"]["per_hour"] == 3.6
    assert all(trial["estimate_s"] > 0 for trial in found["trials"])
    estimate = found["estimate"]
    assert (estimate["trials"], estimate["to_run"]) == (10, 10)
    assert estimate["cost"] == pytest.approx(estimate["hours"] * 3.6 * estimate["units"], abs=1e-3)
    for each in estimate["experiments"]:
        assert each["images_per_s"] > 0 and each["images_per_s_is"] == "estimated"
        assert each["peak_mib"] > 0 and each["disk_bytes"] > 0 and each["cost"] >= 0


def test_plan_says_time_and_money_for_people(run_command_line: Run, planned: list[object]) -> None:
    out = run_command_line(*planned, "--price", "1.2")
    assert "a+b: 10 of 10 trials to run, about" in out
    assert "estimated from operations and memory traffic" in out
    assert "Price: $1.20 an hour of one machine" in out and "?" not in out
    assert " money " not in run_command_line(*planned)


@pytest.mark.slow
def test_the_plan_of_a_study_counts_shared_trials_once_and_says_what_it_assumes(
    run_command_line: Run, write_experiments: Write, faces: Path, tmp_path: Path
) -> None:
    """Catches a study whose later phases can't be planned before the earlier ones have run."""
    rule = {"choose": "auc", "top": 2}
    template = {"name": "again_{model}", "extends": "{experiment}", "values": {"subsample": 0.5}}
    one = {"title": "One", "experiments": ["one_a", "one_b", "one_c"], "decision": rule}
    two = {"title": "Two", "builds_on": "one", "experiments": ["one_a"], "for_each_selected": [template]}
    sizes = {"one_a": 32, "one_b": 64, "one_c": 96}
    folder = write_experiments(
        {"one/phase.json": one, "two/phase.json": two}
        | {f"one/{name}.json": {"image_size": px} for name, px in sizes.items()}
    )
    words = ["study", "--plan", "--experiments", folder, "--data", faces, "--results", tmp_path / "results"]
    found = json.loads(run_command_line(*words, "--json", "--price", "1"))
    first, second = found["phases"]
    assert (first["to_run"], second["trials"], second["to_run"]) == (15, 15, 10)
    assert [each["name"] for each in second["experiments"]] == ["one_a", "again_c", "again_b"]
    assert second["assumes"] == [
        "assumes that one selects its slowest models (one_c, one_b), and settings as the files have them, "
        "until one has decided"
    ]
    assert found["hours"] == pytest.approx(first["hours"] + second["hours"], abs=1e-4)
    out = run_command_line(*words)
    assert "In all 25 trials to run" in out and "two assumes that one selects its slowest" in out
    assert not (tmp_path / "results" / "studies").exists()


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_cost_of_a_search_counts_what_it_has_yet_to_propose(
    run_command_line: Run, write_experiments: Write, faces: Path, tmp_path: Path
) -> None:
    """Catches a search whose first round alone is priced."""
    search = {"trials": 9, "space": {"lr": {"low": 1e-5, "high": 1e-2, "log": True}}, "parallel": 2}
    folder = write_experiments(
        {"p/a.json": {}, "p/phase.json": {"title": "P", "extends": "a", "search": search}}
    )
    words = ["--experiments", folder, "--data", faces, "--results", tmp_path / "results"]
    found = json.loads(run_command_line("plan", "p", *words, "--json", "--price", "1"))["estimate"]
    base, one, two, more = found["experiments"]
    # The base, and of nine settings two now: 10 trials of five folds each are to come, and seven settings.
    assert (found["trials"], found["to_run"], more["to_run"]) == (50, 50, 35)
    assert more["name"] == "7 more of the search from a"
    # Hours are rounded to five digits, each of the three by itself.
    assert more["hours"] == pytest.approx(3.5 * (one["hours"] + two["hours"]), abs=(2 * 3.5 + 1) * 0.51e-5)
    assert more["disk_bytes"] == pytest.approx(7 * base["disk_bytes"], rel=0.1)
    study = json.loads(run_command_line("study", "p", "--plan", *words, "--json"))
    assert study["hours"] == pytest.approx(found["hours"], abs=1e-4)


@pytest.mark.slow
def test_the_plan_of_a_study_says_whether_a_cap_is_enough(
    call: Callable[..., tuple[int, str, str]], write_experiments: Write, faces: Path, tmp_path: Path
) -> None:
    """Catches a cap beside --plan that nobody looks at."""
    folder = write_experiments({"p/a.json": {}, "p/phase.json": {"title": "P", "experiments": ["a"]}})
    words = ["study", "--plan", "--experiments", folder, "--data", faces, "--results", tmp_path / "results"]
    assert "The cap (100.0 h) is enough for it" in " ".join(call(*words, "--max-hours", 100)[1].split())
    assert "of it undone" in " ".join(call(*words, "--max-cost", 0.001, "--price", 1)[1].split())
    code, _, said = call(*words, "--max-hours", -1)
    assert code == 2 and "--max-hours -1" in said
