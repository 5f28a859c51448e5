"""Fails what blocks the event loop, on which every sender depends."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

LONGEST = 0.5
_TICK = 0.02


@asynccontextmanager
async def responsive() -> AsyncIterator[None]:
    """Watch the loop; AssertionError at the end where it stood still for longer than `LONGEST` seconds."""
    gaps: list[float] = []
    watching = asyncio.create_task(_watch(gaps))
    try:
        yield
    finally:
        watching.cancel()
    assert max(gaps, default=0.0) < LONGEST, f"the event loop stood still for {max(gaps):.2f} s"


async def _watch(gaps: list[float]) -> None:
    before, waited = time.monotonic(), _waited_for_a_core()
    while True:
        await asyncio.sleep(_TICK)
        now, waited_now = time.monotonic(), _waited_for_a_core()
        gaps.append(now - before - _TICK - (waited_now - waited))
        before, waited = now, waited_now


def _waited_for_a_core() -> float:
    """Seconds that this thread could have run and other programs did; 0 where the system does not say."""
    statistics = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
    return int(statistics.read_text("ascii").split()[1]) / 1e9 if statistics.exists() else 0.0
