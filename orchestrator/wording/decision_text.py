"""A decision in sentences with its numbers: for the command line and the report."""

from collections.abc import Mapping, Sequence

from orchestrator.analysis.comparing import SURE
from orchestrator.decisions.decide import BEST_EPOCH, CROSS_FITTED
from orchestrator.store.decision_file import CandidateRecord, DecisionRecord, FactorRecord, PairedDifference
from orchestrator.store.records import Rule
from orchestrator.wording.lists import few_named, shortened
from orchestrator.wording.numbers import chance, decided_value_text, metric_name, operations, signed, when
from orchestrator.wording.race_text import left_sentences
from orchestrator.wording.sweep_text import tried_text
from orchestrator.wording.winner_text import winner_sentences

MOST_MOVED = 6
# What told the tied apart, by `decided_by`; cost is that of earlier versions.
APART = {
    "flops": "FLOPs",
    "parameters": "parameters",
    "score": "mean",
    "name": "name",
    "cost": "training time",
}


def outcome_sentences(record: DecisionRecord) -> list[str]:
    """Say what was chosen and why: the first of `decision_sentences`."""
    metric = metric_name(record.evidence.metric)
    if record.factors:
        return [_factor(factor, record, metric) for factor in record.factors]
    found = {each.experiment: each for each in record.evidence.candidates}
    chosen = found[str(record.chosen)]
    if record.runner_up is None:
        return [
            f"{record.phase}: {record.chosen} is chosen: all others left the race. Its {metric} on "
            f"validation scores is {chosen.validation.mean:.3f} ({_splits(chosen.validation.n)})."
        ]
    other = found[record.runner_up]
    lines = [
        f"{record.phase}: {record.chosen} is chosen{tried_text(record)}, on validation scores: {metric} "
        f"{chosen.validation.mean:.3f} against {other.validation.mean:.3f} of "
        f"{record.runner_up} ({_splits(chosen.validation.n)}).",
        _why(record, found, metric),
    ]
    return [_selection(record, found, metric), *lines] if record.selected else lines


def decision_sentences(record: DecisionRecord) -> list[str]:
    """Say what was chosen, why, how sure that is, what it cost, and what the test scores beside it are.

    `record` is what a decision file holds.
    """
    # What choosing adds to the winner's score stands beside the choice, not behind all that backs it up.
    evidence, lines = record.evidence, [*outcome_sentences(record), *winner_sentences(record)]
    if record.factors:
        lines.append(
            f"A value is changed only where that is better by more than {record.rule.rope:g} with a "
            f"probability above {evidence.sure:g}, over all its pairs: what is not shown to help is not "
            "done."
        )
    elif evidence.chosen_against_runner_up is not None:
        is_single = evidence.candidates[0].validation.n == 1
        lines.append(_how_sure(evidence.chosen_against_runner_up, record, is_single=is_single))
    lines += _taken_on(evidence.taken_on)
    lines += left_sentences(record)
    if record.handed_over:
        lines.append(f"Handed over to the next phase: {_keys(record.handed_over)}.")
    beside = [
        f"{each.experiment} {each.test_beside_it.mean:.3f}"
        for each in evidence.candidates
        if each.test_beside_it is not None
    ]
    if beside:
        metric = metric_name(evidence.metric)
        lines.append(f"Test scores beside it, not read by the rule: {metric} {shortened(beside)}.")
    return lines


def selection_sentences(record: DecisionRecord) -> list[str]:
    """Say which experiments a decision selected, by which rule, and on which scores; nothing where none."""
    if not record.selected:
        return []
    found = {each.experiment: each for each in record.evidence.candidates}
    rope, sure = record.rule.rope, record.evidence.sure
    lines = [_selection(record, found, metric_name(record.evidence.metric))]
    if sure is not None:
        lines.append(
            f"Its rule: the best mean is taken where it is better than every other by more than {rope:g} "
            f"with a probability above {sure:g}, else the cheapest of those that are tied with it (fewest "
            "FLOPs per image, then parameters); and the same for each further place among those that are "
            "left. It reads no test score."
        )
    return [*lines, *_taken_on(record.evidence.taken_on)]


