"""Signals that end a command: Ctrl-C (SIGINT), SIGTERM of `kill` and batch systems, SIGHUP of a terminal.

The first one raises KeyboardInterrupt, so that whatever is held is given back on the way out: workers,
requests to an autoscaler, locks. A second one, while that goes on, changes nothing; later ones raise again,
so that a way out that hangs can be left. Blocks within each other count together. Within
`EndingSignals.grace` the first one is only remembered for a while, so that what runs can be ended in order.
"""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class EndedBySignal(KeyboardInterrupt):
    """Another signal than that of Ctrl-C came; whatever minds Ctrl-C minds it."""


class EndingSignals:
    """Handler of these signals, which remembers those that came."""

    def __init__(self) -> None:
        self._came: list[int] = []
        self._grace_s, self._until = 0.0, float("-inf")

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Take a signal in."""
        self._came.append(number)
        if len(self._came) == 1:
            self._until = time.monotonic() + self._grace_s
        if len(self._came) != 2:
            self.check()

    @contextlib.contextmanager
    def grace(self, seconds: float) -> Iterator[None]:
        """Give what runs in the block so many seconds from the first signal on: only then it is raised."""
        before, self._grace_s = self._grace_s, seconds
        try:
            yield
        finally:
            self._grace_s, self._until = before, float("-inf")

    @property
    def has_come(self) -> bool:
        """Whether one of the signals came."""
        return bool(self._came)

    def check(self) -> None:
        """Raise again what has come: a destructor or a thread's callback prints and forgets an interrupt.

        As long as there is grace for the first one, nothing is raised.

        Raises:
            KeyboardInterrupt: one of the signals came; EndedBySignal where the first was not that of Ctrl-C.
        """
        if len(self._came) > 2 or (self._came and time.monotonic() >= self._until):
            raise KeyboardInterrupt if self.first == signal.SIGINT else EndedBySignal

    @property
    def first(self) -> int | None:
        """The number of the signal that came first; None before any."""
        return self._came[0] if self._came else None

    def take(self) -> None:
        """Become the handler of all, also where a library has put its own in place meanwhile.

        What `nohup` has made deaf to SIGHUP stays so.
        """
        if threading.current_thread() is threading.main_thread():
            for number in ENDING:
                if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                    signal.signal(number, self)


@contextlib.contextmanager
def ended_by_signals() -> Iterator[EndingSignals]:
    """Let these signals end the block as described above; outside the main thread nothing changes."""
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
