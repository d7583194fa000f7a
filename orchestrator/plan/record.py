"""Files that a run leaves before it starts: its rows and folds, and the record of its plan.

studies/<phase>.json is what `collect`, `report` and `status` read: they need neither the data folder nor the
experiment files. folds/<hash>.csv is named by its content, so experiments on the same rows share one.
holdout/<name>.csv is written once, and holds the images that no fold holds.
"""

from collections.abc import Sequence
from pathlib import Path

from orchestrator.plan import face_counts, identity
from orchestrator.plan.plan import PlannedExperiment, StudyPlan, Trial
from orchestrator.plan.resources import Machine, this_machine, unit_share
from orchestrator.plan.shares import recorded_shares, share_record
from orchestrator.store import provenance
from orchestrator.store.fingerprint import fingerprint
from orchestrator.store.fold_files import FOLD_COLUMNS, fold_file, write_once
from orchestrator.store.folder import Store
from orchestrator.store.held_out_files import held_out_file
from orchestrator.store.price_record import PriceRecord
from orchestrator.store.records import (
    DataRecord,
    Excluded,
    ExperimentRecord,
    FacesRecord,
    PhaseRecord,
    PlannedTrial,
    RecipeRecord,
    ShortcutRecord,
    SourceCount,
    StudyRecord,
)
from orchestrator.store.remote.local_copy import place_text
from orchestrator.store.share_record import ShareRecord
from trainables.data.splits.folds import refuse_divided_groups
from trainables.trial_files import FORMAT


def write_rows(study: StudyPlan) -> dict[str, tuple[Path, ...]]:
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
            write_once(fold_file(study.store, rows), rows[FOLD_COLUMNS])
            name = fingerprint(rows.to_csv(index=False))[:16]
            path = study.store.cached("rows", f"{name}.parquet")
            write_once(path, rows)
            paths.append(path)
        files[planned.experiment.name] = tuple(paths)
        if (apart := planned.held_out) is not None:
            write_once(held_out_file(study.store, apart.file), apart.rows)
    return files


def write_study(
    study: StudyPlan,
    *,
    shortcuts: Sequence[ShortcutRecord] = (),
    price: PriceRecord | None = None,
    machine: Machine | None = None,
) -> StudyRecord:
    """Leave the record of this plan in studies/<phase>.json, and return it."""
    planned = study_record(study, shortcuts=shortcuts, price=price, machine=machine)
    study.store.write_study(planned)
    return planned


def study_record(
    study: StudyPlan,
    *,
    shortcuts: Sequence[ShortcutRecord] = (),
    price: PriceRecord | None = None,
    machine: Machine | None = None,
) -> StudyRecord:
    """Describe a plan: what was asked, which trials answer it, what the data is.

    `shortcuts` is what `data_gate.check_study` found in that data, `price` that of an hour of `machine`; None
    = what an earlier run has recorded, which is true of the trials that are finished.
    """
    known = study.store.known_study(study.phase.name)
    price = price or (None if known is None else known.price)
    # Of a study without a price the record has no such keys.
    shares = _shares(study, machine)
    priced = {} if price is None else {"price": price, "unit_shares": _unit_shares(study, known, machine)}
    # Of a study without sweeps the record has no such key.
    swept = {"sweeps": study.sweeps} if study.sweeps else {}
    manifests = {place_text(planned.manifest.root): planned for planned in study.experiments}
    return StudyRecord(
        format=FORMAT,
        phase=PhaseRecord.model_validate_json(study.phase.model_dump_json()),
        preset=study.preset,
        handed_over=study.handed_over,
        notes=study.notes,
        uneven=study.uneven,
        device=study.device,
        experiments=tuple(
            _experiment_record(study, planned, shares.get(planned.experiment.name))
            for planned in study.experiments
        ),
        data=tuple(
            data_record(planned, faces=face_counts.faces_record(study, root))
            for root, planned in manifests.items()
        ),
        shortcuts=tuple(shortcuts),
        command=provenance.command_line(),
        started=provenance.now(),
        environment=provenance.environment(),
        **priced,
        **swept,
    )


