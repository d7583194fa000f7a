"""Attention of models in sentences: which images, whether maps are to be trusted, where they lie.

A map that is not shown to matter to its score more than a random one is called so; what it shows is then no
evidence of what a model looks at.
"""

import math
from collections.abc import Sequence

from orchestrator.analysis.attention import Attention, MapNumbers, RegionShare, ShareDifference
from orchestrator.statistics.group_means import GroupMean
from orchestrator.store.explanation_files import Explanations
from orchestrator.wording.lists import few_named
from orchestrator.wording.numbers import number, p_text, signed
from orchestrator.wording.shortcut_questions import QuestionAnswer

QUESTION = "What do the models look at?"
MOST_TOLD = 6
SIGNIFICANT = 0.05
TOO_FEW = "too few images"
REGION_NAMES = {
    "eyes": "the eyes",
    "mouth": "the mouth",
    "face_rest": "the rest of the face",
    "hair": "hair and outline",
    "background": "the background",
}
OUTCOME_NAMES = {
    "all": "all",
    "true_fake": "fake, taken for fake",
    "false_fake": "real, taken for fake",
    "true_real": "real, taken for real",
    "false_real": "fake, taken for real",
}


def how_to_explain(phase: str) -> str:
    """Return the command that explains a phase."""
    return f"python -m orchestrator explain-images {phase}"


def not_explained_sentence(phase: str) -> str:
    """Say that nobody looked where models look, and how it is done."""
    return (
        "Nothing in these results says where the models look: no image was explained. "
        f"{how_to_explain(phase)} does that, and checks what the maps are worth."
    )


def pictures_sentence(experiment: str) -> str:
    """Say what a few pictures of an experiment are."""
    return (
        f"Grad-CAM of {experiment}, each image by the model that did not train on it and for the class that "
        "it was taken for. Images are chosen by rule and are no random sample; a map says where a model "
        "finds something, not what."
    )


def picture_caption(outcome: str, source: str, score: float) -> str:
    """Say of an image what it is, what it was taken for, and with which score."""
    return f"{source}: {OUTCOME_NAMES[outcome]}, P(fake) {number(score)}"


def images_sentence(found: Explanations) -> str:
    """Say by which rule the images were chosen."""
    return (
        f"{len(found.images)} images, the same for every experiment that was tested on them, chosen by rule "
        "from the stored scores of the test folds: of each source in turn one that some model got wrong, "
        "one that some model got right, then such of which it was less sure; among these those that most "
        "experiments were tested on, of different groups, and else by a hash of the file, which is as good "
        "as a lot. They are no random sample of the images: wrong ones are more frequent here. Each image "
        "is explained by the model whose test fold held it, and for the class that it was taken for."
    )


def matters_sentence(found: MapNumbers) -> str:
    """Say whether an experiment's maps matter to its scores more than random ones."""
    road, blur = found.gain_road, found.gain_blur
    if math.isnan(road.low) or math.isnan(blur.low):
        why = "are too few" if road.is_too_few or blur.is_too_few else "give no spread"
        return (
            f"{found.experiment}: whether its maps matter to its scores can't be told from {road.num_images} "
            f"images, which {why}."
        )
    evidence = (
        f"area below the deletion curve minus that of random maps {_mean_text(road)} where removed pixels "
        f"are imputed, {_mean_text(blur)} where they are blurred, over {road.num_images} images; for both, "
        f"Holm-corrected over experiments {p_text(found.p_holm)}"
    )
    if found.is_shown_to_matter:
        return f"{found.experiment}: its maps matter to its scores more than random ones ({evidence})."
    if found.p_holm < SIGNIFICANT and min(road.mean, blur.mean) > 0.0:
        return f"{found.experiment}: its maps matter less to its scores than random ones ({evidence})."
    return (
        f"{found.experiment}: its maps are not shown to matter to its scores more than random ones "
        f"({evidence}), so that they are no evidence of what it looks at."
    )


