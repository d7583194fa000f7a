"""Learning curves over the amount of data in sentences: what it gave, what twice as much would give."""

import math

from orchestrator.analysis.scaling import SURE_CROSSING, Crossing, Estimate, ModelScaling, Scaling
from orchestrator.wording.numbers import between, capital, integer, metric_name, number, p_text, signed
from trainables.evaluation.metrics import LOWER_IS_BETTER

MOST_TOLD = 6


def scaling_sentences(scaling: Scaling) -> list[str]:
    """Say of each model what more data gives, the first MOST_TOLD of them."""
    return [model_sentence(model, scaling.metric) for model in scaling.models[:MOST_TOLD]]


def model_sentence(model: ModelScaling, metric: str) -> str:
    """Say what each doubling of the data gave a model, and what twice the data would give."""
    name = metric_name(metric)
    if model.doubling is None:
        return f"{model.name}: no learning curve: {model.reason}."
    found, (first, last) = model.doubling.difference, (model.sizes[0], model.sizes[-1])
    shown = "" if model.is_change_shown else "; that more data changes it is not shown"
    sizes = (
        f"{number(first.mean)} with {images_text(first.images)} training images and {number(last.mean)} with "
        f"{images_text(last.images)}"
    )
    tested = f"95 % interval {signed(found.low)} to {signed(found.high)}, {doubling_p(model)}"
    said = (
        f"{model.name}: {name} {sizes}: better by {signed(found.mean)} with each doubling ({tested}){shown}."
    )
    if model.curve is None:
        return f"{said} {capital(model.reason)}."
    predicted, gain, twice = model.curve.predicted, model.curve.gain, images_text(model.curve.images[-1])
    value = f"{number(predicted.value)} ({_interval(predicted)})"
    said += f" Twice the data ({twice} images) would give {name} {value}"
    better = f"{signed(gain.value)} (95 % interval {signed(gain.low)} to {signed(gain.high)})"
    if model.is_gain_shown:
        return f"{said}, better by {better} than now."
    return f"{said}; that this is better than now is not shown: {better}."


def doubling_p(model: ModelScaling) -> str:
    """Say the p-value of a measured gain, and the corrected one where there are several models."""
    p = math.nan if model.doubling is None else model.doubling.p_value
    several = model.p_holm == model.p_holm and model.p_holm != p
    return f"{p_text(p)}, Holm-corrected {p_text(model.p_holm)}" if several else p_text(p)


def crossing_sentence(found: Crossing) -> str:
    """Say where the curves of two models cross, or that they do not, and how sure that is."""
    if found.reason:
        return f"{found.one} and {found.other}: where their curves cross can't be said: {found.reason}."
    behind = found.other if found.ahead_first == found.one else found.one
    share = f"{100 * found.share:.0f} % of the drawn curves cross"
    bounds = "" if math.isnan(found.low) else f", 95 % of these {_range(found)}"
    if math.isnan(found.images):
        ahead = f"By the fitted curves {found.ahead_first} stays ahead of {behind}"
        return f"{ahead}: no crossing up to twice the data ({share}{bounds})."
    sure = "" if found.share > SURE_CROSSING else ": a crossing is not shown"
    return (
        f"{behind} overtakes {found.ahead_first} at about {images_text(found.images)} training images "
        f"({share}{bounds}){sure}."
    )


def scaling_caption(scaling: Scaling, *, shown: int) -> str:
    """State what the figure of learning curves shows, and how many models are predicted to gain."""
    curves = [each for each in scaling.models if each.curve is not None]
    gaining = sum(each.is_gain_shown for each in curves)
    said = (
        f"Of {len(curves)} fitted {'curve' if len(curves) == 1 else 'curves'}, {gaining} " if curves else ""
    )
    said += f"{'shows' if gaining == 1 else 'show'} a gain from twice the data. " if curves else ""
    more = f" The first {shown} of {len(scaling.models)} models." if shown < len(scaling.models) else ""
    law = (
        " Line: the fitted power law, dashed beyond the data, where it is a prediction; band: 95 % of the "
        "laws of drawn folds."
        if curves
        else ""
    )
    return (
        f"{said}Mean {metric_name(scaling.metric)} over the test folds at each size, with its corrected 95 % "
        f"interval.{law}{more}"
    )


def law_note(metric: str) -> str:
    """Explain what is fitted, how sure it is, and what is not claimed."""
    error = metric_name(metric) if metric in LOWER_IS_BETTER else f"1 − {metric_name(metric)}"
    return (
        f"The law is error = c + a · n^−b with error = {error}, c ≥ 0 and n the images that weights are "
        "learned from in a fold. Three sizes fit three numbers exactly, so that the fit itself proves "
        "nothing: what is said rests on the interval at twice the data, from laws of drawn folds (the same "
        "folds for all sizes and models, corrected for common training images). A gain counts as shown where "
        "its interval is above 0 and the measured gain per doubling is shown, too, its p corrected by Holm "
        "over the models. Nothing is said beyond twice "
        "the data, and what is not shown may be there all the same."
    )


def images_text(images: float) -> str:
    """Write a number of training images, which is a mean over folds."""
    return integer(round(images))


def _interval(found: Estimate) -> str:
    return f"95 % interval {between(found.low, found.high)}"


def _range(found: Crossing) -> str:
    return f"between {images_text(found.low)} and {images_text(found.high)} images"
