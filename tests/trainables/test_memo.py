"""Remembered values, known by their inputs and by all the code that they come from."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from trainables import memo

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "results"
MAKE = """
import json, sys
from pathlib import Path
from orchestrator.analysis.collect import collect
from orchestrator.report.page import write_report
from orchestrator.store.folder import Store
store = Store.open(Path(sys.argv[1]))
write_report(store, collect(store, "second"))
print(json.dumps([name for name in sys.modules if name.split(".")[0] in ("orchestrator", "trainables")]))
"""


def test_a_value_is_read_under_its_own_key_alone(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    one, other = (memo.key(inputs, code="trainables.memo") for inputs in ([1, "a"], [1, "b"]))
    assert memo.read(path, one) is None
    memo.write(path, one, {"value": 0.1})
    assert memo.read(path, one) == {"value": 0.1}
    assert memo.read(path, other) is None


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "\xff", "KEY", "KEY {}", "KEY 0\n{}", "KEY\n{}", "0\n" + "[" * 100_000]
)
def test_what_is_damaged_is_computed_again(tmp_path: Path, content: str) -> None:
    path, key = tmp_path / "kept.json", memo.key(None, code="trainables.memo")
    path.write_bytes(content.replace("KEY", key).encode("latin-1"))
    assert memo.read(path, key) is None


def test_a_value_that_was_changed_is_computed_again(tmp_path: Path) -> None:
    path, key = tmp_path / "kept.json", memo.key(None, code="trainables.memo")
    memo.write(path, key, {"auc": 0.75})
    path.write_text(path.read_text().replace("0.75", "0.95"))
    assert memo.read(path, key) is None


def test_where_nothing_can_be_written_nothing_is_lost(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    memo.write(tmp_path / "file" / "kept.json", "key", {})
    assert memo.read(tmp_path / "file" / "kept.json", "key") is None


def test_the_version_of_a_library_is_part_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = memo.key([], code="trainables.memo", libraries=("numpy",))
    monkeypatch.setattr(memo, "_version", lambda name: "99")
    assert memo.key([], code="trainables.memo", libraries=("numpy",)) != before


def test_a_table_with_one_other_byte_is_computed_again(tmp_path: Path) -> None:
    """Catches sizes and hashes of other files, which a damaged table gives without a word."""
    path, key = tmp_path / "kept", memo.key(None, code="trainables.memo")
    table = pd.DataFrame({"path": ["a.png", "b.png"], "bytes": [10, 20]})
    memo.write_table(path, key, table)
    pd.testing.assert_frame_equal(memo.read_table(path, key), table)
    assert memo.read_table(path, memo.key(1, code="trainables.memo")) is None
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert memo.read_table(path, key) is None, place
    path.write_bytes(content[:-1])
    assert memo.read_table(path, key) is None


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the program, which is looked at in place of the program."""
    for name in memo.PACKAGES:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(memo, "_root", lambda name: tmp_path / name)
    memo.code_hash.cache_clear()
    yield tmp_path
    memo.code_hash.cache_clear()


@pytest.mark.parametrize(
    "line", ["import trainables.seeds", "    from trainables import (\n    seeds,  # why\n)"]
)
def test_every_way_of_importing_is_seen(package: Path, line: str) -> None:
    """Catches an import inside a function, or one in brackets, that is passed over."""
    path = package / "trainables" / "trial_files.py"
    assert "trainables.seeds" not in memo.source_files("trainables.trial_files")
    path.write_text(f"{path.read_text()}\n\ndef later():\n{line}\n")
    assert "trainables.seeds" in memo.source_files("trainables.trial_files")


def test_scores_do_not_hang_on_pages() -> None:
    """Catches an import through which every change of the program computes all scores again."""
    below = memo.source_files("orchestrator.analysis.trial_scores")
    assert "orchestrator" in below and len(below) < 80
    assert not any(name.startswith(("orchestrator.report", "orchestrator.execution")) for name in below)


@pytest.mark.parametrize(
    "module",
    [
        pytest.param("orchestrator.report.page", marks=pytest.mark.slow),
        "orchestrator.analysis.trial_scores",
    ],
)
def test_a_change_anywhere_below_a_value_makes_another_key(package: Path, module: str) -> None:
    """Catches a page with its old sentences, and one of two tables that notices a change."""
    before = memo.code_hash(module)
    below = memo.source_files(module)
    assert {"orchestrator.store.predictions", "trainables.evaluation.detection"} <= set(below)
    for name, path in below.items():
        text = path.read_text()
        path.write_text(text + "\nCHANGED = True\n")
        memo.code_hash.cache_clear()
        assert memo.code_hash(module) != before, name
        path.write_text(text)
    memo.code_hash.cache_clear()
    assert memo.code_hash(module) == before


@pytest.mark.slow
def test_nothing_that_a_page_comes_from_is_left_out(tmp_path: Path) -> None:
    """Catches code that is loaded in a way that nobody sees, and whose change nobody would notice."""
    results = shutil.copytree(GOLDEN, tmp_path / "results")
    done = subprocess.run(
        [sys.executable, "-c", MAKE, str(results)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert len(loaded) > 50
    assert set(loaded) <= set(memo.source_files("orchestrator.report.page"))


# A module, and what is put at its end: each changes a number or a word of what is made.
CHANGES = {
    "orchestrator/store/predictions.py": """
_as_stored = _probabilities
def _probabilities(table):
    return _as_stored(table) ** 2
""",
    "trainables/evaluation/reliability.py": "\nBins.error = lambda self: 0.5\n",
    "orchestrator/statistics/paired.py": "\nholm = list\n",
    "orchestrator/wording/decision_text.py": """
_sentences = decision_sentences
def decision_sentences(record):
    return ["Other words.", *_sentences(record)]
""",
}


@pytest.mark.slow
@pytest.mark.parametrize("file", CHANGES)
def test_what_is_made_after_a_change_is_what_an_empty_cache_gives(
    package: Path, tmp_path: Path, file: str
) -> None:
    """Catches tables of which one has noticed a change and another has not."""
    before = made(tmp_path / "kept", package)
    path = package / file
    path.write_text(path.read_text() + CHANGES[file])
    after = made(tmp_path / "kept", package)
    assert after == made(tmp_path / "empty", package)
    # The page holds the hash of its code, so that it differs in any case.
    tables, words = ("scores.csv", "comparisons.csv"), "Other words."
    assert any(after[name] != before[name] for name in tables) or words in after["index.html"].decode()


def made(results: Path, package: Path) -> dict[str, bytes]:
    """Tables and page of the stored study, by a program of its own; what it keeps stays in `results`."""
    if not results.exists():
        shutil.copytree(GOLDEN, results)
    subprocess.run(
        [sys.executable, "-c", MAKE, str(results)],
        cwd=package,
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        check=True,
    )
    folders = (results / "collected" / "second", results / "reports" / "second")
    return {path.name: path.read_bytes() for folder in folders for path in folder.glob("*.*")}
