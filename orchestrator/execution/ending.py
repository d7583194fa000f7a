"""Signals that end a command: Ctrl-C (SIGINT), and SIGTERM of `ray job stop`, batch systems and `kill`.

The first one raises KeyboardInterrupt, so that whatever is held is given back on the way out: workers,
requests to an autoscaler, locks. A second one, while that goes on, changes nothing; later ones raise again,
so that a way out that hangs can be left. Blocks within each other count together.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM)


class Terminated(KeyboardInterrupt):
    """SIGTERM came; whatever minds Ctrl-C minds it."""


class EndingSignals:
    """Handler of both signals, which remembers those that came."""

    def __init__(self) -> None:
        self._came: list[int] = []

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Take a signal in."""
        self._came.append(number)
        if len(self._came) != 2:
            self.check()

    def check(self) -> None:
        """Raise again what has come: a destructor or a thread's callback prints and forgets an interrupt.

        Raises:
            KeyboardInterrupt: one of the signals came; Terminated where SIGTERM was the first.
        """
        if self._came:
            raise Terminated if self.is_terminated else KeyboardInterrupt

    @property
    def is_terminated(self) -> bool:
        """Whether SIGTERM came first."""
        return self._came[:1] == [signal.SIGTERM]

    def take(self) -> None:
        """Become the handler of both, also where a library has put its own in place meanwhile."""
        if threading.current_thread() is threading.main_thread():
            for number in ENDING:
                signal.signal(number, self)


@contextlib.contextmanager
def ended_by_signals() -> Iterator[EndingSignals]:
    """Let both signals end the block as described above; outside the main thread nothing changes."""
    before = {number: signal.getsignal(number) for number in ENDING}
    outer = next((handler for handler in before.values() if isinstance(handler, EndingSignals)), None)
    signals = outer or EndingSignals()
    signals.take()
    try:
        yield signals
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)
