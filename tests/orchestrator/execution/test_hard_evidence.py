"""Evidence on hard examples by a really trained study: files, records, alarms of planted versions."""

import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from rich.console import Console

from orchestrator.analysis.collect import collect
from orchestrator.execution.hard_evidence import gather_evidence, plan_evidence
from orchestrator.execution.hard_trial import evidence_by_trial
from orchestrator.execution.in_process_executor import InProcessExecutor
from orchestrator.execution.trial_call import TrialCall
from orchestrator.report.page import write_report
from orchestrator.store.find_experiment import find_experiment
from orchestrator.store.finished_trials import finished_trials
from orchestrator.store.folder import Store
from orchestrator.store.hard_files import HardRecord, evidence_digest, hard_folder, read_hard
from trainables.files import file_sha256
from trainables.trial_inputs import ImageCaches


def gathered(store: Store, faces: Path) -> HardRecord:
    console = Console(file=io.StringIO())
    plan = plan_evidence(store, "phase1")
    executor = InProcessExecutor() if plan.needs_workers else None
    return gather_evidence(plan, root=faces, executor=executor, console=console, quiet=True)


def test_evidence_is_gathered_once_and_shown(trained_study: Path, faces: Path, tmp_path: Path) -> None:
    """Catches a nearest image that was not learned from, and work that is done again."""
    store = Store.open(Path(shutil.copytree(trained_study, tmp_path / "results")))
    before = evidence_digest(store, "phase1")
    found = gathered(store, faces)
    assert found == read_hard(store, "phase1") and not found.problems
    hard = pd.read_csv(store.collected("phase1") / "hard_examples.csv")
    doubted = pd.read_csv(store.collected("phase1") / "label_errors.csv")
    assert {each.path for each in found.rows if each.is_hard} == set(hard["path"][:12])
    assert {each.path for each in found.rows if each.is_doubted} == set(doubted["path"][:12])
    for each in found.rows:
        folds = pd.read_parquet(store.trials / each.trial / "predictions.parquet")
        seen = folds.loc[folds["split"] == "test"].set_index("path")
        assert abs(seen.loc[each.path, "score"] - each.score) < 1e-5
        assert each.nearest_path not in set(folds["path"])
        assert each.bytes == (faces / each.path).stat().st_size and each.format == "JPEG"
        for name in (each.seen, each.overlay, each.nearest):
            with Image.open(hard_folder(store, "phase1") / name) as picture:
                assert picture.size == (160, 160)
    times = {path: path.stat().st_mtime_ns for path in hard_folder(store, "phase1").iterdir()}
    assert gathered(store, faces) == found
    assert {path: path.stat().st_mtime_ns for path in hard_folder(store, "phase1").iterdir()} == times
    assert evidence_digest(store, "phase1") != before
    html = write_report(store, collect(store, "phase1")).read_text(encoding="utf-8")
    assert html.count("data:image/webp;base64") == 3 * len(found.rows)


def test_a_planted_version_of_the_other_class_is_an_alarm(trained_study: Path, tmp_path: Path) -> None:
    """Catches versions that are looked for by features alone, among the nearest only, or of one class."""
    rows, data = list[dict[str, Any]](), tmp_path / "data"
    data.mkdir()
    for number in range(12):
        rng = np.random.default_rng(number)
        small = Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8))
        image = small.resize((120, 120), Image.Resampling.BICUBIC)
        image.save(data / f"{number}.jpg", quality=95)
        rows.append({"path": f"{number}.jpg", "label": number % 2, "is_asked": number < 3})
        if number < 2:
            # Of the first a version with the other label is learned from, of the second one with the same.
            image.save(data / f"{number}-again.jpg", quality=50)
            rows.append({"path": f"{number}-again.jpg", "label": 1, "is_asked": False})
    table = pd.DataFrame(rows).assign(source="drawn", is_hard=True, is_doubted=False)
    table["sha256"] = [file_sha256(data / path) for path in table["path"]]
    table.to_parquet(tmp_path / "rows.parquet")
    store = Store.look(trained_study)
    trial = finished_trials(store, find_experiment(store, "plain")).trials[0]
    caches = ImageCaches(faces=tmp_path / "faces", pixels=tmp_path / "pixels")
    found, problem = evidence_by_trial(
        call=TrialCall(trial, data, caches, "cpu"),
        rows=tmp_path / "rows.parquet",
        kept=tmp_path / "kept",
        fingerprints=tmp_path / "fingerprints",
        pictures=tmp_path / "pictures",
    )
    assert problem == ""
    said = [(each.path, each.alarm, each.duplicate_path, each.duplicate_kind) for each in found]
    assert said == [
        ("0.jpg", "other_class", "0-again.jpg", "near"),
        ("1.jpg", "same_class", "1-again.jpg", "near"),
        ("2.jpg", "", "", ""),
    ]


def test_a_trials_fault_is_its_reason(trained_study: Path, faces: Path, tmp_path: Path) -> None:
    """Catches a trial without weights that ends the work of the others, and rows that are gone."""
    store = Store.open(Path(shutil.copytree(trained_study, tmp_path / "results")))
    for path in store.cached("rows").glob("*.parquet"):
        path.unlink()
    found = gathered(store, faces)
    assert found.rows == ()
    assert all("run its phase again" in problem for problem in found.problems) and len(found.problems) == 2