def _experiment_record(
    study: StudyPlan, planned: PlannedExperiment, share: ShareRecord | None
) -> ExperimentRecord:
    experiment, store = planned.experiment, study.store
    recipe = planned.recipe or experiment.recipe_keys()
    # Of a study that holds nothing out the record has no such key.
    apart = {"held_out_file": planned.held_out.file} if planned.held_out is not None else {}
    # Of one that has never been planned on an executor neither.
    shared = {} if share is None else {"share": share}
    return ExperimentRecord(
        name=experiment.name,
        description=experiment.description,
        tags=experiment.tags,
        recipe=RecipeRecord.model_validate_json(recipe.model_dump_json()),
        threshold_by=experiment.threshold_by,
        measurement=planned.measurement,
        fold_files=tuple(fold_file(store, rows).name for rows in planned.rows),
        data=place_text(planned.manifest.root),
        num_classes=planned.num_classes,
        trials=tuple(
            _planned_trial(trial, store) for trial in study.trials if trial.experiment == experiment.name
        ),
        **apart,
        **shared,
    )


def known_shares(study: StudyPlan) -> dict[str, ShareRecord]:
    """Return the recorded shares of the trials of a study, as far as recipes and device are the same."""
    recipes = {each.experiment.name: each.recipe for each in study.experiments}
    return recorded_shares(study.store.known_study(study.phase.name), recipes, device=study.device)


def _shares(study: StudyPlan, machine: Machine | None) -> dict[str, ShareRecord]:
    """What each experiment's trials have of a machine; what is on record if nothing runs."""
    before = known_shares(study)
    if machine is None:
        return before
    now = {trial.experiment: trial.share for trial in study.trials}
    return {name: share_record(share, machine, before.get(name)) for name, share in now.items()}


def _unit_shares(study: StudyPlan, known: StudyRecord | None, machine: Machine | None) -> dict[str, float]:
    """What part of a GPU or a machine each experiment's trials have; what is on record if nothing runs."""
    here = machine or this_machine()
    before = {} if known is None or machine is not None else known.unit_shares
    found = {trial.experiment: round(unit_share(here, trial.share), 4) for trial in study.trials}
    return {**found, **{name: share for name, share in before.items() if name in found}}


def _planned_trial(trial: Trial, store: Store) -> PlannedTrial:
    # Pretrained weights that can't be had stop no run of the other experiments; theirs has no key yet.
    folder = trial.folder or store.trials / f"{trial.name}-unknown-weights"
    return PlannedTrial(
        key=trial.key or trial.name,
        repeat=trial.repeat,
        fold=trial.fold,
        folder=store.called(folder),
        sizes=dict(trial.sizes),
        estimate_s=trial.estimate_s,
    )


def data_record(planned: PlannedExperiment, *, faces: FacesRecord | None = None) -> DataRecord:
    """Describe a data set in counts: what the report says about it."""
    manifest, rows = planned.manifest, planned.manifest.rows
    counts = rows.groupby(["source", "label", "split"]).size().reset_index(name="count")
    least, median, greatest = 0, 0.5, 1
    sizes = {
        side: tuple(int(value) for value in rows[side].quantile([least, median, greatest]))
        for side in ("width", "height")
    }
    formats = rows["format"].value_counts().sort_index()
    return DataRecord(
        root=place_text(manifest.root),
        layout=manifest.layout,
        group_by=manifest.group_by,
        classes=manifest.classes,
        polarity=manifest.polarity,
        fingerprint=identity.data_fingerprint(rows),
        images=len(rows),
        groups=int(rows["group"].nunique()),
        counts=tuple(SourceCount.model_validate(each) for each in counts.to_dict("records")),
        formats={str(name): int(count) for name, count in formats.items()},
        width=sizes["width"],
        height=sizes["height"],
        bytes=int(rows["bytes"].sum()),
        identical_files=int(len(rows) - rows["sha256"].nunique()),
        excluded=tuple(Excluded.model_validate(each) for each in manifest.excluded.to_dict("records")),
        faces=faces,
    )
