"""`doctor --cluster`: files that start clusters, with what they cost."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.store.provenance import environment

Call = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).parents[3]


def test_a_fit_file_is_said_with_its_prices(call: Call, tmp_path: Path) -> None:
    """Catches a night of eight GPUs that nobody knew the price of."""
    pytest.importorskip("botocore")
    if environment().git_commit is None:
        pytest.skip("no checkout of git")
    sources = tmp_path / "build" / "cluster-sources"
    (sources / "orchestrator").mkdir(parents=True)
    (sources / "orchestrator" / "commit.txt").write_text("0123abc\n")
    shutil.copy(ROOT / "constraints.txt", sources)
    text = (ROOT / "cluster.yaml").read_text(encoding="utf-8")
    for placeholder in ("ami-REPLACE", "sg-REPLACE"):
        text = text.replace(placeholder, f"{placeholder.split('-')[0]}-0123456789abcdef0")
    text = text.replace("REPLACE", "mine")
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    code, out, err = call("doctor", "--cluster", "mine.yaml")
    assert (code, err) == (0, "")
    assert "start it with `ray up mine.yaml`" in out
    here = environment().git_commit
    assert f"The cluster gets commit 0123abc from build/cluster-sources, and here is {here}: `make" in out
    # 0.083 and 8 x 1.006 dollars.
    assert "Idle (t3.large as head): $0.08 an hour" in out
    assert "With all workers (8 x g5.xlarge): $8.13 an hour, $195.14 on the worst day" in out


def test_all_that_is_wrong_is_said_and_nothing_else(call: Call, tmp_path: Path) -> None:
    text = (ROOT / "cluster" / "rayjob.yaml").read_text(encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(text.replace("shutdownAfterJobFinishes: true", ""), encoding="utf-8")
    code, out, err = call("doctor", "--cluster", "mine.yaml")
    assert (code, out) == (2, "")
    lines = err.splitlines()
    # Four of the five lines hold placeholders.
    assert len(lines) == 5 and all(line.startswith("Error: mine.yaml: ") for line in lines)
    assert lines[-1].startswith("Error: mine.yaml: spec.shutdownAfterJobFinishes is not true")
    assert call("doctor", "--cluster", "nowhere.yaml")[0] == 2
