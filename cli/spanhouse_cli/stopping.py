"""The wish to stop: SIGTERM or Ctrl-C is an ordered shutdown; another Ctrl-C, or too long a shutdown, is the end.

Another SIGTERM changes nothing, because supervisors like to send it after a Ctrl-C that the whole terminal got.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_AT_ONCE = "Stopping at once. What was acknowledged is on disk and is stored at the next start.\n"
_TOO_LATE = "The ordered shutdown took too long. What was acknowledged is on disk and is stored at the next start.\n"


class StopRequest:
    """Made once. From then on `remaining` counts the seconds of `timeout` down, and at their end the process ends."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()
        self._deadline: float | None = None
        self.reason = ""

    async def wait(self) -> None:
        """Return when it was made."""
        await self._event.wait()

    async def made_within(self, seconds: float) -> bool:
        """Wait for it, at most `seconds`; whether it was made."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), seconds)
        return self._event.is_set()

    def make(self, reason: str) -> None:
        """Ask for the shutdown; from any thread, or a signal handler."""
        if self._deadline is None:
            self.reason = reason
            self._deadline = time.monotonic() + self._timeout
            watchdog = threading.Timer(self._timeout, _leave, (_TOO_LATE, 1))
            watchdog.daemon = True
            watchdog.start()
            self._loop.call_soon_threadsafe(self._event.set)

    def remaining(self, share: float = 1.0) -> float:
        """Seconds left for the shutdown, or a share of them; a little is kept back for the exit itself."""
        if self._deadline is None:
            self.make("failure")
        assert self._deadline is not None  # noqa: S101 - set by make
        return max(0.05, (self._deadline - time.monotonic()) * share - 0.2)

    @property
    def made(self) -> bool:
        """Whether it was made."""
        return self._deadline is not None


@contextmanager
def stop_on_signals(timeout: float) -> Iterator[StopRequest]:
    """A request that SIGINT and SIGTERM make; main thread and running event loop only."""
    request = StopRequest(timeout)

    def on_signal(number: int, frame: FrameType | None) -> None:
        if request.made and number == signal.SIGINT:
            _leave(_AT_ONCE, 128 + number)
        request.make(signal.Signals(number).name)

    before = {number: signal.signal(number, on_signal) for number in _SIGNALS}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(message: str, status: int) -> None:
    os.write(2, message.encode())
    os._exit(status)
