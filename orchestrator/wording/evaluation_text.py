"""Evaluations in sentences: what detectors reach on other images, what they lose there, and what weakens it.

Each claim says the interval or test that it stands on. A difference that is not shown is not none.
"""

import math
from collections.abc import Sequence

from orchestrator.analysis.elsewhere import ElsewhereScore
from orchestrator.analysis.elsewhere_pairs import DetectorDifference, HomeLoss
from orchestrator.analysis.evaluation_tables import EvaluationTables
from orchestrator.checks.shortcuts import auc_text, leaks_text
from orchestrator.store.evaluation_files import EvaluationRecord
from orchestrator.wording.lists import MOST_SAID, few_named
from orchestrator.wording.numbers import between, integer, metric_name, number, p_text

HEADLINE = "auc"
CHANCE = 0.5
SIGNIFICANT = 0.05
INTERVALS = (
    "The interval of a mean over models is that of other models and other images: the spread over models, "
    "with the factor for training sets that overlap (Nadeau & Bengio 2003), plus a bootstrap over groups of "
    "images (the two parts of Obuchowski & Rockette 1995). That of an ensemble is of other images for these "
    "models."
)
THRESHOLDS = (
    "The home threshold is that of each model’s own inner validation rows, chosen before it saw these "
    "images; that of an ensemble is the mean of its models’."
)


def evaluation_sentences(tables: EvaluationTables) -> list[str]:
    """Say what each detector reaches here and against its home, and how they differ; of many the first."""
    lines = []
    names = list(dict.fromkeys(row.detector for row in tables.summary))
    for name in names[:MOST_SAID]:
        lines += _detector(tables, name)
    if len(names) > MOST_SAID:
        lines.append(f"{len(names) - MOST_SAID} more detectors are in the tables.")
    return lines + difference_sentences(tables)


def evaluation_lead(tables: EvaluationTables) -> str:
    """Say in one sentence which detector reaches most here, and how much."""
    rows = [row for row in tables.summary if row.metric == HEADLINE and not math.isnan(row.mean)]
    name = tables.record.name
    if not rows:
        return f"No detector has an AUC on {name}: {_why_none(tables)}."
    best = max(rows, key=lambda row: row.mean)
    of = f"highest of {len(rows)}: " if len(rows) > 1 else ""
    # Detectors that have scores of other images are not ranked by these means: differences.csv does that.
    part = (
        f", on {integer(best.images)} of the {integer(tables.record.images)} images"
        if best.images < tables.record.images
        else ""
    )
    said = f"AUC {_interval(best.mean, best.ci_low, best.ci_high)}"
    return f"On {name}: {of}{best.detector}, {said}{part}."


def _why_none(tables: EvaluationTables) -> str:
    reasons = [row.reason for row in tables.summary if row.metric == HEADLINE and row.reason]
    problems = [each for one in tables.record.experiments for each in one.problems]
    return (reasons or problems or ["nothing has scores"])[0]


def _detector(tables: EvaluationTables, name: str) -> list[str]:
    row = tables.score(name, HEADLINE)
    if row is None:
        return []
    if math.isnan(row.mean):
        return [f"{name}: no mean AUC, since {row.reason or 'no model has one'}."]
    said = f"{name}: AUC {_interval(row.mean, row.ci_low, row.ci_high)}"
    images = f"{integer(row.images)} images in {integer(row.groups)} groups"
    if row.n > 1:
        said += f" on {images}, as the mean of its {row.n} models (± {number(row.std)})"
        said += f"; their ensemble {_interval(row.ensemble, row.ensemble_low, row.ensemble_high)}."
    elif row.kind == "foreign":
        said += f" on {images}, by the scores of its file."
    else:
        said += f" on {images}, by its one model; that another one would give another is not in the interval."
    lines = [said]
    if row.ci_low <= CHANCE <= row.ci_high:
        lines.append(f"That {name} tells these images apart better than chance (0.5) is not shown.")
    elif row.ci_high < CHANCE:
        lines.append(
            f"{name} is worse than chance (0.5) here: of a fake and a real image, the real one has the "
            "higher P(fake) more often than not."
        )
    loss = tables.loss(name, HEADLINE)
    return [*lines, *([loss_sentence(loss)] if loss is not None else [])]


def loss_sentence(loss: HomeLoss) -> str:
    """Say what an experiment loses against its home test folds, and whether that is shown."""
    name = metric_name(loss.metric)
    if math.isnan(loss.loss):
        return f"{loss.experiment}: no comparison with its home test folds by {name}, since {loss.reason}."
    home = (
        f"{loss.experiment} has {name} {number(loss.home)} on its own test folds and {number(loss.here)} here"
    )
    if math.isnan(loss.ci_low):
        return (
            f"{home}; how sure the difference of "
            f"{number(loss.loss, sign=True)} is, is not known: {loss.reason}."
        )
    numbers = (
        f"{between(loss.ci_low, loss.ci_high, sign=True)}, {p_text(loss.p_holm)} by Holm over experiments"
    )
    if not loss.p_holm < SIGNIFICANT:
        return f"{home}: that it loses anything is not shown (95 % interval of the loss {numbers})."
    if loss.loss > 0.0:
        return f"{home}: it loses {number(loss.loss)} (95 % interval {numbers})."
    return f"{home}: it gains {number(-loss.loss)} (95 % interval of the loss {numbers})."


