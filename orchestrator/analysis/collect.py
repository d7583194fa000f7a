"""results/ to tables, written to collected/<phase>/. No Ray, MLflow, GPU or images.

Scores are computed again from each trial's stored predictions, or taken from a cache that knows their hash
(`trial_scores`). A trial that is not there is a row in failures.csv and makes its experiment incomplete: an
incomplete set of folds is never averaged. A score that does not exist (the AUC of one class) has a row
without a value in scores.csv, and the reason in missing.csv. Same results, same bytes.

scores, summary, comparisons and failures have the columns that the design fixes; `summaries` states those of
per_source, holdout, confusion and missing, `comparing` those of effects, `every_pair` those of pairs,
`calibrate` those of calibration and reliability, `scaling_tables` those of the learning curves, `questions`
those of the tables behind its answers, `hard_examples` those of hard_scores too, and a module of its name
those of any other table.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import pandas as pd

from orchestrator.analysis import comparing, summaries
from orchestrator.analysis.balance import balance_table
from orchestrator.analysis.comparing import COMPARISONS, SIGNIFICANT
from orchestrator.analysis.costs import experiment_costs
from orchestrator.analysis.csv_text import as_csv
from orchestrator.analysis.every_pair import declared_names, pair_all, pairs_table
from orchestrator.analysis.experiment_scores import Gathered, gather, num_expected, score_rows
from orchestrator.analysis.garbage import rarely_collected
from orchestrator.analysis.headline import headline_metric
from orchestrator.analysis.image_findings import ImageFindings, find_in_images, finding_tables
from orchestrator.analysis.overview import OverviewRow, overview_rows, overview_table
from orchestrator.analysis.pareto import pareto_table
from orchestrator.analysis.questions import QuestionNumbers, question_numbers, question_tables
from orchestrator.analysis.ranking import ranking_table
from orchestrator.analysis.rows import SummaryRow
from orchestrator.analysis.scaling import Scaling, measure_scaling
from orchestrator.analysis.scaling_tables import crossings_table, fits_table, sizes_table
from orchestrator.analysis.source_matrix import SourceMatrix, matrix_table, source_matrices
from orchestrator.analysis.source_spread import SourceSpread, pairwise_table, source_spreads
from orchestrator.analysis.summaries import FAILURES, SUMMARY
from orchestrator.analysis.trial_scores import ALL
from orchestrator.analysis.tried import tried_table
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
    "ranking", "balance", "pareto", "confusion", "missing", "calibration", "reliability", "source_matrix",
    "pairwise_sources", "overview", "scaling", "scaling_fits", "scaling_crossings", "tried",
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
    balance: pd.DataFrame = field(default_factory=pd.DataFrame)
    pareto: pd.DataFrame = field(default_factory=pd.DataFrame)
    confusion: pd.DataFrame = field(default_factory=pd.DataFrame)
    missing: pd.DataFrame = field(default_factory=pd.DataFrame)
    calibration: pd.DataFrame = field(default_factory=pd.DataFrame)
    reliability: pd.DataFrame = field(default_factory=pd.DataFrame)
    tried: pd.DataFrame = field(default_factory=pd.DataFrame)
    experiments: Mapping[str, Gathered] = field(default_factory=dict)
    curves: Scaling = field(default_factory=Scaling)
    questions: QuestionNumbers = field(default_factory=QuestionNumbers)
    race: RaceRecord | None = None
    images: ImageFindings = field(default_factory=ImageFindings)

    @functools.cached_property
    def headline(self) -> str:
        """The metric that the phase is looked at by; see `headline`."""
        return headline_metric(self.study.phase.comparisons, self.experiments.values())

    @property
    def scaling(self) -> pd.DataFrame:
        """Measured sizes of every learning curve; see `scaling_tables`."""
        return sizes_table(self.curves)

    @property
    def scaling_fits(self) -> pd.DataFrame:
        """Fitted laws, and what twice the data would give; see `scaling_tables`."""
        return fits_table(self.curves)

    @property
    def scaling_crossings(self) -> pd.DataFrame:
        """Where learning curves cross; see `scaling_tables`."""
        return crossings_table(self.curves)

    @property
    def shortcuts(self) -> pd.DataFrame:
        """What file facts and trivial pixels alone reach on the same folds; see `shortcuts`."""
        return shortcut_table(self.study)

    @functools.cached_property
    def matrices(self) -> tuple[SourceMatrix, ...]:
        """A matrix of sources for each model of which the phase holds some out."""
        return source_matrices(self.study, self.experiments)

    @functools.cached_property
    def spreads(self) -> tuple[SourceSpread, ...]:
        """How far the sources of fakes are apart, by experiment."""
        return source_spreads(self.study, self.experiments)

    @functools.cached_property
    def overview_rows(self) -> tuple[OverviewRow, ...]:
        """Every experiment beside the others."""
        return overview_rows(self.study, self.experiments, comparisons=self.comparisons, spreads=self.spreads)

    @property
    def source_matrix(self) -> pd.DataFrame:
        """AUC when trained without a source, on each source; see `source_matrix`."""
        return matrix_table(self.matrices)

    @property
    def pairwise_sources(self) -> pd.DataFrame:
        """AUC of each source of fakes against each of real images, and its spread; see `source_spread`."""
        return pairwise_table(self.spreads)

    @property
    def overview(self) -> pd.DataFrame:
        """Settings, scores and costs of every experiment in a row; see `overview`."""
        return overview_table(self.overview_rows, self.summary)

    @functools.cached_property
    def texts(self) -> dict[str, str]:
        """Every table as the text of its file, by name: written beside the results and beside the page."""
        texts = {name: as_csv(getattr(self, name)) for name in FILES}
        more = question_tables(self.questions) | finding_tables(self.images)
        return texts | {name: as_csv(each) for name, each in more.items()}

    @functools.cached_property
    def overall(self) -> dict[tuple[str, str], SummaryRow]:
        """Rows of `summary` over all sources, by experiment and metric."""
        return overall_rows(self.summary)

    def complete(self) -> bool:
        """Tell whether every planned trial is finished."""
        return self.failures.empty


def overall_rows(summary: pd.DataFrame) -> dict[tuple[str, str], SummaryRow]:
    """Return the rows of summary.csv over all sources, by experiment and metric."""
    rows = cast(list[SummaryRow], summary[summary["source"] == ALL].to_dict("records"))
    return {(row["experiment"], row["metric"]): row for row in rows}


def collect(store: Store, phase: str) -> Tables:
    """Compute a phase's tables from results/ and write them to collected/<phase>/."""
    tables = tabulate(store, phase)
    for name, text in tables.texts.items():
        write_text(store.collected(phase) / f"{name}.csv", text)
    return tables