def decision_lines(
    record: DecisionRecord | None, rule: Rule | None, moved: Sequence[str] = (), now: str = ""
) -> tuple[str, ...]:
    """Say the decision of a phase that is in force, its version, or why there is none.

    Args:
        record: what the decision's file holds; None = there is none.
        rule: the phase's rule; None = it declares no decision.
        moved: what is no longer as it was when the decision was taken.
        now: what the rule would choose now.
    """
    if record is None:
        if rule is None:
            return ("This phase declares no decision.",)
        return ("No decision has been taken yet.",)
    lines = decision_sentences(record)
    taken = record.made.time if record.made is not None else ""
    at = f", taken {when(taken)}" if taken else ""
    state = f"This is version {record.version} of the decision{at}."
    if record.version > 1 and record.moved:
        state += f" It replaced the one before because {'; '.join(record.moved)}."
    if not moved:
        return (*lines, state)
    more = f"; and {len(moved) - MOST_MOVED} more" if len(moved) > MOST_MOVED else ""
    return (
        *lines,
        f"{state} The numbers above are of that time.",
        f"Since then: {'; '.join(moved[:MOST_MOVED])}{more}. The decision stays all the same; {now}.",
    )


def moved_lines(phase: str, moved: Sequence[str], now: str) -> list[str]:
    """Say what has moved since a decision was taken, and how a new one is taken; nothing where nothing has.

    Args:
        phase: whose decision it is.
        moved: what is no longer as it was.
        now: what the rule would choose now.
    """
    if not moved:
        return []
    return [
        *(f"since the decision of {phase} was taken: {each}" for each in moved),
        f"the decision stays; {now}. `python -m orchestrator decide {phase} --again` writes a new version",
    ]


def _factor(factor: FactorRecord, record: DecisionRecord, metric: str) -> str:
    """Say what was decided of one key, and on what."""
    key, value = factor.key, decided_value_text(factor.value)
    if factor.decided_by == "same value":
        return (
            f"{record.phase}: {key} = {value}, as all its experiments have it here (a preset or --set "
            "made them the same): nothing was compared."
        )
    pairs = f"{len(factor.pairs)} pairs" if len(factor.pairs) > 1 else "1 pair"
    other = decided_value_text(factor.treatment if factor.value == factor.baseline else factor.baseline)
    difference = f"{metric} on validation rows {signed(factor.mean_diff)}"
    if factor.p_better is None:
        splits = "a single split" if factor.n <= 1 else "folds without any spread"
        basis = f"{difference}, {pairs}, {splits}, which gives no probability"
    else:
        basis = (
            f"{difference} ({signed(factor.ci_low)} to {signed(factor.ci_high)}) with "
            f"{decided_value_text(factor.treatment)}, {pairs} in {_splits(factor.n)}; probability that this "
            f"is better by more than {record.rule.rope:g}: {chance(factor.p_better)}, worse: "
            f"{chance(factor.p_worse)}"
        )
    verb = "is taken instead of" if factor.decided_by == "gain" else "stays, not"
    return f"{record.phase}: {key} = {value} {verb} {other}: {basis}."


def _selection(record: DecisionRecord, found: Mapping[str, CandidateRecord], metric: str) -> str:
    """Name the experiments that were selected, in their order."""
    said = []
    for place in record.places:
        score = f"{place.chosen} ({found[place.chosen].validation.mean:.3f}"
        tied = f", tied with {len(place.ties) - 1} more and taken for its {APART[place.decided_by]}"
        said.append(f"{score}{tied if place.is_tie else ''})")
    return (
        f"{record.phase}: {len(said)} of {len(found)} are selected, by {metric} on validation rows: "
        f"{', '.join(said)}."
    )


def _why(record: DecisionRecord, found: Mapping[str, CandidateRecord], metric: str) -> str:
    evidence, rope = record.evidence, record.rule.rope
    if evidence.sure is None:
        return _why_then(record, metric)
    if not record.is_tie:
        return (
            f"It has the best mean, and with a probability above {evidence.sure:g} it is better than every "
            f"other by more than {rope:g}."
        )
    best = str(evidence.best_mean)
    others = few_named([name for name in record.ties if name != best])
    against = [found[name].against_best for name in record.ties if name != best]
    if any(each is None or each.p_worse is None for each in against):
        said = f"{best} has the best mean {metric}, and nothing says how probable it is that it is better"
    else:
        said = (
            f"{best} has the best mean {metric}, and is not better than {others} by more than {rope:g} with "
            f"a probability above {evidence.sure:g}"
        )
    return f"It is a tie: {said}. It goes to {record.chosen}: {_what_decided(record, found)}."


