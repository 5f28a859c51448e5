"""How long something has failed."""

from __future__ import annotations

import time

from spanhouse_collector.admission.retry_after import LONGEST, Clock


class Trouble:
    """Something that fails now and then: who is told to wait as long again as it has lasted waits longer each time."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._since: float | None = None
        self._last = 0.0

    def lasts(self) -> float:
        """It fails now: for how many seconds it has. What did not fail for a minute begins anew."""
        now = self._clock()
        if self._since is None or now - self._last > 2 * LONGEST:
            self._since = now
        self._last = now
        return now - self._since

    def is_over(self) -> None:
        """It works."""
        self._since = None
