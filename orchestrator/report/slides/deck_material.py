"""Material of the slides: every phase of a results folder in its order, and what lies beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.analysis.evaluation_tables import EvaluationTables
from orchestrator.report.material import Material
from orchestrator.store.folder import Store
from orchestrator.store.records import DataRecord, ExperimentRecord, RecipeRecord, StudyRecord
from trainables.errors import InputError

# The phases that the shipped study has.
SHIPPED_PHASES = ("phase1", "phase2", "phase3", "phase4")


@dataclass(frozen=True, slots=True)
class DeckMaterial:
    """What the slides are made of.

    `phases` are those that ask something, each after what it builds on. `missing` are phases without a
    record that a study of this kind has, `own_text` is what people wrote beside the results. `evaluations`
    are those on other images, by their names.
    """

    store: Store
    phases: tuple[Material, ...]
    missing: tuple[str, ...]
    own_text: str
    evaluations: tuple[EvaluationTables, ...] = ()

    @property
    def last(self) -> Material:
        """The last phase, for which all others were made."""
        return self.phases[-1]

    @property
    def studies(self) -> list[StudyRecord]:
        """The record of each phase."""
        return [each.study for each in self.phases]

    @property
    def experiments(self) -> dict[str, ExperimentRecord]:
        """Every experiment by its name, once; of one that several phases have, the last."""
        return {each.name: each for study in self.studies for each in study.experiments}

    @property
    def recipes(self) -> list[RecipeRecord]:
        """The recipe of every experiment."""
        return [each.recipe for each in self.experiments.values()]

    @property
    def data(self) -> list[DataRecord]:
        """Every data set by its folder, once; of one that several phases used, as the last has it."""
        found = {each.root: each for study in self.studies for each in study.data}
        return list(found.values())


def asked_phases(store: Store) -> list[StudyRecord]:
    """Return the records of the phases that ask something, each after what it builds on.

    Single experiments, which ask nothing, are no phases.

    Raises:
        InputError: there is no phase, or a record is damaged.
    """
    every = {name: store.study(name) for name in store.studies()}
    asked = {
        name: study
        for name, study in every.items()
        if study.phase.question or study.phase.comparisons or study.phase.decision is not None
    }
    if not asked:
        raise InputError(
            f"{store.root} has no phase to report on (there are: {', '.join(every) or 'none'}); run one "
            "first, for example `python -m orchestrator study`"
        )
    return [asked[name] for name in _in_order(asked)]


def missing_phases(studies: Sequence[StudyRecord]) -> tuple[str, ...]:
    """Name the phases that are not there: those that others build on, and those of the shipped study."""
    names = {study.phase.name for study in studies}
    wanted = {earlier for study in studies for earlier in study.phase.builds_on}
    if names & set(SHIPPED_PHASES):
        wanted |= set(SHIPPED_PHASES)
    return tuple(sorted(wanted - names))


def _in_order(studies: Mapping[str, StudyRecord]) -> list[str]:
    """Sort phases by name, each after those that it builds on."""
    ordered: list[str] = []

    def put(name: str, above: tuple[str, ...]) -> None:
        for earlier in studies[name].phase.builds_on:
            # Records of different times may build on each other.
            if earlier in studies and earlier not in above:
                put(earlier, (*above, name))
        if name not in ordered:
            ordered.append(name)

    for name in sorted(studies):
        put(name, ())
    return ordered
