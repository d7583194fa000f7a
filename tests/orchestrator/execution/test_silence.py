"""Silence of a run: what is too long, by a clock that the tests have."""

from dataclasses import dataclass

import pytest

from orchestrator.execution import silence
from orchestrator.execution.executor import Event, EventKind
from orchestrator.execution.silence import EPOCH_S as UNKNOWN_S
from orchestrator.execution.silence import LEAST_S, LOOK_EVERY_S, TIMES, Silence, WatchedTrial, not_silent

# An estimate of which TIMES is more than the least.
EPOCH_S = LEAST_S


def trials(**epochs_s: float | None) -> dict[str, WatchedTrial]:
    """By key, each of the experiment that the key begins with."""
    return {key: WatchedTrial(key[0], seconds) for key, seconds in epochs_s.items()}


@dataclass
class Watch:
    """A silence that is looked at as the thread does it."""

    silence: Silence
    now: float = 0.0

    def hear(self, key: str, kind: EventKind = EventKind.EPOCH) -> None:
        self.silence.hear(Event(kind, key), self.now)

    def after(self, seconds: float) -> str:
        """Look again and again for so long; what is said in the end."""
        said, end = "", self.now + seconds
        while self.now < end and not said:
            self.now += LOOK_EVERY_S
            said = self.silence.look(self.now)
        return said


def begun(**epochs_s: float | None) -> Watch:
    watch = Watch(Silence(trials(**epochs_s)))
    for key in epochs_s:
        watch.hear(key, EventKind.STARTED)
    watch.after(LOOK_EVERY_S)
    return watch


def test_the_estimate_holds_before_the_first_epoch() -> None:
    """Catches a large model that is ended in its first epoch, and a run that waits for ever."""
    watch = begun(a0=EPOCH_S)
    assert not watch.after(TIMES * EPOCH_S)
    assert watch.after(2 * LOOK_EVERY_S) == (
        "no trial has given a sign of life for 3.3 h (1 running; an epoch should take 10 min at most)"
    )


def test_what_an_epoch_took_counts_more_than_a_low_estimate() -> None:
    """Catches a limit by an estimate that was wrong, of another trial of the experiment, too."""
    watch = begun(a0=1.0, a1=1.0)
    assert not watch.after(0.9 * LEAST_S)
    watch.hear("a0")
    watch.hear("a0", EventKind.DONE)
    assert not watch.after(0.9 * LEAST_S * TIMES)
    assert watch.after(0.2 * LEAST_S * TIMES)


@pytest.mark.parametrize("kind", [EventKind.RESTARTED, EventKind.LOST, EventKind.STOPPED])
def test_how_long_a_lost_trial_was_silent_is_no_time_of_an_epoch(kind: EventKind) -> None:
    watch = begun(a0=1.0, a1=1.0)
    watch.after(0.9 * LEAST_S)
    watch.hear("a0", kind)
    assert not watch.after(0.9 * LEAST_S)
    assert watch.after(0.2 * LEAST_S)


@pytest.mark.parametrize("kind", [EventKind.STARTED, EventKind.SIGN])
def test_a_sign_of_life_of_any_trial_begins_it_anew(kind: EventKind) -> None:
    """Catches a slow trial that is taken for one that hangs, and one that is forgotten after a sign."""
    watch = begun(a0=1.0, b0=1.0)
    for _ in range(5):
        assert not watch.after(0.9 * LEAST_S)
        watch.hear("b0", kind)
    assert watch.after(1.1 * LEAST_S)


def test_signs_within_an_epoch_do_not_make_it_shorter() -> None:
    """Catches scores that are computed for as long as an epoch, and taken for a silence."""
    watch = begun(a0=1.0)
    for _ in range(9):
        watch.after(0.1 * LEAST_S)
        watch.hear("a0", EventKind.SIGN)
    watch.hear("a0")
    assert not watch.after(0.9 * LEAST_S * TIMES * 0.9)


def test_nothing_is_counted_while_nothing_runs() -> None:
    """Catches a run that is ended while it waits for nodes, or for another command's lock on a trial."""
    watch = begun(a0=1.0)
    watch.hear("a0", EventKind.RESTARTED)
    assert not watch.after(100 * LEAST_S)


def test_where_nothing_is_known_the_run_waits_long_but_not_for_ever() -> None:
    watch = begun(a0=1.0, b0=None)
    assert not watch.after(TIMES * UNKNOWN_S)
    assert watch.after(2 * LOOK_EVERY_S)
    known = begun(a0=1.0, b0=None)
    known.now += LOOK_EVERY_S
    known.hear("b0")
    assert not known.after(0.9 * LEAST_S)
    assert known.after(0.2 * LEAST_S)


def test_what_the_run_itself_slept_through_is_not_counted() -> None:
    """Catches a run that was stopped by Ctrl-Z, and ends as it goes on."""
    watch = begun(a0=1.0)
    watch.now += 1000 * LEAST_S
    assert not watch.after(0.9 * LEAST_S)
    assert watch.after(0.2 * LEAST_S)


def test_a_silent_run_begins_again_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a silence that nobody watches."""
    said: list[str] = []
    monkeypatch.setattr(silence, "LEAST_S", 0.3)
    monkeypatch.setattr(silence, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(silence, "begin_again", said.append)
    with not_silent({"a0": WatchedTrial("a", 0.001)}) as hear:
        hear(Event(EventKind.STARTED, "a0"))
        begun_at = silence.time.monotonic()
        for _ in range(25):
            silence.time.sleep(0.02)
            hear(Event(EventKind.SIGN, "a0"))
        assert not said
        while not said:
            assert silence.time.monotonic() - begun_at < 10
            silence.time.sleep(0.01)
    assert len(said) == 1 and said[0].startswith("no trial has given a sign of life")
