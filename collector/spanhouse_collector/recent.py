"""Recent requests by digest, so that one sent again is acknowledged again and stored once.

An exporter that got no answer in time sends the same bytes again (OTLP specification 1.x, "OTLP/HTTP Connection").
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

Key = tuple[str, bytes]


class RecentRequests:
    """The last `size` requests by (tenant, digest). An entry is a future until its request is durable."""

    def __init__(self, size: int = 100_000) -> None:
        self._size = size
        self._entries: OrderedDict[Key, asyncio.Future[None] | None] = OrderedDict()

    def __contains__(self, key: Key) -> bool:
        return key in self._entries

    def pending(self, key: Key) -> asyncio.Future[None] | None:
        """The future of a request that is being written; None for one that is durable or unknown."""
        return self._entries.get(key)

    def begin(self, key: Key, written: asyncio.Future[None]) -> None:
        """Note a request that is being written; one that fails is forgotten, so that it can be sent again."""
        self._entries[key] = written
        written.add_done_callback(lambda future: self._settle(key, future))
        self._trim()

    def remember(self, key: Key) -> None:
        """Note a request that is durable already (read from the log at start)."""
        self._entries[key] = None
        self._trim()

    def _settle(self, key: Key, future: asyncio.Future[None]) -> None:
        if future.cancelled() or future.exception() is not None:
            self._entries.pop(key, None)
        elif key in self._entries:
            self._entries[key] = None

    def _trim(self) -> None:
        while len(self._entries) > self._size:
            self._entries.popitem(last=False)
