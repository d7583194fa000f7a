"""Robustness in sentences: what each perturbation does to each detector, and which of them holds out best."""

from collections.abc import Sequence

from orchestrator.analysis.elsewhere_pairs import DetectorDifference
from orchestrator.analysis.robustness import HEADLINE, ConditionScore, RobustMean, Robustness
from orchestrator.store.evaluation_files import CLEAN
from orchestrator.wording.lists import few_named
from orchestrator.wording.numbers import between, capital, metric_name, number, p_text, signed
from trainables.evaluation.metrics import TUNED

ALPHA = 0.05
MOST_TOLD = 6
KIND_NAMES = {
    "jpeg": "JPEG compression",
    "webp": "WebP compression",
    "blur": "Gaussian blur",
    "resize": "shrinking and enlarging",
    "noise": "Gaussian noise",
    "contrast": "changed contrast",
    "gamma": "changed gamma",
}
CONFOUNDED = (
    "The files of these images alone give the classes away, which --accept-shortcut let pass: a perturbation "
    "may change one class more than the other because of how its files were written."
)
AT_HOME = f"balanced_accuracy{TUNED}"


def robustness_sentences(found: Robustness) -> list[str]:
    """Say how well detectors hold out over all conditions, and which of them does better."""
    lines = [robust_mean_sentence(row, found.conditions) for row in found.means[:MOST_TOLD]]
    ordered = sorted(found.differences, key=lambda row: (row.p_holm != row.p_holm, row.p_holm))
    lines += [robust_difference_sentence(row) for row in ordered[:MOST_TOLD]]
    if found.clean_only:
        named = few_named(found.clean_only)
        lines.append(f"{named}: scores of the clean images alone, so that perturbations say nothing of them.")
    return lines


def robust_mean_sentence(row: RobustMean, conditions: Sequence[str]) -> str:
    """Say a detector's mean AUC over all conditions, or why there is none."""
    if row.mean != row.mean:
        return f"{row.detector}: no mean over the conditions: {row.reason}."
    kinds = len({each.partition(":")[0] for each in conditions}) - 1
    what = f"{kinds} {'kind' if kinds == 1 else 'kinds'} of perturbation"
    said = f"{row.detector}: mean AUC {number(row.mean)} over the clean images and {what}"
    if row.ci_low != row.ci_low:
        return f"{said}; there are too few groups of images for an interval."
    return f"{said} (95 % interval {between(row.ci_low, row.ci_high)})."


def robust_difference_sentence(row: DetectorDifference) -> str:
    """Say which of two detectors reaches more over all conditions, or that none is shown to."""
    if row.p_holm != row.p_holm:
        return f"{row.treatment} against {row.baseline} can't be tested: {row.reason}."
    tested = (
        f"mean AUC {signed(row.mean_diff)}, 95 % interval {signed(row.ci_low)} to {signed(row.ci_high)}, "
        f"Holm-corrected {p_text(row.p_holm)}"
    )
    if row.p_holm < ALPHA:
        level = "higher" if row.mean_diff > 0 else "lower"
        return f"Over all conditions {row.treatment} reaches a {level} mean than {row.baseline} ({tested})."
    return f"Over all conditions no difference of {row.treatment} and {row.baseline} is shown ({tested})."


def perturbation_sentences(rows: Sequence[ConditionScore], at_home: Sequence[ConditionScore]) -> list[str]:
    """Say what each kind of perturbation does to one detector.

    Args:
        rows: its AUC under every condition.
        at_home: its balanced accuracy at the home thresholds, or nothing.
    """
    lines = []
    for kind in dict.fromkeys(row.kind for row in rows if row.kind != CLEAN):
        mine = [row for row in rows if row.kind == kind]
        lines.append(_kind_sentence(kind, mine, [row for row in at_home if row.kind == kind]))
    return lines


def _kind_sentence(kind: str, rows: Sequence[ConditionScore], at_home: Sequence[ConditionScore]) -> str:
    name = capital(KIND_NAMES.get(kind, kind))
    known = [row for row in rows if row.p_holm == row.p_holm]
    if not known:
        return f"{name}: no change can be tested: {rows[0].reason}."
    largest = max(known, key=lambda row: abs(row.change))
    shown = [row for row in known if row.p_holm < ALPHA]
    if not shown:
        said = f"{name}: no change of the AUC is shown; the largest is {_change(largest)}."
    else:
        most = max(shown, key=lambda row: abs(row.change))
        verb = "lowers" if most.change < 0 else "raises"
        named = few_named([row.condition for row in shown if (row.change < 0) == (most.change < 0)])
        others = few_named([row.condition for row in shown if (row.change < 0) != (most.change < 0)])
        said = f"{name} {verb} the AUC to {number(most.mean)}: {_change(most)}"
        said += f"; shown under {named}" if len(known) > 1 else ""
        said += f", and the opposite under {others}." if others else "."
    moved = [row for row in at_home if row.p_holm == row.p_holm and row.p_holm < ALPHA and row.change < 0]
    if moved and not shown:
        worst = min(moved, key=lambda row: row.change)
        said += (
            f" At the home thresholds it does harm all the same: {metric_name('balanced_accuracy')} "
            f"falls to {number(worst.mean)}, {_change(worst)}."
        )
    return said


def _change(row: ConditionScore) -> str:
    return (
        f"{signed(row.change)} under {row.condition} (95 % interval {signed(row.change_low)} to "
        f"{signed(row.change_high)}, Holm-corrected {p_text(row.p_holm)})"
    )


def robustness_caption(found: Robustness, *, shown: int) -> str:
    """State what the curves show, and how many changes are shown."""
    tested = [row for row in found.scores if row.metric == HEADLINE and row.p_holm == row.p_holm]
    lower = sum(row.p_holm < ALPHA and row.change < 0 for row in tested)
    more = f" The first {shown} of {len(found.means)} detectors." if shown < len(found.means) else ""
    return (
        f"Of {len(tested)} pairs of a detector and a perturbation, {lower} "
        f"{'has' if lower == 1 else 'have'} a lower AUC than the clean images (Holm-corrected). Mean AUC "
        "over models, with the 95 % interval for other models and other images; strengths evenly spaced, "
        f"from the mildest on, or on both sides of the clean images.{more}"
    )


def robustness_note() -> str:
    """Explain what is perturbed, how changes are tested, and how conditions are weighed."""
    return (
        "Each image is changed as a whole, at its own size, before it is cut and resized; faces are those of "
        "the clean image. So every condition has the same images and models as the clean one, and changes "
        "are paired by both; p is corrected by Holm over the conditions of a detector, and over all pairs of "
        "detectors. In the mean over conditions the clean images and each kind of perturbation weigh the "
        "same, and the strengths of a kind share its weight; it is a mean over these conditions and no "
        "others. A single model has an interval for other images alone. What is not shown may be there all "
        "the same."
    )
