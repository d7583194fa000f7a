"""Sentences on what a phase's winner gains over its baselines, and what that takes."""

import math

from orchestrator.analysis.winner_gains import BetterBalanced, GainOver, WinnerGains
from orchestrator.wording.front_text import factors_text
from orchestrator.wording.numbers import metric_name, signed
from orchestrator.wording.ranking_text import interval_text, shown_text


def winner_sentence(found: WinnerGains) -> str:
    """Say who the winner is, and how it came to be it."""
    itself = " It is itself a baseline." if found.is_baseline and found.over else ""
    if found.is_decided:
        place = f"the first of {found.num_selected} that" if found.num_selected > 1 else "what"
        return f"{found.experiment} is {place} the decision took.{itself}"
    return (
        f"{found.experiment} has the best mean {metric_name(found.metric)}; no decision was taken, and the "
        f"best of several means is in part the luckiest.{itself}"
    )


def gain_sentences(found: WinnerGains) -> list[str]:
    """Say of each baseline what the winner gains over it, whether that is shown, and what it takes."""
    if not found.over:
        return [f"{found.experiment} is itself the only baseline: nothing is paid for a gain over it."]
    return [_gain_sentence(found, each) for each in found.over]


def balance_warning(found: WinnerGains) -> str:
    """Say which candidate tied with the winner scores more on its worst source; empty where none does."""
    if not found.better_balanced:
        return ""
    best = max(found.better_balanced, key=lambda each: each.difference)
    return (
        f"{found.experiment} is worse balanced over sources than {best.experiment}, with which it is tied: "
        f"on the worst source of each test fold {best.experiment} scores {_tied(best)}."
    )


def _tied(best: BetterBalanced) -> str:
    bounds = interval_text(best.low, best.high, sign=True)
    return f"{signed(best.difference)} in AUC{bounds}, {shown_text(best.p_value, best.p_holm)}"


def _gain_sentence(found: WinnerGains, over: GainOver) -> str:
    about = f"{found.experiment} against {over.baseline}"
    takes = factors_text(list(over.factors.items()))
    cost = f" It has {takes}." if takes else " What it costs beside it is not known."
    if math.isnan(over.gain):
        return f"{about}: no difference ({over.reason}).{cost}"
    bounds = interval_text(over.low, over.high, sign=True)
    said = shown_text(over.p_value, over.p_holm)
    if over.p_value != over.p_value and over.reason:
        said += f" ({over.reason})"
    return f"{about}: gain {signed(over.gain)} in {metric_name(found.metric)}{bounds}, {said}.{cost}"
