"""What a node lacks of what a command demands, found out on real folders and files."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.execution.node_check import NodeDemands, demands_of_here, node_fault
from orchestrator.execution.workers_environment import carried_environment
from orchestrator.store.shared_results import left_token


@pytest.fixture
def plenty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.execution.node_check.LEAST_FREE_BYTES", 1)


def test_this_machine_is_fit_for_itself_and_nothing_is_left_behind(tmp_path: Path, plenty: None) -> None:
    with left_token(tmp_path) as token:
        assert node_fault(demands_of_here(token)) == ""
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == [token.file]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert node_fault(demands_of_here(None)) == ""


@pytest.mark.parametrize(
    ("demanded", "said"),
    [
        ({"python": "3.9"}, r"it has python 3\.\d+, and this command runs with 3\.9; install"),
        ({"torch": "1.0"}, r"it has torch [\d.]+, and this command runs with 1\.0; install"),
        ({"ray": "1.0"}, r"it has ray [\d.]+, and this command runs with 1\.0; install"),
        ({"sources": "0"}, "other sources of this project than this command; install the same commit"),
    ],
)
def test_other_versions_are_said(demanded: dict[str, str], said: str, plenty: None) -> None:
    """Catches scores of two versions in one table."""
    demands: NodeDemands = replace(demands_of_here(None), **demanded)
    assert re.search(said, node_fault(demands))


def test_another_results_folder_is_said(tmp_path: Path, plenty: None) -> None:
    """Catches trials that end in a folder that the command never sees."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    with left_token(here) as token:
        # What a node sees under the same path, where something else is mounted.
        for changed, said in (
            ({"results": there}, f"does not see the results folder {there}; mount the same one"),
            ({"file": here / "cache" / "none"}, f"sees another results folder under {here}; mount the same"),
            ({"content": "another"}, f"sees another results folder under {here}; mount the same"),
        ):
            demands = demands_of_here(replace(token, **changed))
            assert said in node_fault(demands)


def test_a_folder_that_can_only_be_read_is_said(
    tmp_path: Path, plenty: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches hours of training that can't be written down."""
    with left_token(tmp_path) as token:
        demands = demands_of_here(token)

        def refused(self: Path, *arguments: Any, **options: Any) -> None:
            raise PermissionError(30, "Read-only file system")

        monkeypatch.setattr(Path, "write_text", refused)
        assert f"can't write into the results folder {tmp_path} (Read-only file system)" in node_fault(
            demands
        )


def test_a_full_disk_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.execution.node_check.LEAST_FREE_BYTES", 2**60)
    assert "GiB are free in /" in node_fault(demands_of_here(None))


def test_workers_get_settings_and_no_secrets() -> None:
    """Catches an offline hub that workers ask, keys that Ray's pages show, and names given twice."""
    environment = {
        "HF_HUB_OFFLINE": "1", "HF_TOKEN": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "x",
        "OMP_NUM_THREADS": "1", "ORCHESTRATOR_DEVICE": "cpu", "MALLOC_ARENA_MAX": "1", "HF_HOME": "/hub",
        "RAY_JOB_CONFIG_JSON_ENV_VAR": '{"runtime_env": {"env_vars": {"HF_HOME": "/hub"}}, "metadata": {}}',
    }  # fmt: skip
    assert carried_environment(["MALLOC_ARENA_MAX", "UNSET"], environment) == {
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "ORCHESTRATOR_DEVICE": "cpu",
        "MALLOC_ARENA_MAX": "1",
    }
    assert carried_environment([], {}) == {}
