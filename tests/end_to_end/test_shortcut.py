"""A run on images whose files give the classes away: refused, accepted with a stamp, mended."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

pytestmark = [pytest.mark.ray, pytest.mark.timeout(280)]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def confounded(tmp_path_factory: pytest.TempPathFactory, faces: Path) -> Path:
    """The noise images with their fakes as PNG."""
    root = Path(shutil.copytree(faces, tmp_path_factory.mktemp("confounded") / "set"))
    for path in sorted(root.rglob("*.jpg")):
        if path.parent.name != "wiki":
            with Image.open(path) as image:
                image.save(path.with_suffix(".png"))
            path.unlink()
    return root


@pytest.fixture(scope="module")
def run(small_experiments: Path, orchestrate: Run) -> Run:
    def on_small(*arguments: object) -> subprocess.CompletedProcess[str]:
        more = () if "equalise" in arguments else ("--experiments", small_experiments)
        return orchestrate(*arguments, *more)

    return on_small


@pytest.mark.slow
def test_a_shortcut_is_refused_then_accepted_and_stamped(run: Run, confounded: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    line = ("run", "plain", "--data", confounded, "--results", results, "--set", "epochs=1", "--folds", "0")
    refused = run(*line)
    assert refused.returncode == 2 and "file extension 1.000" in refused.stderr
    assert not (results / "trials").exists()
    accepted = run(*line, "--accept-shortcut")
    assert accepted.returncode == 0, accepted.stderr
    assert "Warning: " in accepted.stderr and "a shortcut was accepted" in accepted.stderr
    # The first run had looked already.
    assert "Reading file facts" in refused.stdout and "Reading file facts" not in accepted.stdout
    study = json.loads((results / "studies" / "plain.json").read_text())
    assert [record["verdict"] for record in study["shortcuts"]] == ["accepted"]
    assert "Shortcut accepted" in (results / "reports" / "plain" / "index.html").read_text()
    table = pd.read_csv(results / "collected" / "plain" / "shortcuts.csv")
    assert list(table["verdict"]) == ["accepted", "reported"]
    # Asked for again without the option, it starts nothing, and the stamp stays.
    again = run(*line, "--json")
    assert again.returncode == 0, again.stderr
    assert [row["verdict"] for row in json.loads(again.stdout)["shortcuts"]] == ["accepted", "reported"]
    # A fold that has not run is new: it needs the option again.
    assert run(*line[:-1], "1").returncode == 2


@pytest.mark.slow
def test_equalising_is_a_way_out(run: Run, confounded: Path, tmp_path: Path) -> None:
    made = run("data", "equalise", confounded, tmp_path / "equal", "--size", "32")
    assert made.returncode == 0 and "36 images written as 32 px JPEG" in made.stdout, made.stderr
    twice = run("data", "equalise", confounded, tmp_path / "equal", "--size", "32")
    assert "0 images written" in twice.stdout and "36 were there" in twice.stdout
    other = run("data", "equalise", confounded, tmp_path / "equal", "--size", "48")
    assert other.returncode == 2 and "made with other settings" in other.stderr
    passed = run(
        *("run", "plain", "--data", tmp_path / "equal", "--results", tmp_path / "results"),
        *("--set", "epochs=1", "--folds", "0"),
    )
    assert passed.returncode == 0, passed.stderr
    assert "Warning" not in passed.stderr
