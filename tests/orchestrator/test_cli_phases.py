"""A user's phases and project on the command line: commands by name, files that are wrong, defaults."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.analysis.collect import collect
from orchestrator.cli import COMMANDS
from orchestrator.config.library import RESERVED
from orchestrator.execution import run
from orchestrator.store.folder import Store
from tests.orchestrator.conftest import Results

Call = Callable[..., tuple[int, str, str]]
Write = Callable[..., Path]
MINE = {"title": "Mine", "experiments": ["a", "b"]}
FILES = {
    "mine/phase.json": MINE,
    "mine/a.json": {},
    "mine/b.json": {"extends": "p1_simplecnn_baseline", "subsample": 1.0},
}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The experiments of each study that would have been run."""
    names: list[str] = []

    def note(question: run.ResolvedPhase, *arguments: object, **options: object) -> None:
        names.extend(each.name for each in question.experiments)
        raise SystemExit(0)

    monkeypatch.setattr(run, "run_study", note)
    return names


def test_a_phase_that_is_found_is_a_command(call: Call, write_experiments: Write, started: list[str]) -> None:
    write_experiments(FILES)
    out = call("--help")[1]
    phases = out.partition("Phases:")[2].partition("Commands:")[0]
    assert all(f"  {name} " in phases for name in ("mine", "phase1", "phase4"))
    assert call("mine")[0] == 0 and started == ["a", "b"]
    assert "Example: python -m orchestrator mine --data" in call("mine", "--help")[1]


def test_a_phase_of_a_folder_that_is_named_is_a_command(
    call: Call, write_experiments: Write, tmp_path: Path, started: list[str]
) -> None:
    folder = write_experiments(FILES, folder=tmp_path / "elsewhere")
    assert call("mine", "--experiments", folder)[0] == 0 and started == ["a", "b"]
    code, _, err = call("mine")
    assert code == 2 and "No such command 'mine'" in err


def test_a_trials_key_does_not_hang_on_where_the_file_lies(
    call: Call, write_experiments: Write, faces: Path, tmp_path: Path, shipped: Path
) -> None:
    """Catches a folder that was moved, and whose trials all run again."""
    shared = json.loads((shipped / "shared.json").read_text(encoding="utf-8"))
    folders = [tmp_path / "experiments", tmp_path / "elsewhere"]
    write_experiments({"p/mine.json": {"extends": "p3_resnet18"}}, shared=shared, folder=folders[0])
    (folders[1] / "q").mkdir(parents=True)
    (folders[1] / "q" / "mine.json").write_text('{"extends": "p3_resnet18"}')
    asked = ("--data", faces, "--preset", "smoke", "--set", "precision=float32", "--json")
    keys = []
    for names in ([], ["--experiments", folders[1]]):
        code, out, _ = call("plan", "mine", *names, *asked)
        assert code == 0
        keys.append([trial["key"] for trial in json.loads(out)["trials"]])
    code, out, _ = call("plan", folders[1] / "q" / "mine.json", *asked)
    assert keys[0] == keys[1] == [trial["key"] for trial in json.loads(out)["trials"]]
    assert len(set(keys[0])) == 5 and all(keys[0])


@pytest.mark.parametrize("content", ["{", '{"titel": 1}', '{"title": "T", "experiments": ["nothing"]}'])
def test_a_broken_phase_is_in_the_way_of_nothing_but_itself(
    call: Call, write_experiments: Write, content: str, faces: Path
) -> None:
    """Catches a half-written phase.json that keeps one from the help and from every other phase."""
    write_experiments({"broken/phase.json": content, "other/a.json": {}})
    code, out, _ = call("--help")
    assert code == 0 and " broken " in out
    assert call("plan", "a", "--data", faces)[0] == 0
    code, _, err = call("plan", "aa")
    assert code == 2 and "no experiment 'aa'" in err and "nearest: a" in err
    code, _, err = call("broken")
    assert code == 2 and ("broken" in err or "nothing" in err) and "defect" not in err


def test_every_command_is_a_name_that_no_phase_can_have() -> None:
    """Catches a new command that a phase of the same name would hide: add it to RESERVED."""
    assert {*COMMANDS, "data"} == RESERVED


