"""The commit of a run: of a checkout by git, of a copy that `make cluster-sources` made by what it holds."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.store.folder import write_error
from orchestrator.store.outcome_records import ErrorRecord
from orchestrator.store.provenance import command_line, typed_as

ROOT = Path(__file__).parents[3]
COPIED = ("orchestrator", "trainables", "cluster")
STANDS_FOR_ITSELF = (
    "cluster.yaml", "Makefile", "pyproject.toml", "setup.py", "constraints.txt", "README.md",
    "experiments/shared.json", "benchmarks/gpu.py", "tests/test_something.py",
)  # fmt: skip
SAY = "from orchestrator.store.provenance import environment as of; print(of().git_commit, of().git_dirty)"


def run(*command: str, folder: Path) -> str:
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()


def git(folder: Path, *arguments: str) -> str:
    return run("git", "-c", "user.name=A", "-c", "user.email=a@b", *arguments, folder=folder)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one commit: the program, and something in place of each other file."""
    if not (shutil.which("git") and shutil.which("make")):
        pytest.skip("needs git and make")
    folder = tmp_path_factory.mktemp("checkout")
    ignored = shutil.ignore_patterns("__pycache__", "commit.txt")
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in STANDS_FOR_ITSELF:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    shutil.copy(ROOT / "Makefile", folder)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "One")
    return folder


def test_a_copy_without_git_knows_its_commit(checkout: Path, tmp_path: Path) -> None:
    """Catches results of a cluster that nobody can trace to a commit."""
    commit = git(checkout, "rev-parse", "HEAD")
    (checkout / "README.md").write_text("not committed")
    (checkout / "cluster" / "unknown.yaml").write_text("not committed")
    copy = tmp_path / "sources"
    (copy / "orchestrator").mkdir(parents=True)
    (copy / "orchestrator" / "older.py").touch()
    said = run("make", "--no-print-directory", "cluster-sources", f"SOURCES={copy}", folder=checkout)
    assert said.splitlines() == ["Changes that are not committed are left out", f"{copy}: commit {commit}"]
    assert (copy / "README.md").read_text() == "README.md"
    there = {path.relative_to(copy).as_posix() for path in copy.rglob("*")}
    assert {"cluster.yaml", "cluster/prices.json", "constraints.txt", "experiments/shared.json"} <= there
    assert there.isdisjoint({"tests", "cluster/unknown.yaml", "orchestrator/older.py"})
    # A checkout around the copy is no source of it.
    git(tmp_path, "init", "--quiet")
    assert run(sys.executable, "-c", SAY, folder=copy) == f"{commit} False"


def test_a_checkout_is_asked_for_its_commit(checkout: Path) -> None:
    """Catches a repository that is written to: a process that is killed meanwhile leaves git's lock there."""
    (checkout / "README.md").write_text("not committed")
    commit = git(checkout, "rev-parse", "HEAD")
    # The same content at another time, which git would note.
    os.utime(checkout / "setup.py", (1, 1))
    index = (checkout / ".git" / "index").read_bytes()
    assert run(sys.executable, "-c", SAY, folder=checkout) == f"{commit} True"
    assert (checkout / ".git" / "index").read_bytes() == index


def test_what_is_recorded_holds_no_password(tmp_path: Path) -> None:
    """Catches a password of a command line or of a library's message in trial.json, error.json or MLflow."""
    with typed_as(["phase1", "--data", "s3://key:secret@bucket/x", "--set", "lr=1e-3"]):
        assert command_line() == "python -m orchestrator phase1 --data s3://bucket/x --set lr=1e-3"
    said = "can't connect to postgresql://me:secret@host/db"
    write_error(tmp_path, ErrorRecord(type="Error", message=said, traceback=f"...\n{said}\n"))
    assert "secret" not in (tmp_path / "error.json").read_text()
