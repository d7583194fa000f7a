"""A decision in sentences with its numbers: for the command line and the report."""

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.comparing import SURE
from orchestrator.decide import SAME_COST, least_costs
from orchestrator.report.cells import chance
from orchestrator.report.verdict import metric_name, signed


def decision_sentences(record: Mapping[str, Any]) -> list[str]:
    """Say what was chosen, why, how sure that is, what it cost, and what the test scores beside it are.

    `record` is what a decision file holds.
    """
    evidence = record["evidence"]
    found = {each["experiment"]: each for each in evidence["candidates"]}
    chosen, other = found[record["chosen"]], found[record["runner_up"]]
    metric = metric_name(evidence["metric"])
    lines = [
        f"{record['phase']}: {record['chosen']} is chosen, on validation scores: {metric} "
        f"{chosen['validation']['mean']:.3f} against {other['validation']['mean']:.3f} of "
        f"{record['runner_up']} ({_splits(chosen['validation']['n'])}).",
        _why(record, found, metric),
        _how_sure(evidence["chosen_against_runner_up"], record),
    ]
    if record["handed_over"]:
        lines.append(f"Handed over to the next phase: {_keys(record['handed_over'])}.")
    beside = [
        f"{name} {each['test_beside_it']['mean']:.3f}"
        for name, each in found.items()
        if each["test_beside_it"] is not None
    ]
    if beside:
        lines.append(f"Test scores, which had no say: {metric} {', '.join(beside)}.")
    return lines


def _why(record: Mapping[str, Any], found: Mapping[str, Mapping[str, Any]], metric: str) -> str:
    if not record["is_tie"]:
        return f"It has the best mean, and no other lies within {record['rule']['rope']:g} of it."
    tied = " and ".join(record["ties"])
    best = record["evidence"]["best_mean"]
    return (
        f"It is a tie: the {metric} of {tied} lies within {record['rule']['rope']:g} of the best mean "
        f"({best}). It goes to {record['chosen']}: {_what_decided(record, found)}."
    )


def _what_decided(record: Mapping[str, Any], found: Mapping[str, Mapping[str, Any]]) -> str:
    """Say by what the tied were told apart: cost, then parameters, then the mean, then the name."""
    chosen, ties = found[record["chosen"]], [found[name] for name in record["ties"]]
    same = f"within {100 * SAME_COST:g} %"
    least = least_costs(
        {each["experiment"]: each["cost_a_trial"] for each in ties},
        {each["experiment"]: each["device"] for each in ties},
    )
    if record["decided_by"] == "cost":
        second = min((each for each in ties if each is not chosen), key=lambda each: each["cost_a_trial"])
        return (
            f"it is the cheapest of these, {_cost(chosen)} a trial on {chosen['device']}, the next "
            f"({second['experiment']}) {_cost(second)}"
        )
    left = ties if least is None else [each for each in ties if each["experiment"] in least]
    said = "their costs can't be compared" if least is None else f"they cost the same {same}"
    if len(left) < len(ties):
        said = f"{_names(left)} are the cheapest of these, the same {same}"
    if any(each["parameters"] is None for each in left):
        said += ", not all of their parameters are counted"
    else:
        fewest = min(each["parameters"] for each in left)
        if record["decided_by"] == "parameters":
            more = min(each["parameters"] for each in left if each is not chosen)
            return f"{said}, and it has the fewest parameters, {fewest:,} against {more:,}"
        equal = [each for each in left if each["parameters"] == fewest]
        some = f"{_names(equal)} have the fewest parameters" if len(equal) < len(left) else ""
        said += f", {some or 'they have equally many parameters'}"
    if record["decided_by"] == "score":
        return f"{said}, and it has the best mean of these"
    return f"{said}, their means are the same, and it comes first by its name"


def _names(candidates: Sequence[Mapping[str, Any]]) -> str:
    return " and ".join(str(each["experiment"]) for each in candidates)


def _how_sure(found: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    if found["p_equivalent"] is None:
        return "A single split gives no probability: how sure this is can't be said."
    rope = record["rule"]["rope"]
    said = (
        f"Difference {signed(found['mean_diff'])}, 95 % interval {signed(found['ci_low'])} to "
        f"{signed(found['ci_high'])}; probability that {found['treatment']} is better by more than {rope:g}: "
        f"{chance(found['p_better'])}, practically equal: {chance(found['p_equivalent'])}, worse: "
        f"{chance(found['p_worse'])}."
    )
    if max(found["p_better"], found["p_equivalent"], found["p_worse"]) > SURE:
        return said
    return f"{said} None of the three is above {SURE:g}: more folds or repeats would be needed for that."


def _splits(number: int) -> str:
    return f"{number} folds" if number > 1 else "a single split"


def _cost(evidence: Mapping[str, Any]) -> str:
    return f"{evidence['cost_a_trial']:.1f} {evidence['cost_unit']}"


def _keys(values: Mapping[str, Any], above: str = "") -> str:
    parts = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            parts.append(_keys(value, f"{above}{name}."))
        else:
            parts.append(f"{above}{name} = {'none' if value is None else value}")
    return ", ".join(parts)
