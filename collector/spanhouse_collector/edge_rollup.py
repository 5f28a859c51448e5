"""Edges by minute: recompute exactly the minutes that new halves of calls touched (docs/adr/0007), then hours and days.

The engine does the work: storage's `edges_sql` computes minutes, and this decides which and when. Nothing
is kept here that cannot be found again: a process that dies in the middle leaves either the old version of a minute or
the new one in force, and its successor begins again from the stored watermark.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any, TypeVar

import anyio
from anyio import CapacityLimiter
from spanhouse_storage import QueryLimits, QueryTooLarge, Store, StoreError, calls_sql, edges_sql

from spanhouse_collector.config import RollupConfig
from spanhouse_collector.edge_tiers import DAY, HOUR, EdgeTiers
from spanhouse_collector.edge_windows import Unit, Window, windows
from spanhouse_collector.metrics import Metrics

logger = logging.getLogger(__name__)

T = TypeVar("T")

MINUTE = 60
_LONGEST_WINDOW = 30 * MINUTE
_MOST_SLICES = 1024
_HOUR_MS = 3_600_000
_HOURS_EVERY_MS = 60_000
_VERSIONS_A_MS = 1000

# Instants are numbers, because what the driver makes of times depends on the machine's zone: minutes in unix seconds,
# arrivals in unix milliseconds, versions in microseconds whose last three digits are the process's own, so that two
# collectors never write under one version. All by the engine's clock.
_NOW = "SELECT toUnixTimestamp64Milli(now64(3)) AS now"

_PROGRESS = "SELECT toUnixTimestamp64Milli(watermark) AS watermark FROM edge_progress FINAL WHERE id = 1"

_ARRIVALS = """
SELECT count() AS halves, toUnixTimestamp(min(minute)) AS first, toUnixTimestamp(max(minute)) AS last
FROM call_halves WHERE arrived >= fromUnixTimestamp64Milli({watermark:Int64}, 'UTC')
"""

# The minutes of the new halves, and those of the halves that are now answered.
_TOUCHED = """
SELECT DISTINCT tenant, toUnixTimestamp(minute) AS start
FROM call_halves
WHERE minute >= toDateTime({first:Int64}, 'UTC') AND minute <= toDateTime({last:Int64}, 'UTC')
    AND key % {slices:UInt32} = {slice:UInt32}
    AND key IN (
        SELECT key FROM call_halves
        WHERE arrived >= fromUnixTimestamp64Milli({watermark:Int64}, 'UTC') AND key % {slices:UInt32} = {slice:UInt32})
"""

# Minutes with callees whose parent was not there: it may be a span that is no half and has arrived since.
_WAITING = """
SELECT tenant, toUnixTimestamp(minute) AS start FROM service_edges_1m
WHERE missing > 0 AND minute >= toDateTime({since:Int64}, 'UTC')
    AND (tenant, minute, version) IN (SELECT tenant, minute, max(version) FROM edge_minutes GROUP BY tenant, minute)
GROUP BY tenant, minute
"""

_COLUMNS = (
    "minute, client, client_type, server, server_type, connection, stored, calls, errors, retries, "
    "client_ns, server_ns, gap_ns, slowest, failed, typical, named, found, missing"
)
_COMPUTE = f"""
INSERT INTO service_edges_1m (tenant, version, {_COLUMNS})
SELECT {{tenant:String}}, {{version:UInt64}}, {_COLUMNS} FROM ({edges_sql(calls=calls_sql(sliced=True))})
"""  # noqa: S608 - columns and statement are constants

_PUBLISH = """
INSERT INTO edge_minutes (tenant, minute, version)
SELECT {tenant:String}, toDateTime(arrayJoin({minutes:Array(UInt32)}), 'UTC'), {version:UInt64}
"""

_ADVANCE = """
INSERT INTO edge_progress (id, watermark, settled, version)
SELECT 1, fromUnixTimestamp64Milli({watermark:Int64}, 'UTC'), toDateTime({settled:Int64}, 'UTC'), {version:UInt64}
"""

# Rows of versions that no longer count, once no reader can still be at them.
_SWEEP = """
DELETE FROM service_edges_1m
WHERE version < {version:UInt64}
    AND (tenant, minute, version) NOT IN (SELECT tenant, minute, max(version) FROM edge_minutes GROUP BY tenant, minute)
