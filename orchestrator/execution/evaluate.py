"""Evaluation of finished models on another data set: its images, their scores by every model, and the record.

Images that a model may have trained on are kept out for all, so that detectors are compared on the same
images. Models whose scores are stored are not asked again. A trial that can't score is told with its reason,
and the others go on. Scores that came as files stand beside those of models.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from rich.console import Console

from orchestrator.checks.data_gate import check_folder
from orchestrator.checks.overlap import Overlap, find_overlap
from orchestrator.checks.shortcuts import check_perturbable
from orchestrator.config.experiment import DEFAULT_MAX_UNUSABLE
from orchestrator.console import progress_bar
from orchestrator.execution.evaluation_scores import ScoredExperiment, score_experiments
from orchestrator.plan.data_sets import scan_memory
from orchestrator.plan.foreign_scores import ForeignScores, read_foreign
from orchestrator.plan.identity import table_fingerprint
from orchestrator.store import provenance
from orchestrator.store.decision_file import TakenBy
from orchestrator.store.evaluation_files import (
    CLEAN,
    FOREIGN_COLUMN,
    IMAGE_COLUMNS,
    DetectorScores,
    EvaluationRecord,
    evaluation_file,
    read_evaluated_images,
    read_evaluation,
    write_evaluation,
    write_scores,
)
from orchestrator.store.find_experiment import find_experiment, recorded_classes
from orchestrator.store.fingerprint import SHORT
from orchestrator.store.finished_trials import FinishedTrials, finished_trials
from orchestrator.store.folder import Store
from orchestrator.store.records import ExperimentRecord, ShortcutRecord, SourceCount
from orchestrator.store.remote.local_copy import place_text
from trainables.data.dataset.layouts import UNLABELLED, Listing
from trainables.data.dataset.manifest import Manifest, scan
from trainables.data.dataset.recognition import list_images
from trainables.data.perturbations import Perturbation
from trainables.errors import InputError
from trainables.progress import OnProgress, OpenBar
from trainables.recipe import RecipeKeys
from trainables.trial_files import FORMAT

NO_LABEL, TRAINED_ON, A_VERSION, HELD_OUT, UNUSABLE = (
    "no label", "in the training data", "a version of an image in the training data",
    "held out for the end of the study", "not usable",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """What to evaluate: experiments by name and files of foreign scores, on the images in `data`.

    Experiments score the images under each of the perturbations, too. `accepts_shortcut` goes on with these
    although the files of the images give the classes away.
    """

    name: str
    data: Path
    experiments: tuple[str, ...] = ()
    foreign: tuple[Path, ...] = ()
    layout: str = "auto"
    group_by: str = "auto"
    real_sources: tuple[str, ...] = ()
    follow_links: bool = False
    max_unusable: float = DEFAULT_MAX_UNUSABLE
    perturbations: tuple[Perturbation, ...] = ()
    accepts_shortcut: bool = False

    @property
    def conditions(self) -> tuple[str, ...]:
        """What is done to the images: nothing, and each perturbation."""
        return (CLEAN, *(each.text for each in self.perturbations))


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The record of an evaluation, how many models scored images now, and what became of the others."""

    record: EvaluationRecord
    num_scored: int

    @property
    def problems(self) -> list[str]:
        """Why models have no scores."""
        return [problem for each in self.record.experiments for problem in each.problems]


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """Everything that is known before anything is scored."""

    request: EvaluationRequest
    records: tuple[ExperimentRecord, ...]
    finished: tuple[FinishedTrials, ...]
    manifest: Manifest
    rows: pd.DataFrame
    excluded: pd.DataFrame
    counts: dict[str, int]
    overlap: Overlap
    foreign: tuple[ForeignScores, ...]
    fingerprint: str
    known: EvaluationRecord | None


