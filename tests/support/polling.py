"""Waiting for what another thread or process brings about: asked again and again, up to a deadline."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import IO, TypeVar

T = TypeVar("T")

# An attempt is often a query; asked without a pause, they would take the processor from what they wait for.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.2


def eventually(attempt: Callable[[], T | None], seconds: float = 10.0, what: str = "it") -> T:
    """The first answer of `attempt` that is neither None nor False; AssertionError if there is none in time."""
    deadline = time.monotonic() + seconds
    pause = _FIRST_PAUSE
    while (answer := attempt()) is None or answer is False:
        assert time.monotonic() < deadline, f"{what} is not so within {seconds:g} s"
        time.sleep(pause)
        pause = min(_LONGEST_PAUSE, pause * 1.5)
    return answer


def is_readable(file: IO[bytes], seconds: float) -> bool:
    """Whether there is something to read, or the end, within so many seconds.

    By poll: select takes no more than the first 1,024 files, and each embedded engine that was open leaves some behind.
    """
    waiting = select.poll()
    waiting.register(file, select.POLLIN)
    return bool(waiting.poll(seconds * 1000))
