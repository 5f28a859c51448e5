"""Files that are looked at again while the service runs."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Protocol

REFRESH_SECONDS = 1.0


class Refreshable(Protocol):
    """What was read from files. `refresh` reads them again if they changed, and never raises for what is in them."""

    def refresh(self) -> None:
        """Look."""


async def keep_fresh(held: Collection[Refreshable]) -> None:
    """Look again every second; does not return."""
    while True:
        await asyncio.sleep(REFRESH_SECONDS)
        for each in held:
            await asyncio.to_thread(each.refresh)