def evaluate(
    store: Store,
    request: EvaluationRequest,
    *,
    address: str | None,
    console: Console,
    quiet: bool,
    debug: bool,
) -> Evaluated:
    """Score the images of another data set by finished models, as far as that has not been done.

    Args:
        store: results that can be written.
        request: what to evaluate on what.
        address: where to score, as `--address` names it; None = it does not.
        console: where progress is shown.
        quiet: show none.
        debug: show what libraries print.

    Raises:
        InputError: an experiment is not there or has no model, the data can't be read or has other classes,
            no image is left, the name is that of an evaluation on other images, a file of scores is wrong,
            or images are to be perturbed whose files give the classes away.
    """

    def bar(title: str) -> AbstractContextManager[OnProgress]:
        return progress_bar(console, title, quiet=quiet)

    asked = _ask(store, request, bar)
    shortcut, notes = _shortcut(store, asked, bar)
    if request.perturbations and shortcut is not None and not request.accepts_shortcut:
        check_perturbable(shortcut, root=str(request.data))
    scored = score_experiments(
        store,
        request.name,
        dict(zip(request.experiments, zip(asked.records, asked.finished, strict=True), strict=True)),
        asked.rows,
        root=asked.manifest.root.resolve(),
        address=address,
        console=console,
        quiet=quiet,
        debug=debug,
        conditions=request.conditions,
    )
    for each in asked.foreign:
        _write_foreign(store, request.name, each, asked.rows)
    record = _record(asked, scored, shortcut=shortcut, notes=notes)
    if asked.known is not None and record.model_copy(update={"made": asked.known.made}) == asked.known:
        # Nothing is new, and what was written says when it was made.
        return Evaluated(asked.known, 0)
    write_evaluation(store, record, images=asked.rows, excluded=asked.excluded)
    # As the next command reads it, keys in their order: what is made of it is the same then.
    written = read_evaluation(store, request.name)
    assert written is not None, "it was written just now"
    return Evaluated(written, sum(each.num_new for each in scored))


def _ask(store: Store, request: EvaluationRequest, bar: OpenBar) -> _Asked:
    if not request.experiments and not request.foreign:
        raise InputError("nothing to evaluate: name an experiment, or a file of scores with --scores")
    if request.perturbations and not request.experiments:
        raise InputError("--perturb needs an experiment: scores of a file are of the images as they are")
    records = tuple(find_experiment(store, name) for name in request.experiments)
    names = [record.name for record in records]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"{', '.join(twice)} is named twice; name each experiment once")
    finished = tuple(finished_trials(store, record) for record in records)
    # Which classes there are is known before an image is opened.
    listing = list_images(
        request.data,
        layout=request.layout,
        real_sources=request.real_sources,
        follow_links=request.follow_links,
    )
    _check_classes(store, records, listing, root=request.data, has_foreign=bool(request.foreign))
    with bar("Reading images") as progress:
        manifest = scan(
            request.data,
            layout=request.layout,
            group_by=request.group_by,
            real_sources=request.real_sources,
            follow_links=request.follow_links,
            listing=listing,
            max_unusable=request.max_unusable,
            memory=scan_memory(store, request.data),
            progress=progress,
        )
    labelled = manifest.rows[manifest.rows["label"] != UNLABELLED].reset_index(drop=True)
    if labelled.empty:
        raise InputError(f"{request.data}: no image has a label, so that nothing can be evaluated on it")
    print_of = table_fingerprint(labelled, IMAGE_COLUMNS)[:SHORT]
    known = read_evaluation(store, request.name)
    if known is not None and known.fingerprint != print_of:
        raise InputError(
            f"{evaluation_file(store, request.name)} is of other images, labels or groups than "
            f"{request.data} has now; name this evaluation differently with --name, or delete the folder of "
            "that one"
        )
    foreign = read_foreign(
        request.foreign, labelled, root=manifest.root.resolve(), taken=[each.name for each in records]
    )
    overlap = find_overlap(store, records, replace(manifest, rows=labelled), bar=bar)
    rows = labelled[~labelled["path"].isin(list(overlap.reasons))].reset_index(drop=True)
    if rows.empty:
        raise InputError(
            f"{request.data}: each of its {len(labelled)} images is in the training data of these "
            "experiments, or held out; evaluate on a folder that they have not seen"
        )
    excluded, counts = _excluded(manifest, overlap)
    return _Asked(
        request, records, finished, manifest, rows, excluded, counts, overlap, tuple(foreign), print_of, known
    )


