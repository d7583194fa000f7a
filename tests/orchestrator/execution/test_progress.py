"""The view of running trials: the board, its headline, and lines where there is no terminal."""

import io
import json
from typing import Any

import pytest
from rich.console import Console

from orchestrator.console import duration, progress_bar, screen
from orchestrator.execution import progress
from orchestrator.execution.executor import Event, EventKind
from orchestrator.execution.progress import (
    Board,
    Display,
    TrialCell,
    board_from_disk,
    score_names,
    time_left_from_disk,
)
from orchestrator.store.folder import Store


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def console(out: io.StringIO) -> Console:
    """A console that is no terminal, as in a log."""
    return Console(file=out, width=160)


def cells(*states: str, **given: Any) -> dict[tuple[str, str], TrialCell]:
    return {("a", f"k{fold}"): TrialCell("a", 0, fold, state, **given) for fold, state in enumerate(states)}


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (89.4, "89 s"), (90, "2 min"), (600, "10 min"), (5399, "90 min"), (5400, "1.5 h")],
)
def test_durations_are_said_as_people_do(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_the_headline_counts_states(clock: Clock) -> None:
    board = Board(cells("done", "done", "running", "failed", "missing"))
    assert board.headline().startswith("2/5 trials done, 1 running, 1 failed")
    assert board.counts() == {"done": 2, "running": 1, "failed": 1, "missing": 1}


def test_there_is_no_time_left_before_there_is_a_pace(clock: Clock) -> None:
    """Catches a guess made of trials that an earlier run finished."""
    board = Board(cells("done", "missing"))
    board.start()
    clock.now += 60
    assert board.seconds_left() is None
    assert "left" not in board.headline()


def test_the_time_left_follows_from_this_runs_pace_and_the_weights(clock: Clock) -> None:
    """Catches trials of unequal length that count the same, and work of an earlier run in the pace."""
    board = Board(cells("done", "missing", "missing"))
    board.cells["a", "k1"].weight_s, board.cells["a", "k2"].weight_s = 10.0, 30.0
    board.start()
    clock.now += 50
    board.cells["a", "k1"].state = "done"
    # 10 of weight in 50 s: 30 more take 150 s.
    assert board.seconds_left() == pytest.approx(150)
    assert "about 2 min left" in board.headline()
    board.cells["a", "k2"].epoch, board.cells["a", "k2"].epochs = 2, 3
    assert board.seconds_left() == pytest.approx(10 * 50 / 30)


def test_what_a_run_has_stopped_is_not_left_to_it(clock: Clock) -> None:
    """Catches hours left of trials that a cap has kept from being begun."""
    board = Board(cells("done", "missing", "missing"))
    board.cells["a", "k0"].state = "missing"
    board.start()
    clock.now += 50
    board.cells["a", "k0"].state = "done"
    assert board.seconds_left() == pytest.approx(100)
    board.cells["a", "k2"].is_stopped = True
    assert board.seconds_left() == pytest.approx(50)


def test_the_headline_says_what_was_spent(clock: Clock) -> None:
    board = Board(cells("done", "missing"), spent=lambda: "5 min so far, $0.10")
    board.start()
    assert board.headline() == "1/2 trials done, 5 min so far, $0.10 (validation auc)"


def test_the_board_from_disk_says_what_the_folders_say(results: Any) -> None:
    states = {1: "failed", 2: "interrupted", 3: "missing"}
    results.add("a", states=states, epochs=9)
    store = Store.look(results.write())
    board = board_from_disk(store, store.study("phase1"))
    found = {cell.fold: cell for cell in board.cells.values()}
    assert [found[fold].state for fold in range(5)] == ["done", "failed", "interrupted", "missing", "done"]
    assert (found[0].epoch, found[0].epochs, found[0].score) == (9, 9, 0.75)
    assert found[1].message == "the loss is nan"
    assert (found[2].epoch, found[2].score) == (2, 0.2)
    assert (found[3].epoch, found[3].score) == (0, None)
    assert [cell.share for cell in found.values()] == [1.0, 1.0, pytest.approx(2 / 9), 0.0, 1.0]


def test_the_best_log_loss_is_the_lowest(results: Any) -> None:
    """Catches the worst epoch shown as the best score."""
    results.add("a", states={0: "interrupted"}, select_by="log_loss")
    store = Store.look(results.write())
    board = board_from_disk(store, store.study("phase1"))
    assert next(iter(board.cells.values())).score == 0.1
    assert "validation log_loss" in board.headline()


def test_a_board_is_json(results: Any) -> None:
    """Catches NaN, which is no JSON: a trial without an epoch has no score."""
    results.add("a", states={0: "missing", 1: "interrupted"})
    store = Store.look(results.write())
    found = board_from_disk(store, store.study("phase1")).to_json()
    text = json.dumps(found, allow_nan=False)
    assert json.loads(text)["trials"][0]["score"] is None
    assert json.loads(text)["counts"] == {"missing": 1, "interrupted": 1, "done": 3}


def test_experiments_that_share_their_trials_are_both_on_the_board(results: Any) -> None:
    """Catches a twin (another name, the same trials) that hides the first experiment from `status`."""
    one = results.add("a")
    results.experiments.append({**one, "name": "twin"})
    store = Store.look(results.write())
    board = board_from_disk(store, store.study("phase1"))
    assert {cell.experiment for cell in board.cells.values()} == {"a", "twin"}


def test_the_time_left_from_disk_needs_something_that_runs(results: Any) -> None:
    results.add("a", states={0: "interrupted", 1: "interrupted"}, epochs=10)
    store = Store.look(results.write())
    study = store.study("phase1")
    board = board_from_disk(store, study)
    assert time_left_from_disk(store, study, board) is None
    for key in list(board.cells)[:2]:
        board.cells[key].state = "running"
    # 2 trials with 8 epochs to go, 2 seconds each (as history.csv says), both at a time.
    assert time_left_from_disk(store, study, board) == pytest.approx(16.0)


def test_the_table_has_one_row_per_experiment_and_column_per_fold(console: Console, out: io.StringIO) -> None:
    board = Board(
        {(name, f"k{name}{fold}"): TrialCell(name, 0, fold) for name in ("a", "b") for fold in (0, 1)}
    )
    board.cells["b", "kb1"] = TrialCell("b", 0, 1, "running", epoch=2, epochs=5, score=0.912)
    console.print(board.table(160))
    lines = out.getvalue().splitlines()
    assert any("fold 0" in line and "fold 1" in line for line in lines)
    assert any(line.split()[1] == "b" and "2/5 0.912" in line for line in lines if len(line.split()) > 1)


def test_repeats_have_columns_of_their_own(console: Console, out: io.StringIO) -> None:
    console.print(Board({f"k{r}": TrialCell("a", r, 0) for r in (0, 1)}).table(160))
    assert "r0 f0" in out.getvalue()
    assert "r1 f0" in out.getvalue()


def test_changes_are_lines_where_there_is_no_terminal(
    console: Console, out: io.StringIO, clock: Clock
) -> None:
    """Catches control characters in a log, and one line per epoch of 500."""
    board = Board(cells("missing", "missing"))
    with Display(board, console=console, quiet=False) as display:
        display.hear(Event(EventKind.STARTED, "k0", epochs=9))
        for epoch in range(1, 4):
            display.hear(Event(EventKind.EPOCH, "k0", epoch=epoch, epochs=9, best_score=0.5 + epoch / 10))
        display.hear(Event(EventKind.DONE, "k0"))
        display.hear(Event(EventKind.STARTED, "k1"))
        display.hear(Event(EventKind.FAILED, "k1", message="the loss is nan [3]"))
    assert out.getvalue().splitlines() == [
        "a r0 f0: started",
        "a r0 f0: done, best validation score 0.800",
        "a r0 f1: started",
        "a r0 f1: failed: the loss is nan [3]",
    ]
    assert "\x1b" not in out.getvalue()


def test_a_lost_worker_is_said(console: Console, out: io.StringIO, clock: Clock) -> None:
    board = Board(cells("running", "running"))
    with Display(board, console=console, quiet=False) as display:
        display.hear(Event(EventKind.RESTARTED, "k0", message="its worker was lost; it starts again"))
        display.hear(Event(EventKind.RESTARTED, "k0", message="its worker was lost; it starts again"))
        display.hear(Event(EventKind.LOST, "k0", message="its worker was lost 4 times"))
    lines = out.getvalue().splitlines()
    assert lines[:2] == ["a r0 f0: its worker was lost; it starts again"] * 2
    assert lines[2] == "a r0 f0: failed: its worker was lost 4 times"
    assert board.cells["a", "k0"].state == "failed"


def test_a_stopped_trial_can_go_on_another_time(console: Console, out: io.StringIO, clock: Clock) -> None:
    board = Board(cells("running"))
    with Display(board, console=console, quiet=False) as display:
        display.hear(Event(EventKind.STOPPED, "k0"))
    assert out.getvalue().splitlines() == ["a r0 f0: stopped"]
    assert board.cells["a", "k0"].state == "interrupted"


def test_what_was_never_begun_is_not_called_stopped(console: Console, out: io.StringIO, clock: Clock) -> None:
    """Catches a line for each of a thousand trials that a cap leaves, and a board that calls them begun."""
    board = Board(cells("missing"))
    with Display(board, console=console, quiet=False) as display:
        display.hear(Event(EventKind.STOPPED, "k0"))
    assert out.getvalue() == "" and board.cells["a", "k0"].state == "missing"
    assert board.cells["a", "k0"].is_stopped


def test_a_line_of_progress_comes_now_and_then(console: Console, out: io.StringIO, clock: Clock) -> None:
    """Catches a log that is silent for hours, and one that is flooded by ticks."""
    with Display(Board(cells("running")), console=console, quiet=False) as display:
        display.tick()
        assert out.getvalue() == ""
        clock.now += progress.LINE_EVERY_S + 1
        display.tick()
        display.tick()
    assert out.getvalue().count("0/1 trials done, 1 running") == 1


def test_nodes_are_in_the_headline_and_their_news_above_it(clock: Clock) -> None:
    """Catches a cluster that shrinks or grows without a word, on a terminal too."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=160)
    board = Board(cells("running"), nodes=lambda: "on 2 nodes (1 gone)")
    with Display(board, console=console, quiet=False) as display:
        display.tell("node 10.0.0.7 is gone")
    assert "0/1 trials done, 1 running, on 2 nodes (1 gone) (validation auc)" in out.getvalue()
    assert "node 10.0.0.7 is gone" in out.getvalue()


def test_quiet_is_quiet(console: Console, out: io.StringIO, clock: Clock) -> None:
    with Display(Board(cells("missing")), console=console, quiet=True) as display:
        display.hear(Event(EventKind.STARTED, "k0"))
        clock.now += 1000
        display.tick()
        display.hear(Event(EventKind.FAILED, "k0", message="no"))
        display.tell("node 10.0.0.7 is gone")
    with progress_bar(console, "Reading", quiet=True) as report:
        report(3, 3)
    assert out.getvalue() == ""


def test_a_terminal_shows_the_table_and_leaves_it(clock: Clock) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100)
    with Display(Board(cells("missing")), console=console, quiet=False) as display:
        display.hear(Event(EventKind.DONE, "k0"))
    assert "1/1 trials done" in out.getvalue()


def test_reading_says_one_line_at_its_end_off_a_terminal(console: Console, out: io.StringIO) -> None:
    with progress_bar(console, "Reading images", quiet=False) as report:
        for done in (1, 2, 3):
            report(done, 3)
    assert out.getvalue() == "Reading images: 3\n"


def test_lines_for_people_go_to_standard_error_beside_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Catches a plan --json that is no JSON because a progress line is in it."""
    screen(stderr=True).print("to people")
    screen().print("x" * 150)
    captured = capsys.readouterr()
    assert captured.err == "to people\n"
    assert captured.out == "x" * 150 + "\n"


def test_scores_are_named_by_what_they_are() -> None:
    assert score_names(["f1", "auc", "auc"]) == "auc/f1"
    assert score_names([{"recall": 1.0}, "auc"]) == "auc/weighted score"


def test_who_has_left_a_race_is_not_waited_for(console: Console, out: io.StringIO, clock: Clock) -> None:
    """Catches a time left that counts trials that won't run, and a stop that looks like an interruption."""
    board = Board(cells("missing", "running", "missing", epochs=4))
    with Display(board, console=console, quiet=False) as display:
        clock.now += 100
        display.hear(Event(EventKind.DONE, "k0"))
        display.hear(Event(EventKind.EPOCH, "k1", epoch=2, epochs=4))
        for key in ("k1", "k2"):
            board.cells["a", key].is_left_out = True
        board.cells["b", "k3"] = TrialCell("b", 0, 0)
        display.hear(Event(EventKind.EPOCH, "k1", epoch=3, epochs=4))
        display.hear(Event(EventKind.STOPPED, "k1"))
        display.hear(Event(EventKind.STOPPED, "k2"))
    assert board.counts() == {"done": 1, "eliminated": 2, "missing": 1}
    # One and three quarters of a trial took 100 s, and one is left.
    assert board.seconds_left() == pytest.approx(100 / 1.75)
    assert "1/4 trials done, 2 eliminated, about 57 s left" in board.headline()


def test_a_trial_that_ended_after_its_experiment_had_left_is_done(
    console: Console, out: io.StringIO, clock: Clock
) -> None:
    board = Board(cells("running"))
    board.cells["a", "k0"].is_left_out = True
    with Display(board, console=console, quiet=True) as display:
        display.hear(Event(EventKind.DONE, "k0"))
    assert board.counts() == {"done": 1}
