"""Captions of the figures of single experiments: ROC, precision, reliability, confidence."""

from collections.abc import Collection, Mapping, Sequence

from orchestrator.wording.numbers import capital, number


def roc_caption(aucs: Mapping[str, float], *, has_two: bool, has_several: bool, is_choice: bool) -> str:
    """State what ROC curves show, and which experiment has the largest area.

    Args:
        aucs: mean AUC of each complete experiment that is drawn.
        has_two: whether one of them has two classes, and one curve per fold.
        has_several: whether one of them has more classes, and one curve per class.
        is_choice: whether only some of the experiments are drawn.
    """
    thin = "one test fold"
    if has_several:
        of_several = "one class against the rest, averaged over folds"
        thin = f"{thin}, or of several classes {of_several}" if has_two else of_several
    return (
        f"{_largest(aucs, is_choice)}Thin: {thin}. Thick: mean detection rate at equal false alarm rate, "
        "where no fold is missing. Dotted: chance. "
    )


def _largest(aucs: Mapping[str, float], is_choice: bool) -> str:
    """Name the one with the largest AUC; nothing where two look alike, or there is no other."""
    ranked = sorted(aucs, key=lambda name: -aucs[name])
    if len(ranked) < 2 or number(aucs[ranked[0]]) == number(aucs[ranked[1]]):
        return ""
    among = "Of those shown, " if is_choice else ""
    return f"{among}{ranked[0]} has the largest AUC ({number(aucs[ranked[0]])}). "


def precision_caption(chances: Collection[float]) -> str:
    """State what precision over recall shows; `chances` are the shares of fakes in the test images."""
    shares = sorted({f"{100 * chance:.1f}" for chance in chances}, key=float)
    share = shares[0] if len(shares) == 1 else f"{shares[0]} to {shares[-1]}"
    return (
        f"Precision hangs on the share of fakes, here {share} % of the test images of these folds (dotted: "
        "the precision of guessing). Thin: one test fold. Thick: mean precision at equal recall, where no "
        "fold is missing. "
    )


def reliability_caption(gains: Sequence[float], *, has_two: bool, has_several: bool) -> str:
    """State what reliability shows.

    Args:
        gains: by how much temperature scaling lowers the mean ECE of each experiment.
        has_two: whether one of them has two classes, and bins of P(fake).
        has_several: whether one of them has more, and bins of the probability of its likeliest class.
    """
    lowered = (
        f"Temperature scaling lowers the mean ECE of {sum(gain > 0 for gain in gains)} of {len(gains)} "
        f"{'experiment' if len(gains) == 1 else 'experiments'} (table below). "
        if gains
        else ""
    )
    axes = "Mean P(fake) and share of fakes" if has_two else ""
    if has_several:
        of_several = "mean confidence (the largest probability) and accuracy"
        axes = f"{axes}, or of several classes {of_several}," if has_two else capital(of_several)
    return (
        f"{lowered}{axes} in bins of equally many test images, all folds together; on the dotted "
        "line a probability can be taken at its word. Each fold is calibrated on its own inner validation "
        "images. "
    )


def confidence_caption(raw: Sequence[str], num_shown: int) -> str:
    """State what confidence shows; `raw` names those of `num_shown` experiments that are not calibrated."""
    caption = (
        "Confidence is max(p, 1 − p) of the calibrated probability, of several classes the largest one; "
        "shares of the test images of all folds, of two classes those of the fake images upwards (right: "
        "found, wrong: missed) and of the real ones downwards (wrong: false alarms). The wrong predictions "
        "of a detector that knows its limits are on the left. "
    )
    if raw:
        every = "None of these could" if len(raw) == num_shown else f"{', '.join(raw)} could not"
        caption += f"{every} be calibrated in each fold: the probabilities are shown as they were predicted. "
    return caption
