"""Levels that take a query or a look at a folder: polled every ten seconds or less often, so that no scrape waits."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from anyio import CapacityLimiter, to_thread
from prometheus_client import Gauge
from spanhouse_storage import QueryLimits, Store

from spanhouse_collector.observation.metrics import Metrics
from spanhouse_collector.segments.quarantined import QuarantineFolder

logger = logging.getLogger(__name__)

_EVERY = 10.0
_RARELY = 300.0  # what reads a table that is kept for ever
_PATIENCE = 5.0
_LIMITS = QueryLimits(seconds=2, threads=1)
_MOST_TABLES = 100  # a server's database may have others than ours

_MEMORY = "SELECT value FROM system.metrics WHERE metric = 'MemoryTracking'"
_TABLES = f"""
SELECT table, sum(p.parts) AS parts, max(p.parts) AS most_in_partition, sum(p.rows) AS rows, sum(p.bytes) AS bytes
FROM (
    SELECT table, partition_id, count() AS parts, sum(rows) AS rows, sum(bytes_on_disk) AS bytes
    FROM system.parts WHERE active AND database = currentDatabase()
    GROUP BY table, partition_id) AS p
GROUP BY table ORDER BY parts DESC, table LIMIT {_MOST_TABLES}
"""  # noqa: S608 - a constant
_TRUNCATED = """
SELECT r.tenant AS tenant, sum(r.truncated) AS items FROM red_1d AS r GROUP BY tenant HAVING items > 0 ORDER BY tenant
"""
_REFUSED = "SELECT tenant, sum(r.points) AS items FROM metric_refused AS r GROUP BY tenant ORDER BY tenant"
_FULL = "SELECT count() AS metrics FROM metric_limits FINAL WHERE is_full"


class PolledLevels:
    """Asks the engine and the quarantine folder, and sets the gauges of `metrics`.

    What is asked together is a group. One that cannot be asked, or not in time, keeps its last values and is counted,
    and the others are asked all the same. clock: seconds from any beginning.
    """

    def __init__(
        self,
        store: Store,
        quarantine: QuarantineFolder,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._quarantine = quarantine
        self._metrics = metrics
        self._looking = CapacityLimiter(1)
        self._running = anyio.CancelScope()
        self._groups = (
            _Group("quarantine", self._poll_quarantine, _EVERY, metrics, clock),
            _Group("engine_memory", self._poll_memory, _EVERY, metrics, clock),
            _Group("tables", self._poll_tables, _EVERY, metrics, clock),
            _Group("series", self._poll_series, _EVERY, metrics, clock),
            _Group("truncated_spans", self._poll_truncated, _RARELY, metrics, clock),
        )

    async def run(self) -> None:
        """Poll until stopped."""
        with self._running:
            while True:
                await self.poll()
                await anyio.sleep(_EVERY)

    def stop(self) -> None:
        """End `run`, and the query that it waits for."""
        self._running.cancel()

    async def poll(self) -> None:
        """Every group that is due, one after the other."""
        for group in self._groups:
            await group.poll_if_due()

    async def _poll_quarantine(self) -> None:
        # A disk that hangs keeps one thread, and the other groups go on.
        items, size = await to_thread.run_sync(self._quarantine.extent, abandon_on_cancel=True, limiter=self._looking)
        self._metrics.quarantine_items.set(items)
        self._metrics.quarantine_bytes.set(size)

    async def _poll_memory(self) -> None:
        (memory,) = await self._rows(_MEMORY)
        self._metrics.engine_memory.set(memory["value"])

    async def _poll_tables(self) -> None:
        tables = await self._rows(_TABLES)
        for gauge, column in (
            (self._metrics.table_parts, "parts"),
            (self._metrics.table_partition_parts, "most_in_partition"),
            (self._metrics.table_rows, "rows"),
            (self._metrics.table_bytes, "bytes"),
        ):
            gauge.clear()
            for row in tables:
                gauge.labels(row["table"]).set(row[column])

    async def _poll_series(self) -> None:
        (row,) = await self._rows(_FULL)
        self._metrics.full_metrics.set(row["metrics"])
        await self._set_by_tenant(self._metrics.refused_points, _REFUSED)

    async def _poll_truncated(self) -> None:
        await self._set_by_tenant(self._metrics.truncated, _TRUNCATED)

    async def _set_by_tenant(self, gauge: Gauge, sql: str) -> None:
        items = Counter[str]()
        for row in await self._rows(sql):
            items[self._metrics.tenants.label_if_known(row["tenant"])] += row["items"]
        gauge.clear()
        for tenant, number in items.items():
            gauge.labels(tenant).set(number)

    async def _rows(self, sql: str) -> list[dict[str, Any]]:
        return (await self._store.queries.rows(sql, limits=_LIMITS)).rows


class _Group:
    """What is asked together, by `ask`, once in `every` seconds, whether it is answered or not."""

    def __init__(
        self, name: str, ask: Callable[[], Awaitable[None]], every: float, metrics: Metrics, clock: Callable[[], float]
    ) -> None:
        self._name = name
        self._ask = ask
        self._every = every
        self._failures = metrics.level_poll_failures.labels(name)
        self._clock = clock
        self._asked: float | None = None
        self._is_failing = False

    async def poll_if_due(self) -> None:
        """Ask, unless it was asked lately. Raises nothing but a cancellation."""
        # Less half a round, because rounds are not exactly `_EVERY` apart.
        if self._asked is not None and self._clock() - self._asked < self._every - _EVERY / 2:
            return
        self._asked = self._clock()
        try:
            with anyio.fail_after(_PATIENCE):
                await self._ask()
        except Exception as error:  # whatever it is: the next time may succeed
            self._failures.inc()
            self._report(error)
            return
        self._report(None)

    def _report(self, error: Exception | None) -> None:
        if error is not None and not self._is_failing:
            logger.warning("the levels %s cannot be polled and stay what they were: %r", self._name, error)
        if error is None and self._is_failing:
            logger.info("the levels %s can be polled again", self._name)
        self._is_failing = error is not None
