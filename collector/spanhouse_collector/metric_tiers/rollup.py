"""Points by five minutes, hour and day, made once an hour is over and again where points come late (docs/adr/0014).

What is due is found in the store each time, and making it again changes nothing: a process that dies in the middle, or
two that do the same, leave the same rows.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from anyio import CapacityLimiter
from spanhouse_storage import QueryLimits, QueryTimeout, QueryTooLarge, Store, StoreError

from spanhouse_collector.config import RollupConfig
from spanhouse_collector.metric_tiers.statements import DAYS, FIVE_MINUTES, HOURS, OF_POINTS, of_finer
from spanhouse_collector.observation.metrics import Metrics
from spanhouse_collector.slices import Slices

logger = logging.getLogger(__name__)

_Unit = dict[str, Any]  # tenant, and until as unix seconds

_EVERY = 60.0
# An hour is made so long after its end: points that come before are there.
SETTLE = 300
# What was stamped so long before a step is stored; other collectors' inserts may still be running.
_MARGIN_MS = 120_000

_NOW = "SELECT toUnixTimestamp64Milli(now64(3)) AS now"

_DUE_HOURS = """
SELECT tenant, toUnixTimestamp(a.until) AS until
FROM (SELECT tenant, until, max(arrived) AS newest FROM metric_arrivals GROUP BY tenant, until) AS a
LEFT JOIN (SELECT * FROM metric_rolled FINAL WHERE seconds = 3600) AS r ON r.tenant = a.tenant AND r.until = a.until
WHERE a.newest >= r.seen AND a.until <= toDateTime({settled:Int64}, 'UTC') AND a.until > toDateTime({kept:Int64}, 'UTC')
ORDER BY tenant, until
"""

_DUE_DAYS = """
SELECT tenant, toUnixTimestamp(h.day) AS until
FROM
(
    SELECT
        tenant,
        toDateTime(intDiv(toUnixTimestamp(until) + 86399, 86400) * 86400, 'UTC') AS day,
        max(published) AS newest
    FROM metric_rolled WHERE seconds = 3600 GROUP BY tenant, day
) AS h
LEFT JOIN (SELECT * FROM metric_rolled FINAL WHERE seconds = 86400) AS r ON r.tenant = h.tenant AND r.until = h.day
WHERE h.newest >= r.seen AND h.day <= toDateTime({settled:Int64}, 'UTC') AND h.day > toDateTime({kept:Int64}, 'UTC')
ORDER BY tenant, until
"""

_PUBLISH = """
INSERT INTO metric_rolled (tenant, seconds, until, seen)
SELECT
    {tenant:String}, {seconds:UInt32}, toDateTime({until:Int64}, 'UTC'), fromUnixTimestamp64Milli({seen:Int64}, 'UTC')
"""


class MetricRollup:
    """Steps of the rollup. `inserting` is the limiter that loaders hold while they insert."""

    def __init__(self, store: Store, config: RollupConfig, inserting: CapacityLimiter, metrics: Metrics) -> None:
        self._store = store
        self._retention = config.retention
        self._inserting = inserting
        self._limits = QueryLimits(seconds=300, memory=config.memory, threads=1)
        self._slices = Slices()
        self._running = anyio.CancelScope()
        self._is_failing = False
        self._metrics = metrics
        self._stepped = time.monotonic()
        metrics.metric_rollup_lag.set_function(lambda: time.monotonic() - self._stepped)

    async def run(self) -> None:
        """Step until stopped; a step that fails is made again."""
        with self._running:
            while True:
                began = time.monotonic()
                try:
                    await self.step()
                    self._is_failing = False
                    self._stepped = began
                except StoreError as error:
                    self._metrics.metric_rollup_failures.inc()
                    if not self._is_failing:
                        logger.warning("the rollup of metrics waits: %s", error)
                    self._is_failing = True
                except Exception:  # whatever it is: without steps the points go and nothing of them is left
                    self._metrics.metric_rollup_failures.inc()
                    if not self._is_failing:
                        logger.exception("the rollup of metrics failed and will be tried again")
                    self._is_failing = True
                await anyio.sleep(_EVERY)

    def stop(self) -> None:
        """End `run`, and what it makes the engine do."""
        self._running.cancel()

    async def step(self) -> int:
        """Make all that is due; how many hours and days that was.

        One that takes too much is left for the next step and keeps no other from being made; its error is raised.
        """
        async with self._inserting:
            now = await self._now()
        settled = now // 1000 - SETTLE
        hours = await self._rows(_DUE_HOURS, settled=settled, kept=self._points_kept_until(now))
        failed = await self._each(hours, self._make_hour, now - _MARGIN_MS)
        rolled = await self._now()
        days = await self._rows(_DUE_DAYS, settled=settled, kept=self._hours_kept_until(now))
        failed += await self._each(days, self._make_day, rolled)
        if failed:
            raise failed[0]
        if hours or days:
            self._slices.relax()
        return len(hours) + len(days)

    async def _each(
        self, units: list[_Unit], make: Callable[[_Unit, int], Awaitable[None]], seen: int
    ) -> list[StoreError]:
        failed: list[StoreError] = []
        for unit in units:
            try:
                await make(unit, seen)
            except (QueryTooLarge, QueryTimeout) as error:
                failed.append(error)
        return failed

    async def _make_hour(self, unit: _Unit, seen: int) -> None:
        bounds = {**unit, "since": unit["until"] - HOURS.seconds, "seen": seen}
        await self._make(OF_POINTS, **bounds)
        await self._make(of_finer(HOURS, FIVE_MINUTES), **bounds)
        await self._execute(_PUBLISH, **bounds, seconds=HOURS.seconds)

    async def _make_day(self, unit: _Unit, seen: int) -> None:
        bounds = {**unit, "since": unit["until"] - DAYS.seconds, "seen": seen}
        await self._make(of_finer(DAYS, HOURS), **bounds)
        await self._execute(_PUBLISH, **bounds, seconds=DAYS.seconds)

    def _points_kept_until(self, now: int) -> int:
        """The end of hours, unix seconds, after which all points of one are there, for as long as a step may take.

        What is older is not made again: it would lose what has been deleted meanwhile.
        """
        return now // 1000 - self._retention.minutes + 2 * HOURS.seconds

    def _hours_kept_until(self, now: int) -> int:
        """The end of days, unix seconds, after which all hours of one are there."""
        return now // 1000 - self._retention.hours + DAYS.seconds - HOURS.seconds

    async def _make(self, sql: str, **bounds: Any) -> None:
        """Run a statement in slices, where it takes too much memory; rows that it has made before it makes again."""

        async def attempt(slices: int) -> None:
            for number in range(slices):
                await self._execute(sql, **bounds, slices=slices, slice=number)

        await self._slices.run(attempt)

    async def _now(self) -> int:
        now: int = (await self._rows(_NOW))[0]["now"]
        return now

    async def _rows(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        return (await self._store.queries.rows(sql, parameters, limits=self._limits)).rows

    async def _execute(self, sql: str, **parameters: Any) -> None:
        await self._store.queries.execute(sql, parameters, limits=self._limits)
