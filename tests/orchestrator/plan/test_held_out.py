"""Images held out for the end: the same for a study, frozen in results/, and refused to everybody else."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from trainables.data.dataset.manifest import scan

Write = Callable[..., Path]
Call = Callable[..., tuple[int, str, str]]
Plan = Callable[..., tuple[int, str, str]]
OUT = ("--set", "holdout_final=0.25")
NAME = "0.25-seed42-"


@pytest.fixture
def plan(write_experiments: Write, faces: Path, scanned: Path, tmp_path: Path, call: Call) -> Plan:
    """Call a command with two experiments, made images and one results folder."""
    folder = write_experiments(
        {"p/a.json": {"cv_folds": 3}, "p/b.json": {"cv_folds": 3, "image_size": 48}}, folder=tmp_path / "e"
    )
    results = Path(shutil.copytree(scanned, tmp_path / "results"))

    def run(*arguments: str, data: Path = faces) -> tuple[int, str, str]:
        given = ("--data", str(data), "--results", str(results), "--experiments", str(folder))
        return call("plan", "a", "b", *arguments, *given)

    return run


def freeze(results: Path, name: str, rows: pd.DataFrame) -> Path:
    path = results / "holdout" / name
    path.parent.mkdir(exist_ok=True)
    rows[["path", "sha256", "group", "label", "source"]].to_csv(path, index=False)
    return path


@pytest.mark.slow
def test_a_plan_says_how_many_images_are_held_out_and_writes_nothing(plan: Plan, tmp_path: Path) -> None:
    code, said, _ = plan(*OUT)
    assert code == 0
    assert "Held out for the end: 9 of 36 images, 3 groups (holdout/0.25-seed42-" in said
    assert not (tmp_path / "results" / "holdout").exists()
    code, text, _ = plan(*OUT, "--json")
    (found,) = json.loads(text)["held_out"]
    assert (found["images"], found["of"]) == (9, 36) and found["file"].startswith(NAME)
    sizes = [sum(trial["images"].values()) for trial in json.loads(text)["trials"]]
    assert sizes == [27] * 6
    assert "Held out" not in plan()[1]


def test_experiments_that_disagree_are_a_configuration_error(
    plan: Plan, write_experiments: Write, tmp_path: Path
) -> None:
    """Catches an experiment that trains on what another one is scored on at the end."""
    write_experiments({"p/b.json": {"holdout_final": 0.25}}, folder=tmp_path / "e")
    code, _, said = plan()
    assert code == 2
    assert "b: holdout_final is 0.25, and a has 0" in said and "--set holdout_final=0.25" in said
    write_experiments({"p/b.json": {"seed": 7}}, folder=tmp_path / "e")
    code, _, said = plan(*OUT)
    assert code == 2 and "b: seed is 7, and a has 42" in said and "--set seed=42" in said


@pytest.mark.slow
def test_what_is_on_file_stays_held_out(plan: Plan, faces: Path, tmp_path: Path) -> None:
    """Catches a version that deals other images than the one that trained the models."""
    (file,) = (each["file"] for each in json.loads(plan(*OUT, "--json")[1])["held_out"])
    rows = scan(faces).rows
    freeze(tmp_path / "results", file, rows[rows["group"].isin(sorted(set(rows["group"]))[:2])])
    code, text, _ = plan(*OUT, "--json")
    assert code == 0
    assert [each["images"] for each in json.loads(text)["held_out"]] == [6]


@pytest.mark.parametrize("arguments", [(), ("--set", "holdout_final=0.3"), (*OUT, "--set", "seed=1")])
def test_nobody_uses_an_image_that_an_earlier_run_held_out(
    plan: Plan, faces: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (file,) = (each["file"] for each in json.loads(plan(*OUT, "--json")[1])["held_out"])
    rows = scan(faces).rows
    freeze(tmp_path / "results", file, rows[rows["group"].isin(sorted(set(rows["group"]))[:2])])
    code, _, said = plan(*arguments)
    assert code == 2
    assert "images that are held out for the end" in said
    assert "--set holdout_final=0.25 --set seed=42" in said and "--results" in said


def test_a_data_set_that_changed_is_not_told_to_do_what_it_does(
    plan: Plan, faces: Path, tmp_path: Path
) -> None:
    """Catches advice to set what is set already, which chooses other images of other data."""
    rows = scan(faces).rows
    freeze(tmp_path / "results", f"{NAME}abcdef123456.csv", rows)
    code, _, said = plan(*OUT)
    assert code == 2 and "the data set is no longer what they were chosen from" in said
    assert "--set" not in said and "--results" in said


def test_a_damaged_file_is_no_file_of_nothing(plan: Plan, faces: Path, tmp_path: Path) -> None:
    rows = scan(faces).rows
    freeze(tmp_path / "results", f"{NAME}abc.csv", rows).write_text("path\nx.jpg\n")
    code, _, said = plan()
    assert code == 2 and "is damaged, and with it what no fold may hold" in said
