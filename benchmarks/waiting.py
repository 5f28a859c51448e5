"""Waiting for what a process under test brings about, for ten minutes at most."""

from __future__ import annotations

import time
from collections.abc import Callable

_LONGEST = 600.0
_QUIET_SHARE = 0.06


def wait_for(condition: Callable[[], bool], what: str, *, pause: float, seconds: float = _LONGEST) -> None:
    """Return once it holds, SystemExit where it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"not {what} after {seconds:g} s")
        time.sleep(pause)


def wait_for_quiet(cpu_seconds: Callable[[], float], seconds: float) -> None:
    """Return once next to no CPU was taken for so many seconds: nothing is loaded or merged any more."""

    def quiet() -> bool:
        before = cpu_seconds()
        time.sleep(seconds)
        return cpu_seconds() - before < _QUIET_SHARE * seconds

    wait_for(quiet, "quiet", pause=0)
