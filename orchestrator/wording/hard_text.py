"""Hard examples, doubted labels and their evidence in sentences."""

import math
from collections.abc import Iterator, Sequence

from orchestrator.analysis.hard_examples import FALSE_NEGATIVE, FALSE_POSITIVE, HardExamples
from orchestrator.analysis.image_findings import ImageFindings
from orchestrator.analysis.image_tally import NotCounted
from orchestrator.analysis.label_errors import LabelErrors
from orchestrator.store.hard_files import OTHER_CLASS, SAME_CLASS, Evidence
from orchestrator.wording.lists import few_named
from orchestrator.wording.numbers import class_name, integer, number

KINDS = {FALSE_POSITIVE: "false alarm", FALSE_NEGATIVE: "missed fake"}
# Data sets that people have checked have labels that are wrong in 3.3 % on average, and in 10.1 % at the most
# (Northcutt, Athalye, Mueller 2021).
WEAK_SHARE = 0.15
VERSIONS = {
    "identical": "the same file", "near": "a near-duplicate", "mirrored": "a mirrored near-duplicate",
    "cropped": "a cropped near-duplicate",
}  # fmt: skip


def kind_text(kind: str) -> str:
    """Name a kind of mistake."""
    return KINDS.get(kind, "wrong class")


def hard_sentence(found: HardExamples, classes: Sequence[str], num_experiments: int) -> str:
    """Say how many images most experiments get wrong, in all and by class."""
    total, every = sum(found.num_hard), sum(found.num_images)
    parts = ", ".join(
        f"{integer(hard)} of {integer(images)} {class_name(classes, label)}"
        for label, (hard, images) in enumerate(zip(found.num_hard, found.num_images, strict=True))
    )
    among = "the one complete experiment" if num_experiments == 1 else f"{num_experiments} experiments"
    wrong = "wrong" if num_experiments == 1 else "wrong in more than half of the experiments that test it"
    verb = "is" if total == 1 else "are"
    return f"Of {integer(every)} test images, {integer(total)} {verb} {wrong} ({parts}); counted: {among}."


def not_counted_sentences(found: ImageFindings) -> Iterator[str]:
    """Say which experiments were not counted, and why."""
    reasons = {
        NotCounted.INCOMPLETE: "their folds are incomplete",
        NotCounted.SAME_TRIALS: "their trials are those of another experiment",
        NotCounted.OTHER_DATA: "their images or classes are not those of most experiments",
        NotCounted.UNREADABLE: "their predictions could not be read",
    }
    for reason, said in reasons.items():
        if names := [name for name, why in found.not_counted if why == reason]:
            one = said.replace("their", "its", 1) if len(names) == 1 else said
            yield f"Not counted: {few_named(names)}, since {one}."


def doubt_sentences(found: LabelErrors, classes: Sequence[str]) -> Iterator[str]:
    """Say how many labels are doubted, and what that does and does not mean."""
    if not found.thresholds:
        yield "Labels can’t be doubted: a class has no test image."
        return
    if not found.is_told_apart:
        yield "Labels can’t be doubted: the scores do not tell the classes apart."
        return
    verb = "label is" if found.num_found == 1 else "labels are"
    yield (
        f"{integer(found.num_found)} of {integer(found.num_images)} {verb} doubted by confident learning: "
        "the image’s mean out-of-fold probability of another class reaches what images of that class have on "
        f"average ({thresholds_text(found, classes)})."
    )
    if not math.isnan(found.share):
        weak = " So large a share speaks of weak models, not of labels." if found.share > WEAK_SHARE else ""
        yield (
            f"The confident joint puts the share of wrong labels at {100 * found.share:.1f} %, which holds "
            "as far as the models are right: what they confidently mistake counts as a wrong label too. "
            f"These are images to look at, not errors that were shown.{weak}"
        )


def thresholds_text(found: LabelErrors, classes: Sequence[str]) -> str:
    """List the thresholds of the classes."""
    return ", ".join(
        f"{class_name(classes, label)} {number(value)}" for label, value in enumerate(found.thresholds)
    )


def alarm_text(row: Evidence, classes: Sequence[str]) -> str:
    """Say what it means that a version of the image was trained on; "" where none was."""
    version = VERSIONS.get(row.duplicate_kind, "a near-duplicate")
    if row.alarm == OTHER_CLASS:
        return (
            f"Alarm: {row.duplicate_path}, {version}, is labelled {class_name(classes, row.duplicate_label)} "
            "and was trained on: one of the two labels is wrong, or both sides of the split hold versions of "
            "one picture."
        )
    if row.alarm == SAME_CLASS:
        return (
            f"Leak: {row.duplicate_path}, {version} of the same class, was trained on: both sides of the "
            "split hold versions of one picture."
        )
    return ""


def alarms_sentence(rows: Sequence[Evidence]) -> str:
    """Say for how many images a version of theirs was trained on."""
    other, same = (sum(row.alarm == kind for row in rows) for kind in (OTHER_CLASS, SAME_CLASS))
    if not other and not same:
        return (
            f"Of none of the {len(rows)} images below a near-duplicate was found among the training images "
            "of the trial that tested it."
        )
    return (
        f"Of {len(rows)} images below, {other} have a near-duplicate with another label among the training "
        f"images of the trial that tested them, and {same} one with the same label."
    )
