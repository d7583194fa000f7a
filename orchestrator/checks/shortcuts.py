"""Outcomes of shortcut checks: from disk to a record, a table and sentences. Computes no model.

The rule it protects: file facts that tell the classes apart stop a run, noise does not. A stop needs a mean
AUC over folds above the limit *and* an interval that lies above chance: with a few dozen images a mean of
0.7 comes and goes with the deal of the folds. What trivial pixels reach is reported and never stops a run,
because brightness and texture are part of the picture that a detector is meant to look at.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from orchestrator.statistics import corrected_rate
from orchestrator.store.check_outcome import CheckModelScores, CheckOutcome
from orchestrator.store.records import CheckScores, ShortcutRecord, StudyRecord, Verdict
from trainables.errors import InputError
from trainables.files import without_infinities

CHANCE = 0.5
METRIC = "auc"
FILE_FACTS, TRIVIAL_PIXELS = "file_facts", "trivial_pixels"
CHECKS = {FILE_FACTS: "file facts", TRIVIAL_PIXELS: "trivial pixels"}
COLUMNS = ["experiment", "data", "check", "metric", "n", "mean", "std", "ci_low", "ci_high", "verdict"]
MOST_LEAKS = 5
BYTES = "bytes per pixel"


def shortcut_record(
    outcome: CheckOutcome, *, experiments: Sequence[str], data: str, threshold: float, accepted: bool
) -> ShortcutRecord:
    """Describe what one check says of some experiments.

    Args:
        outcome: what `data_gate` keeps in results/checks/.
        experiments: the experiments on these rows and folds.
        data: the data folder.
        threshold: the AUC of file facts above which a run is stopped.
        accepted: whether the user said that the shortcut is known.
    """
    file_facts, trivial_pixels = (
        model_scores(scores) for scores in (outcome.file_facts, outcome.trivial_pixels)
    )
    # Of files that are written alike, bytes per pixel are a matter of what they show.
    alone = [pair for pair in outcome.alone if not outcome.written_alike or pair[0] != BYTES]
    strongest = [(name, auc) for name, auc in alone[:1] if auc > CHANCE]
    return ShortcutRecord(
        check=outcome.check,
        data=data,
        experiments=tuple(experiments),
        threshold=threshold,
        verdict=gate_verdict(file_facts, threshold=threshold, accepted=accepted),
        leaks=tuple((name, auc) for name, auc in alone if auc > threshold) or tuple(strongest),
        written_alike=outcome.written_alike,
        bytes_alone=dict(outcome.alone).get(BYTES),
        file_facts=file_facts,
        trivial_pixels=trivial_pixels,
    )


def model_scores(scores: CheckModelScores) -> CheckScores:
    """Return n, mean, std and the 95 % interval of a model's fold scores; None where there is no number.

    Several folds: the corrected interval of a rate. A single split: a bootstrap over its groups.
    """
    folds = [(fold, fold.auc) for fold in scores.folds if fold.auc is not None]
    if not folds:
        return CheckScores(n=0, mean=None, std=None, ci_low=None, ci_high=None)
    share = sum(fold.n_test for fold, _ in folds) / sum(fold.n_train for fold, _ in folds)
    aucs = np.array([auc for _, auc in folds])
    # Groups are not known any more; of the images about a half are of one class.
    step = 2.0 / sum(fold.n_test for fold, _ in folds)
    interval = corrected_rate(aucs, test_share=share, folds=len(aucs), step=step)
    low, high = scores.bootstrap or (interval.low, interval.high)
    numbers = {"mean": interval.mean, "std": interval.std, "ci_low": low, "ci_high": high}
    known = without_infinities({name: float(value) for name, value in numbers.items()})
    return CheckScores(n=interval.n, **known)


def gate_verdict(file_facts: CheckScores, *, threshold: float, accepted: bool) -> Verdict:
    """Judge what file facts reach: passed, refused, accepted, or uncertain (too few images to tell)."""
    mean, low = file_facts.mean, file_facts.ci_low
    if mean is None:
        return "uncertain"
    if mean <= threshold:
        return "passed"
    if low is None or low <= CHANCE:
        return "uncertain"
    return "accepted" if accepted else "refused"


def shortcut_share(alone: float | None, auc: float) -> float | None:
    """Return how much of an AUC above chance a shortcut alone reaches, 0 to 1; None where unknown."""
    if alone is None or np.isnan(alone) or np.isnan(auc) or auc <= CHANCE:
        return None
    return float(min(max((alone - CHANCE) / (auc - CHANCE), 0.0), 1.0))


def shortcut_table(study: StudyRecord) -> pd.DataFrame:
    """Return shortcuts.csv of a study record: one row per experiment and check, columns COLUMNS."""
    rows = []
    for record in study.shortcuts:
        for name in record.experiments:
            for check, said in CHECKS.items():
                numbers = record.scores(check).model_dump(include=set(COLUMNS[4:9]))
                judged = record.verdict if check == FILE_FACTS else "reported"
                row = {"experiment": name, "data": record.data, "check": said, "metric": METRIC}
                rows.append({**row, **numbers, "verdict": judged})
    order = {experiment.name: position for position, experiment in enumerate(study.experiments)}
    rows.sort(key=lambda row: order.get(row["experiment"], len(order)))
    return pd.DataFrame(rows, columns=COLUMNS)


def refusal(record: ShortcutRecord, *, root: str) -> str:
    """Say in one sentence why a run does not start, and the ways out."""
    return (
        f"{root}: the files alone, without a look at a face, tell the classes apart with "
        f"{auc_text(record.file_facts)}, above the limit of {record.threshold:g} (shortcut_threshold); "
        f"by {leaks_text(record)}, and a detector would learn that instead of faces; remove it with "
        f"`python -m orchestrator data equalise {root} NEW-FOLDER` and use that folder, or run all the same "
        "with --accept-shortcut, which is stamped on the report"
    )


def check_perturbable(record: ShortcutRecord, *, root: str) -> None:
    """Raise InputError where perturbations would show how files were written, not what a detector withstands.

    A JPEG of quality 70 that is compressed again changes less than one of quality 95: where classes differ
    in that, a perturbation changes one class more than the other.
    """
    if record.verdict == "refused":
        raise InputError(
            f"{root}: --perturb needs files that are written alike: file facts alone tell the classes apart "
            f"with {auc_text(record.file_facts)}, by {leaks_text(record)}, so that a perturbation shows how "
            "the files were written; use a copy by "
            f"`python -m orchestrator data equalise {root} NEW-FOLDER`, or go on with --accept-shortcut, "
            "which is stamped on the page"
        )


def warnings(study: StudyRecord) -> list[str]:
    """Say of each check in a study record what a reader of the scores has to know, if anything."""
    lines = [_warning(record) for record in study.shortcuts]
    return list(dict.fromkeys(line for line in lines if line is not None))


def _warning(record: ShortcutRecord) -> str | None:
    facts = record.file_facts
    if record.verdict == "passed":
        return None
    if record.verdict == "uncertain":
        reached = f"reach {auc_text(facts)}" if facts.mean is not None else "could not be scored"
        return (
            f"{record.data}: file facts alone {reached}; these are too few images to tell a shortcut "
            "from chance."
        )
    how = "was accepted" if record.verdict == "accepted" else "was not accepted when these trials ran"
    return (
        f"{record.data}: a shortcut {how}: file facts alone reach {auc_text(facts)} "
        f"through {leaks_text(record)}. The scores may measure how the files were written, not what they "
        "show."
    )


def plan_text(record: ShortcutRecord | None) -> str:
    """Say what is known before a run: nothing yet, or what both models reached."""
    if record is None:
        return "not looked for yet; a run does so before its first trial"
    judged = "stops a run without --accept-shortcut" if record.verdict == "refused" else record.verdict
    return f"{found_text(record)}; {judged}"


def found_text(record: ShortcutRecord) -> str:
    """Say what both models reached."""
    return "; ".join(f"{said} alone {auc_text(record.scores(check))}" for check, said in CHECKS.items())


def auc_text(numbers: CheckScores) -> str:
    """Write a mean with its interval: AUC 0.551 (95 % interval 0.492 to 0.610)."""
    if numbers.mean is None:
        return "no AUC (no test fold holds every class)"
    if numbers.ci_low is None:
        return f"AUC {numbers.mean:.3f}"
    return f"AUC {numbers.mean:.3f} (95 % interval {numbers.ci_low:.3f} to {numbers.ci_high:.3f})"


def leaks_text(record: ShortcutRecord) -> str:
    """Name the facts that leak, each with the AUC that it reaches alone."""
    if not record.leaks:
        return "several facts together"
    shown = ", ".join(f"{name} {auc:.3f}" for name, auc in record.leaks[:MOST_LEAKS])
    more = len(record.leaks) - MOST_LEAKS
    return shown + (f" and {more} more" if more > 0 else "")