def _why_then(record: DecisionRecord, metric: str) -> str:
    """Say why by the rule of an earlier version."""
    rope = f"within {record.rule.rope:g} of the best mean {metric}"
    if not record.is_tie:
        return f"By the rule of an earlier version: it has the best mean, and no other lies {rope}."
    return (
        f"It is a tie by the rule of an earlier version: {' and '.join(record.ties)} lie {rope} "
        f"({record.evidence.best_mean}). It went to {record.chosen} for its {APART[record.decided_by]}."
    )


def _taken_on(taken_on: str) -> list[str]:
    """Say which scores of the inner validation rows decided; those of earlier versions said nothing of it."""
    if taken_on == CROSS_FITTED:
        return [
            "Validation scores are cross-fitted: each half of the inner validation part is scored at the "
            "epoch that the other half chooses."
        ]
    if not taken_on.startswith(BEST_EPOCH):
        return []
    reason = taken_on.removeprefix(f"{BEST_EPOCH}: ")
    return [f"Validation scores are those of the best epoch, a maximum over epochs: {reason}."]


def _what_decided(record: DecisionRecord, found: Mapping[str, CandidateRecord]) -> str:
    """Say by what the tied were told apart: FLOPs, then parameters, then the mean, then the name."""
    ties = [found[name] for name in record.ties]
    flops = [each.flops_per_image for each in ties if each.flops_per_image is not None]
    if record.decided_by == "flops":
        least, more = sorted(flops)[:2]
        return f"it takes the fewest operations for an image, {operations(least)} against {operations(more)}"
    left = ties
    if len(flops) < len(ties):
        said = "not all of their operations for an image are counted"
    else:
        left = [each for each in ties if each.flops_per_image == min(flops)]
        some = f"{_names(left)} take the fewest" if len(left) < len(ties) else "they take equally many"
        said = f"{some} operations for an image, {operations(min(flops))}"
    counts = [each.parameters for each in left if each.parameters is not None]
    if len(counts) < len(left):
        said += ", not all of their parameters are counted"
    else:
        fewest = min(counts)
        if record.decided_by == "parameters":
            more = sorted(counts)[1]
            return f"{said}, and it has the fewest parameters, {fewest:,} against {more:,}"
        equal = [each for each in left if each.parameters == fewest]
        some = f"{_names(equal)} have the fewest parameters" if len(equal) < len(left) else ""
        said += f", {some or 'they have equally many parameters'}"
    if record.decided_by == "score":
        return f"{said}, and it has the best mean of these"
    return f"{said}, their means are the same, and it comes first by its name"


def _names(candidates: Sequence[CandidateRecord]) -> str:
    return few_named([each.experiment for each in candidates])


def _how_sure(found: PairedDifference, record: DecisionRecord, *, is_single: bool) -> str:
    if found.p_equivalent is None:
        return "There is no probability of the difference: how sure this is can't be said."
    rope = record.rule.rope
    interval = "" if is_single else f", 95 % interval {signed(found.ci_low)} to {signed(found.ci_high)}"
    said = (
        f"Difference {signed(found.mean_diff)}{interval}; probability that {found.treatment} is better by "
        f"more than {rope:g}: {chance(found.p_better)}, practically equal: {chance(found.p_equivalent)}, "
        f"worse: {chance(found.p_worse)}."
    )
    if is_single:
        said += " Of a single split, these are chances of other validation images, not of other trainings."
    if max(each or 0.0 for each in (found.p_better, found.p_equivalent, found.p_worse)) > SURE:
        return said
    return f"{said} None of the three is above {SURE:g}: more folds or repeats would be needed for that."


def _splits(number: int) -> str:
    return f"{number} folds" if number > 1 else "a single split"


def _keys(values: Mapping[str, object], above: str = "") -> str:
    parts = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            parts.append(_keys(value, f"{above}{name}."))
        else:
            parts.append(f"{above}{name} = {decided_value_text(value)}")
    return ", ".join(parts)
