"""What plan, status, explain and data scan print, for people and as JSON."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli import main
from orchestrator.commands.views import explain
from orchestrator.store.folder import Store
from trainables.errors import InputError

Write = Callable[..., Path]
Run = Callable[..., str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command that must succeed; return its standard output."""

    def call(*arguments: object) -> str:
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert end.value.code == 0, captured.err
        return captured.out

    return call


@pytest.fixture
def planned(write_experiments: Write, faces: Path, tmp_path: Path) -> list[object]:
    """The arguments of a plan of two experiments."""
    folder = write_experiments({"p/a.json": {}, "p/b.json": {"precision": "auto"}})
    return ["plan", "a", "b", "--experiments", folder, "--data", faces, "--results", tmp_path / "results"]


def test_plan_json_says_everything_about_each_trial(run: Run, planned: list[object]) -> None:
    found = json.loads(run(*planned, "--json"))
    assert (found["phase"], len(found["trials"]), found["handed_over"]) == ("a+b", 10, [])
    first, last = found["trials"][0], found["trials"][-1]
    assert set(first) == {
        "name", "experiment", "repeat", "fold", "key", "state", "why", "images", "resources", "estimate_s",
    }  # fmt: skip
    assert (first["name"], first["state"], len(first["key"])) == ("a-r0f0", "missing", 64)
    assert sum(first["images"].values()) == 36
    assert first["resources"]["cpus"] >= 1
    assert (last["name"], last["key"], last["why"]) == ("b-r0f4", None, "precision not measured yet")


def test_plan_is_a_table_for_people(run: Run, planned: list[object]) -> None:
    out = run(*planned)
    assert "10 trials, 10 to run" in out
    for name in ("a-r0f0", "b-r0f4"):
        assert name in out


def test_status_json_is_the_state_of_every_phase(run: Run, results: Any) -> None:
    results.add("a", states={1: "failed", 2: "interrupted"})
    found = json.loads(run("status", "--json", "--results", results.write()))
    assert found["phase1"]["counts"] == {"done": 3, "failed": 1, "interrupted": 1}
    assert found["phase1"]["seconds_left"] is None
    trial = found["phase1"]["trials"][1]
    assert (trial["experiment"], trial["fold"], trial["state"]) == ("a", 1, "failed")
    assert trial["message"] == "the loss is nan"


def test_a_copied_record_does_not_stop_the_status(run: Run, results: Any) -> None:
    results.add("a")
    root = results.write()
    shutil.copy(root / "studies" / "phase1.json", root / "studies" / "phase1-backup.json")
    assert list(json.loads(run("status", "--json", "--results", root))) == ["phase1"]


def test_status_is_a_table_with_the_reasons_of_failures(run: Run, results: Any) -> None:
    results.add("a", states={1: "failed"})
    out = run("status", "phase1", "--results", results.write())
    assert "4/5 trials done, 1 failed" in out
    assert "a r0 f1 failed: the loss is nan" in out


def test_watching_off_a_terminal_does_not_wait(run: Run, results: Any) -> None:
    """Catches `status --watch` in a script that never comes back."""
    results.add("a")
    assert "5/5 trials done" in run("status", "--watch", "--results", results.write())


def test_status_changes_nothing(run: Run, results: Any) -> None:
    results.add("a", states={1: "interrupted"})
    root = results.write()
    before = sorted(root.rglob("*"))
    run("status", "--results", root)
    assert sorted(root.rglob("*")) == before


def test_explain_names_the_ingredient_that_differs(results: Any) -> None:
    results.add("a", seed=42)
    results.add("b", seed=43, states=dict.fromkeys(range(5), "interrupted"))
    store = Store.look(results.write())
    said = explain(store, results.folder("b", 2).name)
    assert said.splitlines()[0] == f"{results.folder('b', 2).name}: interrupted"
    assert f"nearest   {results.folder('a', 2).name}" in said
    assert "recipe.seed: 43 here, 42 there" in said
    assert "yes: it is not finished" in said
    assert "python -m orchestrator phase1" in said


def test_explain_of_a_finished_trial_says_why_it_won_t_run_again(results: Any) -> None:
    results.add("a", states=dict.fromkeys(range(1, 5), "missing"))
    said = explain(Store.look(results.write()), results.folder("a", 0).name)
    assert "no: it is finished" in said
    assert "no other finished trial" in said


def test_explain_of_a_failed_trial_says_its_error(results: Any) -> None:
    results.add("a", states={0: "failed"})
    assert "the loss is nan" in explain(Store.look(results.write()), results.folder("a", 0).name)


@pytest.mark.parametrize("length", [6, 12, 20, 64])
def test_a_trial_is_found_by_the_start_of_its_key(results: Any, length: int) -> None:
    """Catches the whole key, which `plan --json` and trial.json say, finding nothing."""
    key = results.add("a")["trials"][3]["key"]
    assert explain(Store.look(results.write()), key[:length]).startswith(results.folder("a", 3).name)


@pytest.mark.parametrize(("wanted", "said"), [("nothing", "0 trials"), ("a-r0f", "5 trials")])
def test_a_name_that_fits_none_or_many_is_refused(results: Any, wanted: str, said: str) -> None:
    results.add("a")
    with pytest.raises(InputError, match=said):
        explain(Store.look(results.write()), wanted)


def test_data_scan_json_says_what_a_folder_holds(run: Run, faces: Path) -> None:
    found = json.loads(run("data", "scan", faces, "--json"))
    assert (found["layout"], found["group_by"], found["classes"]) == (
        "sources",
        "basename+near",
        ["real", "fake"],
    )
    assert (found["images"], found["groups"], found["excluded"]) == (36, 12, [])
    assert {(row["source"], row["class"], row["images"]) for row in found["counts"]} == {
        ("wiki", "real", 12), ("text2img", "fake", 12), ("inpainting", "fake", 12),
    }  # fmt: skip


def test_data_scan_names_the_files_that_were_kept_out(run: Run, own_faces: Path) -> None:
    (own_faces / "wiki" / "broken.jpg").write_bytes(b"no image")
    out = run("data", "scan", own_faces)
    assert "36 images, 12 groups" in out
    assert "kept out  wiki/broken.jpg: not an image" in out
    found = json.loads(run("data", "scan", own_faces, "--json"))
    assert [row["path"] for row in found["excluded"]] == ["wiki/broken.jpg"]


def test_data_scan_writes_the_manifest(run: Run, faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "manifest.csv"
    run("data", "scan", faces, "--out", out)
    lines = out.read_text().splitlines()
    assert lines[0] == "path,sha256,bytes,width,height,format,label,source,group,split"
    assert len(lines) == 37


def test_a_plan_is_whole_off_a_terminal(run: Run, planned: list[object]) -> None:
    """Catches names and reasons cut by a table as wide as a terminal that is not there."""
    out = run(*planned)
    assert "…" not in out
    assert "precision not measured yet" in out
