"""races/<phase>.json: which experiments left a phase's race, with its one reader and its one writer.

The record is replaced at each look of a race, as a whole. Trials of an experiment after the look that it left
at are left out of all tables, finished or not: which of them had been begun by then hangs on the machine.
"""

from collections.abc import Collection
from typing import Literal

from orchestrator.store.folder import Store
from orchestrator.store.record import Record
from orchestrator.store.record_file import read_record, refuse_other_name
from orchestrator.store.records import ExperimentRecord
from trainables.files import write_json
from trainables.removal import remove_file
from trainables.trial_files import FORMAT


class EliminationRecord(Record):
    """An experiment that left a race after the look at `repeat` and `fold`, the last of `n` folds.

    `gap` is by how much its mean deciding score was worse than that of `leader`, and `p_value` that this is
    rope or less, which was below `level`. By `bound` no scores on the folds that were left could have brought
    it up to the leader. `left_out` are the keys of its trials after this look.
    """

    experiment: str
    repeat: int
    fold: int
    n: int
    cause: Literal["test", "bound"]
    leader: str
    gap: float
    p_value: float | None
    level: float | None
    left_out: tuple[str, ...]

    @property
    def place(self) -> tuple[int, int]:
        """Repeat and fold of the last look that it was part of."""
        return self.repeat, self.fold


class UnjudgedRecord(Record):
    """A candidate that a race could not judge, so that it stays, and why."""

    experiment: str
    reason: str


class RaceRecord(Record):
    """A phase's race as far as it has come.

    `entry` names what raced by the keys of its trials and by the rule. `alpha` is the chance at most to lose
    the best one. `looks` of `num_folds` folds have been taken. `settled` were finished before the race.
    """

    format: int = FORMAT
    phase: str
    entry: str
    metric: str
    rope: float
    alpha: float
    num_folds: int
    looks: int
    candidates: tuple[str, ...]
    settled: tuple[str, ...] = ()
    unjudged: tuple[UnjudgedRecord, ...] = ()
    eliminated: tuple[EliminationRecord, ...] = ()

    def elimination(self, experiment: ExperimentRecord) -> EliminationRecord | None:
        """Return how an experiment left; None where it did not, or is planned with other trials by now."""
        planned = {trial.key for trial in experiment.trials}
        for each in self.eliminated:
            if each.experiment == experiment.name and planned.issuperset(each.left_out):
                return each
        return None

    def elimination_before(self, experiment: str, *, key: str) -> EliminationRecord | None:
        """Return how an experiment left before its trial `key`; None where that trial is looked at."""
        gone = (each for each in self.eliminated if each.experiment == experiment)
        return next((each for each in gone if key in each.left_out), None)

    def without(self, experiments: Collection[str]) -> "RaceRecord":
        """Return it without what `experiments` left by; the next race of the phase begins anew."""
        kept = tuple(each for each in self.eliminated if each.experiment not in experiments)
        return self.model_copy(update={"entry": "", "eliminated": kept})


def read_race(store: Store, phase: str) -> RaceRecord | None:
    """Read the record of a phase's race; None where there was none.

    Raises:
        InputError: it is damaged, or of a newer version of the program.
    """
    path = store.race_file(phase)
    way_out = (
        "delete it, and run the phase again: with --race its looks are taken anew from the stored scores"
    )
    record = read_record(path, RaceRecord, way_out=way_out)
    if record is not None:
        refuse_other_name(path, record.phase, phase, way_out=way_out)
    return record


def write_race(store: Store, record: RaceRecord) -> None:
    """Write the record of a phase's race, or remove it where nobody races any more and nobody has left."""
    path = store.race_file(record.phase)
    if not record.entry and not record.eliminated:
        remove_file(path, below=store.root)
        return
    write_json(path, record.plain())
