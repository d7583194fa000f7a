"""Collect, compare, calibrate and report 1,000 trials of 5,000 predictions, and bootstrap 50,000.

python benchmarks/collecting.py [--trials 1000] [--rows 5000] [--group-size 1] [--small]

Writes made-up trials to a temporary folder (five folds per experiment, every second experiment compared with
the first), collects and reports a quarter, a half and all of them with empty caches, each in a process of
its own; then takes one trial away, collects and reports, writes a new one in its place, and does so again:
first a trial of the experiment in the middle, then one of the best, which most of the page's figures show.
Every image is a group of its own unless --group-size says otherwise: the bootstrap's most expensive case.
Seconds are from the trials to the page, without the interpreter's start.

Limits are ratios by the processor's clock within the run, and memory: a new trial against everything, four
times the trials against one time, and the bootstrap against drawing images anew and asking scikit-learn for
the AUC. The seconds that a machine of two quiet cores should need are printed as aims.
"""

import argparse
import hashlib
import json
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
from trainables.own_memory import own_peak_mib

FOLDS = 5
SOURCES = ("wiki", "text2img", "inpainting", "insight")
AIM_S, AIM_NEW_S, MAX_MIB = 20.0, 3.0, 1536
# A new trial may take this share of the time of all.
MAX_NEW_SHARE = 0.3
BOOTSTRAPPED, DRAWS, PLAIN_DRAWS, MIN_BOOTSTRAP_RATIO = 50_000, 10_000, 20, 20.0
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
    parser.add_argument("--small", action="store_true", help="20 trials of 400 rows; no limit is enforced")
    parser.add_argument("--report", type=Path, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.report is not None:
        return report_here(wanted.report)
    with tempfile.TemporaryDirectory() as folder:
        trials, rows = (20, 400) if wanted.small else (wanted.trials, wanted.rows)
        is_good = measure(Path(folder), trials, rows, wanted.group_size)
    return int(not is_good and not wanted.small)


def measure(root: Path, trials: int, rows: int, group_size: int) -> bool:
    experiments = trials // FOLDS
    write_results(root, experiments, rows, group_size)
    whole = json.loads((root / "studies" / "all.json").read_text())
    print(f"{experiments * FOLDS} trials of {rows} test rows, {group_size} rows per group")
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
        print(
            f"       one new trial, of the {called + ' one:':11s} {said(new[called])}   (aim {AIM_NEW_S} s)"
        )
    whole_s, mib = found[1]["collect_s"] + found[1]["report_s"], found[1]["mib"]
    # By the CPU's clock: on a shared machine the wall's says what others did.
    curvature = found[1]["collect_cpu_s"] / (4.0 * found[4]["collect_cpu_s"])
    new_share = max(cpu_s(spent) for spent in new.values()) / cpu_s(found[1])
    print(f"       {whole_s:.2f} s (aim for 1,000 trials: {AIM_S:.0f}), {mib:.0f} MiB (limit {MAX_MIB})")
    print(f"       one new trial: {new_share:.2f} of the time of all (limit {MAX_NEW_SHARE})")
    of_even = f"{curvature:.2f} of four times the time of collecting (limit {MAX_CURVATURE})"
    print(f"       four times the trials: {of_even}")
    drawn_s, plain_s = bootstrap_s()
    print(f"       {DRAWS} draws of {BOOTSTRAPPED} predictions: {drawn_s:.2f} s, ", end="")
    print(f"{plain_s / drawn_s:.0f} times faster than a plain bootstrap (limit {MIN_BOOTSTRAP_RATIO:.0f})")
    is_good = new_share <= MAX_NEW_SHARE and curvature <= MAX_CURVATURE and mib <= MAX_MIB
    return is_good and plain_s / drawn_s >= MIN_BOOTSTRAP_RATIO


def said(spent: Spent) -> str:
    both = spent["collect_s"] + spent["report_s"]
    parts = f"collected in {spent['collect_s']:.2f}, reported in {spent['report_s']:.2f}"
    return f"{both:6.2f} s ({parts}), {spent['mib']:.0f} MiB"


def cpu_s(spent: Spent) -> float:
    return spent["collect_cpu_s"] + spent["report_cpu_s"]


def bootstrap_s() -> tuple[float, float]:
    """Processor seconds for the bootstrap of one fold, every image a group, from its arrays to all bounds.

    Beside it those of as many plain draws of the AUC alone, scaled from PLAIN_DRAWS.
    """
    from sklearn.metrics import roc_auc_score

    from orchestrator.statistics.bootstrap import bootstrap
    from orchestrator.statistics.resampled import Groups, make_sample

    rng = np.random.default_rng(0)
    labels = np.arange(BOOTSTRAPPED) % 2
    scores = 1 / (1 + np.exp(-rng.normal(2 * labels - 1)))
    start = time.process_time()
    groups = Groups.of(np.arange(BOOTSTRAPPED), labels)
    bootstrap([[make_sample("0" * 64, labels, scores, (scores >= 0.5).astype(int), groups)]])
    ours_s = time.process_time() - start
    start = time.process_time()
    for _ in range(PLAIN_DRAWS):
        drawn = rng.integers(0, BOOTSTRAPPED, BOOTSTRAPPED)
        roc_auc_score(labels[drawn], scores[drawn])
    return ours_s, (time.process_time() - start) * DRAWS / PLAIN_DRAWS


def report_elsewhere(root: Path) -> Spent:
    command = [sys.executable, __file__, "--report", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def report_here(root: Path) -> int:
    from orchestrator.analysis.collect import collect
    from orchestrator.report.page import write_report
    from orchestrator.store.folder import Store

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
        "mib": own_peak_mib(),
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
