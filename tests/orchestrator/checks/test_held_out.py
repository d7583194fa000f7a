"""Images held out for the end, as the data check sees them: how many, and none of them in a fold."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from trainables.data.dataset.manifest import scan

Call = Callable[..., tuple[int, str, str]]
FILE = "0.25-seed42-abc.csv"


@pytest.fixture
def held_out(results: Any, faces: Path, scanned: Path) -> pd.DataFrame:
    """Two groups of images that the results of one experiment hold out."""
    shutil.copytree(scanned / "cache", results.root / "cache", dirs_exist_ok=True)
    rows = scan(faces).rows
    held = rows[rows["group"].isin(sorted(set(rows["group"]))[:2])]
    (results.root / "holdout").mkdir()
    held[["path", "sha256", "group", "label", "source"]].to_csv(results.root / "holdout" / FILE, index=False)
    experiment = results.add("a", folds=2)
    experiment |= {"data": str(faces.resolve()), "held_out_file": FILE}
    results.write()
    return held


def findings(call: Call, faces: Path, results: Any) -> dict[str, dict[str, Any]]:
    _, text, _ = call("data", "check", faces, "--results", results.root, "--json")
    return {each["name"]: each for each in json.loads(text)["findings"]}


@pytest.mark.slow
def test_it_says_how_many_are_held_out(call: Call, faces: Path, results: Any, held_out: pd.DataFrame) -> None:
    """Catches a held-out set that nobody sees until it is opened."""
    found = findings(call, faces, results)
    sentence = f"6 of 36 images, 2 groups, are held out for the end (holdout/{FILE})"
    assert (found["held_out"]["severity"], found["held_out"]["sentence"]) == ("note", sentence)
    assert "run_held_out_used" not in found


@pytest.mark.parametrize("column", ["path", "group"])
def test_a_held_out_image_or_its_group_in_a_fold_is_an_error(
    call: Call, faces: Path, results: Any, held_out: pd.DataFrame, column: str
) -> None:
    path = results.folder("a", 0) / "predictions.parquet"
    table = pd.read_parquet(path)
    table.loc[3, column] = held_out[column].iloc[0]
    table.to_parquet(path)
    found = findings(call, faces, results)["run_held_out_used"]
    assert found["severity"] == "error"
    assert [row[column] for row in found["rows"]] == [held_out[column].iloc[0]]


@pytest.mark.slow
def test_versions_of_a_held_out_image_in_a_fold_are_an_error(
    call: Call, faces: Path, results: Any, held_out: pd.DataFrame
) -> None:
    """Catches a near-duplicate of a held-out image that a model was trained on."""
    copied = results.root.parent / "copied"
    shutil.copytree(faces, copied)
    first = held_out["path"].iloc[0]
    shutil.copy(copied / first, copied / "wiki" / "again.jpg")
    results.experiments[0]["data"] = str(copied.resolve())
    results.write()
    path = results.folder("a", 1) / "predictions.parquet"
    table = pd.read_parquet(path)
    table.loc[table.index[table["split"] == "test"][0], "path"] = "wiki/again.jpg"
    table.to_parquet(path)
    found = findings(call, copied, results)["run_versions_apart"]
    assert {(row["first_fold"], row["second_fold"]) for row in found["rows"]} <= {(-2, 1), (1, -2)}
