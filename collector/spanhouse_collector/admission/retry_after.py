"""When a refused sender may come again.

What is told lies between `SHORTEST` and one and a half times `LONGEST` seconds. Half of a wait is added at random, so
that those who were refused together do not come back together.
"""

from __future__ import annotations

import random
from collections.abc import Callable

Clock = Callable[[], float]

SHORTEST = 0.1
# Longer waits would leave room unused that the log has again: the loader tries an engine that failed every ten seconds.
LONGEST = 30.0


def retry_after(seconds: float) -> float:
    """What to tell a sender that has to wait `seconds`."""
    return min(max(seconds, SHORTEST), LONGEST) * random.uniform(1.0, 1.5)  # noqa: S311 - jitter
