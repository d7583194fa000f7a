"""The gate before a run: how far file facts and trivial pixels get on the study's own folds.

A check is named by what decides its outcome: the images, their labels, sources, groups and folds, the
suffixes of their names, and the versions of the code that looks. Its outcome is kept in
results/checks/<hash>.json and read from there the next time; what was read of the images is kept in
results/cache/facts/. Experiments on the same rows and folds share one check.
"""

import time
from collections.abc import Hashable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path

import pandas as pd
from rich.console import Console

from orchestrator.checks.shortcuts import found_text, refusal, shortcut_record
from orchestrator.config.experiment import DEFAULT_THRESHOLD
from orchestrator.console import progress_bar, say
from orchestrator.plan import identity
from orchestrator.plan.data_sets import scan_memory
from orchestrator.plan.plan import Options, PlannedExperiment, StudyPlan
from orchestrator.store import provenance
from orchestrator.store.check_outcome import CheckModelScores, CheckOutcome, read_outcome, write_outcome
from orchestrator.store.fingerprint import fingerprint
from orchestrator.store.folder import Store
from orchestrator.store.records import ShortcutRecord
from orchestrator.store.remote.local_copy import place_text
from trainables.data.checks import image_facts, shortcuts
from trainables.data.checks.leakage import find_split_groups
from trainables.data.dataset.manifest import Manifest, manifest_links
from trainables.data.splits.trial_rows import experiment_rows, image_files, trial_table
from trainables.errors import Problems
from trainables.progress import OnProgress, OpenBar
from trainables.recipe import RecipeKeys
from trainables.trial_files import FORMAT


def check_study(study: StudyPlan, options: Options, *, console: Console) -> list[ShortcutRecord]:
    """Look for shortcuts in the data of every experiment that this command is about.

    Returns:
        What was found, one record per check and limit, for the study record. Experiments that --only leaves
        out are in it where their check has been made before.

    Raises:
        InputError: trials are about to start on data whose files alone give the classes away, and
            --accept-shortcut was not given.
    """
    selected = {trial.experiment for trial in study.selected()}
    accepted_before = _accepted_before(study)
    records, refusals = [], []
    for check, experiments in _by_check(study).items():
        outcome = read_outcome(study.store, check)
        if outcome is None and any(each.experiment.name in selected for each in experiments):
            outcome = _look(study.store, experiments[0], options, console)
        if outcome is None:
            continue
        accepted = options.accept_shortcut or (not study.missing() and check in accepted_before)
        for threshold in dict.fromkeys(each.experiment.shortcut_threshold for each in experiments):
            asking = [each for each in experiments if each.experiment.shortcut_threshold == threshold]
            names = [each.experiment.name for each in asking]
            root = asking[0].manifest.root
            record = shortcut_record(
                outcome, experiments=names, data=place_text(root), threshold=threshold, accepted=accepted
            )
            records.append(record)
            if not options.quiet:
                say(f"Shortcuts in {root}: {found_text(record)}", console=console)
            if record.verdict == "refused" and selected & set(names):
                refusals.append(refusal(record, root=str(root)))
    # What is finished can still be looked at; only what would start is stopped.
    if refusals and study.missing():
        raise Problems(refusals)
    return records


def group_leaks(study: StudyPlan, options: Options, *, console: Console) -> list[str]:
    """Say of each data set of a study whether more than a few near-duplicates are in different groups.

    They are searched for where the grouping did not ask for them, and remembered.
    """
    said = []
    manifests = {id(each.manifest): each.manifest for each in study.experiments}
    for manifest in manifests.values():
        memory = scan_memory(study.store, manifest.root)
        with progress_bar(console, "Looking for near-duplicates", quiet=options.quiet) as progress:
            links = manifest_links(manifest, memory=memory, progress=progress)
        said += [f"{manifest.root}: {finding.sentence}" for finding in find_split_groups(manifest, links)]
    return said


def known_checks(study: StudyPlan) -> list[tuple[PlannedExperiment, ShortcutRecord | None]]:
    """Return what is known of each check of a plan, with one of its experiments; None = not made yet."""
    found: list[tuple[PlannedExperiment, ShortcutRecord | None]] = []
    for check, experiments in _by_check(study).items():
        outcome, first = read_outcome(study.store, check), experiments[0]
        record = (
            None
            if outcome is None
            else shortcut_record(
                outcome,
                experiments=[each.experiment.name for each in experiments],
                data=place_text(first.manifest.root),
                threshold=first.experiment.shortcut_threshold,
                accepted=False,
            )
        )
        found.append((first, record))
    return found


