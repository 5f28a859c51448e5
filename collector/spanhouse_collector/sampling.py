"""Levels that take a query or a look at a folder: told every ten seconds, so that no scrape waits for them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

import anyio
from anyio import to_thread
from spanhouse_storage import QueryLimits, Store

from spanhouse_collector.metrics import Metrics
from spanhouse_collector.segments.quarantined import QuarantineFolder

logger = logging.getLogger(__name__)

_EVERY = 10.0
_PATIENCE = 5.0
_LIMITS = QueryLimits(seconds=2, threads=1)
_MOST_TABLES = 100  # a server's database may have others than ours

_MEMORY = "SELECT value FROM system.metrics WHERE metric = 'MemoryTracking'"
_TABLES = f"""
SELECT table, count() AS parts, sum(rows) AS rows, sum(bytes_on_disk) AS bytes
FROM system.parts WHERE active AND database = currentDatabase()
GROUP BY table ORDER BY parts DESC, table LIMIT {_MOST_TABLES}
"""  # noqa: S608 - a constant
_TRUNCATED = """
SELECT r.tenant AS tenant, sum(r.truncated) AS spans FROM red_1d AS r GROUP BY tenant HAVING spans > 0 ORDER BY tenant
"""


class Sampling:
    """Asks the engine and the quarantine folder, and sets the gauges of `metrics`."""

    def __init__(self, store: Store, quarantine: QuarantineFolder, metrics: Metrics) -> None:
        self._store = store
        self._quarantine = quarantine
        self._metrics = metrics
        self._running = anyio.CancelScope()

    async def run(self) -> None:
        """Sample until stopped."""
        with self._running:
            while True:
                await self.sample()
                await anyio.sleep(_EVERY)

    def stop(self) -> None:
        """End `run`, and the query that it waits for."""
        self._running.cancel()

    async def sample(self) -> None:
        """Once. What cannot be asked, or not in time, keeps its last values and is counted."""
        try:
            await self._sample_quarantine()
            with anyio.fail_after(_PATIENCE):
                await self._sample_engine()
        except Exception as error:  # whatever it is: the next one may succeed
            self._metrics.sample_failures.inc()
            logger.debug("not sampled: %r", error)

    async def _sample_quarantine(self) -> None:
        items, size = await to_thread.run_sync(self._quarantine.extent)
        self._metrics.quarantine_items.set(items)
        self._metrics.quarantine_bytes.set(size)

    async def _sample_engine(self) -> None:
        (memory,) = (await self._store.queries.rows(_MEMORY, limits=_LIMITS)).rows
        tables = (await self._store.queries.rows(_TABLES, limits=_LIMITS)).rows
        truncated = (await self._store.queries.rows(_TRUNCATED, limits=_LIMITS)).rows
        self._metrics.engine_memory.set(memory["value"])
        self._tell_truncated(truncated)
        for gauge, column in (
            (self._metrics.table_parts, "parts"),
            (self._metrics.table_rows, "rows"),
            (self._metrics.table_bytes, "bytes"),
        ):
            gauge.clear()
            for row in tables:
                gauge.labels(row["table"]).set(row[column])

    def _tell_truncated(self, tenants: Sequence[dict[str, Any]]) -> None:
        spans = Counter[str]()
        for row in tenants:
            spans[self._metrics.tenants.label(row["tenant"])] += row["spans"]
        for tenant, number in spans.items():
            self._metrics.truncated.labels(tenant).set(number)
