"""results/ to tables, written to collected/<phase>/. No Ray, MLflow, GPU or images.

Scores are computed again from each trial's stored predictions, or taken from a cache that knows their hash
(`trial_scores`). A trial that is not there is a row in failures.csv and makes its experiment incomplete: an
incomplete set of folds is never averaged. A score that does not exist (the AUC of one class) has a row
without a value in scores.csv, and the reason in missing.csv. Same results, same bytes.

scores, summary, comparisons and failures have the columns that the design fixes; `summaries` states those of
per_source, holdout, confusion and missing, `comparing` those of effects, `every_pair` those of pairs and
ranking, `calibrate` those of calibration and reliability.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import pandas as pd

from orchestrator.analysis import comparing, summaries
from orchestrator.analysis.comparing import COMPARISONS, SIGNIFICANT
from orchestrator.analysis.csv_text import as_csv
from orchestrator.analysis.every_pair import rank_all
from orchestrator.analysis.experiment_scores import Gathered, gather, num_expected, score_rows
from orchestrator.analysis.garbage import rarely_collected
from orchestrator.analysis.rows import SummaryRow
from orchestrator.analysis.summaries import FAILURES, SUMMARY
from orchestrator.analysis.trial_scores import ALL
from orchestrator.checks.shortcuts import shortcut_table
from orchestrator.store.folder import Store
from orchestrator.store.race_file import RaceRecord, read_race
from orchestrator.store.records import StudyRecord
from trainables.evaluation.metrics import AT_A_THRESHOLD, TUNED
from trainables.files import write_text

__all__ = [
    "ALL", "AT_A_THRESHOLD", "COMPARISONS", "FAILURES", "SCORES", "SIGNIFICANT", "SUMMARY", "TUNED",
    "Tables", "collect", "num_expected",
]  # fmt: skip

SCORES = ["experiment", "repeat", "fold", "split", "source", "metric", "value", "trial"]
FILES = (
    "scores", "summary", "comparisons", "failures", "shortcuts", "per_source", "holdout", "effects", "pairs",
    "ranking", "confusion", "missing", "calibration", "reliability",
)  # fmt: skip


@dataclass(frozen=True)
class Tables:
    """A phase's tables, with the columns named above, and the study record that they come from.

    `experiments` is what the trials said, by the experiment's name. `race` is the phase's race; None = it had
    none.
    """

    study: StudyRecord
    scores: pd.DataFrame
    summary: pd.DataFrame
    comparisons: pd.DataFrame
    failures: pd.DataFrame
    per_source: pd.DataFrame = field(default_factory=pd.DataFrame)
    holdout: pd.DataFrame = field(default_factory=pd.DataFrame)
    effects: pd.DataFrame = field(default_factory=pd.DataFrame)
    pairs: pd.DataFrame = field(default_factory=pd.DataFrame)
    ranking: pd.DataFrame = field(default_factory=pd.DataFrame)
    confusion: pd.DataFrame = field(default_factory=pd.DataFrame)
    missing: pd.DataFrame = field(default_factory=pd.DataFrame)
    calibration: pd.DataFrame = field(default_factory=pd.DataFrame)
    reliability: pd.DataFrame = field(default_factory=pd.DataFrame)
    experiments: Mapping[str, Gathered] = field(default_factory=dict)
    race: RaceRecord | None = None

    @property
    def shortcuts(self) -> pd.DataFrame:
        """What file facts and trivial pixels alone reach on the same folds; see `shortcuts`."""
        return shortcut_table(self.study)

    @functools.cached_property
    def texts(self) -> dict[str, str]:
        """Every table as the text of its file, by name: written beside the results and beside the page."""
        return {name: as_csv(getattr(self, name)) for name in FILES}

    @functools.cached_property
    def overall(self) -> dict[tuple[str, str], SummaryRow]:
        """Rows of `summary` over all sources, by experiment and metric."""
        rows = cast(list[SummaryRow], self.summary[self.summary["source"] == ALL].to_dict("records"))
        return {(row["experiment"], row["metric"]): row for row in rows}

    def complete(self) -> bool:
        """Tell whether every planned trial is finished."""
        return self.failures.empty


@rarely_collected()
def collect(store: Store, phase: str) -> Tables:
    """Compute a phase's tables from results/ and write them to collected/<phase>/."""
    study = store.study(phase)
    experiments = gather(store, study)
    by_name = {experiment.name: experiment for experiment in experiments}
    comparisons, effects = comparing.answer_comparisons(study.phase.comparisons, by_name)
    pairs, ranking = rank_all(experiments)
    tables = Tables(
        study,
        scores=pd.DataFrame(score_rows(experiments), columns=SCORES),
        summary=summaries.summary_table(experiments),
        comparisons=comparisons,
        failures=summaries.failures(experiments),
        per_source=summaries.per_source(experiments),
        holdout=summaries.holdouts(experiments),
        effects=effects,
        pairs=pairs,
        ranking=ranking,
        confusion=summaries.confusions(experiments),
        missing=summaries.missing(experiments),
        calibration=summaries.calibrations(experiments),
        reliability=summaries.reliabilities(experiments),
        experiments=by_name,
        race=read_race(store, phase),
    )
    for name, text in tables.texts.items():
        write_text(store.collected(phase) / f"{name}.csv", text)
    return tables
