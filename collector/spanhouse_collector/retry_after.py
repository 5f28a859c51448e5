"""When a refused sender may come again: from how fast what is in the way goes away, or how long it has stood there.

What is told lies between `SHORTEST` and one and a half times `LONGEST` seconds. Half of a wait is added at random, so
that those who were refused together do not come back together.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable

Clock = Callable[[], float]

SHORTEST = 0.1
# Longer waits would leave room unused that the log has again: the loader tries an engine that failed every ten seconds.
LONGEST = 30.0
_MEMORY = 10.0  # seconds after which a measured rate counts for a third
_STANDSTILL = 5.0


def retry_after(seconds: float) -> float:
    """What to tell a sender that has to wait `seconds`."""
    return min(max(seconds, SHORTEST), LONGEST) * random.uniform(1.0, 1.5)  # noqa: S311 - jitter


class Drain:
    """How fast something leaves, such as bytes or requests, measured while there is some.

    The rate is that of the last ten seconds, roughly. A time in which nothing leaves is no part of it: it is what those
    who come meanwhile are told to wait, and once something leaves again measuring begins anew.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._amount = 0.0
        self._seconds = 0.0
        self._at = clock()

    def begin(self) -> None:
        """Something is there again: the time before does not count, because nothing could leave."""
        self._at = self._clock()

    def leave(self, amount: float) -> None:
        """So much has left."""
        now = self._clock()
        passed, self._at = max(0.0, now - self._at), now
        if passed > _STANDSTILL:
            self._amount = self._seconds = 0.0
            return
        fade = math.exp(-passed / _MEMORY)
        self._amount = self._amount * fade + amount
        self._seconds = self._seconds * fade + _MEMORY * (1 - fade)

    def seconds_for(self, amount: float) -> float:
        """How long `amount` will take to leave; at least as long as nothing has left."""
        at_this_rate = amount * self._seconds / self._amount if self._amount > 0 else 0.0
        return max(at_this_rate, self._clock() - self._at)


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
