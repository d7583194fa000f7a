"""Numbers behind the questions of a phase: gains, sources, interactions, shortcuts, regularisation.

They come from what the phase has: the keys that it declares to differ, experiments that make a quartet, held
out sources, checks of its images. Where there is nothing of a kind, its part is empty. `question_tables` are
the same numbers as tables, written beside the others.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd
from pydantic import JsonValue

from orchestrator.analysis.choices import declared_choices
from orchestrator.analysis.contrasts import Contrast
from orchestrator.analysis.experiment_scores import Gathered
from orchestrator.analysis.headline import decided_metric
from orchestrator.analysis.interactions import Interaction, find_interactions
from orchestrator.analysis.regularisation import Regularisation, regularisations
from orchestrator.analysis.shortcut_evidence import ShortcutEvidence, shortcut_evidence
from orchestrator.analysis.source_gains import (
    BY_SOURCE,
    ChoiceGain,
    SourceEase,
    choice_gains,
    source_ease,
)
from orchestrator.analysis.source_losses import SourceLosses, source_losses
from orchestrator.analysis.trial_scores import ALL
from orchestrator.store.folder import Store
from orchestrator.store.records import StudyRecord

TESTED = ["mean", "std", "ci_low", "ci_high", "p_value", "p_holm"]
ABOVE = ["above_others", "above_std", "above_low", "above_high", "above_p", "above_p_holm"]
SOURCE_GAINS = [
    "choice", "before", "after", "pairs", "source", "metric", "n", "mean_before", "mean_after", *TESTED,
    *ABOVE, "reason",
]  # fmt: skip
SOURCE_EASE = ["source", "metric", "experiments", "n", "auc", *ABOVE, "reason"]
INTERACTIONS = [
    "first", "first_before", "first_after", "second", "second_before", "second_after", "surroundings",
    "neither", "first_alone", "second_alone", "both", "metric", "n", "gain_without", "gain_with", *TESTED,
    "reason",
]  # fmt: skip
REGULARISATION = [
    "choice", "before", "after", "pairs", "measure", "n", "mean_before", "mean_after", *TESTED, "reason",
]  # fmt: skip
SOURCE_LOSSES = ["experiment", "source", "n", *TESTED, "reason"]
WHOLE = ("n", "pairs", "experiments")
TEXTS = (
    "choice", "before", "after", "source", "metric", "first", "first_before", "first_after", "second",
    "second_before", "second_after", "surroundings", "neither", "first_alone", "second_alone", "both",
    "measure", "experiment", "reason",
)  # fmt: skip
# Keys of which a gain may be that of a shortcut.
RESOLUTION, COLOUR = "image_size", "normalization"
Cell = str | int | float


@dataclass(frozen=True, slots=True)
class QuestionNumbers:
    """What a phase says on each question; `evidence` is by the key that it is about."""

    gains: tuple[ChoiceGain, ...] = ()
    ease: tuple[SourceEase, ...] = ()
    interactions: tuple[Interaction, ...] = ()
    regularisations: tuple[Regularisation, ...] = ()
    losses: tuple[SourceLosses, ...] = ()
    evidence: Mapping[str, ShortcutEvidence] = field(default_factory=dict)


def question_numbers(
    store: Store, study: StudyRecord, experiments: Mapping[str, Gathered]
) -> QuestionNumbers:
    """Compute the numbers behind the questions of a phase from the scores of its experiments."""
    recipes = {each.name: each.recipe for each in study.experiments}
    gains = choice_gains(declared_choices(study.phase, recipes), experiments)
    evidence = {}
    for gain in gains:
        names = [name for pair in gain.choice.pairs for name in pair]
        if gain.choice.keys in ((RESOLUTION,), (COLOUR,)):
            found = shortcut_evidence(store, study, names)
            if found is not None:
                evidence[gain.choice.name] = found
    return QuestionNumbers(
        gains,
        source_ease(list(experiments.values())),
        find_interactions(experiments, decided_metric(study.phase, experiments.values())),
        regularisations(gains, experiments),
        source_losses(experiments),
        evidence,
    )


def question_tables(numbers: QuestionNumbers) -> dict[str, pd.DataFrame]:
    """Return the numbers as tables, by the name of their file."""
    return {
        "source_gains": _table([row for each in numbers.gains for row in _gain_rows(each)], SOURCE_GAINS),
        "source_ease": _table(
            [_ease_row(each) for each in numbers.ease],
            SOURCE_EASE,
        ),
        "interactions": _table(
            [row for each in numbers.interactions for row in _interaction_rows(each)], INTERACTIONS
        ),
        "regularisation": _table(
            [row for each in numbers.regularisations for row in _regularisation_rows(each)], REGULARISATION
        ),
        "source_losses": _table([row for each in numbers.losses for row in _loss_rows(each)], SOURCE_LOSSES),
    }


def _table(rows: list[dict[str, Cell]], columns: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=columns)
    if not rows:
        return frame
    numbers = [name for name in columns if name not in (*WHOLE, *TEXTS)]
    whole = [name for name in columns if name in WHOLE]
    return frame.astype(dict.fromkeys(numbers, float) | dict.fromkeys(whole, int))


def _tested(found: Contrast, names: list[str]) -> dict[str, Cell]:
    values = (found.mean, found.std, found.low, found.high, found.p_value, found.p_holm)
    return {**dict(zip(names, values, strict=True)), "reason": found.reason}


def _plain(values: tuple[JsonValue, ...]) -> str:
    """A value as JSON; of several keys theirs in a list."""
    return json.dumps(values[0] if len(values) == 1 else list(values), sort_keys=True)


def _about(gain: ChoiceGain) -> dict[str, Cell]:
    choice = gain.choice
    changed = {"before": _plain(choice.before), "after": _plain(choice.after)}
    return {"choice": choice.name, **changed, "pairs": len(choice.pairs)}


def _gain_rows(gain: ChoiceGain) -> list[dict[str, Cell]]:
    about, metric = _about(gain), gain.choice.metric
    means: dict[str, Cell] = {"mean_before": gain.before, "mean_after": gain.after}
    rows = [
        {**about, "source": ALL, "metric": metric, "n": gain.gain.n, **means, **_tested(gain.gain, TESTED)}
    ]
    for each in gain.sources:
        means = {"mean_before": each.before, "mean_after": each.after}
        found = _tested(each.above_others, ABOVE) | _tested(each.gain, TESTED)
        rows.append({**about, "source": each.source, "metric": BY_SOURCE, "n": each.gain.n, **means, **found})
    return rows


def _interaction_rows(found: Interaction) -> list[dict[str, Cell]]:
    """The mean over quartets, where there are several, and each quartet."""
    about: dict[str, Cell] = {
        "first": found.first, "second": found.second,
        "first_before": _plain(found.first_values[:1]), "first_after": _plain(found.first_values[1:]),
        "second_before": _plain(found.second_values[:1]), "second_after": _plain(found.second_values[1:]),
        "metric": found.metric,
    }  # fmt: skip
    gains: dict[str, Cell] = {"gain_without": found.gain_without.mean, "gain_with": found.gain_with.mean}
    is_alone = len(found.quartets) == 1
    rows = []
    for quartet in found.quartets:
        around = ", ".join(f"{each.key}={_plain((each.value,))}" for each in quartet.surroundings)
        names: dict[str, Cell] = {
            "surroundings": around, "neither": quartet.neither, "first_alone": quartet.first,
            "second_alone": quartet.second, "both": quartet.both,
        }  # fmt: skip
        tested = _tested(quartet.interaction, TESTED)
        mine = gains if is_alone else {}
        rows.append({**about, **names, "n": quartet.interaction.n, **mine, **tested})
    if not is_alone:
        mean: dict[str, Cell] = {"surroundings": f"mean over {len(found.quartets)}"}
        empty: dict[str, Cell] = dict.fromkeys(("neither", "first_alone", "second_alone", "both"), "")
        tested = _tested(found.interaction, TESTED)
        rows.insert(0, {**about, **mean, **empty, "n": found.interaction.n, **gains, **tested})
    return rows


def _ease_row(found: SourceEase) -> dict[str, Cell]:
    about: dict[str, Cell] = {"source": found.source, "metric": BY_SOURCE, "auc": found.auc}
    about["experiments"] = found.num_experiments
    return {**about, "n": found.above_others.n, **_tested(found.above_others, ABOVE)}


def _regularisation_rows(found: Regularisation) -> list[dict[str, Cell]]:
    rows = []
    for each in (found.gap, *found.training):
        means: dict[str, Cell] = {"mean_before": each.before, "mean_after": each.after}
        about = {**_about(found.gain), "measure": each.measure, "n": each.change.n}
        rows.append({**about, **means, **_tested(each.change, TESTED)})
    return rows


def _loss_rows(found: SourceLosses) -> list[dict[str, Cell]]:
    lines = [(each.experiment, each.source, each.loss) for each in found.each]
    if found.mean is not None:
        lines.append(("", f"mean over {len(found.each)}", found.mean))
    rows = []
    for experiment, source, loss in lines:
        about: dict[str, Cell] = {"experiment": experiment, "source": source, "n": loss.n}
        rows.append({**about, **_tested(loss, TESTED)})
    return rows
