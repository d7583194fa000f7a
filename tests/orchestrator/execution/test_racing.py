"""A race during a run: who is stopped, what stays on disk, and that neither order nor a kill changes it."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.analysis.collect import collect
from orchestrator.decisions.decision import decide
from orchestrator.execution.progress import board_from_disk
from orchestrator.execution.racing import end_race, is_needed, refuse_race, take_looks, with_eliminations
from orchestrator.plan.plan import Options, StudyPlan
from orchestrator.store.folder import State, Store
from orchestrator.store.race_file import EliminationRecord, RaceRecord, read_race
from orchestrator.wording.decision_text import decision_sentences
from orchestrator.wording.race_text import race_sentences
from tests.cases import fast_first
from tests.orchestrator.conftest import SHARED
from tests.orchestrator.execution.racing_runs import FAILS, NAMES, SCORES, Shuffled, make_study, run
from trainables.errors import InputError

ROOT = Path(__file__).parents[3]
MakeStudy = Callable[..., StudyPlan]


@pytest.fixture(scope="module")
def experiments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("experiments")
    # A dropout each, so that no two of them share trials.
    files = {f"phase1/{name}.json": {"dropout": 0.1 * (place + 1)} for place, name in enumerate(NAMES)}
    for name, content in {"shared.json": SHARED, **files}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(content))
    return folder


@pytest.fixture(scope="module")
def raced(experiments: Path, faces: Path, scanned: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of a race. Copy them to change them."""
    results = Path(shutil.copytree(scanned, tmp_path_factory.mktemp("raced") / "results"))
    run(make_study(experiments, faces, results))
    return results


@pytest.fixture
def study(experiments: Path, faces: Path, scanned: Path, raced: Path, tmp_path: Path) -> MakeStudy:
    """Plan the phase in new results, in those of an earlier call, or in a copy of a race's ("raced")."""

    def plan(name: str = "results", **options: Any) -> StudyPlan:
        if not (tmp_path / name).exists():
            shutil.copytree(raced if name == "raced" else scanned, tmp_path / name)
        return make_study(experiments, faces, tmp_path / name, **options)

    return plan


def race_of(study: StudyPlan) -> RaceRecord | None:
    return read_race(study.store, "phase1")


def left(record: RaceRecord | None) -> dict[str, tuple[int, int]]:
    assert record is not None
    return {each.experiment: each.place for each in record.eliminated}


def finished(study: StudyPlan, name: str) -> int:
    return len(list(study.store.trials.glob(f"{name}-*/done.json")))


def test_what_is_far_behind_is_stopped_and_keeps_its_folds(study: MakeStudy) -> None:
    planned = study("raced")
    found = left(race_of(planned))
    assert set(found) == {"bad", "worse"}
    for name, place in found.items():
        assert finished(planned, name) == place[1] + 1 < 5
    assert finished(planned, "good") == finished(planned, "near") == 5


@pytest.mark.slow
def test_the_tables_say_when_it_left_and_pair_it_with_nobody(study: MakeStudy) -> None:
    planned = study("raced")
    place = left(race_of(planned))["bad"]
    tables = collect(planned.store, "phase1")
    rows = tables.failures[tables.failures["experiment"] == "bad"]
    assert set(rows["state"]) == {"eliminated"} and len(rows) == 5 - place[1] - 1
    assert set(rows["reason"]) == {f"eliminated after fold {place[1]} by the race, behind good"}
    assert tables.overall["bad", "auc"]["n"] == place[1] + 1
    assert tables.overall["bad", "auc"]["mean"] != tables.overall["bad", "auc"]["mean"]
    assert not tables.experiments["bad"].is_complete
    assert "The race saved" in race_sentences(tables)[-1]


def test_the_decision_is_among_the_others_and_names_who_left(study: MakeStudy) -> None:
    """Catches "no decision yet: bad: fold 3 is missing", and keys that are not handed over any more."""
    planned = study("raced")
    found = left(race_of(planned))
    decision = decide(planned.store, "phase1").record
    assert {each.experiment for each in decision.evidence.candidates} == {"good", "near"}
    assert {each.experiment: each.place for each in decision.eliminated} == found
    assert set(decision.handed_over) == {"dropout"}
    said = " ".join(decision_sentences(decision))
    assert "The choice is among those that ran all folds." in said
    assert f"bad is eliminated after fold {found['bad'][1]}" in said
    assert "among the 2 candidates that ran all folds: " in said


