"""A race in sentences with its numbers: who left, when, behind whom, and what that saved."""

import math

from orchestrator.analysis.collect import Tables
from orchestrator.analysis.race_savings import race_savings
from orchestrator.analysis.trial_scores import place_name
from orchestrator.store.decision_file import DecisionRecord
from orchestrator.store.race_file import EliminationRecord
from orchestrator.wording.numbers import hours_text, metric_name, number

MOST_NAMED = 6
SMALLEST_P = 1e-6


def elimination_sentence(each: EliminationRecord, *, metric: str, rope: float) -> str:
    """Say that an experiment left a race by `metric`, after which fold, behind whom, and by what."""
    said = (
        f"{each.experiment} is eliminated after {place_name(each.place)}: on validation scores its "
        f"{metric_name(metric)} is {number(each.gap)} worse than that of {each.leader} ({folds_text(each.n)})"
    )
    if each.cause == "bound" or each.p_value is None or each.level is None:
        return f"{said}, and no scores on the folds that were left could have brought it up."
    return (
        f"{said}, by more than {rope:g} with p {_compared(each.p_value)}; the level of this "
        f"look is {level_text(each.level)}."
    )


def left_sentences(record: DecisionRecord) -> list[str]:
    """Say which candidates of a decision left a race before, and that they were no part of the choice."""
    if not record.eliminated:
        return []
    metric, rope, gone = record.evidence.metric, record.rule.rope, record.eliminated
    lines = [elimination_sentence(each, metric=metric, rope=rope) for each in gone[:MOST_NAMED]]
    if len(gone) > MOST_NAMED:
        lines.append(f"{len(gone) - MOST_NAMED} more left the race.")
    return [f"The choice is among those that ran all folds. {lines[0]}", *lines[1:]]


def folds_text(number_of: int) -> str:
    """Say a number of folds."""
    return "1 fold" if number_of == 1 else f"{number_of} folds"


def level_text(level: float) -> str:
    """Write the level of a look, which is small."""
    return f"{level:.2g}"


def precise_p(p: float) -> str:
    """Write a p-value that is compared with the level of a look, with as many digits."""
    return f"{p:.2g}" if p >= SMALLEST_P else f"< {SMALLEST_P:g}"


def _compared(p: float) -> str:
    return f"= {precise_p(p)}" if p >= SMALLEST_P else precise_p(p)


def race_sentences(tables: Tables) -> list[str]:
    """Say what came of a phase's race; nothing where there was none."""
    race = tables.race
    if race is None:
        return []
    gone = [each.elimination for each in tables.experiments.values() if each.elimination is not None]
    lines = [elimination_sentence(each, metric=race.metric, rope=race.rope) for each in gone[:MOST_NAMED]]
    if len(gone) > MOST_NAMED:
        lines.append(f"{len(gone) - MOST_NAMED} more left the race.")
    if not gone:
        looks = "look" if race.looks == 1 else "looks"
        lines.append(
            f"Nobody left the race among {len(race.candidates)} experiments in {race.looks} {looks}."
        )
    lines += [
        f"{each.experiment} could not be judged in the race, and stayed: {each.reason}."
        for each in race.unjudged[:MOST_NAMED]
    ]
    return [*lines, *_saved(tables)]


def _saved(tables: Tables) -> list[str]:
    savings = race_savings(tables.experiments.values())
    trials = sum(each.trials for each in savings)
    if not trials:
        return []
    known = [each.hours for each in savings if not math.isnan(each.hours)]
    devices = {each.device for each in savings}
    said = f"The race saved {trials} {'trial' if trials == 1 else 'trials'}"
    if len(known) == len(savings) and len(devices) == 1:
        hours = hours_text(math.fsum(known), devices.pop())
        said += f", about {hours} at what the finished folds of the same experiments took"
    return [f"{said}; a run without --race runs {'it' if trials == 1 else 'them'}."]
