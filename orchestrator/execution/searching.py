"""Searches of a phase over whole experiments: round after round, from what the trials in results/ say.

A setting is an experiment with all its folds, and is judged by the mean over folds of its deciding scores. A
round is proposed when every setting of those before it has its score or has failed; the sampler is told in
the order of the settings. So a search that was interrupted, or whose trials ended in another order, proposes
the same. What failed is tried again by the next run, as every trial is; a search that went on without it
stays as it went.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from orchestrator.analysis.deciding import deciding_mean
from orchestrator.analysis.headline import deciding_metric
from orchestrator.analysis.trial_scores import Place, Problem, Reader, TrialScores
from orchestrator.config.ensembles import chosen_with_bases
from orchestrator.config.load import ResolvedPhase, complete
from orchestrator.config.swept import Proposed, asked_of
from orchestrator.plan.data_sets import DataSets
from orchestrator.plan.plan import Options, PlannedExperiment, StudyPlan, Trial, plan_study
from orchestrator.store.fingerprint import canonical_json
from orchestrator.store.folder import State, trial_state
from orchestrator.store.sweep_record import SweepRecord
from trainables.evaluation.metrics import LOWER_IS_BETTER

Proposals = dict[int, tuple[Proposed, ...]]


@dataclass(frozen=True, slots=True)
class Heard:
    """What searches have heard in this run: scores of settings, and the experiments that failed in it.

    `scores` are by the place of the search and the values of the setting as JSON; None = it failed. Of a run
    of many rounds each setting is looked at once.
    """

    scores: dict[tuple[int, str], float | None] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)


# Of a setting whose trials have not all ended.
UNKNOWN = math.nan


def propose(question: ResolvedPhase, options: Options, data: DataSets, heard: Heard) -> Proposals:
    """Return what each search of a phase has proposed by now, by its place among the sweeps.

    Args:
        question: the phase as it was loaded.
        options: those of the command; folds and experiments that it leaves out are looked at all the same.
        data: its data sets.
        heard: what earlier rounds of this run have left; more is written into it.

    Raises:
        InputError: a setting can't be used on this data.
    """
    every = replace(options, only=None, folds=None)
    return {place: _Search(question, every, data, place, heard).replay() for place in question.phase.searches}


def further_rounds(study: StudyPlan, heard: Heard, plan: Callable[[], StudyPlan]) -> Iterator[StudyPlan]:
    """Yield the study with each round that its searches propose, now that the one before has run.

    Args:
        study: what has run.
        heard: what its searches have heard; what failed is written into it, and not waited for.
        plan: plans it anew.
    """
    while any(len(each.settings) < each.num_planned for each in study.sweeps):
        heard.failed.update(
            trial.experiment for trial in _searched(study) if trial_state(trial.folder) == State.FAILED
        )
        following = plan()
        if _num_settings(following) == _num_settings(study):
            return
        study = following
        yield study


def _searched(study: StudyPlan) -> Iterator[Trial]:
    """The trials of the settings that searches have proposed."""
    names = {name for each in study.sweeps if each.is_search for name in each.experiments}
    return (trial for trial in study.trials if trial.experiment in names)


def _num_settings(study: StudyPlan) -> int:
    return sum(len(each.settings) for each in study.sweeps)


@dataclass(frozen=True, slots=True)
class _Search:
    """One search of a phase, to be replayed from stored scores."""

    question: ResolvedPhase
    options: Options
    data: DataSets
    place: int
    heard: Heard

    def replay(self) -> tuple[Proposed, ...]:
        # Optuna takes as long to import as the rest of a plan, and most phases search nothing.
        from orchestrator.execution.proposals import Proposer

        search = self.question.phase.searches[self.place]
        proposer = Proposer(search, lower_is_better=self._metric in LOWER_IS_BETTER)
        found: list[Proposed] = []
        while asked := proposer.ask():
            keys = [(self.place, canonical_json(values)) for values in asked]
            if any(key not in self.heard.scores for key in keys):
                self._listen([*found, *map(Proposed, asked)], keys)
            scores = [self.heard.scores.get(key, UNKNOWN) for key in keys]
            found += [
                Proposed(values, gave_up=score is None) for values, score in zip(asked, scores, strict=True)
            ]
            if any(score is UNKNOWN for score in scores):
                break
            proposer.tell(scores)
        return tuple(found)

    def _listen(self, proposed: Sequence[Proposed], keys: Sequence[tuple[int, str]]) -> None:
        """Find out what the last of the settings scored, as far as they have ended."""
        names, study = self._plan(proposed, len(keys))
        given_up = {*self._given_up_before()}
        for key, name in zip(keys, names, strict=True):
            trials = [trial for trial in study.trials if trial.experiment == name]
            has_failed = any(trial.state == State.FAILED for trial in trials)
            if name in given_up or (name in self.heard.failed and has_failed):
                self.heard.scores[key] = None
            elif all(trial.state == State.DONE for trial in trials):
                self.heard.scores[key] = self._score(study.experiment(name), trials)

    @property
    def _metric(self) -> str:
        return deciding_metric(self.question.phase.decision)

    def _plan(self, proposed: Sequence[Proposed], number: int) -> tuple[list[str], StudyPlan]:
        """Plan the experiments of the last `number` settings; return the name of each with them."""
        # What is asked of other experiments of the phase is not looked at here: not all of them are known.
        phase = self.question.phase.model_copy(update={"comparisons": (), "decision": None})
        question = replace(self.question, phase=phase)
        completed = complete(question, self.data.facts, {self.place: proposed})
        searches = [each for each in completed.made.sweeps if each.is_search]
        record = searches[[*self.question.phase.searches].index(self.place)]
        names = [each.experiment for each in record.settings[-number:]]
        wanted = chosen_with_bases(completed.experiments, set(names))
        experiments = [each for each in completed.experiments if each.name in wanted]
        return names, plan_study(completed.phase, experiments, self.options, data=self.data)

    def _score(self, planned: PlannedExperiment, trials: Sequence[Trial]) -> float | None:
        """The mean deciding score of a finished experiment; None where a fold has none."""
        reader, found = Reader(self.data.store), dict[Place, TrialScores]()
        for trial in trials:
            assert trial.folder is not None, "a trial that is done has a folder"
            scores = reader.read(trial.folder, threshold_by=planned.experiment.threshold_by)
            if not isinstance(scores, Problem):
                found[trial.repeat, trial.fold] = scores
            reader.forget()
        return deciding_mean(found, self._metric, expected=len(trials))

    def _given_up_before(self) -> Iterator[str]:
        """The experiments that the search of an earlier run went on without."""
        phase = self.question.phase
        known = self.data.store.known_study(phase.name)
        asked = asked_of(phase.sweeps[self.place])
        records: Sequence[SweepRecord] = known.sweeps if known is not None else ()
        for record in records:
            if record.asked == asked:
                yield from (each.experiment for each in record.settings if each.gave_up)
