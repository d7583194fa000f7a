"""Answers on shortcuts: resolution and colour, what belongs to its sources, and what regularising does.

Each says what its evidence can show and what it can't: equal scores do not tell a model that uses a shortcut
from one that does not.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from orchestrator.analysis.contrasts import Contrast, negated
from orchestrator.analysis.holdout import FLAGGED, STRONG
from orchestrator.analysis.questions import COLOUR, RESOLUTION, QuestionNumbers
from orchestrator.analysis.regularisation import BEST_EPOCH, EPOCHS, TRAIN_LOSS, Changed, Regularisation
from orchestrator.analysis.shortcut_evidence import ShortcutEvidence
from orchestrator.analysis.source_gains import ChoiceGain
from orchestrator.analysis.source_losses import SourceLosses
from orchestrator.checks.shortcuts import CHANCE, auc_text
from orchestrator.wording.contrast_text import choice_text, contrast_text
from orchestrator.wording.lists import few_named
from orchestrator.wording.numbers import capital, metric_name, number

CALLED = {"augment": "augmentation", "mix": "mixing images", "dropout": "dropout"}
MOST_LOSSES, MOST_ANSWERS, MOST_NAMED = 12, 4, 4
# From which share of the epochs on the epoch that was kept says that training ended early.
LATE = 0.9


@dataclass(frozen=True, slots=True)
class QuestionAnswer:
    """A question, and its answer: the finding first, then what it rests on and what it can't show."""

    question: str
    sentences: tuple[str, ...]


def shortcut_answers(numbers: QuestionNumbers) -> Iterator[QuestionAnswer]:
    """Answer whether resolution and colour are shortcuts, where a phase varies them."""
    asked = [gain for gain in numbers.gains if gain.choice.keys in ((RESOLUTION,), (COLOUR,))]
    for gain in asked[:MOST_ANSWERS]:
        evidence = numbers.evidence.get(gain.choice.name)
        is_size = gain.choice.keys == (RESOLUTION,)
        lines = _resolution(gain, evidence) if is_size else _colour(gain, evidence)
        what = "resolution" if is_size else "colour"
        yield QuestionAnswer(f"Is {what} a shortcut ({choice_text(gain.choice)})?", tuple(lines))


def _gained(gain: ChoiceGain) -> str:
    found, metric = gain.gain, metric_name(gain.choice.metric)
    if math.isnan(found.mean):
        return f"Not answered by the scores, because {found.reason}."
    if found.lies_within(gain.choice.rope):
        word = "makes practically no difference"
    elif found.is_shown:
        word = "improves the score" if found.mean > 0 else "worsens the score"
    else:
        word = "is not shown to change the score"
    return f"The change {word}: gain in {metric} {contrast_text(found)}."


def _resolution(gain: ChoiceGain, evidence: ShortcutEvidence | None) -> Iterator[str]:
    yield _gained(gain)
    yield from _hidden(gain)
    yield _files(evidence)
    yield (
        "A gain with size shows that finer detail helps, not of what kind it is: traces of a generator and "
        "traces of how files were resized or compressed look alike to these scores."
    )


def _hidden(gain: ChoiceGain) -> Iterator[str]:
    """Say of which sources the larger size shows more than of the others."""
    leads = [(each.source, each.above_others) for each in gain.sources]
    if not leads or math.isnan(leads[0][1].mean):
        return
    smaller, larger = sorted(float(str(size)) for size in (gain.choice.before[0], gain.choice.after[0]))
    is_up = smaller == gain.choice.before[0]
    # Told from the smaller to the larger size, whichever way round it was asked.
    up = [(source, lead if is_up else negated(lead)) for source, lead in leads]
    more = [(source, lead) for source, lead in up if lead.is_shown and lead.mean > 0]
    if more:
        yield (
            f"From {smaller:g} to {larger:g} px {few_named([source for source, _ in more], MOST_NAMED)} "
            f"{'gains' if len(more) == 1 else 'gain'} more than the other sources (difference "
            f"{'; '.join(contrast_text(lead) for _, lead in more[:MOST_NAMED])}), as it is where fakes hold "
            f"an artefact that {smaller:g} px average away."
        )
    else:
        yield (
            "No source is shown to gain more than the others from the larger size, so no artefact of one "
            f"source is shown to be hidden by {smaller:g} px."
        )


