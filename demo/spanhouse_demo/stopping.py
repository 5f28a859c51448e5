"""The wish to stop, told by a signal."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOOK_EVERY_SECONDS = 0.05


class StopFlag:
    """Raised once and never lowered.

    Unlike `threading.Event` it has no lock, so a signal handler may raise it while the same thread waits for it.
    """

    def __init__(self) -> None:
        self.is_raised = False

    def set(self) -> None:
        """Raise it."""
        self.is_raised = True

    def wait(self, seconds: float) -> bool:
        """Wait until it is raised, at most `seconds`; whether it is."""
        deadline = time.monotonic() + seconds
        while not self.is_raised and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK_EVERY_SECONDS))
        return self.is_raised


@contextmanager
def stop_on_signals() -> Iterator[StopFlag]:
    """A flag that Ctrl-C, SIGTERM and SIGHUP (the terminal was closed) raise; main thread only.

    The handlers that were there before are back afterwards.
    """
    flag = StopFlag()
    before = {number: signal.signal(number, lambda _signal, _frame: flag.set()) for number in _SIGNALS}
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
