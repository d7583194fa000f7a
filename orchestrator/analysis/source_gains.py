"""Gains of each choice, over all test images and by source of fakes, and the ease of each source.

The gain of a source is that in the AUC of its fakes against all real images of the same test folds. Whether
one source gains more than the others is a test of its own: its gain minus the mean gain of the others, fold
by fold. In the same way a source is easier than the others where its AUC, averaged over the experiments, lies
above their mean. Holm corrects over the choices, and within a choice over its sources; of two sources the
two differences are one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from orchestrator.analysis.choices import Choice
from orchestrator.analysis.contrasts import (
    ByFold,
    Contrast,
    Term,
    contrast,
    contrast_by_fold,
    corrected_family,
    fold_sums,
)
from orchestrator.analysis.experiment_scores import Gathered
from orchestrator.analysis.trial_scores import ALL
from orchestrator.statistics.intervals import LEAST_OF_A_GROUP
from trainables.evaluation.metrics import LOWER_IS_BETTER

BY_SOURCE = "auc"
# Of more sources the comparison of each with all others would be read by nobody.
MOST_SOURCES = 40


@dataclass(frozen=True, slots=True)
class SourceGain:
    """A source under a choice: its AUC before and after, its gain, and how far that is above the others'."""

    source: str
    before: float
    after: float
    gain: Contrast
    above_others: Contrast


@dataclass(frozen=True, slots=True)
class ChoiceGain:
    """A choice with its gain over all test images (positive is better), and by source where there are two."""

    choice: Choice
    before: float
    after: float
    gain: Contrast
    sources: tuple[SourceGain, ...]


@dataclass(frozen=True, slots=True)
class SourceEase:
    """AUC of a source, averaged over experiments, and how far it lies above that of the other sources."""

    source: str
    num_experiments: int
    auc: float
    above_others: Contrast


def choice_gains(choices: Sequence[Choice], experiments: Mapping[str, Gathered]) -> tuple[ChoiceGain, ...]:
    """Compute the gain of each choice, in all and by source."""
    found = []
    for choice in choices:
        pairs = [(experiments[one], experiments[other]) for one, other in choice.pairs]
        sign = -1.0 if choice.metric in LOWER_IS_BETTER else 1.0
        terms = _gain_terms(pairs, ALL, sign=sign)
        before, after = _means(pairs, choice.metric, ALL)
        gain = contrast(terms, choice.metric)
        found.append(ChoiceGain(choice, before, after, gain, _by_source(pairs)))
    corrected = corrected_family([each.gain for each in found])
    return tuple(replace(each, gain=gain) for each, gain in zip(found, corrected, strict=True))


def source_ease(experiments: Sequence[Gathered]) -> tuple[SourceEase, ...]:
    """Compare the AUCs of the sources, averaged over the experiments that were trained on all of them.

    Complete experiments alone are averaged, and of these the ones with the rows of the first; of those that
    share their trials one.

    Returns:
        The sources by their names; nothing with fewer than two, or without a complete experiment.
    """
    whole = [each for each in experiments if each.is_complete and not each.record.recipe.train_sources]
    if not whole:
        return ()
    first = whole[0]
    rows = {place: trial.rows for place, trial in first.trials.items()}
    distinct: dict[tuple[str, ...], Gathered] = {}
    for each in whole:
        if {place: trial.rows for place, trial in each.trials.items()} == rows:
            folders = tuple(sorted(map(str, each.folders.values())))
            distinct.setdefault(folders or (each.name,), each)
    alike = list(distinct.values())
    sources = fake_sources(alike)
    if not 2 <= len(sources) <= MOST_SOURCES:
        return ()
    by_fold = [
        fold_sums([Term(1.0 / len(alike), each, source) for each in alike], BY_SOURCE) for source in sources
    ]
    above = _above_others(sources, by_fold, alike)
    return tuple(
        SourceEase(source, len(alike), found.mean, contrasted)
        for source, found, contrasted in zip(sources, by_fold, above, strict=True)
    )


def fake_sources(experiments: Sequence[Gathered]) -> tuple[str, ...]:
    """Return the sources of fakes that all of some experiments were tested on, by name."""
    found = [
        {source for source, metric in (*each.values, *each.reasons) if metric == BY_SOURCE}
        for each in experiments
    ]
    return tuple(sorted(set.intersection(*found) - {ALL})) if found else ()


def _by_source(pairs: Sequence[tuple[Gathered, Gathered]]) -> tuple[SourceGain, ...]:
    sides = [side for pair in pairs for side in pair]
    sources = fake_sources(sides)
    if not 2 <= len(sources) <= MOST_SOURCES:
        return ()
    by_fold = [fold_sums(_gain_terms(pairs, source), BY_SOURCE) for source in sources]
    gains = corrected_family(
        [
            contrast_by_fold(found, sides, floor=_least_error(sides, (source,)))
            for source, found in zip(sources, by_fold, strict=True)
        ]
    )
    above = _above_others(sources, by_fold, sides)
    return tuple(
        SourceGain(source, *_means(pairs, BY_SOURCE, source), gain, contrasted)
        for source, gain, contrasted in zip(sources, gains, above, strict=True)
    )


def _gain_terms(pairs: Sequence[tuple[Gathered, Gathered]], source: str, *, sign: float = 1.0) -> list[Term]:
    """Treatments minus baselines of all pairs, averaged; `sign` turns losses into gains."""
    weight = sign / len(pairs)
    return [
        term for one, other in pairs for term in (Term(-weight, one, source), Term(weight, other, source))
    ]


def _above_others(
    sources: Sequence[str], by_fold: Sequence[ByFold], sides: Sequence[Gathered]
) -> list[Contrast]:
    """Test the value of each source against the mean of the others, fold by fold."""
    lacking = next((each for each in by_fold if each.values is None), None)
    if lacking is not None:
        return [Contrast(lacking.n, reason=lacking.reason) for _ in sources]
    values = np.array([each.values for each in by_fold])
    others = (values.sum(axis=0) - values) / (len(values) - 1)
    floor = _least_error(sides, sources)
    found = [
        contrast_by_fold(ByFold(each.n, difference), sides, floor=floor)
        for each, difference in zip(by_fold, (values - others).round(12), strict=True)
    ]
    return corrected_family(found) if len(found) > 2 else found


def _least_error(sides: Sequence[Gathered], sources: Sequence[str]) -> float:
    """What the error of a contrast of AUCs by source is at least: a part of a group of the rarest source."""
    return LEAST_OF_A_GROUP * max(side.step(source) for side in sides for source in sources)


def _means(pairs: Sequence[tuple[Gathered, Gathered]], metric: str, source: str) -> tuple[float, float]:
    """Mean scores of all baselines and of all treatments; NaN where a fold lacks one."""
    baselines, treatments = (
        fold_sums([Term(1.0 / len(pairs), each, source) for each in side], metric)
        for side in zip(*pairs, strict=True)
    )
    return baselines.mean, treatments.mean
