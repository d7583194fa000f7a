"""Decision files: a phase's outcome, frozen, with its evidence and the hashes of all that it rests on.

results/decisions/<phase>.json is the decision in force; <phase>.v<N>.json are the versions that it replaced.
A decision is taken once. Asked again over the same rule and the same trials (keys and prediction hashes), not
a byte changes. Where something has moved, the decision stays all the same and what moved is said, with what
the rule would choose now; only `again` writes a new version.

`handed_over` is what the next phase takes: the values of the recipe keys in which the candidates differed, or
that were decided one by one. Where several experiments are selected, the next phase takes their names, and
what this phase had taken over itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from orchestrator.analysis.collect import Tables, collect
from orchestrator.decisions.decide import NOT_YET, Candidate, choose, differing_keys, read_candidates
from orchestrator.decisions.factors import choose_values
from orchestrator.decisions.tried import tried_candidates
from orchestrator.decisions.winner import with_winner
from orchestrator.store import provenance
from orchestrator.store.decision_file import (
    DecisionRecord,
    Outcome,
    TakenBy,
    TrialHash,
    in_force,
    is_edited,
    on_disk,
    write_decision,
)
from orchestrator.store.folder import Store, read_trial
from orchestrator.store.race_file import EliminationRecord
from orchestrator.store.records import Rule, StudyRecord
from trainables.errors import InputError
from trainables.trial_files import FORMAT

OLD_RULE = "its rule was that of an earlier version: means within rope were tied, seconds of training decided"
EDITED = ("its file was edited after it was taken",)


@dataclass(frozen=True, slots=True)
class Decided:
    """The decision in force, and how it was come by.

    `record` is what the file holds. `is_new` tells whether this call wrote it. `moved` says what is no longer
    as it was when it was taken, and `now` what the rule would choose today, or why it can't.
    """

    record: DecisionRecord
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
    tried = tried_candidates(tables, rule)
    rule = rule if tried is None else tried.rule
    candidates = read_candidates(tables, rule)
    trials = _trial_hashes(store, candidates)
    changed: tuple[str, ...] = ()
    if old is not None:
        changed = EDITED if is_edited(store, phase) else _moved(old, rule, trials)
    if old is not None and not changed:
        return Decided(old, path, is_new=False)
    has_held_out = any(each.held_out_file is not None for each in tables.study.experiments)
    outcome = with_winner(_outcome(candidates, rule), candidates, rule, has_held_out=has_held_out)
    outcome = outcome if tried is None else tried.told_in(outcome)
    record = DecisionRecord(
        format=FORMAT,
        phase=phase,
        version=1 if old is None else old.version + 1,
        preset=tables.study.preset,
        data=tuple(each.fingerprint for each in tables.study.data if each.fingerprint),
        # Every key of it is written down, those too that its file leaves at their defaults.
        rule=rule.model_copy(update=dict(rule)),
        **{name: getattr(outcome, name) for name in outcome.model_fields_set},
        handed_over=_handed_over(outcome, rule, tables.study),
        trials=trials,
        **_eliminated(tables, rule),
        moved=changed,
        made=TakenBy(
            command=provenance.command_line(), time=provenance.now(), environment=provenance.environment()
        ),
    ).with_digest()
    write_decision(store, record, replaces=None if old is None else old.version)
    return Decided(record, path, is_new=True, moved=changed)


def moved_since(old: DecisionRecord, store: Store, tables: Tables) -> tuple[tuple[str, ...], str]:
    """Say what is no longer as it was when a decision was taken, and what the rule would choose now.

    Nothing and an empty text where all is as it was.
    """
    cannot = "the rule can't be applied any more"
    if tables.study.phase.decision is None:
        return ("the phase has no decision rule any more",), cannot
    rule = _rule(tables.study, old.phase)
    try:
        tried = tried_candidates(tables, rule)
        rule = rule if tried is None else tried.rule
        candidates = read_candidates(tables, rule)
        moved = _moved(old, rule, _trial_hashes(store, candidates))
        if not moved:
            return (), ""
        before, after = _said(old), _said(_outcome(candidates, rule))
    except InputError as error:
        return tuple(line.removeprefix(NOT_YET) for line in error.lines), cannot
    return moved, f"the rule would {'still' if before == after else 'now'} choose {after}"


def _rule(study: StudyRecord, phase: str) -> Rule:
    rule = study.phase.decision
    if rule is None:
        raise InputError(
            f'the last run of {phase} had no decision rule; give its phase.json a "decision", like '
            '{"choose": "auc"}, and run the phase again: finished trials are not run twice'
        )
    return rule


def _outcome(candidates: Sequence[Candidate], rule: Rule) -> Outcome:
    return choose_values(candidates, rule) if rule.factors else choose(candidates, rule)


def _said(outcome: Outcome) -> str:
    """What was chosen, in a few words."""
    if outcome.factors:
        return ", ".join(f"{factor.key} = {factor.value}" for factor in outcome.factors)
    return ", ".join(outcome.selected or [str(outcome.chosen)])


def _eliminated(tables: Tables, rule: Rule) -> dict[str, tuple[EliminationRecord, ...]]:
    """Candidates that left a race; a decision without one says nothing of it."""
    found = tuple(
        each.elimination
        for name in rule.names
        if (each := tables.experiments.get(name)) is not None and each.elimination is not None
    )
    return {"eliminated": found} if found else {}


def _handed_over(outcome: Outcome, rule: Rule, study: StudyRecord) -> dict[str, JsonValue]:
    """What the next phase takes from this outcome. What left a race was chosen among, too."""
    if outcome.factors:
        return {factor.key: factor.value for factor in outcome.factors}
    recipes = {each.name: each.recipe.plain() for each in study.experiments if each.name in rule.names}
    assert outcome.chosen is not None, "what decides no keys chooses an experiment"
    if not outcome.selected:
        return differing_keys(outcome.chosen, recipes)
    taken = {key for each in study.handed_over for key in each.values}
    return {key: value for key, value in recipes[outcome.chosen].items() if key in taken}


def _trial_hashes(store: Store, candidates: Sequence[Candidate]) -> tuple[TrialHash, ...]:
    keys = {}
    for candidate in candidates:
        for place in candidate.trials:
            record = read_trial(candidate.folders[place])
            keys[candidate.name, place] = "" if record is None else record.key
    return tuple(
        TrialHash(
            experiment=candidate.name,
            repeat=place[0],
            fold=place[1],
            folder=store.called(candidate.folders[place]),
            key=keys[candidate.name, place],
            predictions_sha256=trial.sha256,
        )
        for candidate in candidates
        for place, trial in candidate.trials.items()
    )


def _moved(old: DecisionRecord, rule: Rule, trials: Sequence[TrialHash]) -> tuple[str, ...]:
    """Say in which way rule and trials are not those that the decision was taken on."""
    # What earlier versions tied by means within rope and gave to the least seconds may go to another one.
    lines = [] if old.evidence.sure is not None else [OLD_RULE]
    # A rule of an earlier version has what it does not name by default.
    old_rule, new_rule = (each.model_dump(mode="json") for each in (old.rule, rule))
    for name in sorted(new_rule):
        before, after = old_rule[name], new_rule[name]
        if before != after:
            lines.append(f"the rule's {name} was {_text(before)} and is {_text(after)}")
    before_trials, now_trials = (
        {(each.experiment, each.repeat, each.fold): each for each in side} for side in (old.trials, trials)
    )
    # What ran on after it had left a race: of each experiment one line.
    back = {each.experiment for each in old.eliminated} & {each.experiment for each in trials}
    lines += [f"{name} had left a race then, and has run all folds since" for name in sorted(back)]
    for place in sorted(each for each in {*before_trials, *now_trials} if each[0] not in back):
        lines += _moved_trial(place, before_trials.get(place), now_trials.get(place))
    return tuple(lines)


def _moved_trial(place: tuple[str, int, int], before: TrialHash | None, now: TrialHash | None) -> list[str]:
    name = f"{place[0]} repeat {place[1]} fold {place[2]}"
    if before is None or now is None:
        return [f"{name} was {'not part of it' if before is None else 'part of it and is no more'}"]
    if before.key != now.key:
        return [f"{name} is another trial: {before.key[:12]} then, {now.key[:12]} now"]
    if before.predictions_sha256 != now.predictions_sha256:
        return [f"{name} has other predictions than then"]
    return []


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
