"""`data check` on a folder and on finished runs: what it says, and that what was tampered with is found."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from orchestrator.cli import main

pytestmark = pytest.mark.timeout(280)

Check = Callable[..., tuple[int, dict[str, dict[str, Any]]]]


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Check:
    """Run `data check --json`; return its exit code and the findings by name."""

    def run(folder: Path, *arguments: object) -> tuple[int, dict[str, dict[str, Any]]]:
        with pytest.raises(SystemExit) as end:
            main(["data", "check", str(folder), "--json", *map(str, arguments)])
        said = json.loads(capsys.readouterr().out)
        assert said["exit"] == int(end.value.code or 0)
        return said["exit"], {finding["name"]: finding for finding in said["findings"]}

    return run


@pytest.fixture
def results(trained_study: Path, tmp_path: Path) -> Path:
    """A copy of a finished run that a test may tamper with."""
    return Path(shutil.copytree(trained_study, tmp_path / "results"))


def predictions(results: Path, fold: int) -> Path:
    (path,) = (results / "trials").glob(f"plain-r0f{fold}-*/predictions.parquet")
    return path


def rewrite(path: Path, table: pd.DataFrame, *, honest: bool = True) -> None:
    """Write other predictions, with the hash that says so or with the one from before."""
    import hashlib

    table.to_parquet(path, index=False)
    if honest:
        done = json.loads(path.with_name("done.json").read_text())
        done["predictions_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
        path.with_name("done.json").write_text(json.dumps(done))


def test_a_finished_run_is_verified_from_its_predictions(check: Check, faces: Path, results: Path) -> None:
    code, found = check(faces, "--results", results, "--phase", "phase1")
    assert code == 0
    assert found["run_verified"]["sentence"].startswith("4 finished trials in 2 rounds of folds verified")
    assert not any(name.startswith("run_") and name != "run_verified" for name in found)


def test_an_image_that_is_tested_in_two_folds_is_found(check: Check, faces: Path, results: Path) -> None:
    """Catches a fold that scores an image of another fold, with its whole group."""
    first, second = (pd.read_parquet(predictions(results, fold)) for fold in (0, 1))
    moved = second[second["split"] == "test"].head(1).assign(fold=0)
    rewrite(predictions(results, 0), pd.concat([first, moved]))
    code, found = check(faces, "--results", results)
    assert code == 1
    assert {"run_tested_twice", "run_not_as_planned", "run_group_in_two_folds"} <= set(found)
    assert {row["path"] for row in found["run_tested_twice"]["rows"]} == {moved["path"].iloc[0]}


def test_a_validation_row_among_the_test_rows_is_found(check: Check, faces: Path, results: Path) -> None:
    table = pd.read_parquet(predictions(results, 0))
    leaked = table[table["split"] == "test"].head(2).assign(split="val")
    rewrite(predictions(results, 0), pd.concat([table, leaked]))
    code, found = check(faces, "--results", results)
    assert code == 1 and len(found["run_validated_on_test"]["rows"]) == 2


@pytest.mark.slow
def test_predictions_that_were_changed_are_found(check: Check, faces: Path, results: Path) -> None:
    path = predictions(results, 1)
    table = pd.read_parquet(path)
    rewrite(path, table.assign(score=1 - table["score"]), honest=False)
    code, found = check(faces, "--results", results)
    assert code == 1 and "changed after" in found["run_predictions_changed"]["rows"][0]["reason"]
    path.write_bytes(b"no table")
    assert "run_predictions_changed" in check(faces, "--results", results)[1]
    rewrite(path, table.head(0))
    found = check(faces, "--results", results)[1]
    assert found["run_predictions_changed"]["rows"][0]["reason"] == "no rows"


@pytest.mark.slow
def test_versions_of_one_picture_on_two_sides_of_the_folds_are_found(
    check: Check, own_faces: Path, results: Path, faces: Path
) -> None:
    """A copy that came to the data after the run, of an image that another fold tested."""
    folds = {fold: pd.read_parquet(predictions(results, fold)) for fold in (0, 1)}
    one, other = (table.loc[table["split"] == "test", "path"].iloc[0] for table in folds.values())
    shutil.copyfile(own_faces / one, own_faces / other)
    for study in (results / "studies").glob("*.json"):
        study.write_text(study.read_text().replace(str(faces.resolve()), str(own_faces.resolve())))
    code, found = check(own_faces, "--results", results)
    assert code == 1
    assert {(row["first"], row["second"]) for row in found["run_versions_apart"]["rows"]} == {
        tuple(sorted((one, other)))
    }


def test_no_run_on_this_folder_is_an_error(faces: Path, own_faces: Path, results: Path) -> None:
    with pytest.raises(SystemExit) as end:
        main(["data", "check", str(own_faces), "--results", str(results)])
    assert end.value.code == 2


def test_files_that_give_the_class_away_refuse_the_data(check: Check, own_faces: Path) -> None:
    """Catches a check that passes what a run then refuses."""
    for path in (own_faces / "wiki").glob("*.jpg"):
        Image.open(path).convert("RGB").save(path.with_suffix(".png"))
        path.unlink()
    code, found = check(own_faces)
    assert code == 2
    assert found["shortcut"]["severity"] == "error" and "data equalise" in found["shortcut"]["sentence"]
    assert "file extension" in {row["fact"] for row in found["shortcut"]["rows"]}


def test_data_that_can_have_no_folds_is_refused_with_the_reason(check: Check, own_faces: Path) -> None:
    for path in sorted((own_faces / "wiki").glob("*.jpg"))[3:]:
        path.unlink()
    code, found = check(own_faces)
    assert code == 2 and "fewer than the 5 folds" in found["no_folds"]["sentence"]
