"""A comparison of two experiments in sentences with its numbers."""

from orchestrator.analysis.comparing import SIGNIFICANT, TEST_GROUPS
from orchestrator.analysis.rows import TwoCompared
from orchestrator.wording.numbers import FLOORED, capital, chance, hours_text, metric_name, p_text, signed


def comparison_lines(found: TwoCompared) -> list[str]:
    """Say what `compare_two` found, one line per sentence."""
    baseline, other, metric = found["baseline"], found["other"], metric_name(found["metric"])
    if found["verdict"] == "incomplete":
        return [f"{other} can't be compared with {baseline}: {found['reason']}."]
    folds = f"{found['n']} paired test folds" if found["n"] > 1 else "a single test split"
    lines = [
        f"{other} against {baseline}, {metric} ({found['better_is']} is better) on {folds}, each with the "
        "same images.",
        *_common(found),
        f"Mean {_mean(found['other_mean'], found['other_std'])} against "
        f"{_mean(found['baseline_mean'], found['baseline_std'])}.",
    ]
    if found["n"] == 1:
        return [*lines, _of_one_split(found), *_delong(found), *_setups(found)]
    rope, p_value = f"{found['rope']:g}", found["p_value"]
    if p_value is None:
        said = f"Difference {signed(found['mean_diff'])}. {capital(found['reason'])}."
        return [*lines, said, *_setups(found)]
    lines += [
        f"Difference {signed(found['mean_diff'])}, 95 % interval {signed(found['ci_low'])} to "
        f"{signed(found['ci_high'])} (corrected for training images that folds share), "
        f"{p_text(p_value)}.",
        f"Probability that {other} is worse by more than {rope}: {chance(found['p_worse'])}; practically "
        f"equal: {chance(found['p_equivalent'])}; better by more than {rope}: {chance(found['p_better'])}.",
        _meaning(found, p_value),
        *_effort(found, p_value),
        *_declared(found),
        *_setups(found),
    ]
    return lines + _sources(found)


def _setups(found: TwoCompared) -> list[str]:
    """Say in what the two sides ran differently."""
    return [f"{capital(found['setups'])}: a small difference may be of that."] if found["setups"] else []


def _delong(found: TwoCompared) -> list[str]:
    """Say DeLong's test, where it was asked for."""
    if found["p_delong"] is None:
        return []
    return [f"DeLong's test over the test rows of each fold: {p_text(found['p_delong'])}."]


def _of_one_split(found: TwoCompared) -> str:
    said = f"Difference {signed(found['mean_diff'])}"
    if found["ci_low"] is None:
        return f"{said}. One split has no spread: there is no interval, no test and no verdict."
    bounds = f"{signed(found['ci_low'])} to {signed(found['ci_high'])}"
    return (
        f"{said}, 95 % interval {bounds} (paired bootstrap over the groups of the test images). "
        "One split has no spread: there is no test and no verdict."
    )


def _mean(mean: float, std: float | None) -> str:
    return f"{mean:.3f}" + ("" if std is None else f" (std {std:.3f})")


def _meaning(found: TwoCompared, p_value: float) -> str:
    baseline, other = found["baseline"], found["other"]
    if found["verdict"] == "better":
        return f"{other} is better than {baseline}."
    if found["verdict"] == "worse":
        return f"{other} is worse than {baseline}."
    if found["verdict"] == "equivalent":
        return f"The two are practically equal: a difference of more than {found['rope']:g} is improbable."
    if _is_visible(found, p_value):
        return f"Undecided: there is a difference, but it may well be smaller than {found['rope']:g}."
    return "Undecided: these folds can tell neither a difference nor that there is none."


def _is_visible(found: TwoCompared, p_value: float) -> bool:
    """Tell whether the difference is significant; where no verdict is possible nothing would make it so."""
    return p_value < SIGNIFICANT and found["repeats_needed"] is not None


def _effort(found: TwoCompared, p_value: float) -> list[str]:
    """Say what these folds could have shown, and what it would take to show what was seen."""
    lines = [
        f"The smallest difference that these folds could have shown: {signed(found['min_detectable'])[1:]}."
    ]
    needed, hours = found["repeats_needed"], found["hours_needed"]
    lines += _delong(found)
    if found["error_from"] == TEST_GROUPS:
        lines.append(f"{capital(FLOORED)}.")
    if found["verdict"] != "undecided" or _is_visible(found, p_value):
        return lines
    if needed is None:
        return [*lines, f"{capital(found['reason'])}."] if found["reason"] else lines
    cost = "" if hours is None else f", about {hours_text(hours, found['device'])} more"
    return [*lines, f"A difference like this one would take {needed} repeats of the folds to show{cost}."]


def _common(found: TwoCompared) -> list[str]:
    """Say where rows were left out of which one side alone has predictions."""
    number = found["common_rows"]
    if number is None:
        return []
    return [f"Their test folds are not the same images; all numbers are of the {number} that both have."]


def _declared(found: TwoCompared) -> list[str]:
    """Say what phases say that ask the same among other things, and why that differs."""
    alone = "The p-value is corrected for no other comparison"
    if not found["declared"]:
        return [f"{alone}; a phase declares its comparisons beforehand."]
    lines = [f"{alone}."]
    for each in found["declared"]:
        number, p_holm = each["num_declared"], each["p_holm"]
        among = (
            "alone" if number == 1 else f"among {number} tests (comparisons × metrics), for which it corrects"
        )
        said = each["verdict"] if p_holm is None else f"{each['verdict']} ({p_text(p_holm)})"
        # What is shown already takes no more repeats to be shown.
        if each["verdict"] == "undecided" and each["repeats_needed"] is not None:
            said += f", and {each['repeats_needed']} repeats of the folds to show a difference like this one"
        lines.append(f"{each['phase']} declares this comparison {among}; its report says {said}.")
    return lines


def _sources(found: TwoCompared) -> list[str]:
    if not found["sources"]:
        return []
    width = max(len(each["source"]) for each in found["sources"])
    lines = ["By source (not corrected for their number):"]
    for each in found["sources"]:
        name = {"auc": "AUC against real"}.get(each["metric"], metric_name(each["metric"]))
        lines.append(
            f"  {each['source']:<{width}}  {name:<16}  {each['other_mean']:.3f} against "
            f"{each['baseline_mean']:.3f}, difference {signed(each['mean_diff'])}"
            + ("" if each["ci_low"] is None else f" ({signed(each['ci_low'])} to {signed(each['ci_high'])})")
        )
    return lines
