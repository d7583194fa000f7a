"""Caveats of a phase's answers in sentences with their numbers, for the page and the command line."""

import math
from collections.abc import Sequence

from orchestrator.analysis.caveats import (
    Caveat,
    ChanceLevel,
    OtherSetup,
    ScoreOf,
    SmallFolds,
    SmallSelection,
    TrivialModel,
    UnequalClasses,
    find_caveats,
    other_setups,
)
from orchestrator.analysis.collect import Tables
from orchestrator.analysis.setups import mixed_setups, setups_text
from orchestrator.checks.shortcuts import CHECKS, FILE_FACTS
from orchestrator.store.decision_file import DecisionRecord
from orchestrator.store.records import StudyRecord
from orchestrator.wording.lists import few_named
from orchestrator.wording.numbers import capital, class_name
from trainables.data.splits.uneven_parts import FEWEST_TO_TEST
from trainables.evaluation.metrics import ROPE

MOST_NAMED = 4
SHOWN_BY = {True: "how the files were written", False: "colours, a thumbnail and a spectrum"}


def caveat_sentences(tables: Tables, decision: DecisionRecord | None) -> tuple[str, ...]:
    """Say what devalues the answers of a phase, one sentence per caveat; nothing where nothing does."""
    return tuple(_sentence(each, tables.study) for each in find_caveats(tables, decision))


def setup_sentences(tables: Tables) -> tuple[str, ...]:
    """Say which comparisons have sides that ran on other software or hardware."""
    return tuple(_sentence(each, tables.study) for each in other_setups(tables, None))


def mixed_sentence(tables: Tables) -> str:
    """Say what not all trials of a phase ran with alike; empty where they did."""
    mixed = mixed_setups(tables.experiments.values())
    said = "; ".join(f"{what} {', '.join(values)}" for what, values in mixed.items())
    return f"Not all of these trials ran on the same: {said}." if said else ""


def _sentence(caveat: Caveat, study: StudyRecord) -> str:
    match caveat:
        case TrivialModel():
            return _trivial(caveat)
        case ChanceLevel():
            return _chance(caveat)
        case UnequalClasses():
            return _unequal(caveat, study)
        case SmallFolds():
            return _small(caveat, study)
        case SmallSelection():
            return f"{capital(caveat.sentence)}."
        case OtherSetup():
            return (
                f"{caveat.treatment} against {caveat.baseline}: {setups_text(caveat.differences)}, which "
                "alone can move a score; run one side again with the other’s to rule it out."
            )


def _trivial(caveat: TrivialModel) -> str:
    seen = SHOWN_BY[caveat.check == FILE_FACTS]
    verb = "is" if len(caveat.reached) == 1 else "are"
    return (
        f"{capital(CHECKS[caveat.check])} alone reach AUC {caveat.alone:.3f} on the same folds, and "
        f"{_listed(caveat.reached)} {verb} not above that by more than {ROPE:g}: nothing shows that more "
        f"than {seen} was learnt."
    )


def _chance(caveat: ChanceLevel) -> str:
    is_one = len(caveat.scores) == 1
    said = f"the 95 % {'interval' if is_one else 'intervals'} of {_listed(caveat.scores, intervals=True)}"
    if caveat.is_below:
        lies = f"{said} {'lies' if is_one else 'lie'} below 0.5"
        return f"AUC below chance: {lies}; real and fake may be swapped in a part of the labels."
    contains = "contains" if is_one else "contain"
    return f"AUC at chance level: {said} {contains} 0.5, so nothing may have been learnt."


def _unequal(caveat: UnequalClasses, study: StudyRecord) -> str:
    name = _class(study, caveat.label)
    said = (
        f"{100 * caveat.share:.0f} % of the test images are of class {name}: calling every image {name} "
        f"gives accuracy {caveat.share:.3f}"
    )
    if not caveat.accuracies:
        return f"{said}."
    is_no_better = any(each.mean <= caveat.share for each in caveat.accuracies)
    more = "; balanced accuracy and AUC give nothing for that" if is_no_better else ""
    return f"{said}, against {_listed(caveat.accuracies)}{more}."


def _small(caveat: SmallFolds, study: StudyRecord) -> str:
    several = f"{caveat.num_small} of {caveat.num_folds} test folds have"
    folds = "the test fold has" if caveat.num_folds == 1 else several
    least = "1 image" if caveat.least == 1 else f"{caveat.least} images"
    return (
        f"Small folds: {folds} fewer than {FEWEST_TO_TEST} images of a class, the smallest {least} of class "
        f"{_class(study, caveat.label)}: fold scores move in large steps, and intervals are rough."
    )


def _class(study: StudyRecord, label: int) -> str:
    classes = study.data[0].classes if study.data else ()
    return class_name(classes, label) if label < len(classes) else str(label)


def _listed(scores: Sequence[ScoreOf], *, intervals: bool = False) -> str:
    """Name experiments with their scores, of many the first."""
    return few_named([_with_score(each, interval=intervals) for each in scores], MOST_NAMED)


def _with_score(each: ScoreOf, *, interval: bool) -> str:
    bounds = f", {each.low:.3f} to {each.high:.3f}" if interval and not math.isnan(each.low) else ""
    return f"{each.experiment} ({each.mean:.3f}{bounds})"