def focus_sentence(experiment: str, shares: Sequence[RegionShare]) -> str:
    """Say which regions have more of an experiment's maps than their part of the picture."""
    if not shares or math.isnan(shares[0].share.mean):
        return f"{experiment}: no face was found in the images, so that its maps have no regions."
    more = [each for each in shares if each.is_shown and each.above_uniform.mean > 0.0]
    less = [each for each in shares if each.is_shown and each.above_uniform.mean < 0.0]
    if not more and not less:
        most = max(shares, key=lambda each: each.share.mean)
        return (
            f"{experiment}: no region is shown to have more or less of the map than of the picture; most of "
            f"the map, {number(most.share.mean)}, lies on {REGION_NAMES[most.region]}, "
            f"{_above_text(most)}."
        )
    parts = [
        f"{word} on {few_named([_region_text(each) for each in regions])}"
        for word, regions in (("more", more), ("less", less))
        if regions
    ]
    return f"{experiment}: its maps lie {', and '.join(parts)} than an even map would."


def share_difference_sentences(found: Sequence[ShareDifference]) -> tuple[str, ...]:
    """Say which compared experiments look elsewhere; nothing where none were compared."""
    known = [each for each in found if not math.isnan(each.difference.low)]
    if not known:
        return ()
    shown = sorted((each for each in known if each.is_shown), key=lambda each: each.p_holm)
    if not shown:
        most = max(known, key=lambda each: abs(each.difference.mean))
        return (
            f"Of {len(known)} compared shares none is shown to differ between experiments; the largest "
            f"difference is that of {_difference_text(most)}. Models may look elsewhere all the same.",
        )
    lead = f"Of {len(known)} compared shares {len(shown)} are shown to differ between experiments."
    lines = [f"{_difference_text(each)}." for each in shown[:MOST_TOLD]]
    more = len(shown) - MOST_TOLD
    return (lead, *lines, *([f"{more} more are in tables/attention.csv."] if more > 0 else []))


def attention_answer(found: Attention) -> QuestionAnswer:
    """Answer what the models look at, with the evidence and with what maps can't tell."""
    overall = [each for each in found.maps if each.outcome == "all"]
    trusted = [each.experiment for each in overall if each.is_shown_to_matter]
    others = [each.experiment for each in overall if not each.is_shown_to_matter]
    if not trusted:
        first = (
            f"Not answered: of none of {len(overall)} experiments are the Grad-CAM maps shown to matter to "
            "the scores more than random maps."
        )
        return QuestionAnswer(QUESTION, (first, *(matters_sentence(each) for each in overall[:MOST_TOLD])))
    lines = [
        f"Of {len(overall)} experiments, the Grad-CAM maps of {few_named(trusted)} are shown to matter to "
        "the scores more than random maps."
    ]
    lines += [focus_sentence(name, found.shares_of(name)) for name in trusted[:MOST_TOLD]]
    if others:
        lines.append(f"Not shown to matter, and so no evidence: the maps of {few_named(others)}.")
    lines += share_difference_sentences(
        [each for each in found.differences if {each.baseline, each.treatment} <= set(trusted)]
    )
    return QuestionAnswer(QUESTION, tuple(lines))


def _region_text(found: RegionShare) -> str:
    return f"{REGION_NAMES[found.region]} ({number(found.share.mean)} of the map, {_above_text(found)})"


def _above_text(found: RegionShare) -> str:
    """What a region has of the map beyond its part of the picture, with the test that tells."""
    above = found.above_uniform
    said = f"{signed(above.mean)} above its part of the picture"
    if math.isnan(above.low) or math.isnan(found.p_holm):
        return f"{said}, of which {'so few' if above.is_too_few else 'these'} images give no interval"
    return (
        f"{said}, 95 % interval {signed(above.low)} to {signed(above.high)}, Holm-corrected "
        f"{p_text(found.p_holm)}"
    )


def _difference_text(found: ShareDifference) -> str:
    said = found.difference
    return (
        f"{found.treatment} against {found.baseline} on {REGION_NAMES[found.region]}, {signed(said.mean)} "
        f"(95 % interval {signed(said.low)} to {signed(said.high)}, Holm-corrected {p_text(found.p_holm)}, "
        f"{said.num_images} images)"
    )


def _mean_text(found: GroupMean) -> str:
    if math.isnan(found.low):
        return signed(found.mean)
    interval = f"95 % interval {signed(found.low)} to {signed(found.high)}"
    return f"{signed(found.mean)} ({interval}, {p_text(found.p_value)})"
