"""Signals that end a command: the first one unwinds it, and the second changes nothing."""

import signal

import pytest

from orchestrator.execution.ending import ENDING, EndedBySignal, ended_by_signals

pytestmark = pytest.mark.usefixtures("hangup_is_heard")


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (signal.SIGINT, KeyboardInterrupt),
        (signal.SIGTERM, EndedBySignal),
        (signal.SIGHUP, EndedBySignal),
    ],
)
def test_a_second_signal_does_not_break_the_way_out(number: int, kind: type[BaseException]) -> None:
    """Catches workers or requests that stay because somebody asked twice."""
    before = [signal.getsignal(each) for each in ENDING]
    given_back = False
    with pytest.raises(kind) as caught, ended_by_signals():
        try:
            # As a run does around its workers, within what the command does.
            with ended_by_signals():
                signal.raise_signal(number)
        finally:
            signal.raise_signal(number)
            given_back = True
    assert given_back and caught.type is kind
    assert [signal.getsignal(each) for each in ENDING] == before


def test_a_third_signal_leaves_a_way_out_that_hangs() -> None:
    with pytest.raises(KeyboardInterrupt), ended_by_signals():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)


def test_with_grace_the_first_signal_is_remembered_and_then_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a signal that is forgotten, a grace without an end, and one that goes on after its block."""
    now = [100.0]
    monkeypatch.setattr("orchestrator.execution.ending.time.monotonic", lambda: now[0])
    with ended_by_signals() as signals:
        with signals.grace(20.0):
            signal.raise_signal(signal.SIGTERM)
            now[0] = 119.0
            signals.check()
            assert signals.has_come
            now[0] = 120.0
            with pytest.raises(EndedBySignal):
                signals.check()
            now[0] = 110.0
        with pytest.raises(EndedBySignal):
            signals.check()


def test_in_grace_only_the_third_signal_ends_at_once() -> None:
    with ended_by_signals() as signals, signals.grace(60.0):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_library_that_takes_sigterm_for_itself_gives_it_back() -> None:
    """Catches `ray.init`, which makes SIGTERM end the process at once."""
    with pytest.raises(EndedBySignal), ended_by_signals() as signals:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signals.take()
        signal.raise_signal(signal.SIGTERM)


def test_what_is_deaf_to_a_closed_terminal_stays_so() -> None:
    """Catches a run under `nohup` that ends with the terminal."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_by_signals() as signals:
            signal.raise_signal(signal.SIGHUP)
            signals.check()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
