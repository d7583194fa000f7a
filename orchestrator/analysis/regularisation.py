"""Effect of choices that make training harder on purpose: on the gap, the training, and the score.

Augmentation, mixing and dropout are meant to keep a model from learning its training images by heart. What
they do is read from the same folds with and without: validation loss minus training loss, training loss and
epoch of the weights that were kept, epochs trained, and the test score. Changes are averaged over the pairs
of a choice fold by fold. The training loss of an augmented model is that on augmented images.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from orchestrator.analysis.choices import Choice
from orchestrator.analysis.contrasts import ByFold, Contrast, contrast_by_fold, corrected_family
from orchestrator.analysis.experiment_scores import Gathered
from orchestrator.analysis.source_gains import ChoiceGain
from orchestrator.analysis.trial_scores import TrialScores
from trainables.evaluation.metrics import GAP

REGULARISING = ("augment", "mix", "dropout")
TRAIN_LOSS, BEST_EPOCH, EPOCHS = "train_loss", "best_epoch", "epochs"


@dataclass(frozen=True, slots=True)
class Changed:
    """Mean of a measure of training before and after a choice, and its change (after minus before)."""

    measure: str
    before: float
    after: float
    change: Contrast


@dataclass(frozen=True, slots=True)
class Regularisation:
    """A regularising choice: its gain in score, and what it changed in training, by measure."""

    gain: ChoiceGain
    gap: Changed
    training: tuple[Changed, ...]


def regularisations(
    gains: Sequence[ChoiceGain], experiments: Mapping[str, Gathered]
) -> tuple[Regularisation, ...]:
    """Return what each regularising choice changed; the gaps are one family."""
    chosen = [each for each in gains if len(each.choice.keys) == 1 and each.choice.keys[0] in REGULARISING]
    gaps = [_changed(GAP, each.choice, experiments) for each in chosen]
    corrected = corrected_family([each.change for each in gaps])
    return tuple(
        Regularisation(
            each,
            Changed(GAP, gap.before, gap.after, change),
            tuple(_changed(measure, each.choice, experiments) for measure in MEASURES if measure != GAP),
        )
        for each, gap, change in zip(chosen, gaps, corrected, strict=True)
    )


def _changed(measure: str, choice: Choice, experiments: Mapping[str, Gathered]) -> Changed:
    pairs = [(experiments[one], experiments[other]) for one, other in choice.pairs]
    before, after = (_mean_by_fold([pair[side] for pair in pairs], measure) for side in (0, 1))
    if before.values is None or after.values is None:
        lacking = before if before.values is None else after
        change = Contrast(lacking.n, reason=lacking.reason)
    elif before.n != after.n:
        change = Contrast(0, reason="the two sides have other folds")
    else:
        found = ByFold(before.n, (after.values - before.values).round(12))
        change = contrast_by_fold(found, [side for pair in pairs for side in pair])
    return Changed(measure, before.mean, after.mean, change)


def _mean_by_fold(sides: Sequence[Gathered], measure: str) -> ByFold:
    """Average a measure over experiments fold by fold, of complete ones with the same folds."""
    places = sorted(sides[0].trials)
    rows = []
    for side in sides:
        if not side.is_complete or sorted(side.trials) != places:
            return ByFold(len(side.trials), reason=f"{side.name}: not every fold is finished")
        found = [MEASURES[measure](side.trials[place]) for place in places]
        known = [value for value in found if value is not None]
        if len(known) < len(found):
            return ByFold(len(known), reason=f"{side.name}: {len(known)} of {len(found)} folds have it")
        rows.append(known)
    return ByFold(len(places), np.mean(rows, axis=0))


def _score(split: str, metric: str) -> Callable[[TrialScores], float | None]:
    def read(trial: TrialScores) -> float | None:
        found = (value for where, _, name, value in trial.scores if where == split and name == metric)
        return next(found, None)

    return read


MEASURES: Mapping[str, Callable[[TrialScores], float | None]] = {
    GAP: _score("val", GAP),
    TRAIN_LOSS: _score("train", TRAIN_LOSS),
    BEST_EPOCH: lambda trial: trial.best_epoch,
    EPOCHS: lambda trial: trial.epochs,
}
