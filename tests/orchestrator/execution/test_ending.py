"""Signals that end a command: the first one unwinds it, and the second changes nothing."""

import signal

import pytest

from orchestrator.execution.ending import ENDING, EndedBySignal, ended_by_signals


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