@pytest.mark.slow
def test_all_but_one_may_leave(study: MakeStudy) -> None:
    scores = {**SCORES, "near": SCORES["bad"]}
    planned = study()
    assert set(left(run(planned, scores))) == {"near", "bad", "worse"}
    decision = decide(planned.store, "phase1").record
    assert (decision.chosen, decision.runner_up, decision.decided_by) == ("good", None, "race")
    assert set(decision.handed_over) == {"dropout"}
    assert "good is chosen: all others left the race" in decision_sentences(decision)[0]


def test_a_plan_says_which_trials_are_left_out(study: MakeStudy) -> None:
    """Catches a plan in which the folds of who has left look like any that were not run yet."""
    planned = with_eliminations(study("raced"))
    gone = [trial for trial in planned.trials if trial.state != State.DONE]
    assert {(trial.experiment, trial.state) for trial in gone} == {
        ("bad", State.ELIMINATED), ("worse", State.ELIMINATED),
    }  # fmt: skip
    place = left(race_of(planned))["bad"][1]
    reason = f"eliminated after fold {place} by the race, behind good; it runs without --race alone"
    assert gone[0].why == reason
    assert len(planned.missing()) == len(gone)


def test_the_board_shows_who_left(study: MakeStudy) -> None:
    planned = study("raced")
    board = board_from_disk(planned.store, planned.store.study("phase1"))
    number = 20 - sum(finished(planned, name) for name in NAMES)
    assert board.counts() == {"done": 20 - number, "eliminated": number}
    assert f"{20 - number}/20 trials done, {number} eliminated" in board.headline()
    assert " left" not in board.headline()


@pytest.mark.slow
@pytest.mark.parametrize("picks", fast_first([((1, 0, 2),), ((2, 2, 5, 0, 7),)], 1))
def test_another_order_of_events_has_the_same_outcome(study: MakeStudy, picks: tuple[int, ...]) -> None:
    """Catches a look that is taken before all of its trials have ended, or that sees later folds."""
    one, other = study("raced"), study("other")
    expected, found = race_of(one), run(other, executor=Shuffled(picks, ahead=8))
    assert expected == found
    # Which trials were begun for nothing hangs on the order, and is in no table.
    assert finished(other, "bad") >= finished(one, "bad")
    first, second = (collect(each.store, "phase1").texts for each in (one, other))
    assert first == second


@pytest.mark.slow
@pytest.mark.parametrize("number", [3, 8, 10, 13])
def test_a_killed_race_goes_on_to_the_same_end(
    study: MakeStudy, experiments: Path, faces: Path, number: int
) -> None:
    expected = race_of(study("raced"))
    results = study("killed").store.root
    line = [sys.executable, "-m", "tests.orchestrator.execution.racing_runs", experiments, faces, results]
    killed = subprocess.run([*map(str, line), str(number)], cwd=ROOT, check=False, timeout=200)
    assert killed.returncode == -signal.SIGKILL
    planned = study("killed")
    assert sum(finished(planned, name) for name in NAMES) == number
    assert run(planned) == expected
    assert sum(finished(planned, name) for name in NAMES) == sum(
        5 if each not in left(expected) else left(expected)[each][1] + 1 for each in NAMES
    )


def test_a_second_race_starts_nothing(study: MakeStudy) -> None:
    again = study("raced")
    record, before = race_of(again), again.store.race_file("phase1").read_bytes()
    assert again.missing() and not is_needed(again, Options(results=again.store.root, race=True))
    assert run(again) == record
    assert again.store.race_file("phase1").read_bytes() == before


@pytest.mark.slow
def test_without_a_race_who_left_comes_back(study: MakeStudy) -> None:
    again = study("raced")
    found = left(race_of(again))
    assert {each.experiment: each.place for each in end_race(again)} == found
    assert read_race(again.store, "phase1") is None and end_race(again) == ()
    assert is_needed(again, Options(results=again.store.root))
    rows = collect(again.store, "phase1").failures
    assert set(rows["state"]) == {"missing"}


@pytest.mark.slow
def test_a_decision_says_who_has_come_back(study: MakeStudy) -> None:
    planned = study("raced")
    decide(planned.store, "phase1")
    end_race(planned)
    run(planned, race=False)
    moved = decide(planned.store, "phase1").moved
    assert moved == tuple(
        f"{name} had left a race then, and has run all folds since" for name in ("bad", "worse")
    )


def test_other_experiments_stay_out_when_some_come_back(study: MakeStudy) -> None:
    planned = study("raced", only="bad")
    back = end_race(planned)
    assert [each.experiment for each in back] == ["bad"]
    assert set(left(read_race(Store.look(planned.store.root), "phase1"))) == {"worse"}


def test_a_run_of_folds_that_all_have_brings_nobody_back(study: MakeStudy) -> None:
    """Catches experiments that lose their elimination, and stand in the tables as incomplete for it."""
    planned = study("raced", folds=(0,))
    before = race_of(planned)
    assert end_race(planned) == () and race_of(planned) == before


