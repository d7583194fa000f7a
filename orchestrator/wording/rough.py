"""The sentence on intervals that rest on few groups of test images."""

from collections.abc import Mapping

from orchestrator.analysis.experiment_scores import ROUGH_GROUPS, Gathered


def rough_intervals(experiments: Mapping[str, Gathered]) -> str:
    """Say which experiments have so few groups a class and fold that intervals are rough; empty if none.

    Args:
        experiments: what the trials said, by the experiment's name.
    """
    rough = {name: each.fewest_groups for name, each in experiments.items() if each.has_rough_intervals}
    if not rough:
        return ""
    fewest = min(rough.values())
    groups = "1 group" if fewest == 1 else f"{fewest} groups"
    whose = "" if len(rough) == len(experiments) else f" of {', '.join(rough)}"
    return (
        f"Intervals{whose} are rough: a test fold has as few as {groups} of a class, and below "
        f"{ROUGH_GROUPS} they can hold the truth in less than 95 %. "
    )