def _files(evidence: ShortcutEvidence | None) -> str:
    """Say what sizes and other file facts give away."""
    if evidence is None:
        return (
            "No check of file facts was made of these images, so sizes that give the classes away are not "
            "ruled out."
        )
    facts = f"file facts alone reach {auc_text(evidence.file_facts)}"
    low = evidence.file_facts.ci_low
    if evidence.one_size is not None:
        width, height = evidence.one_size
        said = f"All images are {width} × {height} px, so that their size can’t give the classes away"
    elif evidence.size_alone is not None:
        name, auc = evidence.size_alone
        said = f"Of the sizes of the files, {name} alone tells the classes apart best, with AUC {number(auc)}"
    else:
        said = "What the sizes of the files give away alone is not known any more"
    if low is not None and low > CHANCE:
        return (
            f"{said}; {facts}, above chance: resizing removes the sizes, not their traces in the pixels, so "
            "that a gain with size may be the shortcut’s."
        )
    return f"{said}; {facts}, not shown to be above chance."


def _colour(gain: ChoiceGain, evidence: ShortcutEvidence | None) -> Iterator[str]:
    yield _gained(gain)
    if evidence is None:
        yield "No check of trivial pixels was made of these images."
    else:
        low = evidence.trivial_pixels.ci_low
        is_there = low is not None and low > CHANCE
        shows = (
            "there is something of this kind to be learnt; whether a model uses it, its score does not say"
            if is_there
            else "not shown to be above chance"
        )
        yield (
            "Mean colours, contrasts, a thumbnail and a spectrum alone, without a look at a face, reach "
            f"{auc_text(evidence.trivial_pixels)}: {shows}."
        )
    yield (
        "Normalisation shifts and scales the colours of real and fake images alike, so that a cast of the "
        "fakes outlives it: equal scores do not rule colour out, and other scores say that training hangs on "
        "the scale of the colours, not that the cast is what is learnt."
    )


def source_specific_answers(found: Sequence[SourceLosses]) -> Iterator[QuestionAnswer]:
    """Answer whether what a model learns belongs to the sources that it was trained on."""
    if not found:
        return
    lines: list[str] = []
    for losses in found[:MOST_ANSWERS]:
        if losses.mean is not None:
            lines.append(_loss_sentence(f"Mean over {len(losses.each)} held-out sources", losses.mean))
        lines += [
            _loss_sentence(f"{each.source} ({each.experiment})", each.loss)
            for each in losses.each[:MOST_LOSSES]
        ]
    left = sum(len(each.each) for each in found) - sum(
        len(each.each[:MOST_LOSSES]) for each in found[:MOST_ANSWERS]
    )
    if left > 0:
        more = "1 more held-out source is" if left == 1 else f"{left} more held-out sources are"
        lines.append(f"{more} in tables/source_losses.csv.")
    lines.append(
        f"A loss is the AUC on the sources trained on minus that on the held-out one: source-specific from "
        f"{FLAGGED:g} on, strongly so from {STRONG:g} on, where the whole interval lies above. Features may "
        "belong to their sources without a loss, where the held-out source shares them."
    )
    yield QuestionAnswer("Is what is learned specific to the sources trained on?", tuple(lines))


def _loss_sentence(what: str, loss: Contrast) -> str:
    if math.isnan(loss.mean):
        return f"{what}: not answered, because {loss.reason}."
    said = f"loss of AUC {contrast_text(loss)}"
    if loss.reason:
        return f"{what}: not shown: {said}."
    if loss.low > STRONG:
        return f"{what}: strongly source-specific: {said}, the whole interval above {STRONG:g}."
    if loss.low > FLAGGED:
        return f"{what}: source-specific: {said}, the whole interval above {FLAGGED:g}."
    if loss.high < FLAGGED:
        return f"{what}: generalises: {said}, the whole interval below {FLAGGED:g}."
    side = "above" if loss.mean > FLAGGED else "below"
    return f"{what}: not shown: {said}; the mean is {side} {FLAGGED:g}, and the interval holds {FLAGGED:g}."


