"""decisions/<phase>.json: a phase's outcome with its evidence, its one reader and its one writer.

A decision holds the hash of what it says, so that one that was edited is known. Those of earlier versions of
the program have none, and are believed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from orchestrator.store.fingerprint import fingerprint
from orchestrator.store.folder import Store
from orchestrator.store.race_file import EliminationRecord
from orchestrator.store.record import Record
from orchestrator.store.record_file import plain_record, read_record, refuse_other_name
from orchestrator.store.records import Rule
from orchestrator.store.run_record import Environment
from trainables.errors import InputError
from trainables.files import read_file, replace_file, write_json
from trainables.trial_files import FORMAT


class MeanScore(Record):
    """Scores by fold: how many, mean and std (ddof 1), and an interval of the mean."""

    n: int
    mean: float | None
    std: float | None
    ci_low: float | None = None
    ci_high: float | None = None


class PairedDifference(Record):
    """Validation scores of two candidates, treatment - baseline, with the chances of the three cases."""

    baseline: str
    treatment: str
    mean_diff: float
    ci_low: float | None
    ci_high: float | None
    p_value: float | None
    p_worse: float | None
    p_equivalent: float | None
    p_better: float | None


class CandidateRecord(Record):
    """A candidate with the validation scores that decided, and what its model takes for an image.

    `images_per_s` is the speed of training in one measurement on `measured_on`; it decides nothing.
    """

    experiment: str
    validation: MeanScore
    against_best: PairedDifference | None = None
    flops_per_image: int | None = None
    parameters: int | None = None
    images_per_s: float | None = None
    measured_on: str = ""
    test_beside_it: MeanScore | None = None


class WinnerRecord(Record):
    """The mean test score of what was chosen, and what choosing adds to it.

    `experiment` is its name; of a key's value it is empty, and scores are means over the pairs. `nested` is
    the mean test score of what each fold would choose by itself, `bootstrap_corrected` that of BBC-CV over
    `draws`; None where `reason` says why there is none. `has_held_out` tells whether the study holds images
    out for its end.
    """

    experiment: str = ""
    score: float
    nested: float
    bootstrap_corrected: float | None = None
    draws: int = 0
    reason: str = ""
    has_held_out: bool = False


class EvidenceRecord(Record):
    """What a decision rests on. `taken_on` says which scores of the inner validation rows decided.

    `sure` is the probability above which one is better. Decisions among experiments of earlier versions have
    none: there, means within `rope` were tied, and seconds of training decided. Decisions by factors have
    nothing of what is below it. Decisions of earlier versions and of a single split have no `winner`.
    Where sweeps made candidates, `num_tried` counts all that the rule named, those that `failed` included.
    """

    taken_on: str = "inner validation rows"
    metric: str
    better_is: str
    candidates: tuple[CandidateRecord, ...]
    sure: float | None = None
    best_mean: str | None = None
    chosen_against_runner_up: PairedDifference | None = None
    winner: WinnerRecord | None = None
    num_tried: int | None = None
    failed: tuple[str, ...] = ()


class PlaceRecord(Record):
    """How one place of a selection was come by."""

    chosen: str
    is_tie: bool
    ties: tuple[str, ...]
    decided_by: str


class FactorPair(Record):
    """Two experiments that differ in one key, and the mean difference of their validation scores."""

    baseline: str
    treatment: str
    mean_diff: float


class FactorRecord(Record):
    """What was decided of one key: its value on both sides, the one that is taken, and on what.

    The numbers are None where both sides had the same value, and chances also on a single split. `winner` is
    what choosing this value adds to its test score.
    """

    key: str
    # Values of a key of an experiment file, whatever it is.
    baseline: Any
    treatment: Any
    value: Any
    pairs: tuple[FactorPair, ...]
    decided_by: str
    n: int = 0
    mean_diff: float = 0.0
    std_diff: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p_worse: float | None = None
    p_equivalent: float | None = None
    p_better: float | None = None
    winner: WinnerRecord | None = None


class Outcome(Record):
    """What a rule chooses: an experiment, several (`selected`), or a value of some keys (`factors`)."""

    chosen: str | None
    runner_up: str | None = None
    is_tie: bool = False
    ties: tuple[str, ...] = ()
    decided_by: str = ""
    selected: tuple[str, ...] = ()
    places: tuple[PlaceRecord, ...] = ()
    factors: tuple[FactorRecord, ...] = ()
    evidence: EvidenceRecord


class TrialHash(Record):
    """A trial that a decision rests on."""

    experiment: str
    repeat: int
    fold: int
    folder: str
    key: str
    predictions_sha256: str


class TakenBy(Record):
    """By which command a decision was taken, when, and with what."""

    command: str
    time: str
    environment: Environment


class DecisionRecord(Outcome):
    """The file of a decision. `handed_over` is what the next phase takes: keys of an experiment file.

    `eliminated` are candidates that left a race; the choice is among the others.
    """

    format: int = FORMAT
    phase: str = ""
    version: int
    preset: str | None = None
    data: tuple[str, ...] = ()
    rule: Rule
    # Any keys of an experiment file, objects in part.
    handed_over: dict[str, JsonValue]
    trials: tuple[TrialHash, ...]
    eliminated: tuple[EliminationRecord, ...] = ()
    moved: tuple[str, ...] = ()
    made: TakenBy | None = None
    digest: str | None = None

    def with_digest(self) -> "DecisionRecord":
        """Return it with the hash of what it says."""
        return self.model_copy(update={"digest": digest(self.plain())})


def in_force(store: Store, phase: str) -> DecisionRecord | None:
    """Return a phase's decision; None when none has been taken.

    Raises:
        InputError: its file is damaged, was edited, or is of a newer version of the program.
    """
    record = on_disk(store, phase)
    if record is not None and is_edited(store, phase):
        raise InputError(
            f"{store.decision_file(phase)} was edited after the decision was taken; bring it back, or take "
            f"it anew with `python -m orchestrator decide {phase} --again`, and give what you want with --set"
        )
    return record


def on_disk(store: Store, phase: str) -> DecisionRecord | None:
    """Return a phase's decision, edited or not; None when none has been taken.

    Raises:
        InputError: its file is damaged, or of a newer version of the program.
    """
    return _read_decision(store.decision_file(phase), phase)


def version_on_disk(store: Store, phase: str, version: int) -> DecisionRecord | None:
    """Return a version of a phase's decision, in force or replaced; None where it is not there.

    Raises:
        InputError: its file is damaged, or of a newer version of the program.
    """
    now = on_disk(store, phase)
    if now is not None and now.version == version:
        return now
    return _read_decision(store.decision_file(phase, version=version), phase)


def _read_decision(path: Path, phase: str) -> DecisionRecord | None:
    way_out = "bring it back, or delete it and decide again"
    record = read_record(path, DecisionRecord, way_out=way_out)
    if record is not None:
        refuse_other_name(path, record.phase or phase, phase, way_out=way_out)
    return record


def is_edited(store: Store, phase: str) -> bool:
    """Tell whether the file of a decision says something else than when it was taken."""
    content = plain_record(store.decision_file(phase)) or {}
    return bool(content.get("digest", digest(content)) != digest(content))


def write_decision(store: Store, record: DecisionRecord, *, replaces: int | None = None) -> None:
    """Write a decision, after the version that it `replaces` was put aside: at no moment is one lost."""
    path = store.decision_file(record.phase)
    if replaces is not None:
        with replace_file(store.decision_file(record.phase, version=replaces), lasting=True) as partial:
            partial.write_bytes(read_file(path))
    write_json(path, record.plain())


def digest(content: Mapping[str, JsonValue]) -> str:
    """Return the hash of what a decision says, 64 hexadecimal digits."""
    return fingerprint({name: value for name, value in content.items() if name != "digest"})
