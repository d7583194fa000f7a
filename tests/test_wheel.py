"""The wheel: what is in it, and that it works in an empty folder, away from any checkout."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXPERIMENTS = "orchestrator/experiments/"


def test_the_wheel_holds_every_experiment_and_nothing_beside_the_packages(wheel: Path) -> None:
    """Catches a folder of experiments that was forgotten, and a package that others could write into."""
    names = [name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith("/")]
    shipped = {name.removeprefix(EXPERIMENTS) for name in names if name.startswith(EXPERIMENTS)}
    folder = ROOT / "experiments"
    assert shipped == {path.relative_to(folder).as_posix() for path in folder.rglob("*.json")}
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"orchestrator", "trainables"}


def test_the_wheel_holds_every_module_and_template(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    files = [path for package in ("orchestrator", "trainables") for path in (ROOT / package).rglob("*")]
    suffixes = (".py", ".j2", ".css", ".typ")
    wanted = {path.relative_to(ROOT).as_posix() for path in files if path.suffix in suffixes}
    assert wanted - names == set()
    clusters = {f"orchestrator/cluster/{path.name}" for path in (ROOT / "cluster").iterdir()}
    assert {"orchestrator/cluster/prices.json", "orchestrator/cluster/aws-access.yaml"} <= clusters
    assert {name for name in names if name.startswith("orchestrator/cluster/")} == clusters


@pytest.mark.slow
def test_a_project_of_ones_own_is_planned_from_the_wheel_alone(
    installed: Path, faces: Path, tmp_path: Path
) -> None:
    """Catches a path that is right in a checkout only."""

    def call(folder: Path, *arguments: object) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "orchestrator", *map(str, arguments)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(installed)},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    code = "import orchestrator, trainables; print(orchestrator.__file__, trainables.__file__)"
    where = subprocess.check_output(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        text=True,
    )
    assert all(Path(path).is_relative_to(installed) for path in where.split())
    call(tmp_path, "init", "study")
    study = tmp_path / "study"
    plan = json.loads(call(study, "plan", "mine", "--data", faces, "--preset", "smoke", "--json"))
    assert {each["experiment"] for each in plan["trials"]} == {"p1_simplecnn_baseline", "mine_small"}
    schema = json.loads((ROOT / "experiments" / "schema.json").read_text(encoding="utf-8"))
    assert json.loads(call(study, "schema")) == schema
