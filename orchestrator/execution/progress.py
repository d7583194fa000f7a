"""Display of running trials: a live table of experiment x fold, or plain lines where there is no terminal.

`Board` is the state of a run, filled by events; it draws itself as a table. `Display` shows a board.
`board_from_disk` fills one from results/ alone, for `status` in another terminal.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from orchestrator.console import duration, say
from orchestrator.execution.board_table import lay_out
from orchestrator.execution.executor import Event, EventKind
from orchestrator.store.csv_files import read_csv
from orchestrator.store.folder import State, Store, read_error, read_metrics, trial_state
from orchestrator.store.race_file import read_race
from orchestrator.store.records import StudyRecord
from orchestrator.wording.price_text import money
from trainables.evaluation.metrics import LOWER_IS_BETTER
from trainables.outside_text import visible
from trainables.trial_files import HISTORY

REFRESH_S = 0.5
LINE_EVERY_S = 20.0
SYMBOLS = {
    State.DONE: "[green]✓[/]",
    State.FAILED: "[red]✗[/]",
    State.RUNNING: "[cyan]▶[/]",
    State.INTERRUPTED: "[yellow]‖[/]",
    State.ELIMINATED: "[dim]⊘[/]",
}


STATES = {
    EventKind.STARTED: State.RUNNING,
    EventKind.EPOCH: State.RUNNING,
    EventKind.SIGN: State.RUNNING,
    EventKind.DONE: State.DONE,
    EventKind.FAILED: State.FAILED,
    EventKind.LOST: State.FAILED,
    EventKind.RESTARTED: State.INTERRUPTED,
    EventKind.BLOCKED: State.INTERRUPTED,
    EventKind.STOPPED: State.INTERRUPTED,
}


# What says more than its name.
TOLD_BY_MESSAGE = (EventKind.RESTARTED, EventKind.BLOCKED)


@dataclass(slots=True)
class TrialCell:
    """One trial on the board.

    `weight_s` is its estimated length, `share` how much of it is done, `seconds` what it took by what is on
    disk. `is_left_out` says that its experiment has left a race. What this run has stopped is not run to its
    end now.
    """

    experiment: str
    repeat: int
    fold: int
    state: State = State.MISSING
    epoch: int = 0
    epochs: int = 1
    score: float | None = None
    message: str = ""
    weight_s: float = 1.0
    seconds: float = 0.0
    is_left_out: bool = False
    is_stopped: bool = False

    @property
    def is_over(self) -> bool:
        """Whether nothing of it is to be run any more."""
        return self.state in (State.DONE, State.FAILED, State.ELIMINATED)

    @property
    def share(self) -> float:
        """Part of the trial that is behind it, 0 to 1."""
        has_ended = self.state in (State.DONE, State.FAILED)
        return 1.0 if has_ended else min(1.0, self.epoch / max(1, self.epochs))

    @property
    def name(self) -> str:
        """The trial as people call it."""
        return f"{self.experiment} r{self.repeat} f{self.fold}"

    def text(self) -> str:
        """The cell in the table."""
        symbol = SYMBOLS.get(self.state, "[dim]·[/]")
        score = "" if self.score is None else f" {self.score:.3f}"
        epoch = f" {self.epoch}/{self.epochs}" if self.state in (State.RUNNING, State.INTERRUPTED) else ""
        return f"{symbol}{epoch}{score}"


@dataclass(slots=True)
class Board:
    """All trials of a run, by experiment and key (experiments that differ in name alone share trials).

    `spent` says what was taken so far, nothing where that is not known, and `nodes` which nodes of a cluster
    train.
    """

    cells: dict[tuple[str, str], TrialCell]
    metric: str = "auc"
    started: float = field(default_factory=time.monotonic)
    done_before: float = 0.0
    spent: Callable[[], str] = str
    nodes: Callable[[], str] = str

    def start(self) -> None:
        """Begin to measure: what is done by now was not done by this run."""
        self.started, self.done_before = time.monotonic(), self._done()

    def _done(self) -> float:
        return sum(cell.weight_s * cell.share for cell in self.cells.values())

    def seconds_left(self) -> float | None:
        """Estimate the time left from the pace so far; None before there is a pace."""
        left = sum(
            cell.weight_s * (1.0 - cell.share)
            for cell in self.cells.values()
            if not (cell.is_over or cell.is_stopped)
        )
        done = self._done() - self.done_before
        if done <= 0.0:
            return None
        return left * (time.monotonic() - self.started) / done

    def counts(self) -> dict[str, int]:
        """Trials by state."""
        found: dict[str, int] = {}
        for cell in self.cells.values():
            found[cell.state] = found.get(cell.state, 0) + 1
        return found

    def titled(self, width: int) -> Group:
        """Draw experiment x fold below the headline, for a live display of `width` columns."""
        return Group(Text(visible(self.headline()), style="bold"), self.table(width))

    def table(self, width: int) -> Group:
        """Draw experiment x fold within `width` columns; names are shortened for it, numbers are not."""
        columns = sorted({(cell.repeat, cell.fold) for cell in self.cells.values()})
        repeats = len({repeat for repeat, _ in columns}) > 1
        heads = [f"r{repeat} f{fold}" if repeats else f"fold {fold}" for repeat, fold in columns]
        by_place = {(cell.experiment, cell.repeat, cell.fold): cell for cell in self.cells.values()}
        rows = []
        for name in dict.fromkeys(cell.experiment for cell in self.cells.values()):
            row = (by_place.get((name, *column)) for column in columns)
            rows.append((name, [cell.text() if cell else "" for cell in row]))
        return lay_out(heads, rows, width=width)

    def headline(self) -> str:
        """One line: how many trials in which state, the time left, what was taken so far, on which nodes."""
        counts = self.counts()
        parts = [f"{counts.get(State.DONE, 0)}/{len(self.cells)} trials done"]
        parts += [
            f"{counts[state]} {state}"
            for state in (State.RUNNING, State.FAILED, State.INTERRUPTED, State.ELIMINATED)
            if counts.get(state)
        ]
        left = self.seconds_left()
        if left is not None and any(not cell.is_over for cell in self.cells.values()):
            parts.append(f"about {duration(left)} left")
        parts += filter(None, [self.spent(), self.nodes()])
        return ", ".join(parts) + f" (validation {self.metric})"

    def to_json(self) -> dict[str, JsonValue]:
        """Plain values for --json."""
        return {
            "counts": dict(self.counts()),
            "seconds_left": self.seconds_left(),
            "trials": [
                {
                    "key": key,
                    **{
                        name: getattr(cell, name)
                        for name in ("experiment", "repeat", "fold", "state", "epoch")
                    },
                    **{"epochs": cell.epochs, "score": cell.score, "message": cell.message},
                }
                for (_, key), cell in self.cells.items()
            ],
        }


class Display:
    """Shows a board: live on a terminal, as lines elsewhere, not at all when quiet."""

    def __init__(self, board: Board, *, console: Console, quiet: bool) -> None:
        self.board, self._console, self._quiet = board, console, quiet
        self._live: Live | None = None
        self._last_line = time.monotonic()

    def __enter__(self) -> "Display":
        self.board.start()
        if self._console.is_terminal and not self._quiet:
            self._live = Live(
                get_renderable=lambda: self.board.titled(self._console.width),
                console=self._console,
                refresh_per_second=1 / REFRESH_S,
                transient=True,
                # Ray's prints go to a log, not through the display.
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live:
            self._live.stop()
            self._console.print(self.board.titled(self._console.width))

    def hear(self, event: Event) -> None:
        """Take in what is heard of a trial."""
        for (_, key), cell in self.board.cells.items():
            if key == event.key:
                self._update(cell, event)

    def _update(self, cell: TrialCell, event: Event) -> None:
        before = cell.state
        # What is stopped before it begins stays missing, as it is on disk.
        found = before if event.kind is EventKind.STOPPED and before == State.MISSING else STATES[event.kind]
        cell.state = _left_out(found) if cell.is_left_out else found
        cell.is_stopped = event.kind is EventKind.STOPPED
        cell.epoch = cell.epoch if event.epoch is None else event.epoch
        cell.epochs = cell.epochs if event.epochs is None else event.epochs
        cell.score = cell.score if event.best_score is None else event.best_score
        cell.message = event.message or cell.message
        if cell.state != before or event.kind is EventKind.RESTARTED:
            self._line(f"{cell.name}: {_said(cell, event)}")

    def tick(self) -> None:
        """Called often; prints a line of progress now and then where nothing is live."""
        if time.monotonic() - self._last_line > LINE_EVERY_S:
            self._line(self.board.headline())

    def tell(self, text: str) -> None:
        """Say what concerns no single trial, above the table where it is live."""
        if not self._quiet:
            say(text, console=self._console)

    def _line(self, text: str) -> None:
        if not self._live and not self._quiet:
            self._last_line = time.monotonic()
            say(text, console=self._console)


def _said(cell: TrialCell, event: Event) -> str:
    if event.kind is EventKind.DONE:
        return "done" if cell.score is None else f"done, best validation score {cell.score:.3f}"
    if cell.state == State.FAILED:
        return f"failed: {cell.message}"
    return event.message if event.kind in TOLD_BY_MESSAGE else event.kind.value


def _left_out(state: State) -> State:
    """Name the state of a trial whose experiment has left a race: it may have been finished all the same."""
    return state if state == State.DONE else State.ELIMINATED


def mark_eliminated(board: Board, store: Store, study: StudyRecord) -> None:
    """Mark the trials of experiments that have left the phase's race by now."""
    race = read_race(store, study.phase.name)
    if race is None:
        return
    for experiment in study.experiments:
        elimination = race.elimination(experiment)
        for key in () if elimination is None else elimination.left_out:
            if (cell := board.cells.get((experiment.name, key))) is not None:
                cell.is_left_out, cell.state = True, _left_out(cell.state)