@rarely_collected()
def tabulate(store: Store, phase: str) -> Tables:
    """Compute a phase's tables from results/."""
    study = store.study(phase)
    experiments = gather(store, study)
    by_name = {experiment.name: experiment for experiment in experiments}
    comparisons, effects = comparing.answer_comparisons(study.phase.comparisons, by_name)
    metric = headline_metric(study.phase.comparisons, experiments)
    comparable = pair_all(experiments, metric, declared=declared_names(study.phase))
    summary = summaries.summary_table(experiments)
    overall = overall_rows(summary)
    return Tables(
        study,
        scores=pd.DataFrame(score_rows(experiments), columns=SCORES),
        summary=summary,
        comparisons=comparisons,
        failures=summaries.failures(experiments),
        per_source=summaries.per_source(experiments),
        holdout=summaries.holdouts(experiments),
        effects=effects,
        pairs=pairs_table(comparable),
        ranking=ranking_table(comparable, overall),
        balance=balance_table(experiments, comparable),
        pareto=pareto_table(experiment_costs(experiments, overall, comparable.metric), comparable),
        confusion=summaries.confusions(experiments),
        missing=summaries.missing(experiments),
        calibration=summaries.calibrations(experiments),
        reliability=summaries.reliabilities(experiments),
        tried=tried_table(study, by_name),
        experiments=by_name,
        curves=measure_scaling(study, by_name),
        questions=question_numbers(store, study, by_name),
        race=read_race(store, phase),
        images=find_in_images(store, experiments),
    )
