"""Sentences on explained images for a reader who sees a few of them: what they show, and what they can't."""

from orchestrator.store.explanation_files import Explanations
from orchestrator.wording.numbers import number

TAKEN_FOR = {
    "true_fake": "fake, taken for fake",
    "false_fake": "real, taken for fake",
    "true_real": "real, taken for real",
    "false_real": "fake, taken for real",
}


def not_explained_sentence(phase: str) -> str:
    """Say that nobody looked, and how it is done."""
    return (
        "Nothing in these results says where the models look: no image was explained. "
        f"python -m orchestrator explain-images {phase} does that, and checks what the maps are worth."
    )


def explained_sentences(found: Explanations, experiment: str) -> list[str]:
    """Say what the pictures of an experiment are, how they were chosen, and what they do not show."""
    rows = found.numbers[found.numbers["experiment"] == experiment]
    return [
        f"Grad-CAM over {len(rows)} images of the test folds, each by the model that did not train on it and "
        "for the class that it was taken for; the brighter, the more speaks for that class there. Images are "
        "chosen by rule, wrong ones first, and are no random sample.",
        "A map says where a model finds something, not what. Whether maps matter to the scores more than "
        "random ones, and which part of the face has most of them, is tested on the page of the phase.",
    ]


def explained_image_text(outcome: str, source: str, score: float) -> str:
    """Say of an image what it is, what it was taken for, and with which score."""
    return f"{source}: {TAKEN_FOR[outcome]}, P(fake) {number(score)}"
