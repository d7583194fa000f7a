"""Two phases on real Ray: the second runs what the first decided, and neither runs twice."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Call = Callable[[list[str]], int]
pytestmark = [pytest.mark.ray, pytest.mark.slow]


@pytest.fixture(scope="module")
def both(
    undisturbed: Path,
    arguments: Callable[[Path], list[str]],
    orchestrate: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Results of phase1 and, built on them, phase2."""
    results = Path(shutil.copytree(undisturbed, tmp_path_factory.mktemp("both") / "results"))
    # The first phase may be that of another process, whose experiments lie elsewhere: its record says so.
    for line in (arguments(results), second_phase(arguments(results))):
        done = orchestrate(*line)
        assert done.returncode == 0, done.stderr
    return results


def second_phase(line: list[str]) -> list[str]:
    return ["phase2" if part == "phase1" else part for part in line]


def trial_records(results: Path, experiment: str) -> list[dict]:  # type: ignore[type-arg]
    return [
        json.loads(path.read_text()) for path in sorted(results.glob(f"trials/{experiment}-*/trial.json"))
    ]


def test_the_second_phase_trains_what_the_first_decided(both: Path) -> None:
    decision = json.loads((both / "decisions" / "phase1.json").read_text())
    (chosen, *_) = trial_records(both, decision["chosen"])
    assert set(decision["handed_over"]) == {"cnn_preset", "epochs"}
    for name, image_size in (("small", 32), ("large", 40)):
        trials = trial_records(both, name)
        assert len(trials) == 2
        for trial in trials:
            assert trial["recipe"]["image_size"] == image_size
            for key in decision["handed_over"]:
                assert trial["recipe"][key] == chosen["recipe"][key] == decision["handed_over"][key]
    study = json.loads((both / "studies" / "phase2.json").read_text())
    (taken,) = study["handed_over"]
    assert (taken["phase"], taken["version"], taken["values"]) == ("phase1", 1, decision["handed_over"])


def test_neither_phase_runs_or_decides_twice(
    both: Path, arguments: Callable[[Path], list[str]], without_ray: None, call: Call
) -> None:
    """Catches a decision that is taken anew by every run, and trials whose identity depends on it."""
    kept = {
        path: path.read_bytes() for folder in ("decisions", "studies") for path in (both / folder).iterdir()
    }
    for line in (arguments(both), second_phase(arguments(both))):
        assert call(line) == 0
    assert {path: path.read_bytes() for path in kept} == kept
    assert "small" in (both / "reports" / "phase2" / "index.html").read_text()


def test_a_setting_beats_the_decision(
    both: Path, arguments: Callable[[Path], list[str]], call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["plan", *second_phase(arguments(both)), "--set", "epochs=9", "--json"]) == 0
    assert {trial["state"] for trial in json.loads(capsys.readouterr().out)["trials"]} == {"missing"}