def _check_classes(
    store: Store, records: Sequence[ExperimentRecord], listing: Listing, *, root: Path, has_foreign: bool
) -> None:
    """Raise InputError where a model does not tell apart the classes that the images have."""
    number = len(listing.classes)
    for record in records:
        if record.num_classes != number:
            raise InputError(
                f"{record.name} tells {record.num_classes} classes apart and {root} has {number} "
                f"({', '.join(listing.classes[:8])}); evaluate it on images of the same classes"
            )
        theirs = recorded_classes(store, record)
        if number > 2 and theirs is not None and theirs != listing.classes:
            raise InputError(
                f"{record.name} was trained on the classes {', '.join(theirs)}, and {root} has "
                f"{', '.join(listing.classes)}; evaluate it on images of the same classes"
            )
    if has_foreign and number != 2:
        raise InputError(
            f"--scores holds P(fake), and {root} has {number} classes; scores of files are for real "
            "and fake alone"
        )


def _excluded(manifest: Manifest, overlap: Overlap) -> tuple[pd.DataFrame, dict[str, int]]:
    """The images that are kept out, with reasons, and how many there are for each kind of reason."""
    unlabelled = manifest.rows.loc[manifest.rows["label"] == UNLABELLED, ["path"]].assign(reason=NO_LABEL)
    seen = pd.DataFrame(sorted(overlap.reasons.items()), columns=["path", "reason"])
    table = pd.concat([manifest.excluded, unlabelled, seen], ignore_index=True)
    record = overlap.record
    counts = {
        UNUSABLE: len(manifest.excluded),
        NO_LABEL: len(unlabelled),
        TRAINED_ON: record.identical,
        A_VERSION: record.near_duplicates,
        HELD_OUT: record.held_out,
    }
    return table.sort_values("path", ignore_index=True), {name: n for name, n in counts.items() if n}


def _shortcut(store: Store, asked: _Asked, bar: OpenBar) -> tuple[ShortcutRecord | None, tuple[str, ...]]:
    """Look how far the files of these images alone tell the classes apart; else say why that is not known."""
    known = asked.known
    if known is not None and (known.shortcut is not None or known.notes):
        before = read_evaluated_images(store, known.name)
        if before["path"].tolist() == asked.rows["path"].tolist():
            return known.shortcut, known.notes
    try:
        manifest = replace(asked.manifest, rows=asked.rows)
        return check_folder(manifest, RecipeKeys(), store=store, bar=bar), ()
    except InputError as error:
        return None, (f"Shortcuts could not be looked for in these images: {error}",)


def _write_foreign(store: Store, name: str, foreign: ForeignScores, rows: pd.DataFrame) -> None:
    kept = foreign.scores[foreign.scores.index.isin(rows["path"])]
    table = pd.DataFrame({"path": kept.index, "condition": CLEAN, FOREIGN_COLUMN: kept.to_numpy()})
    write_scores(
        store, name, foreign.record.name, DetectorScores(table, {FOREIGN_COLUMN: foreign.record.sha256})
    )


def _record(
    asked: _Asked,
    scored: Sequence[ScoredExperiment],
    *,
    shortcut: ShortcutRecord | None,
    notes: tuple[str, ...],
) -> EvaluationRecord:
    manifest, rows = asked.manifest, asked.rows
    counted = rows.groupby(["source", "label", "split"], sort=True, as_index=False).size()
    return EvaluationRecord(
        format=FORMAT,
        name=asked.request.name,
        data=place_text(manifest.root),
        layout=manifest.layout,
        group_by=manifest.group_by,
        classes=manifest.classes,
        polarity=manifest.polarity,
        fingerprint=asked.fingerprint,
        images=len(rows),
        groups=int(rows["group"].nunique()),
        counts=tuple(
            SourceCount(source=str(source), label=int(label), split=str(split), count=int(count))
            for source, label, split, count in counted.itertuples(index=False, name=None)
        ),
        excluded=asked.counts,
        experiments=tuple(each.record for each in scored),
        foreign=tuple(each.record for each in asked.foreign),
        conditions=asked.request.conditions,
        overlap=asked.overlap.record,
        shortcut=shortcut,
        notes=notes,
        made=TakenBy(
            command=provenance.command_line(), time=provenance.now(), environment=provenance.environment()
        ),
    )
