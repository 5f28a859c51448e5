"""Recent requests by digest, so that one sent again is acknowledged again and stored once.

An exporter that got no answer in time sends the same bytes again (OTLP specification 1.x, "OTLP/HTTP Connection").
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

import xxhash

SIZE = 100_000
KEY_SIZE = 16


def key_of(tenant: str, digest: bytes) -> bytes:
    """What a request is recognised by: 128 bits of XXH3 over the digest of its body and its tenant."""
    return xxhash.xxh3_128_digest(digest + tenant.encode())


class RecentRequests:
    """The last `size` requests by key. An entry is a future until its request is durable."""

    def __init__(self, size: int = SIZE) -> None:
        self._size = size
        self._entries: OrderedDict[bytes, asyncio.Future[None] | None] = OrderedDict()

    def __contains__(self, key: bytes) -> bool:
        return key in self._entries

    def pending(self, key: bytes) -> asyncio.Future[None] | None:
        """The future of a request that is being written; None for one that is durable or unknown."""
        return self._entries.get(key)

    def begin(self, key: bytes, written: asyncio.Future[None]) -> None:
        """Note a request that is being written; one that fails is forgotten, so that it can be sent again."""
        self._entries[key] = written
        written.add_done_callback(lambda future: self._settle(key, future))
        self._trim()

    def remember(self, key: bytes) -> None:
        """Note a request that is durable already (found at start)."""
        self._entries[key] = None
        self._trim()

    def _settle(self, key: bytes, future: asyncio.Future[None]) -> None:
        if future.cancelled() or future.exception() is not None:
            self._entries.pop(key, None)
        elif key in self._entries:
            self._entries[key] = None

    def _trim(self) -> None:
        while len(self._entries) > self._size:
            self._entries.popitem(last=False)
