"""Searches over experiments: proposals from stored deciding scores, the same after every interruption."""

import itertools
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from orchestrator.config.library import Library
from orchestrator.config.load import load
from orchestrator.config.sweep import Search
from orchestrator.execution.proposals import Proposer
from orchestrator.execution.run import plan_question
from orchestrator.execution.searching import Heard, further_rounds
from orchestrator.plan.data_sets import DataSets
from orchestrator.plan.plan import Options, StudyPlan, Trial
from orchestrator.plan.record import write_study
from orchestrator.store.folder import State, Store
from trainables.errors import InputError
from trainables.files import read_json, write_json

Write = Callable[..., Path]
NUM_TRIALS, PARALLEL = 14, 5
SPACE: dict[str, Any] = {
    "lr": {"low": 1e-5, "high": 1e-1, "log": True},
    # Its steps do not end at `high`.
    "dropout": {"low": 0, "high": 0.55, "step": 0.1},
    "epochs": {"low": 2, "high": 9},
    "augment": [False, {"hflip_p": 0.5}],
}
SEARCH = {"trials": NUM_TRIALS, "parallel": PARALLEL, "space": SPACE}

BY_LR = {"trials": 5, "parallel": 2, "space": {"lr": {"low": 1e-5, "high": 1e-1, "log": True}}}


class Rounds:
    """A search whose trials are written by hand instead of run: the deciding score is told by a function."""

    def __init__(self, folder: Path, faces: Path, results: Any) -> None:
        self.results, self.faces = results, faces
        self.library = Library((folder,))
        self.options = Options(results=results.root, data=faces)

    def plan(self, heard: Heard | None = None) -> StudyPlan:
        question = load(["mine"], self.library, results=self.results.root, preset=None, settings=())
        data = DataSets(Store.open(self.results.root), override=self.faces)
        return plan_question(question, self.options, data, heard)

    def run(
        self, score: Callable[[StudyPlan, Trial], float | None], *, rounds: int = 99, seed: int = 0
    ) -> StudyPlan:
        """Run round after round as `run_study` does; None is a failure."""
        heard = Heard()
        study = self.plan(heard)
        every = itertools.chain([study], further_rounds(study, heard, lambda: self.plan(heard)))
        for number, each in enumerate(every, start=1):
            study = each
            write_study(study)
            missing = study.missing()
            random.Random(seed).shuffle(missing)
            for trial in missing:
                self.finish(study, trial, score(study, trial))
            if number == rounds:
                break
        return study

    def finish(self, study: StudyPlan, trial: Trial, score: float | None) -> None:
        recipe = study.experiment(trial.experiment).recipe
        assert recipe is not None and trial.folder is not None
        (trial.folder / "error.json").unlink(missing_ok=True)
        state = "failed" if score is None else "done"
        self.results.trial(
            trial.folder, trial.experiment, trial.fold, trial.key, recipe.model_dump(mode="json"), state=state
        )
        if score is not None:
            table = pd.read_csv(trial.folder / "history.csv")
            table[["auc_half_a", "auc_half_b"]] = score
            table.to_csv(trial.folder / "history.csv", index=False)
            facts = read_json(trial.folder / "metrics.json")
            write_json(trial.folder / "metrics.json", {**facts, "n_val_halves": [5, 5]})


def settings(study: StudyPlan) -> list[dict[str, Any]]:
    (sweep,) = study.sweeps
    return [dict(each.values) for each in sweep.settings]


def by_rate(study: StudyPlan, trial: Trial) -> float | None:
    """The better, the nearer lr is to 0.01; the same for every fold."""
    rate = study.experiment(trial.experiment).experiment.optimizer.lr
    return round(0.9 - abs(rate - 0.01), 6)


@pytest.fixture
def rounds(write_experiments: Write, scanned: Path, faces: Path, results: Any) -> Rounds:
    (results.root / "cache" / "scans").symlink_to(scanned / "cache" / "scans", target_is_directory=True)
    phase = {"title": "Mine", "extends": "base", "search": SEARCH, "decision": {"choose": "auc"}}
    files = {"mine/phase.json": phase, "phase1/base.json": {"cnn_preset": "micro", "cv_folds": 2}}
    return Rounds(write_experiments(files), faces, results)


