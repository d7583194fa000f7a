"""Answers to the questions that a study of preprocessing asks, in sentences with their evidence.

Which choices matter, and for which source of fakes; which source is easy; whether two choices depend on one
another; whether resolution or colour is a shortcut; whether what is learned belongs to its sources; whether
augmentation helps or over-regularises. A question for which a phase has nothing is not asked. What is not
shown is called so: it may be there all the same.
"""

import math
from collections.abc import Sequence

from orchestrator.analysis.interactions import Interaction, Quartet
from orchestrator.analysis.questions import QuestionNumbers
from orchestrator.analysis.source_gains import ChoiceGain, SourceEase, SourceGain
from orchestrator.wording.contrast_text import change_text, choice_text, contrast_text
from orchestrator.wording.lists import few_named
from orchestrator.wording.numbers import capital, decided_value_text, metric_name, number
from orchestrator.wording.shortcut_questions import (
    QuestionAnswer,
    regularisation_answers,
    shortcut_answers,
    source_specific_answers,
)

# Named by its value alone.
MODEL = "backbone"
MOST_CHOICES, MOST_INTERACTIONS, MOST_QUARTETS, MOST_SOURCES_NAMED = 8, 6, 4, 4


def phase_answers(numbers: QuestionNumbers) -> tuple[QuestionAnswer, ...]:
    """Answer every question for which a phase has numbers; nothing where it has none."""
    found = [
        _choices(numbers.gains),
        _sources(numbers.gains),
        _ease(numbers.ease),
        _interactions(numbers),
        *shortcut_answers(numbers),
        *source_specific_answers(numbers.losses),
        *regularisation_answers(numbers.regularisations),
    ]
    return tuple(each for each in found if each is not None)


def gain_sentence(found: ChoiceGain) -> str:
    """Say whether a choice matters, with its gain."""
    choice, gain = found.choice, found.gain
    what, metric = choice_text(choice), metric_name(choice.metric)
    if math.isnan(gain.mean):
        return f"{what}: not answered, because {gain.reason}."
    word = "is not shown to matter"
    if gain.lies_within(choice.rope):
        word = f"makes practically no difference (within ±{choice.rope:g})"
    elif gain.is_shown:
        word = "helps" if gain.mean > 0 else "costs score"
        if not gain.is_beyond(choice.rope):
            word += f", though not surely by more than {choice.rope:g}"
    over = f" over {len(choice.pairs)} pairs of experiments" if len(choice.pairs) > 1 else ""
    return (
        f"{what} {word}: {metric} {number(found.before)} → {number(found.after)}{over}, gain "
        f"{contrast_text(gain)}."
    )


def _choices(gains: Sequence[ChoiceGain]) -> QuestionAnswer | None:
    if not gains:
        return None
    told = _largest(gains)
    lines = [*map(gain_sentence, told), *_more(len(gains) - len(told), "choices", "source_gains")]
    if len(gains) > 1:
        lines.insert(0, _tally(gains))
    return QuestionAnswer("Which choices matter?", tuple(lines))


def _tally(gains: Sequence[ChoiceGain]) -> str:
    """Name the choices that are shown to matter."""
    shown = [each for each in gains if each.gain.is_shown and not each.gain.lies_within(each.choice.rope)]
    if not shown:
        none = f"Of {len(gains)} choices none is shown to matter on the test folds"
        return f"{none}; any of them may all the same."
    named = ", ".join(f"{each.choice.name} ({_sign(each.gain.mean)})" for each in shown[:MOST_CHOICES])
    verb = "is" if len(shown) == 1 else "are"
    return f"Of {len(gains)} choices {len(shown)} {verb} shown to matter on the test folds: {named}."


def _sign(mean: float) -> str:
    return "for the better" if mean > 0 else "for the worse"


def _largest(gains: Sequence[ChoiceGain]) -> list[ChoiceGain]:
    """Of many choices those with the largest gains or losses, in their order."""
    size = [-math.inf if math.isnan(each.gain.mean) else abs(each.gain.mean) for each in gains]
    places = sorted(range(len(gains)), key=lambda place: -size[place])[:MOST_CHOICES]
    return [gains[place] for place in sorted(places)]


def _more(number_left: int, what: str, table: str) -> tuple[str, ...]:
    if number_left == 1:
        return (f"1 more is in tables/{table}.csv.",)
    return (f"{number_left} more {what} are in tables/{table}.csv.",) if number_left > 0 else ()


def _sources(gains: Sequence[ChoiceGain]) -> QuestionAnswer | None:
    by_source = [each for each in gains if each.sources]
    if not by_source:
        return None
    told = _largest(by_source)
    return QuestionAnswer(
        "Does one source of fakes gain more from a choice than the others?",
        (
            *(sentence for each in told for sentence in source_sentences(each)),
            *_more(len(by_source) - len(told), "choices", "source_gains"),
        ),
    )


