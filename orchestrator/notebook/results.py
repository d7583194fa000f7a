"""Finished results as data frames, records and sections of the report, read from results/ alone.

    results = load_results("results")
    phase1 = results.phase("phase1")
    phase1.summary                       # a data frame, as collected/phase1/summary.csv has it
    results.section("phase1", "scores")  # a section of the page, in a notebook

Tables are computed from the stored predictions when they are first asked for, and nothing is written. What
`section`, `compare`, `maps` and `side_by_side` can't show they say in a sentence, so that a notebook runs to
its end on whatever there is; everything else raises InputError.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from orchestrator.analysis.collect import Tables, tabulate
from orchestrator.analysis.trial_facts import facts_table, read_files, read_history, trial_facts
from orchestrator.notebook.view import View
from orchestrator.store.decision_file import DecisionRecord, in_force
from orchestrator.store.existing_results import existing_results
from orchestrator.store.explanation_files import Explanations, read_explanations
from orchestrator.store.find_experiment import find_experiment
from orchestrator.store.folder import State, Store, claimed_hash, trial_state
from orchestrator.store.predictions import DAMAGE, Part, read_predictions
from orchestrator.store.records import StudyRecord
from orchestrator.store.remote.local_copy import results_folder
from trainables.errors import InputError, nearest
from trainables.evaluation.metrics import ROPE

if TYPE_CHECKING:
    from orchestrator.report.material import Material
    from orchestrator.report.section import Section

SUFFIX = "_section"


def load_results(path: Path | str = "results") -> "Results":
    """Open a folder of results for reading, or its address.

    Raises:
        InputError: it is not there, or was made by a newer version.
    """
    return Results(existing_results(results_folder(path)))


@dataclass(frozen=True)
class Results:
    """What a folder of results holds."""

    store: Store
    _loaded: "dict[str, PhaseResults]" = field(default_factory=dict, repr=False, compare=False)

    @property
    def phases(self) -> tuple[str, ...]:
        """Names of the phases that have been run, and of single experiments that were run as such."""
        return tuple(self.store.studies())

    def phase(self, name: str) -> "PhaseResults":
        """Return one phase; it is read once.

        Raises:
            InputError: it has not been run, or its record is damaged.
        """
        if name not in self._loaded:
            self._loaded[name] = PhaseResults(self.store, self.store.study(name))
        return self._loaded[name]

    def predictions(self, experiment: str) -> pd.DataFrame:
        """Return what the finished trials of an experiment predicted for their outer test folds.

        Args:
            experiment: its name, or PHASE/NAME where phases have different ones of that name.

        Returns:
            One row per image and repeat, by repeat, fold and path: path, source, group, label (0 real,
            1 fake, or the class), score (P(fake), 0 to 1; p0 ... pN with several classes), predicted (the
            class), repeat, fold, trial. A fold that is not finished has no rows.

        Raises:
            InputError: no such experiment, none of its trials is finished, or predictions are damaged.
        """
        found = []
        record = find_experiment(self.store, experiment)
        for planned in sorted(record.trials, key=lambda trial: (trial.repeat, trial.fold)):
            folder = self.store.trial(planned.folder)
            if trial_state(folder) != State.DONE:
                continue
            try:
                part = read_predictions(folder, sha256=claimed_hash(folder)).test
            except DAMAGE as error:
                raise InputError(f"{folder}: {error}; delete the folder and run the trial again") from error
            found.append(
                _rows(part).assign(repeat=planned.repeat, fold=planned.fold, trial=folder.name),
            )
        if not found:
            raise InputError(f"no trial of {experiment} is finished; run it first")
        return pd.concat(found, ignore_index=True)

    def section(self, phase: str, name: str) -> View:
        """Show a section of a phase's page: answer, scores, sources, comparison, learning, roc, ...

        Where the phase has not been run, or its page has no such section, a sentence says so.
        """
        try:
            return self.phase(phase).section(name)
        except InputError as error:
            return View.saying(f"{error}.")

    def compare(self, baseline: str, other: str, *, metric: str = "auc") -> View:
        """Show what finished folds say of two experiments of any phases, as the command `compare` does."""
        from orchestrator.analysis.compare_two import compare_experiments
        from orchestrator.wording.compare_text import comparison_lines

        title = f"{other} against {baseline}"
        try:
            found = compare_experiments(self.store, baseline, other, metric=metric, rope=ROPE)
        except InputError as error:
            return View.saying(f"{error}.", title=title)
        return View.saying(*comparison_lines(found), title=title)

    def against(self, baseline: str, phase: str, *, metric: str = "auc") -> View:
        """Show every experiment of a phase beside one of any other: differences, intervals, p-values."""
        from orchestrator.notebook.baseline_table import baseline_view

        try:
            return baseline_view(self.store, self.phase(phase).study, baseline, metric=metric)
        except InputError as error:
            return View.saying(f"{error}.", title=f"{phase} against {baseline}")

    def maps(self) -> View:
        """Show in one table over all phases what the maps of each experiment are worth, and where they lie.

        Areas below deletion curves beside those of random maps, similarity to the maps of random weights,
        and the share inside the face: what `explain-images` measured.
        """
        from orchestrator.notebook.maps import ALL_PHASES, phases_view

        try:
            return phases_view(self.store, [self.phase(name).study for name in self.phases])
        except InputError as error:
            return View.saying(f"{error}.", title=ALL_PHASES)

    def side_by_side(self, phase: str, *experiments: str, images: int = 4) -> View:
        """Show the maps of the same images by several experiments of a phase; without names by the first."""
        from orchestrator.notebook.maps import side_by_side_view

        try:
            return side_by_side_view(self.store, self.phase(phase).study, experiments, images=images)
        except InputError as error:
            return View.saying(f"{error}.", title=f"Maps of the same images: {phase}")


@dataclass(frozen=True)
class PhaseResults:
    """What is stored of one phase, as it was when it was first asked for."""

    store: Store
    study: StudyRecord

    @property
    def name(self) -> str:
        """The phase's name."""
        return self.study.phase.name

    @functools.cached_property
    def tables(self) -> Tables:
        """Every table of the phase, computed from its stored predictions."""
        return tabulate(self.store, self.name)

    def table(self, name: str) -> pd.DataFrame:
        """Return a table as the file collected/<phase>/<name>.csv has it: summary, per_source, pairs, ...

        Raises:
            InputError: there is no such table.
        """
        from orchestrator.analysis.collect import FILES
        from orchestrator.analysis.questions import question_tables

        if name in FILES:
            found: pd.DataFrame = getattr(self.tables, name)
            return found
        others = question_tables(self.tables.questions)
        if name not in others:
            raise InputError(f"no table is called {name!r}; {nearest(name, [*FILES, *others])}")
        return others[name]

    @property
    def scores(self) -> pd.DataFrame:
        """Scores of every trial: experiment, repeat, fold, split, source, metric, value, trial.

        split is test or val, and source is "all" or one of the sources; a score that does not exist is NaN,
        and the table `missing` says why.
        """
        return self.tables.scores

    @property
    def summary(self) -> pd.DataFrame:
        """Means over folds of each experiment, metric and source, with their intervals.

        experiment, metric, source, n, n_expected, mean, std, ci_low, ci_high (corrected for training images
        that folds share), boot_low, boot_high (other images). An incomplete set of folds has no mean.
        """
        return self.tables.summary

    @property
    def comparisons(self) -> pd.DataFrame:
        """The declared comparisons: difference, interval, p-values, probabilities and verdict of each."""
        return self.tables.comparisons

    @property
    def explanations(self) -> Explanations | None:
        """Images that models were explained on (`images`) and the numbers of every map (`numbers`).

        None where `explain-images` has not run.
        """
        return read_explanations(self.store, self.name)

    @functools.cached_property
    def trials(self) -> pd.DataFrame:
        """One row per planned trial: experiment, repeat, fold, trial, key, state, auc, epochs, ..."""
        return facts_table(trial_facts(self.store, self.tables, read_files(self.store, self.study)))

    @functools.cached_property
    def history(self) -> pd.DataFrame:
        """Learning curves: one row per epoch of each trial, with experiment, repeat, fold and trial first.

        Beside them stand the columns of history.csv: epoch, losses and scores of the training and the inner
        validation part. Trials that have not ended an epoch have no rows.
        """
        found = []
        files = read_files(self.store, self.study)
        for experiment, trial in self.study.trials():
            read = read_history(files[trial.folder])
            about: dict[str, str | int] = {
                "experiment": experiment.name,
                "repeat": trial.repeat,
                "fold": trial.fold,
                "trial": self.store.trial(trial.folder).name,
            }
            if len(read):
                mine = read.drop(columns=[name for name in about if name in read]).assign(**about)
                found.append(mine[[*about, *(name for name in mine if name not in about)]])
        return pd.concat(found, ignore_index=True) if found else pd.DataFrame()

    def predictions(self, experiment: str) -> pd.DataFrame:
        """Return the out-of-fold predictions of one of the phase's experiments; see `Results.predictions`.

        Raises:
            InputError: the phase has no such experiment, or as `Results.predictions` does.
        """
        names = [each.name for each in self.study.experiments]
        if experiment not in names:
            raise InputError(f"{self.name} has no experiment {experiment!r}; {nearest(experiment, names)}")
        return Results(self.store).predictions(f"{self.name}/{experiment}")

    @property
    def settings(self) -> pd.DataFrame:
        """What decided the numbers: one row per experiment, one column per key of its recipe."""
        recipes = self.study.recipes()
        return pd.DataFrame(recipes, index=[each.name for each in self.study.experiments])

    @functools.cached_property
    def decision(self) -> DecisionRecord | None:
        """The decision in force; None where there is none.

        Raises:
            InputError: its file was edited or is damaged.
        """
        return in_force(self.store, self.name)

    @functools.cached_property
    def conclusions(self) -> tuple[str, ...]:
        """The phase's message in sentences: choice and verdict first, then what weakens them."""
        from orchestrator.wording.caveats import caveat_sentences
        from orchestrator.wording.lead import lead_sentence

        said = lead_sentence(self.tables, self.decision)
        return (said, *caveat_sentences(self.tables, self.decision))

    @functools.cached_property
    def material(self) -> "Material":
        """What the sections of the phase's page are made of."""
        from orchestrator.report.material import read_material

        return read_material(self.store, self.tables, self.decision, read_files(self.store, self.study))

    def section(self, name: str) -> View:
        """Show a section of the phase's page by its name: answer, scores, sources, comparison, ...

        Raises:
            InputError: no section has that name, or the decision's file can't be used.
        """
        sections = _sections()
        if name not in sections:
            raise InputError(f"no section of a page is called {name!r}; {nearest(name, sections)}")
        found = sections[name](self.material)
        return View.of(found, otherwise=f"{self.name} has nothing to show under {name.replace('_', ' ')!r}.")


def _sections() -> "dict[str, Callable[[Material], Section | None]]":
    """Name the sections of a page by the functions that make them."""
    from orchestrator.report.contents import SECTIONS

    return {make.__name__.removesuffix(SUFFIX): make for make in SECTIONS}


def _rows(part: Part) -> pd.DataFrame:
    """Return the rows of a split as Python's values."""
    columns = {
        "path": part.paths.to_numpy(zero_copy_only=False),
        "source": [part.sources[place] for place in part.source],
        "group": part.groups.to_numpy(zero_copy_only=False),
        "label": part.labels,
    }
    if part.probabilities.ndim == 1:
        columns["score"] = part.probabilities
    else:
        columns |= {f"p{number}": scores for number, scores in enumerate(part.probabilities.T)}
    return pd.DataFrame({**columns, "predicted": part.predicted})