def look(
    root: Path,
    rows: Sequence[pd.DataFrame],
    recipe: RecipeKeys,
    *,
    num_classes: int,
    memory: Path | None,
    bar: OpenBar,
) -> CheckOutcome:
    """Make one check and return its outcome.

    Args:
        root: the data folder.
        rows: what `experiment_rows` gave, one table per repeat.
        recipe: decides the folds' parts.
        num_classes: classes of the data set.
        memory: the parquet file that remembers what was read of the images.
        bar: opens a progress bar with a title.
    """
    started = time.monotonic()
    splits = shortcuts.study_splits(rows, recipe)
    used = pd.concat([part for split in splits for part in (split.train, split.test)])
    files = image_files(used.drop_duplicates("sha256"), root)
    with bar("Reading file facts") as progress:
        known = image_facts.read_facts(files, memory=memory, progress=progress)
    with bar("Looking for shortcuts") as progress:
        found = shortcuts.find_shortcuts(splits, known, num_classes=num_classes, progress=progress)
    return CheckOutcome(
        format=FORMAT,
        check=check_name(rows, recipe),
        data=place_text(root),
        images=len(files),
        file_facts=CheckModelScores.model_validate(asdict(found.file_facts)),
        trivial_pixels=CheckModelScores.model_validate(asdict(found.trivial_pixels)),
        alone=tuple(found.alone.items()),
        written_alike=found.written_alike,
        seconds=round(time.monotonic() - started, 1),
        made=provenance.now(),
        environment=provenance.environment(),
    )


def check_folder(
    manifest: Manifest, recipe: RecipeKeys, *, store: Store | None, bar: OpenBar
) -> ShortcutRecord:
    """Check a data folder on the folds that an experiment with this recipe would have.

    Args:
        manifest: the data folder.
        recipe: its protocol, folds and seed decide the folds.
        store: the results folder whose memory of the images is used, if there is one.
        bar: opens a progress bar with a title.

    Raises:
        InputError: this data has no such folds.
    """
    rows = [experiment_rows(manifest, recipe, repeat=0)]
    for fold in range(recipe.num_folds):
        # Raises what a plan would raise.
        trial_table(rows[0], recipe, repeat=0, fold=fold)
    outcome = read_outcome(store, check_name(rows, recipe)) if store is not None else None
    if outcome is None:
        memory = _facts_memory(store, manifest.root) if store is not None else None
        classes = len(manifest.classes)
        outcome = look(manifest.root, rows, recipe, num_classes=classes, memory=memory, bar=bar)
    return shortcut_record(
        outcome,
        experiments=(),
        data=place_text(manifest.root),
        threshold=DEFAULT_THRESHOLD,
        accepted=False,
    )


def check_name(rows: Sequence[pd.DataFrame], recipe: RecipeKeys) -> str:
    """Name a check by what decides its outcome, 20 hexadecimal digits."""
    sources = [recipe.train_sources, recipe.eval_sources]
    versions = [image_facts.VERSION, shortcuts.VERSION]
    parts = [_digest(table) for table in rows]
    return fingerprint([parts, sources, recipe.num_folds, versions])[:20]


def _digest(table: pd.DataFrame) -> str:
    with_suffix = table.assign(suffix=table["path"].map(lambda path: Path(path).suffix))
    names = ("sha256", "label", "source", "group", "fold", "learnable", "suffix")
    return identity.table_fingerprint(with_suffix, names)


def _by_check(study: StudyPlan) -> dict[str, list[PlannedExperiment]]:
    """The experiments of each check. Most experiments of a study hold the same tables, hashed once."""
    names: dict[Hashable, str] = {}
    found: dict[str, list[PlannedExperiment]] = {}
    for planned in study.experiments:
        recipe = planned.experiment.recipe_keys()
        same = (
            tuple(id(table) for table in planned.rows),
            recipe.train_sources,
            recipe.eval_sources,
            recipe.num_folds,
        )
        if same not in names:
            names[same] = check_name(planned.rows, recipe)
        found.setdefault(names[same], []).append(planned)
    return found


def _look(store: Store, planned: PlannedExperiment, options: Options, console: Console) -> CheckOutcome:
    root = planned.manifest.root

    def bar(title: str) -> AbstractContextManager[OnProgress]:
        return progress_bar(console, title, quiet=options.quiet)

    outcome = look(
        root,
        planned.rows,
        planned.experiment.recipe_keys(),
        num_classes=planned.num_classes,
        memory=_facts_memory(store, root),
        bar=bar,
    )
    write_outcome(store, outcome)
    return outcome


def _facts_memory(store: Store, root: Path) -> Path:
    name = fingerprint(str(root.resolve()))[:16]
    return store.cached("facts", f"{name}.memo")


def _accepted_before(study: StudyPlan) -> set[str]:
    earlier = study.store.known_study(study.phase.name)
    return {each.check for each in earlier.shortcuts if each.verdict == "accepted"} if earlier else set()
