"""Sentences on the sweeps of a phase: what is tried on top of which experiment, and what is still to come."""

from collections.abc import Sequence

from orchestrator.store.decision_file import DecisionRecord
from orchestrator.store.sweep_record import SweepRecord
from orchestrator.wording.lists import few_named

MOST_NAMED = 4


def sweep_sentences(sweeps: Sequence[SweepRecord]) -> list[str]:
    """Say of each sweep what it tries, and of a search what it has proposed so far."""
    return [_search(each) if each.is_search else _grid(each) for each in sweeps]


def tried_text(record: DecisionRecord) -> str:
    """Say among how many tried settings a decision chose; empty where no sweep made any."""
    evidence = record.evidence
    if evidence.num_tried is None:
        return ""
    failed = (
        f" ({len(evidence.failed)} of them failed: {few_named(evidence.failed, MOST_NAMED)})"
        if evidence.failed
        else ""
    )
    return f" among {evidence.num_tried} tried settings{failed}"


def _grid(sweep: SweepRecord) -> str:
    said = f"Grid over {_keys(sweep)} on top of {sweep.base}: {_settings(sweep.num_planned)}"
    return f"{said}{_base_itself(sweep)}."


def _search(sweep: SweepRecord) -> str:
    found = len(sweep.settings)
    said = f"Search ({_how(sweep)}) over {_keys(sweep)} on top of {sweep.base}: "
    left = sweep.num_planned - found
    if not left:
        return f"{said}{_settings(found)}, all proposed{_base_itself(sweep)}{_given_up(sweep)}."
    return (
        f"{said}{found} of {_settings(sweep.num_planned)} so far{_base_itself(sweep)}"
        f"{_given_up(sweep)}; {left} more, proposed when these are finished."
    )


def _how(sweep: SweepRecord) -> str:
    """How a search proposes: its sampler, its seed, and how many settings at a time."""
    search = sweep.asked.get("search")
    asked = search if isinstance(search, dict) else {}
    sampler = {"tpe": "TPE", "random": "at random"}.get(str(asked.get("sampler")), str(asked.get("sampler")))
    return f"{sampler}, seed {asked.get('seed')}, {asked.get('parallel')} at a time"


def _settings(number: int) -> str:
    return "1 setting" if number == 1 else f"{number} settings"


def _keys(sweep: SweepRecord) -> str:
    return few_named(sweep.keys, len(sweep.keys))


def _base_itself(sweep: SweepRecord) -> str:
    return f", one of them {sweep.base} as it is" if sweep.base in sweep.experiments else ""


def _given_up(sweep: SweepRecord) -> str:
    failed = list(dict.fromkeys(each.experiment for each in sweep.settings if each.gave_up))
    if not failed:
        return ""
    named = few_named(failed, MOST_NAMED)
    return f"; it went on without {named}, which had no deciding score, or a failed trial"