def board_from_disk(store: Store, study: StudyRecord) -> Board:
    """Fill a board from results/."""
    cells = {}
    for experiment, trial in study.trials():
        cell = TrialCell(
            experiment.name,
            trial.repeat,
            trial.fold,
            epochs=experiment.recipe.epochs,
            weight_s=trial.estimate_s or 1.0,
        )
        _fill(cell, store.trial(trial.folder), lower=experiment.recipe.select_by in LOWER_IS_BETTER)
        cells[experiment.name, trial.key] = cell
    metric = score_names(experiment.recipe.select_by for experiment in study.experiments)
    board = Board(cells, metric=metric)
    said = _spent_so_far(board, study)
    board.spent = lambda: said
    mark_eliminated(board, store, study)
    board.start()
    return board


def score_names(select_by: Iterable[object]) -> str:
    """Name what the scores of some experiments are: metrics, or weighted sums of several."""
    return "/".join(sorted({each if isinstance(each, str) else "weighted score" for each in select_by}))


def _fill(cell: TrialCell, folder: Path, *, lower: bool) -> None:
    cell.state = trial_state(folder)
    error = read_error(folder)
    cell.message = error.message if error else ""
    if cell.state == State.DONE:
        metrics = read_metrics(folder)
        cell.epoch = cell.epochs
        cell.score = metrics.score if metrics else None
        cell.seconds = float(metrics.seconds or 0.0) if metrics else 0.0
        return
    try:
        history = read_csv(folder / HISTORY)
        cell.epoch = len(history)
        cell.seconds = float(history["seconds"].sum())
        cell.score = float(history["score"].min() if lower else history["score"].max())
    except (OSError, ValueError, KeyError):
        return