"""


class EdgeRollup:
    """Steps of the rollup. One at a time; `inserting` is the limiter that the loader holds while it inserts.

    What arrives is stamped by the engine when its insert begins. A step reads the engine's clock while no insert of
    this process runs, so whatever it does not see yet is stamped later and is seen by the next step.
    """

    def __init__(self, store: Store, config: RollupConfig, inserting: CapacityLimiter, metrics: Metrics) -> None:
        self._store = store
        self._config = config
        self._inserting = inserting
        self._metrics = metrics
        self._limits = QueryLimits(seconds=300, memory=config.memory, threads=1)
        self._watermark: int | None = None
        self._pending: dict[Unit, int] = {}
        self._waiting: dict[Unit, int] = {}
        self._swept = 0
        self._own_digits = secrets.randbelow(_VERSIONS_A_MS)
        self._slices = 1
        self._tiers = EdgeTiers(store)
        self._tiered = 0
        self._tiered_hour = 0
        self._late = False
        self._running = anyio.CancelScope()

    async def run(self) -> None:
        """Step until stopped; a step that fails is made again."""
        trouble = False
        with self._running:
            while True:
                try:
                    await self.step()
                    trouble = False
                except StoreError as error:
                    if not trouble:
                        logger.warning("the service map's rollup waits: %s", error)
                    trouble = True
                except Exception:  # whatever it is: without steps the map's live end would grow for ever
                    if not trouble:
                        logger.exception("the service map's rollup failed and will be tried again")
                    trouble = True
                await anyio.sleep(self._config.every)

    def stop(self) -> None:
        """End `run`, and what it makes the engine do."""
        self._running.cancel()

    async def step(self) -> list[Unit]:
        """Take note of what arrived, roll up the minutes that are due, and say which those were."""
        async with self._inserting:
            now: int = (await self._rows(_NOW))[0]["now"]
        watermark = await self._stored_watermark() if self._watermark is None else self._watermark
        for minute in await self._touched(watermark):
            self._pending.setdefault(minute, watermark)
        settled = _floor(now // 1000 - int(self._config.settle))
        self._give_up_before(now // 1000 - self._config.retention.spans + self._config.lookback * MINUTE)
        due = sorted(minute for minute in {*self._pending, *self._due_again(now)} if minute[1] < settled)
        self._late = self._late or any(start < settled // HOUR * HOUR for _, start in due)
        for window in windows(due, MINUTE, _LONGEST_WINDOW):
            await self._roll_up(window, now)
        for minute in due:
            self._pending.pop(minute, None)
        await self._advance(now, settled)
        await self._note_waiting(now, watermark)
        await self._roll_up_hours(now, settled)
        await self._sweep(now)
        self._metrics.edge_minutes.inc(len(due))
        return due

    def _give_up_before(self, kept: int) -> None:
        """Leave minutes alone whose halves may be gone: computed from what came late, they would lose the rest."""
        gone = [minute for minute in self._pending if minute[1] < kept]
        for minute in gone:
            del self._pending[minute]
        if gone:
            self._metrics.edge_minutes_too_late.inc(len(gone))
            logger.warning(
                "%d minutes got spans so late that the other spans of them may be gone: their calls are in the traces "
                "and not on the service map; a longer retention_spans would take them in",
                len(gone),
            )

    async def _roll_up_hours(self, now: int, settled: int) -> None:
        """Hours and days, when an hour has ended or an earlier one got late spans, and once a minute at most."""
        hour = settled // HOUR * HOUR
        if (self._late or hour > self._tiered_hour) and now - self._tiered >= _HOURS_EVERY_MS:
            since = (now // 1000 - self._config.retention.spans) // DAY * DAY
            await self._tiers.step(self._version(now), settled=settled, since=since)
            self._tiered, self._tiered_hour, self._late = now, hour, False

    async def _stored_watermark(self) -> int:
        rows = await self._rows(_PROGRESS)
        return rows[0]["watermark"] if rows else 0

    async def _touched(self, watermark: int) -> set[Unit]:
        (arrivals,) = await self._rows(_ARRIVALS, watermark=watermark)
        if not arrivals["halves"]:
            return set()
        reach = self._config.lookback * MINUTE
        bounds = {"watermark": watermark, "first": arrivals["first"] - reach, "last": arrivals["last"] + reach}

        async def find(slices: int) -> set[Unit]:
            found = [await self._rows(_TOUCHED, **bounds, slices=slices, slice=number) for number in range(slices)]
            return {(row["tenant"], row["start"]) for rows in found for row in rows}

        return await self._in_slices(find)

    async def _roll_up(self, window: Window, now: int) -> None:
        bounds = {"since": window.since, "until": window.until, "lookback": self._config.lookback}
        versions = count(
            self._version(now), _VERSIONS_A_MS
        )  # what an attempt that failed has written is never published

        async def compute(slices: int) -> dict[str, Any]:
            minutes = {"tenant": window.tenant, "minutes": window.starts, "version": next(versions)}
            for number in range(slices):
                await self._execute(_COMPUTE, **minutes, **bounds, slices=slices, slice=number)
            return minutes

        await self._execute(_PUBLISH, **await self._in_slices(compute))

    async def _in_slices(self, run: Callable[[int], Awaitable[T]]) -> T:
        """The outcome of `run` with as few slices as fit into memory."""
        self._slices = max(1, self._slices // 2)
        while True:
            try:
                return await run(self._slices)
            except QueryTooLarge:
                if self._slices >= _MOST_SLICES:
                    raise
                self._slices *= 2

    async def _advance(self, now: int, settled: int) -> None:
        """Everything that arrived before the watermark is rolled up or will be noticed again from there."""
        self._watermark = now
        durable = min((now, *self._pending.values()))
        await self._execute(_ADVANCE, watermark=durable, settled=settled, version=now)

    async def _note_waiting(self, now: int, watermark: int) -> None:
        """Minutes with missing parents are computed twice more: soon, and when the lookback has passed.

        After a time without a rollup these are those from before it too: their parents may have come since.
        """
        since = _floor(min(now, watermark or now) // 1000) - (self._config.lookback + 2) * MINUTE
        waiting = [(row["tenant"], row["start"]) for row in await self._rows(_WAITING, since=since)]
        self._waiting = {minute: self._waiting.get(minute, 0) for minute in waiting}

    def _due_again(self, now: int) -> list[Unit]:
        ages = (2 * MINUTE, self._config.lookback * MINUTE)
        due = [
            minute
            for minute, times in self._waiting.items()
            if times < len(ages) and now // 1000 - minute[1] > ages[times] + MINUTE
        ]
        for minute in due:
            self._waiting[minute] += 1
        return due

    def _version(self, now: int) -> int:
        return now * _VERSIONS_A_MS + self._own_digits

    async def _sweep(self, now: int) -> None:
        """Delete superseded rows once an hour."""
        if now - self._swept > _HOUR_MS:
            superseded = self._version(now - _HOUR_MS)
            await self._execute(_SWEEP, version=superseded)
            await self._tiers.sweep(superseded)
            self._swept = now

    async def _rows(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        return (await self._store.queries.rows(sql, parameters, limits=self._limits)).rows

    async def _execute(self, sql: str, **parameters: Any) -> None:
        await self._store.queries.execute(sql, parameters, limits=self._limits)


def _floor(seconds: int) -> int:
    return seconds // MINUTE * MINUTE