def test_a_search_runs_in_rounds_until_all_is_proposed_and_then_starts_nothing(rounds: Rounds) -> None:
    first = rounds.plan()
    assert len(settings(first)) == PARALLEL and len(first.trials) == 2 * (PARALLEL + 1)
    study = rounds.run(by_rate)
    assert len(settings(study)) == NUM_TRIALS
    again = rounds.plan()
    assert settings(again) == settings(study) and not again.missing()
    for each in settings(study):
        assert 1e-5 <= each["lr"] <= 1e-1 and each["lr"] == float(f"{each['lr']:.4g}")
        assert each["dropout"] in (0, 0.1, 0.2, 0.3, 0.4, 0.5) and isinstance(each["epochs"], int)


@pytest.mark.slow
def test_an_interrupted_search_goes_on_as_if_it_had_not_been(rounds: Rounds, tmp_path: Path) -> None:
    """Catches proposals that hang on the order in which trials ended, or on what one process remembers."""
    whole = settings(rounds.run(by_rate))
    for path in rounds.results.root.glob("trials/*"):
        path.rename(tmp_path / path.name)
    rounds.run(by_rate, rounds=1, seed=1)
    rounds.run(by_rate, rounds=2, seed=2)
    assert settings(rounds.run(by_rate, seed=9)) == whole


@pytest.mark.slow
def test_a_round_waits_for_every_fold_of_the_one_before(rounds: Rounds) -> None:
    study = rounds.run(by_rate, rounds=1)
    assert len(settings(rounds.plan())) == 2 * PARALLEL
    last = next(trial for trial in study.trials if trial.experiment == study.sweeps[0].experiments[-1])
    assert last.folder is not None
    (last.folder / "done.json").unlink()
    assert len(settings(rounds.plan())) == PARALLEL


@pytest.mark.slow
def test_deciding_scores_lead_the_search_and_test_scores_do_not(rounds: Rounds) -> None:
    whole = settings(rounds.run(by_rate))
    for path in rounds.results.root.glob("trials/*/predictions.parquet"):
        table = pd.read_parquet(path)
        table.loc[table["split"] == "test", "score"] = 0.5
        table.to_parquet(path)
    assert settings(rounds.plan()) == whole
    for path in rounds.results.root.glob("trials/*/history.csv"):
        history = pd.read_csv(path)
        history[["auc_half_a", "auc_half_b"]] = 1 - history[["auc_half_a", "auc_half_b"]]
        history.to_csv(path, index=False)
    turned = settings(rounds.plan())
    # The first ten are random.
    assert turned[:10] == whole[:10] and turned != whole[: len(turned)]


def test_what_a_search_may_propose_fits_the_data_before_anything_runs(
    rounds: Rounds, write_experiments: Write
) -> None:
    """Catches a loss, or a model that there is not, that a search meets after hours."""
    space = {"loss.class_weights": ["balanced", [1.0, 2.0, 3.0]]}
    phase = {"title": "Mine", "extends": "base", "search": {"trials": 2, "space": space}}
    write_experiments({"mine/phase.json": phase}, folder=rounds.library.folders[0])
    with pytest.raises(InputError, match="class_weights"):
        rounds.plan()


@pytest.mark.slow
def test_a_search_goes_on_without_what_failed_and_stays_as_it_went(rounds: Rounds) -> None:
    fails: set[str] = set()

    def score(study: StudyPlan, trial: Trial) -> float | None:
        if not fails:
            fails.add(study.sweeps[0].experiments[1])
        return None if trial.experiment in fails and trial.fold == 1 else by_rate(study, trial)

    study = rounds.run(score)
    (sweep,) = study.sweeps
    assert len(sweep.settings) == NUM_TRIALS
    assert {each.experiment for each in sweep.settings if each.gave_up} == fails
    # The next run tries it again, and what was proposed without it is not proposed otherwise.
    again = rounds.plan()
    assert settings(again) == settings(study)
    (retried,) = again.missing()
    assert (retried.experiment, retried.fold, retried.state) == (*fails, 1, State.FAILED)
    rounds.finish(again, retried, 0.99)
    after = rounds.plan()
    assert settings(after) == settings(study) and not after.missing()


def test_a_search_of_another_seed_proposes_something_else_and_begins_at_random() -> None:
    def drawn(**more: Any) -> list[Any]:
        search = Search.model_validate_json(Search.model_validate({**BY_LR, **more}).model_dump_json())
        proposer = Proposer(search, lower_is_better=False)
        found = []
        while asked := proposer.ask():
            found += asked
            proposer.tell([None] * len(asked))
        return found

    assert len(drawn()) == 5 and drawn() == drawn()
    assert drawn(seed=1) != drawn() and drawn(sampler="random", seed=1) == drawn(seed=1)