def source_sentences(found: ChoiceGain) -> tuple[str, ...]:
    """Say which sources gain more or less from a choice than the other sources, or that none is shown to."""
    what = choice_text(found.choice)
    lacking = next((each for each in found.sources if math.isnan(each.above_others.mean)), None)
    if lacking is not None:
        return (f"{what}: not answered by source, because {lacking.above_others.reason}.",)
    shown = [each for each in found.sources if each.above_others.is_shown]
    if len(found.sources) == 2:
        # The two say the same: one gains what the other lacks.
        shown = [each for each in shown if each.above_others.mean > 0]
    if not shown:
        most = max(found.sources, key=lambda each: abs(each.above_others.mean))
        return (
            f"{what}: no source is shown to gain more or less than the others; the largest difference is "
            f"that of {most.source}, {contrast_text(most.above_others)}.",
        )
    ordered = sorted(shown, key=lambda each: (each.above_others.p_value, each.source))
    told = ordered[:MOST_SOURCES_NAMED]
    more = _more(len(ordered) - len(told), "sources that are shown to differ", "source_gains")
    return (*(_source_sentence(what, each) for each in told), *more)


def _source_sentence(what: str, found: SourceGain) -> str:
    is_more = found.above_others.mean > 0
    if found.gain.mean < 0:
        verb = "loses less" if is_more else "loses more"
    else:
        verb = "gains more" if is_more else "gains less"
    return (
        f"{what}: {found.source} {verb} than the other sources: its AUC {number(found.before)} → "
        f"{number(found.after)}, gain {contrast_text(found.gain)}; minus the mean gain of the others "
        f"{contrast_text(found.above_others)}."
    )


def _ease(found: Sequence[SourceEase]) -> QuestionAnswer | None:
    if not found:
        return None
    if math.isnan(found[0].above_others.mean):
        return QuestionAnswer(EASE, (f"Not answered, because {found[0].above_others.reason}.",))
    ordered = sorted(found, key=lambda each: (-each.auc, each.source))
    shown = [each for each in ordered if each.above_others.is_shown]
    kept = shown if len(found) > 2 else shown[:1]
    # Of many those that are the furthest from the others, be they easy or hard.
    furthest = sorted(kept, key=lambda each: -abs(each.above_others.mean))[:MOST_SOURCES_NAMED]
    lines = [_ease_sentence(each) for each in kept if each in furthest]
    lines += _more(len(kept) - len(furthest), "sources that are shown to be easier or harder", "source_ease")
    others = [each for each in ordered if each not in shown]
    if others:
        said = few_named([f"{each.source} {number(each.auc)}" for each in others], MOST_SOURCES_NAMED)
        lines.append(f"Not shown to be easier or harder than the others, by mean AUC: {said}.")
    return QuestionAnswer(EASE, tuple(lines))


EASE = "Which source of fakes is easy to find, and which is hard?"


def _ease_sentence(found: SourceEase) -> str:
    word = "easier" if found.above_others.mean > 0 else "harder"
    over = f" over {found.num_experiments} experiments" if found.num_experiments > 1 else ""
    return (
        f"{found.source} is {word} to find than the other sources: mean AUC {number(found.auc)} against the "
        f"real images{over}, minus the mean of the other sources {contrast_text(found.above_others)}."
    )


def _interactions(numbers: QuestionNumbers) -> QuestionAnswer | None:
    if not numbers.interactions:
        return None
    asked = {key for gain in numbers.gains for key in gain.choice.keys}
    # Two choices of the phase first, then a choice and what else varies.
    ordered = sorted(numbers.interactions, key=lambda each: -((each.first in asked) + (each.second in asked)))
    told = ordered[:MOST_INTERACTIONS]
    return QuestionAnswer(
        "Do two choices depend on each other?",
        (
            *(sentence for each in told for sentence in interaction_sentences(each)),
            *_more(len(ordered) - len(told), "pairs of choices", "interactions"),
        ),
    )


def interaction_sentences(found: Interaction) -> tuple[str, ...]:
    """Say whether what one choice gains depends on the other, on average and by what else differs."""
    first = change_text(found.first, *found.first_values)
    second = change_text(found.second, *found.second_values)
    crossed = found.interaction
    if math.isnan(crossed.mean):
        return (f"{first} with {second}: not answered, because {crossed.reason}.",)
    word = "no interaction is shown"
    if crossed.is_shown:
        more = "more" if crossed.mean > 0 else "less"
        word = f"together they gain {more} than each alone adds up to"
    without, beside = (number(each.mean, sign=True).replace("−", "-") for each in (
        found.gain_without, found.gain_with
    ))  # fmt: skip
    number_of = len(found.quartets)
    over = f", mean over {number_of} quartets of experiments" if number_of > 1 else ""
    lead = (
        f"{first} with {second}: {word}. {capital(metric_name(found.metric))} gains {without} from the first "
        f"without the second and {beside} with it; difference of the gains {contrast_text(crossed)}{over}."
    )
    if number_of == 1:
        return (lead,)
    told = "; ".join(_quartet_text(each) for each in found.quartets[:MOST_QUARTETS])
    left = number_of - MOST_QUARTETS
    return (lead, f"Each alone: {told}{f'; {left} more in tables/interactions.csv' if left > 0 else ''}.")


def _quartet_text(found: Quartet) -> str:
    around = ", ".join(
        f"{'' if each.key == MODEL else f'{each.key} '}{decided_value_text(each.value)}"
        for each in found.surroundings
    )
    return f"{around} {contrast_text(found.interaction)}"