def regularisation_answers(found: Sequence[Regularisation]) -> Iterator[QuestionAnswer]:
    """Answer for each regularising choice whether it helps, or keeps the model from learning."""
    asked = [each.gain.choice.keys for each in found]
    for each in found[:MOST_ANSWERS]:
        name, choice = CALLED[each.gain.choice.keys[0]], each.gain.choice
        which = f" ({choice_text(choice)})" if asked.count(choice.keys) > 1 else ""
        told = _towards_more(each)
        yield QuestionAnswer(
            f"Does {name} remove shortcuts or over-regularise{which}?", tuple(_regularised(name, told))
        )


def _towards_more(found: Regularisation) -> Regularisation:
    """Turn a choice that takes regularising away round, so that what is said is of having it."""
    (before,), (after,) = found.gain.choice.before, found.gain.choice.after
    is_number = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (before, after))
    if float(str(after)) >= float(str(before)) if is_number else after not in (None, False):
        return found
    gain = replace(
        found.gain, before=found.gain.after, after=found.gain.before, gain=negated(found.gain.gain)
    )
    return Regularisation(gain, _turned(found.gap), tuple(map(_turned, found.training)))


def _turned(found: Changed) -> Changed:
    return Changed(found.measure, found.after, found.before, negated(found.change))


def _regularised(name: str, found: Regularisation) -> Iterator[str]:
    gain, gap = found.gain.gain, found.gap.change
    if math.isnan(gain.mean) or math.isnan(gap.mean):
        yield f"Not answered, because {gain.reason if math.isnan(gain.mean) else gap.reason}."
        return
    yield f"{capital(name)} {_outcome(gain, gap, found.gain.choice.rope)}."
    yield (
        f"{capital(metric_name(found.gap.measure))}: {number(found.gap.before)} → "
        f"{number(found.gap.after)}, change {contrast_text(gap)}. Gain in "
        f"{metric_name(found.gain.choice.metric)}: {contrast_text(gain)}."
    )
    trained = {each.measure: each for each in found.training}
    yield from _training(trained[TRAIN_LOSS], trained[BEST_EPOCH], trained[EPOCHS], name)
    yield (
        f"With {name} the training loss is that of harder images, so that a gap may narrow without less "
        "being learnt by heart. Whether a shortcut is gone can’t be seen on test images that hold it too: "
        "for that, leave a source out with and without it."
    )


def _outcome(gain: Contrast, gap: Contrast, rope: float) -> str:
    """Say one of the outcomes: the gap smaller, larger or not shown to change, and so the score."""
    is_smaller, is_larger = gap.is_shown and gap.mean < 0, gap.is_shown and gap.mean > 0
    if gain.lies_within(rope):
        gap_said = "narrows" if is_smaller else "widens" if is_larger else "is not shown to change"
        return f"{gap_said} the gap, and makes practically no difference to the score (within ±{rope:g})"
    if gain.is_shown and gain.mean > 0:
        if is_smaller:
            return "narrows the gap and improves the score: it helps to generalise"
        more = "widens the gap" if is_larger else "is not shown to change the gap"
        return f"improves the score and {more}: it helps, but not by less overfitting"
    if gain.is_shown:
        if is_smaller:
            return "narrows the gap and worsens the score: it over-regularises"
        more = "widens the gap" if is_larger else "is not shown to change the gap"
        return f"worsens the score and {more}: it harms, and not by too little fitting of the training images"
    if is_smaller:
        return "narrows the gap without a change of the score that is shown: less overfitting, no gain shown"
    if is_larger:
        return "widens the gap without a change of the score that is shown"
    return "is shown to change neither the gap nor the score: neither use nor harm is shown"


def _training(loss: Changed, best: Changed, epochs: Changed, name: str) -> Iterator[str]:
    """Say how training went, as far as it was written down."""
    said = []
    if not math.isnan(loss.change.mean):
        said.append(
            f"training loss of the weights kept {number(loss.before)} → {number(loss.after)}, change "
            f"{contrast_text(loss.change)}"
        )
    is_known = not any(math.isnan(value) for value in (best.before, best.after, epochs.before, epochs.after))
    if is_known:
        said.append(
            f"mean epoch of the weights kept {best.before:.1f} of {epochs.before:.1f} → {best.after:.1f} of "
            f"{epochs.after:.1f}"
        )
    if said:
        yield f"{capital('; '.join(said))}."
    if is_known and best.after >= LATE * epochs.after:
        yield (
            f"With {name} the weights kept are those of the last epochs: training may have ended before "
            f"{name} could pay off."
        )
