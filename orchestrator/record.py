"""What a run leaves on disk before it starts: its rows and folds, and the record of its plan.

studies/<phase>.json is what `collect`, `report` and `status` read: they need neither the data folder nor the
experiment files. folds/<hash>.csv is named by its content, so experiments on the same rows share one.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from orchestrator import face_finding, identity, provenance
from orchestrator.plan import PlannedExperiment, Study, Trial
from orchestrator.store.folder import Store
from trainables.data.folds import refuse_divided_groups
from trainables.files import replace_file, write_json
from trainables.trial_files import FORMAT

FOLD_COLUMNS = ["path", "group", "label", "source", "fold"]


def write_rows(study: Study) -> dict[str, tuple[Path, ...]]:
    """Write each experiment's rows: folds/<hash>.csv for people, cache/rows/<hash>.parquet for workers.

    Returns:
        Experiment name -> the parquet file of each repeat.
    """
    files: dict[str, tuple[Path, ...]] = {}
    for planned in study.experiments:
        paths = []
        for rows in planned.rows:
            refuse_divided_groups(
                rows["group"], rows["fold"], where="the fold file", way_out="deal the folds again, by group"
            )
            _write_once(fold_file(study.store, rows), rows[FOLD_COLUMNS])
            name = identity.fingerprint(rows.to_csv(index=False))[:16]
            path = study.store.cached("rows", f"{name}.parquet")
            _write_once(path, rows)
            paths.append(path)
        files[planned.experiment.name] = tuple(paths)
    return files


def fold_file(store: Store, rows: pd.DataFrame) -> Path:
    """Name the fold file of these rows by its content."""
    digest = identity.fingerprint(rows[FOLD_COLUMNS].to_csv(index=False))
    return store.fold_file(f"{digest[: identity.SHORT]}.csv")


def _write_once(path: Path, table: pd.DataFrame) -> None:
    if path.exists():
        return
    with replace_file(path) as partial:
        if path.suffix == ".csv":
            table.to_csv(partial, index=False, lineterminator="\n")
        else:
            table.to_parquet(partial, index=False)


def write_study(study: Study, *, shortcuts: Sequence[dict[str, Any]] = ()) -> None:
    """Leave the record of this plan in studies/<phase>.json."""
    write_json(study.store.study_file(study.phase.name), study_record(study, shortcuts=shortcuts))


def same_plan(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Tell whether two records ask for the same trials of the same data; command and time do not count."""
    asked = ("format", "phase", "preset", "handed_over", "notes", "experiments", "data", "shortcuts")
    return all(one.get(name) == other[name] for name in asked)


def study_record(study: Study, *, shortcuts: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """Describe a plan in plain values: what was asked, which trials answer it, what the data is.

    `shortcuts` is what `data_gate.check_study` found in that data.
    """
    experiments = []
    for planned in study.experiments:
        experiment = planned.experiment
        experiments.append(
            {
                "name": experiment.name,
                "description": experiment.description,
                "tags": list(experiment.tags),
                "recipe": (planned.recipe or planned.experiment.recipe_keys()).model_dump(mode="json"),
                "threshold_by": experiment.threshold_by,
                "measurement": planned.measurement,
                "fold_files": [fold_file(study.store, rows).name for rows in planned.rows],
                "data": str(planned.manifest.root.resolve()),
                "num_classes": planned.num_classes,
                "trials": [
                    _trial_record(trial, study.store)
                    for trial in study.trials
                    if trial.experiment == experiment.name
                ],
            }
        )
    manifests = {str(planned.manifest.root.resolve()): planned for planned in study.experiments}
    return {
        "format": FORMAT,
        "phase": study.phase.model_dump(mode="json"),
        "preset": study.preset,
        "handed_over": [each.to_json() for each in study.handed_over],
        "notes": list(study.notes),
        "device": study.device,
        "experiments": experiments,
        "data": [
            {**data_summary(planned), **face_finding.summary(study, root)}
            for root, planned in manifests.items()
        ],
        "shortcuts": list(shortcuts),
        "command": provenance.command_line(),
        "started": provenance.now(),
        "environment": provenance.environment(),
    }


def _trial_record(trial: Trial, store: Store) -> dict[str, Any]:
    assert trial.folder is not None, "a study is written after the precision is known"
    return {
        "key": trial.key,
        "repeat": trial.repeat,
        "fold": trial.fold,
        "folder": store.called(trial.folder),
        "sizes": dict(trial.sizes),
        "estimate_s": trial.estimate_s,
    }


def data_summary(planned: PlannedExperiment) -> dict[str, Any]:
    """Describe a data set in counts: what the report says about it."""
    manifest, rows = planned.manifest, planned.manifest.rows
    counts = rows.groupby(["source", "label", "split"]).size().reset_index(name="count")
    return {
        "root": str(manifest.root.resolve()),
        "layout": manifest.layout,
        "group_by": manifest.group_by,
        "classes": list(manifest.classes),
        "fingerprint": identity.data_fingerprint(rows),
        "images": len(rows),
        "groups": int(rows["group"].nunique()),
        "counts": counts.to_dict("records"),
        "formats": {
            str(name): int(count) for name, count in rows["format"].value_counts().sort_index().items()
        },
        "width": [int(value) for value in rows["width"].quantile([0, 0.5, 1])],
        "height": [int(value) for value in rows["height"].quantile([0, 0.5, 1])],
        "bytes": int(rows["bytes"].sum()),
        "identical_files": int(len(rows) - rows["sha256"].nunique()),
        "excluded": manifest.excluded.to_dict("records"),
    }
