"""How fast what is in the way goes away."""

from __future__ import annotations

import math
import time

from spanhouse_collector.admission.retry_after import LONGEST, Clock

_MEMORY = 10.0  # seconds after which a measured rate counts for a third


class Drain:
    """How fast something leaves, such as bytes or requests, measured while there is some.

    The rate is that of the last ten seconds, roughly, or between the last two departures where these are further apart.
    While nothing leaves, that time is what those who come are told to wait; no more than `LONGEST` seconds of it count
    once something leaves again, so that a standstill is soon forgotten.
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
        passed, self._at = min(max(0.0, now - self._at), LONGEST), now
        fade = math.exp(-passed / _MEMORY)
        remembered = _MEMORY * (1 - fade)  # seconds of those passed that count, and with them as much of the amount
        self._amount = self._amount * fade + (amount * remembered / passed if passed else amount)
        self._seconds = self._seconds * fade + remembered

    def seconds_for(self, amount: float) -> float:
        """How long `amount` will take to leave; at least as long as nothing has left."""
        at_this_rate = amount * self._seconds / self._amount if self._amount > 0 else 0.0
        return max(at_this_rate, self._clock() - self._at)
