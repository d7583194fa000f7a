"""Material of a page: the tables of a phase, the facts of its trials, and curves and predictions of a few.

A page of a thousand trials shows the curves of a bounded number of experiments, and only their files are
read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from orchestrator.analysis.collect import Tables, num_expected
from orchestrator.analysis.costs import ExperimentCost, experiment_costs
from orchestrator.analysis.trial_facts import Files, TrialFacts, read_history, trial_facts
from orchestrator.report.explained import ExplainedImages, read_explained
from orchestrator.report.places import facts_without_places, tables_without_places
from orchestrator.report.shown import Bounds
from orchestrator.report.summary_cells import SummaryCells
from orchestrator.store.decision_file import DecisionRecord
from orchestrator.store.final_file import FinalRecord, read_final
from orchestrator.store.folder import State, Store
from orchestrator.store.predictions import DAMAGE, Part, read_predictions
from orchestrator.store.records import StudyRecord

Place = tuple[int, int]
Parts = Mapping[Place, Part]


@dataclass(frozen=True, slots=True)
class Material:
    """What the sections of a phase's page are made of.

    `trials` are all that were planned. Of the experiments whose curves are shown there are also `history`,
    one row per epoch of each finished trial, and `tests`, the test rows by experiment and fold. `final` is
    what the chosen model gave on the held-out images; None = they were not opened. `explained` are the images
    that models were explained on; None = none were.
    """

    store: Store
    tables: Tables
    decision: DecisionRecord | None
    bounds: Bounds
    trials: tuple[TrialFacts, ...]
    history: pd.DataFrame
    tests: Mapping[str, Parts]
    costs: tuple[ExperimentCost, ...]
    summary: SummaryCells
    final: FinalRecord | None = None
    explained: ExplainedImages | None = None

    @property
    def study(self) -> StudyRecord:
        """What was planned."""
        return self.tables.study

    @property
    def has_several_classes(self) -> bool:
        """Tell whether an experiment has more classes than real and fake."""
        return any(each.num_classes > 2 for each in self.study.experiments)

    @property
    def order(self) -> dict[str, int]:
        """The number of each experiment, from 1."""
        return {each.name: place for place, each in enumerate(self.study.experiments, start=1)}

    def expected(self, names: Sequence[str]) -> dict[str, int]:
        """Return how many folds each of `names` should have."""
        return {each.name: num_expected(each) for each in self.study.experiments if each.name in names}


def read_material(
    store: Store,
    tables: Tables,
    decision: DecisionRecord | None,
    files: Mapping[str, Files],
    *,
    with_paths: bool = False,
) -> Material:
    """Take the facts of every trial from its `files`, and read the predictions of the experiments shown.

    Without `with_paths`, no host, command line or absolute path is in it.
    """
    bounds, trials = Bounds.of(tables, decision), trial_facts(store, tables, files)
    explained = read_explained(store, tables.study)
    if not with_paths:
        tables, trials = tables_without_places(tables), tuple(map(facts_without_places, trials))
    histories = []
    tests: dict[str, dict[Place, Part]] = {}
    for (_, planned), trial in zip(tables.study.trials(), trials, strict=True):
        if trial.state != State.DONE or trial.experiment not in bounds.curves.names:
            continue
        about = {"experiment": trial.experiment, "trial": trial.trial, "best_epoch": trial.best_epoch}
        histories.append(read_history(files[planned.folder]).assign(**about))
        if (part := _test_rows(store.trial(planned.folder))) is not None:
            tests.setdefault(trial.experiment, {})[trial.repeat, trial.fold] = part
    filled = [each for each in histories if len(each)]
    return Material(
        store,
        tables,
        decision,
        bounds,
        trials,
        history=pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=["experiment"]),
        tests=tests,
        costs=experiment_costs(
            tables.experiments.values(),
            tables.overall,
            tables.headline,
            a_second=tables.study.money_a_second(),
        ),
        summary=SummaryCells.of(tables),
        final=read_final(store, tables.study.phase.name),
        explained=explained,
    )


def _test_rows(folder: Path) -> Part | None:
    try:
        return read_predictions(folder, sha256=None).test
    except DAMAGE:
        return None
