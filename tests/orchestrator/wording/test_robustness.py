"""Robustness in sentences: each claim with its interval and p, and nothing of what is not shown."""

from orchestrator.analysis.elsewhere_pairs import DetectorDifference
from orchestrator.analysis.robustness import ConditionScore, RobustMean, Robustness
from orchestrator.wording.robustness import (
    perturbation_sentences,
    robustness_caption,
    robustness_sentences,
)


def row(
    condition: str, change: float, p_holm: float, metric: str = "auc", reason: str = ""
) -> ConditionScore:
    kind, _, strength = condition.partition(":")
    return ConditionScore(
        "a", condition, kind, float(strength), metric, 100, 100, 1, 1, mean=0.8 + change, change=change,
        change_low=change - 0.02, change_high=change + 0.02, p_value=p_holm / 2, p_holm=p_holm, reason=reason,
    )  # fmt: skip


def test_a_kind_that_harms_is_said_with_the_strengths_under_which_it_is_shown() -> None:
    """Catches strengths beyond the first that are taken to do harm too, and a kind that does both."""
    rows = [row("jpeg:90", -0.04, 0.02), row("jpeg:70", -0.03, 0.4), row("jpeg:50", -0.1, 0.001)]
    (said,) = perturbation_sentences(rows, [])
    assert said == (
        "JPEG compression lowers the AUC to 0.700: -0.100 under jpeg:50 (95 % interval -0.120 to -0.080, "
        "Holm-corrected p = 0.001); shown under jpeg:90 and jpeg:50."
    )
    (both,) = perturbation_sentences([row("gamma:0.5", 0.02, 0.01), row("gamma:2", -0.1, 0.001)], [])
    assert "lowers the AUC to 0.700" in both
    assert both.endswith("; shown under gamma:2, and the opposite under gamma:0.5.")


def test_what_is_not_shown_is_not_called_flat_and_harm_at_the_home_threshold_is_said() -> None:
    """Catches "no effect" for what was not shown, and a threshold that fails behind a steady AUC."""
    rows = [row("blur:1", -0.005, 1.0), row("noise:4", 0.002, 1.0)]
    at_home = [row("blur:1", -0.2, 0.004, "balanced_accuracy_tuned")]
    blurred, noisy = perturbation_sentences(rows, at_home)
    assert "blur: no change of the AUC is shown; the largest is -0.005 under blur:1 (95 % interval" in blurred
    assert "At the home thresholds it does harm all the same: balanced accuracy falls to 0.600, -0" in blurred
    assert "home" not in noisy
    (untested,) = perturbation_sentences([row("gamma:2", float("nan"), float("nan"), reason="too few")], [])
    assert untested == "Changed gamma: no change can be tested: too few."


def test_means_and_differences_carry_their_intervals() -> None:
    found = Robustness(
        ("clean", "jpeg:90", "jpeg:50", "blur:1"),
        (row("jpeg:90", -0.1, 0.001), row("blur:1", -0.1, 0.2)),
        (
            RobustMean("a", 4, 5, 5, 0.8, 0.01, 0.7, 0.9),
            RobustMean("b", 4, 2, 5, reason="2 of 5 models"),
            RobustMean("d", 4, 1, 1, 0.8),
        ),
        (
            DetectorDifference(
                "a", "c", "auc", "all", 100, 100, 5, True, mean_diff=0.05, ci_low=-0.01, ci_high=0.11,
                p_value=0.1, p_holm=0.2,
            ),
        ),
        clean_only=("theirs",),
    )  # fmt: skip
    assert robustness_sentences(found) == [
        "a: mean AUC 0.800 over the clean images and 2 kinds of perturbation (95 % interval 0.700 to 0.900).",
        "b: no mean over the conditions: 2 of 5 models.",
        "d: mean AUC 0.800 over the clean images and 2 kinds of perturbation; there are too few groups of "
        "images for an interval.",
        "Over all conditions no difference of c and a is shown (mean AUC +0.050, 95 % interval -0.010 to "
        "+0.110, Holm-corrected p = 0.200).",
        "theirs: scores of the clean images alone, so that perturbations say nothing of them.",
    ]
    assert robustness_caption(found, shown=1).startswith("Of 2 pairs of a detector and a perturbation, 1 has")
    assert "The first 1 of 3 detectors." in robustness_caption(found, shown=1)
