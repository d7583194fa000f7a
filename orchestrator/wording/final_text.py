"""Final scores in sentences: the chosen model on the images that no fold holds."""

from orchestrator.store.final_file import FinalMetric, FinalRecord
from orchestrator.wording.numbers import DASH, metric_name, when


def final_sentences(record: FinalRecord) -> list[str]:
    """Say what the chosen model gives on the held-out images, how that is known, and what weakens it."""
    models = len(record.models)
    classes = " and ".join(
        [f"{record.by_class[0]} real", f"{record.by_class[1]} fake"]
        if len(record.by_class) == 2
        else [f"{count} of class {label}" for label, count in enumerate(record.by_class)]
    )
    headline = record.headline()
    said = (
        f"{metric_name(record.metric)} does not exist on them"
        if headline is None
        else f"{metric_name(record.metric)} {metric_value(headline)}{_interval(headline)}"
    )
    of = f"the mean of its {models} models" if models > 1 else "its one model"
    lines = [
        f"{record.phase}: {record.chosen} on {record.images} images that no fold holds ({classes}, "
        f"{record.groups} groups): {said}, by {of}."
    ]
    if headline is not None and headline.single_std is not None and headline.single_mean is not None:
        lines.append(
            f"A single one of them has {headline.single_mean:.3f} ± {headline.single_std:.3f}. The interval "
            "is that of other images of this kind for these models: a bootstrap over groups."
        )
    lines.append(_looks(record))
    return [*lines, *(f"{note}." for note in record.notes)]


def not_opened_sentence(phase: str) -> str:
    """Say that no score is free of selection, and how one would be had."""
    return (
        "No score here is free of selection: images that no fold holds (holdout_final) were not opened; "
        f"python -m orchestrator final {phase} does so, once, where a study holds some out."
    )


def opened_sentence(record: FinalRecord) -> str:
    """Say in short what the opened held-out images gave; empty where the metric does not exist on them."""
    headline = record.headline()
    if headline is None:
        return ""
    said = f"{metric_name(record.metric)} {metric_value(headline)}{_interval(headline)}"
    return f"The images that no fold holds were opened for version {record.decision_version}: {said}."


def metric_value(found: FinalMetric) -> str:
    """Write a metric of the mean of all models."""
    return f"{found.value:.3f}"


def metric_interval(found: FinalMetric) -> str:
    """Write its interval; a dash where there is none."""
    if found.ci_low is None or found.ci_high is None:
        return DASH
    return f"{found.ci_low:.3f} to {found.ci_high:.3f}"


def single_models(found: FinalMetric) -> str:
    """Write mean and standard deviation of the single models; a dash where there is none."""
    if found.single_mean is None:
        return DASH
    spread = "" if found.single_std is None else f" ± {found.single_std:.3f}"
    return f"{found.single_mean:.3f}{spread}"


def _interval(found: FinalMetric) -> str:
    return "" if found.ci_low is None else f" (95 % interval {metric_interval(found)})"


def _looks(record: FinalRecord) -> str:
    at = when(record.made.time)
    if not record.earlier:
        return f"The images were opened once, {at}, for version {record.decision_version} of the decision."
    looks = "; ".join(
        f"{each.chosen} of {each.phase}, {when(each.time)}"
        + ("" if each.value is None else f": {metric_name(each.metric)} {each.value:.3f}")
        for each in record.earlier
    )
    number = len(record.earlier) + 1
    return (
        f"The images were opened {number} times, this time {at}: who looks again can choose, so this number "
        f"is no longer free of selection. Before: {looks}."
    )
