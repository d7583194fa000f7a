"""Inputs of strangers: each is one sentence, or what is documented; none costs memory, runs code or waits."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.orchestrator.strangers.catalogues import HOSTILE, MALFORMED
from tests.orchestrator.strangers.stage import Stage, play

ROOT = Path(__file__).parents[3]
MOST_MIB = 1.2 * 1024
FAST = (
    "experiment: a key twice", "experiment: lists without end", "experiment: a pipe",
    "experiment: a zero in a path", "label table: a label twice",
    "label table: 5 million rows in some bytes", "scores: a device without end",
    "cluster: a billion laughs", "cluster: a truth that is none", "name: two lines",
    "name: too long for a file", "weights: an archive that unpacks to 64 MiB",
    "extends: a chain of 60 files", "slides.md: a pipe",
)  # fmt: skip
EVERY = {stranger.name: stranger for stranger in (*MALFORMED, *HOSTILE)}


def test_there_are_sixty_of_each_kind_and_none_twice() -> None:
    """Catches a catalogue that shrinks unseen."""
    assert len(MALFORMED) >= 60 and len(HOSTILE) >= 60
    twice = [
        name for name, count in Counter(each.name for each in (*MALFORMED, *HOSTILE)).items() if count > 1
    ]
    assert not twice


@pytest.mark.parametrize("name", FAST)
def test_a_stranger_gets_one_sentence(name: str, faces: Path, tmp_path: Path) -> None:
    """Catches a traceback, a hang, and memory without bound, for a file that came from elsewhere."""
    play(EVERY[name], Stage(tmp_path, faces, study=tmp_path / "none"))


@pytest.mark.slow
def test_all_strangers_in_one_process_of_bounded_memory(
    faces: Path, trained_study: Path, tmp_path: Path
) -> None:
    """Catches any of them that is taken, waits, or costs more than a small machine has."""
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.orchestrator.strangers.player",
            faces,
            trained_study,
            tmp_path / "stages",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    found = json.loads(ended.stdout.splitlines()[-1])
    assert not found["failed"], "\n".join(f"{name}: {why[:500]}" for name, why in found["failed"].items())
    assert len(found["seconds"]) == len(MALFORMED) + len(HOSTILE)
    assert found["peak_mib"] < MOST_MIB