@pytest.mark.slow
def test_who_leaves_by_what_earlier_runs_have_left_is_told(study: MakeStudy) -> None:
    """Catches experiments that leave a race before its first trial, and nobody says so."""
    run(study(folds=(0, 1, 2)), race=False)
    told: list[EliminationRecord] = []
    planned = study()
    take_looks(planned, told.append)
    assert {each.experiment for each in told} == {"bad", "worse"} == set(left(race_of(planned)))
    take_looks(planned, told.append)
    assert len(told) == 2


def test_what_failed_stays_and_holds_nobody_up(study: MakeStudy) -> None:
    """Catches a race that waits for a trial that will never be done."""
    scores = {**SCORES, "near": (0.5, FAILS, 0.5, 0.5, 0.5)}
    planned = study()
    record = run(planned, scores)
    assert set(left(record)) == {"bad", "worse"}
    assert record is not None and record.looks == 4
    assert [(each.experiment, each.reason) for each in record.unjudged] == [("near", "fold 1: it failed: no")]
    assert finished(planned, "near") == 4


@pytest.mark.slow
def test_who_left_stays_out_when_a_failed_trial_is_run_again(study: MakeStudy) -> None:
    """Catches a restart that takes trials of who has left while a look waits for the one that failed."""
    first = left(run(study(), {**SCORES, "near": (0.9, FAILS, 0.9, 0.9, 0.9)}))
    planned = study()
    assert left(run(planned)) == first
    assert {name: finished(planned, name) for name in first} == {
        name: at[1] + 1 for name, at in first.items()
    }


@pytest.mark.slow
def test_what_was_finished_before_does_not_leave(study: MakeStudy) -> None:
    """Catches folds that were run, and that tables do not show because of a race that came later."""
    planned = study(only="worse")
    run(planned, race=False)
    assert finished(planned, "worse") == 5
    record = run(study())
    assert record is not None and record.settled == ("worse",)
    assert set(left(record)) == {"bad"}


@pytest.mark.slow
def test_as_many_as_are_selected_stay(study: MakeStudy) -> None:
    assert set(left(run(study(top=3)))) == {"worse"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"folds": (0, 1)}, "--race looks at one fold after the other; leave out --folds"),
        ({"only": "good"}, "--race is between all experiments to choose among; leave out --only"),
    ],
)
def test_what_the_command_line_does_not_allow(study: MakeStudy, options: dict[str, Any], said: str) -> None:
    planned = study(**options)
    with pytest.raises(InputError, match=said):
        refuse_race(planned, Options(results=planned.store.root, race=True, **options))


def test_two_folds_are_no_race(
    write_experiments: Callable[..., Path], faces: Path, scanned: Path, tmp_path: Path
) -> None:
    files = {"phase1/a.json": {"cv_folds": 2}, "phase1/b.json": {"cv_folds": 2, "dropout": 0.5}}
    results = Path(shutil.copytree(scanned, tmp_path / "results"))
    planned = make_study(write_experiments(files), faces, results, names=("a", "b"))
    with pytest.raises(InputError, match="a race needs at least three folds, and a has 2"):
        refuse_race(planned, Options(results=results, race=True))


@pytest.mark.slow
def test_what_an_ensemble_combines_runs_to_its_end(
    write_experiments: Callable[..., Path], faces: Path, scanned: Path, tmp_path: Path
) -> None:
    """Catches a base that is stopped, without which the ensemble can't run; the ensemble itself may leave."""
    names = ("good", "near", "bad", "both")
    plain = {"backbone": "three_cnn", "image_size": 100}
    files: dict[str, dict[str, object]] = {
        f"phase1/{name}.json": {**plain, "lr": 0.001 * (place + 1)} for place, name in enumerate(names[:3])
    }
    files["phase1/both.json"] = {"backbone": "ensemble_cnn", "image_size": 100, "bases": ["near", "bad"]}
    results = Path(shutil.copytree(scanned, tmp_path / "results"))
    planned = make_study(write_experiments(files), faces, results, names=names)
    record = run(planned, {**SCORES, "both": SCORES["worse"]})
    assert set(left(record)) == {"both"} and record is not None and record.looks == 8
    assert finished(planned, "bad") == 5 and finished(planned, "both") < 5


def test_one_experiment_is_no_race(experiments: Path, faces: Path, scanned: Path, tmp_path: Path) -> None:
    results = Path(shutil.copytree(scanned, tmp_path / "results"))
    planned = make_study(experiments, faces, results, names=("good",))
    with pytest.raises(InputError, match="has 1 experiment to choose among, and a race needs two or more"):
        refuse_race(planned, Options(results=results, race=True))
