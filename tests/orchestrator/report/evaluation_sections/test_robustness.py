"""Section of robustness: conditions along the axis of each kind."""

from orchestrator.report.evaluation_sections.robustness import places_of

CONDITIONS = ("clean", "jpeg:90", "jpeg:50", "gamma:0.9", "gamma:2", "gamma:0.5", "blur:1", "resize:0.5")


def test_clean_stands_first_or_between_what_lies_on_both_sides_of_it() -> None:
    """Catches a curve that jumps from darker to brighter images and back."""
    assert places_of("jpeg", CONDITIONS) == ["clean", "jpeg:90", "jpeg:50"]
    assert places_of("gamma", CONDITIONS) == ["gamma:0.5", "gamma:0.9", "clean", "gamma:2"]
    assert places_of("resize", CONDITIONS) == ["clean", "resize:0.5"]