def test_a_phase_called_like_a_command_is_refused_in_a_sentence(
    call: Call, write_experiments: Write, faces: Path
) -> None:
    write_experiments({**FILES, "plan/phase.json": MINE})
    code, _, err = call("plan", "plan")
    assert code == 2 and "plan is a command; give the folder of this phase another name" in err
    code, _, err = call("plan", "a", "--data", faces)
    assert code == 0 and err.startswith("Warning: plan is a command, so the phase of that name can't be one")


@pytest.mark.slow
def test_the_project_file_gives_what_is_not_named(
    call: Call, write_experiments: Write, faces: Path, tmp_path: Path
) -> None:
    write_experiments(FILES, folder=tmp_path / "own")
    write_experiments({"p/other.json": {}})
    (tmp_path / "orchestrator.toml").write_text(f'experiments = "own"\nresults = "out"\ndata = "{faces}"\n')
    code, out, _ = call("plan", "mine")
    assert code == 0 and "Mine: 10 trials" in out
    assert "[default: out]" in call("plan", "--help")[1]
    assert call("plan", "mine", "--data", "nowhere")[0] == 2
    code, out, _ = call("plan", "other", "--experiments", "experiments", "--json")
    assert code == 0 and json.loads(out)["trials"][0]["experiment"] == "other"


@pytest.mark.slow
def test_a_project_is_named_from_anywhere(
    call: Call, write_experiments: Write, faces: Path, tmp_path: Path
) -> None:
    write_experiments(FILES, folder=tmp_path / "there" / "own")
    (tmp_path / "there" / "orchestrator.toml").write_text('experiments = "own"\n')
    assert call("plan", "mine", "--data", faces)[0] == 2
    for given in ("there", "there/orchestrator.toml"):
        assert call("--project", given, "plan", "mine", "--data", faces)[0] == 0
    code, _, err = call("--project", "nowhere", "plan", "mine")
    assert code == 2 and "nowhere can't be read" in err


def test_a_wrong_project_file_stops_commands_but_not_the_help(call: Call, tmp_path: Path) -> None:
    (tmp_path / "orchestrator.toml").write_text('reslts = "r"')
    code, _, err = call("plan", "phase1")
    assert (code, err) == (2, "Error: orchestrator.toml: unknown key 'reslts'; nearest: results\n")
    assert call("--help")[0] == call("plan", "--help")[0] == call("--version")[0] == 0
    assert call("--project", ".", "init", "new")[0] == 0


@pytest.mark.slow
def test_a_folder_that_is_gone_stops_only_what_reads_it(call: Call, faces: Path, tmp_path: Path) -> None:
    (tmp_path / "orchestrator.toml").write_text('experiments = "gone"')
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "orchestrator.toml").write_text('experiments = "gone"')
    for project in ([], ["--project", "there"], ["--project=there"]):
        assert call(*project, "data", "scan", faces)[0] == 0
    for command in (["mine"], ["plan", "mine"]):
        code, _, err = call(*command)
        assert code == 2 and err.startswith("Error: no folder of experiments gone")


@pytest.mark.slow
def test_results_of_data_check_are_looked_at_only_when_named(call: Call, faces: Path, tmp_path: Path) -> None:
    """Catches a project file that makes `data check` verify runs that nobody asked about."""
    (tmp_path / "orchestrator.toml").write_text('results = "nowhere"')
    code, _, err = call("data", "check", faces)
    assert "results folder" not in err
    code, _, err = call("data", "check", faces, "--results", "nowhere")
    assert code == 2 and "there is no results folder nowhere" in err


def test_a_study_runs_the_phases_of_the_folder_or_those_named(
    call: Call, write_experiments: Write, started: list[str]
) -> None:
    write_experiments(FILES)
    assert call("study")[0] == 0 and started[0] == "a"
    del started[:]
    assert "phase2 (1 of 3)" in call("study", "phase4")[1]
    assert "a" not in started
    code, _, err = call("study", "phsae1")
    assert code == 2 and "no phase 'phsae1'" in err


def test_a_study_that_stops_prints_what_it_came_to_as_json(
    call: Call, results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a reader of --json that is left without the phases that have run."""
    results.phase = "phase2"
    results.add("p1_simplecnn_baseline")
    store = Store.open(results.write())
    monkeypatch.setattr(run, "run_study", lambda *_, **__: collect(store, "phase2"))
    code, out, err = call("study", "phase4", "--json")
    assert code == 1 and "phase2 has no decision" in err
    assert [each["phase"] for each in json.loads(out)["phases"]] == ["phase2"]
