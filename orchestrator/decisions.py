"""Decision files: a phase's outcome, frozen, with its evidence and the hashes of all that it rests on.

results/decisions/<phase>.json is the decision in force; <phase>.v<N>.json are the versions that it replaced.
A decision is taken once. Asked again over the same rule and the same trials (keys and prediction hashes), not
a byte changes. Where something has moved, the decision stays all the same and what moved is said, with what
the rule would choose now; only `again` writes a new version.

`handed_over` is what the next phase takes: the values of the recipe keys in which the candidates differed, or
that were decided one by one. Where several experiments are selected, the next phase takes their names, and
what this phase had taken over itself.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator import provenance
from orchestrator.collect import Tables, collect
from orchestrator.decide import NOT_YET, Candidate, choose, differing_keys, read_candidates
from orchestrator.decision_file import digest, in_force, on_disk
from orchestrator.factors import choose_values
from orchestrator.store.folder import Store, read_trial
from orchestrator.store.records import Rule, StudyRecord
from trainables.errors import InputError
from trainables.files import write_json
from trainables.trial_files import FORMAT


@dataclass(frozen=True, slots=True)
class Decided:
    """The decision in force, and how it was come by.

    `record` is what the file holds. `is_new` tells whether this call wrote it. `moved` says what is no longer
    as it was when it was taken, and `now` what the rule would choose today, or why it can't.
    """

    record: Mapping[str, Any]
    path: Path
    is_new: bool
    moved: tuple[str, ...] = ()
    now: str = ""


def decide(store: Store, phase: str, *, again: bool = False, tables: Tables | None = None) -> Decided:
    """Take a phase's decision, or return the one that was taken.

    Args:
        store: results that can be written.
        phase: a phase that has run, and whose file has a decision rule.
        again: write a new version where something has moved.
        tables: what `collect` gave; None = it is called.

    Raises:
        InputError: the phase has no rule, its candidates are not all finished, or can't be compared.
    """
    tables = tables or collect(store, phase)
    rule = _rule(tables.study, phase)
    path = store.decision_file(phase)
    old = on_disk(store, phase) if again else in_force(store, phase)
    if old is not None and not again:
        moved, now = moved_since(old, store, tables)
        return Decided(old, path, is_new=False, moved=moved, now=now)
    candidates = read_candidates(tables, rule)
    trials = _trial_hashes(store, candidates)
    moved = () if old is None else _edited(old) or _moved(old, rule, trials)
    if old is not None and not moved:
        return Decided(old, path, is_new=False)
    outcome = _outcome(candidates, rule)
    version = 1 if old is None else int(old["version"]) + 1
    record = {
        "format": FORMAT,
        "phase": phase,
        "version": version,
        "preset": tables.study.preset,
        "data": [each.fingerprint for each in tables.study.data if each.fingerprint],
        "rule": rule.model_dump(mode="json"),
        **outcome,
        "handed_over": _handed_over(outcome, candidates, tables.study),
        "trials": trials,
        "moved": list(moved),
        "made": {
            "command": provenance.command_line(),
            "time": provenance.now(),
            "environment": provenance.environment().plain(),
        },
    }
    record["digest"] = digest(record)
    if old is not None:
        # First, so that at no moment a version is lost.
        write_json(store.decision_file(phase, version=int(old["version"])), old)
    write_json(path, record)
    return Decided(record, path, is_new=True, moved=moved)


def moved_since(old: Mapping[str, Any], store: Store, tables: Tables) -> tuple[tuple[str, ...], str]:
    """Say what is no longer as it was when a decision was taken, and what the rule would choose now.

    Nothing and an empty text where all is as it was.
    """
    cannot = "the rule can't be applied any more"
    if tables.study.phase.decision is None:
        return ("the phase has no decision rule any more",), cannot
    rule = _rule(tables.study, str(old["phase"]))
    try:
        candidates = read_candidates(tables, rule)
    except InputError as error:
        return tuple(line.removeprefix(NOT_YET) for line in str(error).splitlines()), cannot
    moved = _moved(old, rule, _trial_hashes(store, candidates))
    if not moved:
        return (), ""
    before, after = _said(old), _said(_outcome(candidates, rule))
    return moved, f"the rule would {'still' if before == after else 'now'} choose {after}"


def _rule(study: StudyRecord, phase: str) -> Rule:
    rule = study.phase.decision
    if rule is None:
        raise InputError(
            f'the last run of {phase} had no decision rule; give its phase.json a "decision", like '
            '{"choose": "auc"}, and run the phase again: finished trials are not run twice'
        )
    return rule


def _read_rule(rule: Mapping[str, Any]) -> Rule:
    return Rule.model_validate_json(json.dumps(rule))


def _outcome(candidates: Sequence[Candidate], rule: Rule) -> dict[str, Any]:
    return choose_values(candidates, rule) if rule.factors else choose(candidates, rule)


def _said(outcome: Mapping[str, Any]) -> str:
    """What was chosen, in a few words."""
    if "factors" in outcome:
        return ", ".join(f"{factor['key']} = {factor['value']}" for factor in outcome["factors"])
    return ", ".join(outcome.get("selected", [outcome["chosen"]]))


def _handed_over(
    outcome: Mapping[str, Any], candidates: Sequence[Candidate], study: StudyRecord
) -> dict[str, Any]:
    """What the next phase takes from this outcome."""
    if "factors" in outcome:
        return {factor["key"]: factor["value"] for factor in outcome["factors"]}
    recipes = {candidate.name: candidate.recipe for candidate in candidates}
    if "selected" not in outcome:
        return differing_keys(outcome["chosen"], recipes)
    taken = {key for each in study.handed_over for key in each.values}
    return {key: value for key, value in recipes[outcome["chosen"]].items() if key in taken}


def _edited(old: Mapping[str, Any]) -> tuple[str, ...]:
    is_edited = old.get("digest", digest(old)) != digest(old)
    return ("its file was edited after it was taken",) if is_edited else ()


def _trial_hashes(store: Store, candidates: Sequence[Candidate]) -> list[dict[str, Any]]:
    keys = {}
    for candidate in candidates:
        for place in candidate.trials:
            record = read_trial(candidate.folders[place])
            keys[candidate.name, place] = "" if record is None else record.key
    return [
        {
            "experiment": candidate.name,
            "repeat": place[0],
            "fold": place[1],
            "folder": store.called(candidate.folders[place]),
            "key": keys[candidate.name, place],
            "predictions_sha256": trial.sha256,
        }
        for candidate in candidates
        for place, trial in candidate.trials.items()
    ]


def _moved(old: Mapping[str, Any], rule: Rule, trials: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Say in which way rule and trials are not those that the decision was taken on."""
    lines = []
    # A rule of an earlier version has what it does not name by default.
    old_rule, new_rule = (each.model_dump(mode="json") for each in (_read_rule(old["rule"]), rule))
    for name in sorted(new_rule):
        before, after = old_rule[name], new_rule[name]
        if before != after:
            lines.append(f"the rule's {name} was {_text(before)} and is {_text(after)}")
    before_trials, now_trials = (
        {(each["experiment"], each["repeat"], each["fold"]): each for each in side}
        for side in (old["trials"], trials)
    )
    for place in sorted({*before_trials, *now_trials}):
        lines += _moved_trial(place, before_trials.get(place), now_trials.get(place))
    return tuple(lines)


def _moved_trial(
    place: tuple[str, int, int], before: Mapping[str, Any] | None, now: Mapping[str, Any] | None
) -> list[str]:
    name = f"{place[0]} repeat {place[1]} fold {place[2]}"
    if before is None or now is None:
        return [f"{name} was {'not part of it' if before is None else 'part of it and is no more'}"]
    if before["key"] != now["key"]:
        return [f"{name} is another trial: {before['key'][:12]} then, {now['key'][:12]} now"]
    if before["predictions_sha256"] != now["predictions_sha256"]:
        return [f"{name} has other predictions than then"]
    return []


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