def time_left_from_disk(store: Store, study: StudyRecord, board: Board) -> float | None:
    """Estimate from the seconds that epochs took so far, for as many trials at a time as run now."""
    running = sum(cell.state == State.RUNNING for cell in board.cells.values())
    if not running:
        return None
    left = 0.0
    for experiment in study.experiments:
        cells = [board.cells[experiment.name, trial.key] for trial in experiment.trials]
        seconds = [s for trial in experiment.trials for s in _epoch_seconds(store.trial(trial.folder))]
        epochs = sum(cell.epochs - cell.epoch for cell in cells if not cell.is_over)
        if epochs and not seconds:
            return None
        left += epochs * (sum(seconds) / len(seconds) if seconds else 0.0)
    return left / running


def _spent_so_far(board: Board, study: StudyRecord) -> str:
    """Say what all trials took so far, and cost where the study has a price; nothing before that."""
    a_second = study.money_a_second()
    # Experiments that differ in name alone share trials, which took their time once.
    cells = {key: cell for (_, key), cell in board.cells.items()}.values()
    seconds = sum(cell.seconds for cell in cells)
    if not seconds:
        return ""
    if study.price is None:
        return f"{duration(seconds)} of training so far"
    cost = sum(cell.seconds * a_second.get(cell.experiment, 0.0) for cell in cells)
    return f"{duration(seconds)} of training so far, {money(cost, study.price.currency)}"


def _epoch_seconds(folder: Path) -> Iterable[float]:
    try:
        return [float(value) for value in read_csv(folder / HISTORY)["seconds"]]
    except (OSError, ValueError, KeyError):
        return []