def difference_sentences(tables: EvaluationTables) -> list[str]:
    """Say how detectors differ on the images that all have scores of; of many the surest."""
    rows = [row for row in tables.differences if not math.isnan(row.mean_diff)]
    if not rows:
        return []
    lines = []
    if tables.common < tables.record.images:
        lines.append(
            f"Detectors are compared on the {integer(tables.common)} of {integer(tables.record.images)} "
            "images that all of them have scores of."
        )
    ordered = sorted(rows, key=lambda row: (math.isnan(row.p_value), row.p_value))
    lines += [difference_sentence(row, num_pairs=len(tables.differences)) for row in ordered[:MOST_SAID]]
    if len(ordered) > MOST_SAID:
        lines.append(f"{len(ordered) - MOST_SAID} more pairs are in the table.")
    return lines


def difference_sentence(row: DetectorDifference, *, num_pairs: int) -> str:
    """Say how two detectors differ, and whether that is shown."""
    better, worse = (row.treatment, row.baseline) if row.mean_diff >= 0.0 else (row.baseline, row.treatment)
    sign = 1.0 if row.mean_diff >= 0.0 else -1.0
    if math.isnan(row.ci_low):
        return (
            f"{better} has {number(abs(row.mean_diff))} more {metric_name(row.metric)} than {worse}; how "
            f"sure that is, is not known: {row.reason or 'nothing varies'}."
        )
    low, high = sorted((sign * row.ci_low, sign * row.ci_high))
    by = f" by Holm over {num_pairs} pairs" if num_pairs > 1 else ""
    numbers = (
        f"{number(abs(row.mean_diff), sign=True)} (95 % interval {between(low, high, sign=True)}, "
        f"{p_text(row.p_holm)}{by})"
    )
    if row.n == (1 if row.is_paired else 2):
        numbers += "; that other training runs would give other models is not in the interval"
    if row.p_holm < SIGNIFICANT:
        return f"{better} is better than {worse} here by {metric_name(row.metric)}: {numbers}."
    return f"Between {better} and {worse} no difference in {metric_name(row.metric)} is shown: {numbers}."


def image_sentences(record: EvaluationRecord) -> list[str]:
    """Say which images were kept out, and how far that could be found out."""
    overlap = record.overlap
    lines = []
    if record.excluded:
        parts = ", ".join(f"{integer(count)} {reason}" for reason, count in record.excluded.items())
        lines.append(f"Kept out: {parts} (excluded.csv).")
    if not record.experiments or overlap is None:
        return lines
    if overlap.compared:
        how = (
            "by content and by near-duplicates"
            if overlap.near
            else "by content; not all of them by near-duplicates"
        )
        found = overlap.identical + overlap.near_duplicates
        lines.append(
            f"The images were compared with {integer(overlap.compared)} training images {how}: "
            f"{integer(found) if found else 'none'} {'is' if found == 1 else 'are'} among them."
        )
    return lines


def overlap_warnings(record: EvaluationRecord) -> list[str]:
    """Say where images that models learned from may not have been found."""
    overlap = record.overlap
    if overlap is None:
        return []
    lines = [f"{note[:1].upper()}{note[1:]}." for note in overlap.notes]
    if overlap.unknown:
        lines.append(
            f"{integer(overlap.unknown)} training images are not known by content: some of these images may "
            "be among them."
        )
    return lines


def shortcut_warnings(record: EvaluationRecord) -> list[str]:
    """Say what the files of these images give away, where a reader of the scores has to know it."""
    found = record.shortcut
    if found is None:
        return [f"{note}." if not note.endswith(".") else note for note in record.notes]
    facts = found.file_facts
    if found.verdict == "passed":
        return []
    if found.verdict == "uncertain":
        return [
            f"{record.data}: file facts alone reach {auc_text(facts)}; these are too few images to tell a "
            "shortcut from chance."
        ]
    return [
        f"{record.data}: file facts alone, without a look at a face, tell these classes apart with "
        f"{auc_text(facts)}, through {leaks_text(found)}. A study on these images would be refused: what a "
        "detector reaches or loses on them may be a matter of how the files were written."
    ]


def incomplete_sentences(record: EvaluationRecord) -> list[str]:
    """Say which experiments have no mean, since not all of their models have scores."""
    lines = []
    for each in record.experiments:
        if not each.is_complete:
            reason = f": {each.problems[0]}" if each.problems else ""
            lines.append(
                f"{each.name}: {len(each.trials)} of {each.num_expected} models have scores, so that no mean "
                f"over models is taken{reason}."
            )
    return lines


def foreign_sentences(record: EvaluationRecord) -> list[str]:
    """Say what is not known of foreign detectors, and what their files have no score of or too much."""
    names = [each.name for each in record.foreign]
    lines = [f"{each.name} ({each.file}): {note}." for each in record.foreign for note in each.notes]
    if names:
        lines.append(
            f"What {few_named(names)} learned from is not known: images of it could not be kept out, and on "
            "images that were trained on a detector looks better than it is."
        )
    return lines


def score_numbers(row: ElsewhereScore) -> tuple[str, str]:
    """Return a mean with its spread, and its interval, as a table shows them."""
    spread = "" if math.isnan(row.std) else f" ± {number(row.std)}"
    return f"{number(row.mean)}{spread}", between(row.ci_low, row.ci_high)


def all_warnings(record: EvaluationRecord) -> Sequence[str]:
    """Return everything that a reader has to know before the numbers."""
    return [
        *shortcut_warnings(record),
        *overlap_warnings(record),
        *incomplete_sentences(record),
        *foreign_sentences(record),
    ]


def _interval(value: float, low: float, high: float) -> str:
    if math.isnan(low):
        return number(value)
    return f"{number(value)} (95 % interval {between(low, high)})"
