"""Collect, compare, calibrate and report 1,000 trials of 5,000 predictions, and bootstrap 50,000.

python benchmarks/collecting.py [--trials 1000] [--rows 5000] [--group-size 1]

Writes made-up trials to a temporary folder (five folds an experiment, every second experiment compared with
the first), collects and reports a quarter, a half and all of them with empty caches, each in a process of
its own; then takes one trial away, collects and reports, writes a new one in its place, and does so again:
first a trial of the experiment in the middle, then one of the best, which most of the page's figures show.
Every image is a group of its own unless --group-size says otherwise: the bootstrap's most expensive case.
Seconds are from the trials to the page, without the interpreter's start.
"""

import argparse
import hashlib
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from trainables.files import write_json

FOLDS = 5
SOURCES = ("wiki", "text2img", "inpainting", "insight")
MAX_S, MAX_NEW_S, MAX_MIB = 20.0, 3.0, 1536
BOOTSTRAPPED, MAX_BOOTSTRAP_S = 50_000, 5.0
# Four times the trials may take this many times as long as an even four times.
MAX_CURVATURE = 1.25

# Seconds and MiB, by name.
Spent = dict[str, float]


def main() -> int:
    """Print the figures; return 1 when a limit is passed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--group-size", type=int, default=1)
    parser.add_argument("--report", type=Path, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.report is not None:
        return report_here(wanted.report)
    with tempfile.TemporaryDirectory() as folder:
        return measure(Path(folder), wanted.trials, wanted.rows, wanted.group_size)


def measure(root: Path, trials: int, rows: int, group_size: int) -> int:
    experiments = trials // FOLDS
    write_results(root, experiments, rows, group_size)
    whole = json.loads((root / "studies" / "all.json").read_text())
    print(f"{experiments * FOLDS} trials of {rows} test rows, {group_size} rows a group")
    found: dict[int, Spent] = {}
    for share in (4, 2, 1):
        count = experiments // share
        for folder in ("cache", "reports"):
            shutil.rmtree(root / folder, ignore_errors=True)
        write_json(root / "studies" / "all.json", restricted(whole, count))
        found[share] = report_elsewhere(root)
        print(f"{count * FOLDS:6d} trials, nothing cached: {said(found[share])}")
    print(f"       again, nothing new: {said(report_elsewhere(root))}")
    new = {}
    for called, number, skill in (("middle", experiments // 2, 1.3), ("best", experiments - 1, 1.8)):
        folder = root / whole["experiments"][number]["trials"][0]["folder"]
        shutil.rmtree(folder)
        report_elsewhere(root)
        # Other predictions, so that no cache knows them.
        write_trial(folder, fold_rows(0, rows, group_size), np.random.default_rng(99), skill=skill)
        new[called] = report_elsewhere(root)
        limit = f"   (limit {MAX_NEW_S})"
        print(f"       one new trial, of the {called + ' one:':11s} {said(new[called])}{limit}")
    whole_s, mib = found[1]["collect_s"] + found[1]["report_s"], found[1]["mib"]
    # By the CPU's clock: on a shared machine the wall's says what others did.
    curvature = found[1]["collect_cpu_s"] / (4.0 * found[4]["collect_cpu_s"])
    print(f"       {whole_s:.2f} s (limit {MAX_S}), {mib:.0f} MiB (limit {MAX_MIB})")
    of_even = f"{curvature:.2f} of four times the time of collecting (limit {MAX_CURVATURE})"
    print(f"       four times the trials: {of_even}")
    drawn_s = bootstrap_s()
    print(f"       10,000 draws of {BOOTSTRAPPED} predictions: {drawn_s:.2f} s (limit {MAX_BOOTSTRAP_S})")
    new_s = max(spent["collect_s"] + spent["report_s"] for spent in new.values())
    is_slow = whole_s > MAX_S or new_s > MAX_NEW_S or curvature > MAX_CURVATURE
    return int(is_slow or mib > MAX_MIB or drawn_s > MAX_BOOTSTRAP_S)


def said(spent: Spent) -> str:
    both = spent["collect_s"] + spent["report_s"]
    parts = f"collected in {spent['collect_s']:.2f}, reported in {spent['report_s']:.2f}"
    return f"{both:6.2f} s ({parts}), {spent['mib']:.0f} MiB"


def bootstrap_s() -> float:
    """Seconds for the bootstrap of one fold, every image a group, from its arrays to all bounds."""
    from orchestrator.statistics.bootstrap import bootstrap
    from orchestrator.statistics.resampled import Groups, make_sample

    rng = np.random.default_rng(0)
    labels = np.arange(BOOTSTRAPPED) % 2
    scores = 1 / (1 + np.exp(-rng.normal(2 * labels - 1)))
    start = time.perf_counter()
    groups = Groups.of(np.arange(BOOTSTRAPPED), labels)
    bootstrap([[make_sample("0" * 64, labels, scores, (scores >= 0.5).astype(int), groups)]])
    return time.perf_counter() - start


def report_elsewhere(root: Path) -> Spent:
    command = [sys.executable, __file__, "--report", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def report_here(root: Path) -> int:
    from orchestrator.collect import collect
    from orchestrator.report.page import write_report
    from orchestrator.store import Store

    store = Store.look(root)
    start, start_cpu = time.perf_counter(), time.process_time()
    tables = collect(store, "all")
    collected, collected_cpu = time.perf_counter(), time.process_time()
    write_report(store, tables)
    reported, reported_cpu = time.perf_counter(), time.process_time()
    assert len(tables.failures) <= 1, "more than the one trial that was taken away is missing"
    spent = {
        "collect_s": collected - start,
        "report_s": reported - collected,
        "collect_cpu_s": collected_cpu - start_cpu,
        "report_cpu_s": reported_cpu - collected_cpu,
        "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(spent))
    return 0


def restricted(study: dict[str, Any], count: int) -> dict[str, Any]:
    """The study of the first `count` experiments alone."""
    chosen = study["experiments"][:count]
    names = {each["name"] for each in chosen}
    asked = [each for each in study["phase"]["comparisons"] if each["treatment"] in names]
    return {**study, "experiments": chosen, "phase": {**study["phase"], "comparisons": asked}}


def write_results(root: Path, experiments: int, rows: int, group_size: int) -> None:
    names = [f"p9_model{number:03d}" for number in range(experiments)]
    folds = [fold_rows(fold, rows, group_size) for fold in range(FOLDS)]
    recipe = {"protocol": "cv", "cv_folds": FOLDS, "cv_repeats": 1, "train_sources": None}
    records = []
    for number, name in enumerate(names):
        trials = []
        for fold, table in enumerate(folds):
            key = hashlib.sha256(f"{name}{fold}".encode()).hexdigest()
            folder = root / "trials" / f"{name}-r0f{fold}-{key[:12]}"
            write_trial(
                folder, table, np.random.default_rng((number, fold)), skill=0.8 + number / experiments
            )
            path = folder.relative_to(root).as_posix()
            trials.append({"key": key, "repeat": 0, "fold": fold, "folder": path})
        records.append(
            {"name": name, "recipe": recipe, "threshold_by": "balanced_accuracy", "trials": trials}
            | {"fold_files": ["0123456789ab.csv"], "num_classes": 2, "description": "Made up."}
            | {"data": "/data/faces"}
        )
    comparisons = [
        {
            "question": f"Is {name} better?",
            "baseline": names[0],
            "treatment": name,
            "metrics": ["auc", "accuracy"],
        }
        for name in names[1::2]
    ]
    phase = {"name": "all", "title": "All", "question": "Which?", "experiments": names}
    environment = {"versions": {"python": "3.11"}, "host": "here", "platform": "Linux", "git_commit": "abc"}
    study = {
        "format": 1,
        "device": "cuda",
        "command": "python -m orchestrator all",
        "started": "2024-01-02T03:04:05+00:00",
        "environment": {**environment, "git_dirty": False},
        "phase": {**phase, "comparisons": comparisons},
        "experiments": records,
        "data": [],
    }
    write_json(root / "studies" / "all.json", study)


def fold_rows(fold: int, rows: int, group_size: int) -> pd.DataFrame:
    number = np.arange(rows + rows // 10)
    source = np.array(SOURCES)[number % len(SOURCES)]
    frame = pd.DataFrame(
        {
            "path": [f"{name}/{fold}/{index:07d}.jpg" for name, index in zip(source, number, strict=True)],
            "group": [f"{fold}-{index // group_size:07d}" for index in number],
            "source": source,
            "label": (source != "wiki").astype(int),
            "split": np.where(number < rows, "test", "val"),
        }
    )
    return frame.sort_values(["split", "path"], ignore_index=True)


def write_trial(folder: Path, table: pd.DataFrame, rng: np.random.Generator, *, skill: float) -> None:
    logits = rng.normal(size=len(table)) + skill * (2 * table["label"].to_numpy() - 1)
    scores = 1 / (1 + np.exp(-logits))
    frame = table.assign(score=scores, predicted=(scores >= 0.5).astype(int), fold=0, repeat=0)
    folder.mkdir(parents=True)
    frame.to_parquet(folder / "predictions.parquet", index=False)
    counts = table["split"].value_counts()
    sizes = {"n_test": int(counts["test"]), "n_val": int(counts["val"]), "n_train": 4 * int(counts["test"])}
    write_json(folder / "metrics.json", {"best_epoch": 1, "seconds": 60.0, "device": "cuda", **sizes})
    (folder / "history.csv").write_text("epoch,train_loss,val_loss\n1,0.5,0.6\n")
    digest = hashlib.sha256((folder / "predictions.parquet").read_bytes()).hexdigest()
    write_json(folder / "done.json", {"format": 1, "best_epoch": 1, "predictions_sha256": digest})


if __name__ == "__main__":
    sys.exit(main())
