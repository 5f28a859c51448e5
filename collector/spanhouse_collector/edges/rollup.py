"""Edges by minute: recompute exactly the minutes that new halves of calls touched (docs/adr/0007), then hours and days.

The engine does the work: storage's `edges_sql` computes minutes, and this decides which and when. Nothing
is kept here that cannot be found again: a process that dies in the middle leaves either the old version of a minute or
the new one in force, and its successor begins again from the stored watermark.
"""

from __future__ import annotations

import logging
import secrets
import time
from itertools import count
from typing import Any

import anyio
from anyio import CapacityLimiter
from spanhouse_storage import QueryLimits, Store, StoreError, calls_sql, edges_sql

from spanhouse_collector.config import RollupConfig
from spanhouse_collector.edges.tiers import DAY, HOUR, EdgeTiers
from spanhouse_collector.edges.waiting import WaitingMinutes
from spanhouse_collector.edges.windows import Unit, Window, windows
from spanhouse_collector.observation.metrics import Metrics
from spanhouse_collector.observation.own_spans import told_if_slow
from spanhouse_collector.slices import Slices

logger = logging.getLogger(__name__)

MINUTE = 60
_LONGEST_WINDOW = 30 * MINUTE
_HOUR_MS = 3_600_000
_TIERS_EVERY_MS = 60_000
_VERSIONS_A_MS = 1000

# Instants are numbers, because what the driver makes of times depends on the machine's zone: minutes in unix seconds,
# arrivals in unix milliseconds, versions in microseconds whose last three digits are the process's own, so that two
# collectors never write under one version. All by the engine's clock.
_NOW = "SELECT toUnixTimestamp64Milli(now64(3)) AS now"

_PROGRESS = "SELECT toUnixTimestamp64Milli(watermark) AS watermark FROM edge_progress FINAL WHERE id = 1"

_ARRIVALS = """
SELECT DISTINCT toUnixTimestamp(minute) AS start
FROM call_halves WHERE arrived >= fromUnixTimestamp64Milli({watermark:Int64}, 'UTC') ORDER BY start
"""

# Of the minutes from `first` to `last`, those of the new halves, and those of the halves that are now answered.
_TOUCHED = """
SELECT DISTINCT tenant, toUnixTimestamp(minute) AS start
FROM call_halves
WHERE minute >= toDateTime({first:Int64}, 'UTC') AND minute <= toDateTime({last:Int64}, 'UTC')
    AND key % {slices:UInt32} = {slice:UInt32}
    AND key IN (
        SELECT key FROM call_halves
        WHERE arrived >= fromUnixTimestamp64Milli({watermark:Int64}, 'UTC') AND key % {slices:UInt32} = {slice:UInt32})
"""

# Minutes with callees whose parent was not there: of a version that was just computed, and of all that count.
_MISSING = """
SELECT DISTINCT toUnixTimestamp(minute) AS start FROM service_edges_1m
WHERE tenant = {tenant:String}
    AND minute >= toDateTime({since:Int64}, 'UTC') AND minute < toDateTime({until:Int64}, 'UTC')
    AND version = {version:UInt64} AND missing > 0
"""
_WAITING = """
SELECT DISTINCT tenant, toUnixTimestamp(minute) AS start FROM service_edges_1m
WHERE missing > 0 AND minute >= toDateTime({since:Int64}, 'UTC')
    AND (tenant, minute, version) IN (
        SELECT tenant, minute, max(version) FROM edge_minutes
        WHERE minute >= toDateTime({since:Int64}, 'UTC') GROUP BY tenant, minute)
"""

_ROLLED = """
SELECT DISTINCT tenant, toUnixTimestamp(minute) AS start FROM edge_minutes
WHERE toUnixTimestamp(minute) IN {minutes:Array(UInt32)}
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
        self._waiting = WaitingMinutes(int(config.recheck * 1000), config.lookback * MINUTE * 1000)
        self._finding, self._computing = Slices(), Slices()
        self._swept = 0
        self._own_digits = secrets.randbelow(_VERSIONS_A_MS)
        self._tiers = EdgeTiers(store, self._limits)
        self._tiered = 0
        self._tiered_until = 0
        self._late: int | None = None  # the earliest minute that coarser tiers may lack
        self._running = anyio.CancelScope()
        self._is_failing = False
        self._stepped = time.monotonic()
        metrics.edge_lag.set_function(lambda: time.monotonic() - self._stepped)
        metrics.edge_waiting.set_function(lambda: len(self._pending))

    async def run(self) -> None:
        """Step until stopped; a step that fails is made again."""
        with self._running:
            while True:
                try:
                    await self._observed_step()
                    self._is_failing = False
                except StoreError as error:
                    self._metrics.edge_failures.inc()
                    if not self._is_failing:
                        logger.warning("the service map's rollup waits: %s", error)
                    self._is_failing = True
                except Exception:  # whatever it is: without steps the map's live end would grow for ever
                    self._metrics.edge_failures.inc()
                    if not self._is_failing:
                        logger.exception("the service map's rollup failed and will be tried again")
                    self._is_failing = True
                await anyio.sleep(self._config.every)

    def stop(self) -> None:
        """End `run`, and what it makes the engine do."""
        self._running.cancel()

    async def _observed_step(self) -> None:
        began = time.monotonic()
        waiting = {"spanhouse.minutes.waiting": len(self._pending)}
        with told_if_slow("roll up edges", waiting, is_failing=self._is_failing):
            await self.step()
        self._metrics.edge_step_seconds.observe(time.monotonic() - began)
        self._stepped = began

    async def step(self) -> list[Unit]:
        """Take note of what arrived, roll up the minutes that are due, and say which those were."""
        async with self._inserting:
            now: int = (await self._rows(_NOW))[0]["now"]
        watermark = await self._begin(now) if self._watermark is None else self._watermark
        for minute in await self._touched(watermark):
            self._pending.setdefault(minute, watermark)
        settled = _floor(now // 1000 - int(self._config.settle))
        await self._give_up_before(self._halves_kept_from(now))
        due = sorted(minute for minute in {*self._pending, *self._waiting.due(now)} if minute[1] < settled)
        ended = [start for _, start in due if start < settled // HOUR * HOUR]
        self._late = min([*ended, *([] if self._late is None else [self._late])], default=None)
        for window in windows(due, MINUTE, _LONGEST_WINDOW):
            await self._roll_up(window, now)
        await self._advance(now, settled)
        await self._sweep(now)
        await self._roll_up_tiers(now, settled)
        self._metrics.edge_minutes.inc(len(due))
        return due

    async def _begin(self, now: int) -> int:
        """The stored watermark. Minutes whose parents were missing around then wait again: they may have come since."""
        rows = await self._rows(_PROGRESS)
        if not rows:
            return 0
        watermark: int = rows[0]["watermark"]
        since = _floor(watermark // 1000) - (self._config.lookback + 2) * MINUTE
        for row in await self._rows(_WAITING, since=since):
            self._waiting.computed((row["tenant"], row["start"]), now, missing=True, arrived=True)
        return watermark

    async def _give_up_before(self, kept: int) -> None:
        """Leave minutes alone that are there and whose halves may be gone: computed anew, they would lose these."""
        old = [minute for minute in self._pending if minute[1] < kept]
        if not old:
            return
        rolled = {(row["tenant"], row["start"]) for row in await self._rows(_ROLLED, minutes=[at for _, at in old])}
        gone = [minute for minute in old if minute in rolled]
        for minute in gone:
            del self._pending[minute]
        if gone:
            self._metrics.edge_minutes_too_late.inc(len(gone))
            logger.warning(
                "%d minutes got spans so late that the other spans of them may be gone: their calls are in the traces "
                "and not on the service map; a longer retention_spans would take them in",
                len(gone),
            )

    def _halves_kept_from(self, now: int) -> int:
        """The first minute of which all halves in reach are there, unix seconds."""
        return now // 1000 - self._config.retention.spans + self._config.lookback * MINUTE

    async def _roll_up_tiers(self, now: int, settled: int) -> None:
        """Hours and days, when an hour has ended or an earlier one got late spans, and once a minute at most."""
        until = settled // HOUR * HOUR
        changed = self._late is not None or until > self._tiered_until
        if changed and now - self._tiered >= _TIERS_EVERY_MS:
            since = max(self._changed_since(now), self._minutes_kept_from(now))
            await self._tiers.step(self._version(now), settled=settled, since=since)
            self._tiered, self._tiered_until, self._late = now, until, None

    def _changed_since(self, now: int) -> int:
        """The start of the first day of which tiers may be out of date; of all that are kept, for the first time."""
        if not self._tiered:
            return 0
        spans_kept = now // 1000 - self._config.retention.spans
        return (spans_kept if self._late is None else min(spans_kept, self._late)) // DAY * DAY

    def _minutes_kept_from(self, now: int) -> int:
        return (now // 1000 - self._config.retention.minutes) // DAY * DAY + DAY

    async def _touched(self, watermark: int) -> set[Unit]:
        arrived = [row["start"] for row in await self._rows(_ARRIVALS, watermark=watermark)]
        reach = self._config.lookback * MINUTE
        touched: set[Unit] = set()
        for first, last in _stretches(arrived, 2 * reach):
            bounds = {"watermark": watermark, "first": first - reach, "last": last + reach}

            async def find(slices: int, bounds: dict[str, int] = bounds) -> set[Unit]:
                found = [await self._rows(_TOUCHED, **bounds, slices=slices, slice=number) for number in range(slices)]
                return {(row["tenant"], row["start"]) for rows in found for row in rows}

            touched |= await self._finding.run(find)
        return touched

    async def _roll_up(self, window: Window, now: int) -> None:
        bounds = {"since": window.since, "until": window.until}
        # One for each attempt: what one that failed has written is never published.
        versions = count(self._version(now), _VERSIONS_A_MS)

        async def compute(slices: int) -> dict[str, Any]:
            minutes = {"tenant": window.tenant, "minutes": window.starts, "version": next(versions)}
            for number in range(slices):
                reach = {**bounds, "lookback": self._config.lookback, "slices": slices, "slice": number}
                await self._execute(_COMPUTE, **minutes, **reach)
            return minutes

        minutes = await self._computing.run(compute)
        await self._execute(_PUBLISH, **minutes)
        rows = await self._rows(_MISSING, tenant=window.tenant, version=minutes["version"], **bounds)
        kept = self._halves_kept_from(now)  # what is older is not computed again: see _give_up_before
        missing = {row["start"] for row in rows if row["start"] >= kept}
        for start in window.starts:
            unit = (window.tenant, start)
            arrived = self._pending.pop(unit, None) is not None
            self._waiting.computed(unit, now, missing=start in missing, arrived=arrived)

    async def _advance(self, now: int, settled: int) -> None:
        """Everything that arrived before the watermark is rolled up or will be noticed again from there."""
        self._watermark = now
        durable = min((now, *self._pending.values()))
        await self._execute(_ADVANCE, watermark=durable, settled=settled, version=now)

    def _version(self, now: int) -> int:
        return now * _VERSIONS_A_MS + self._own_digits

    async def _sweep(self, now: int) -> None:
        """Delete superseded rows once an hour."""
        if now - self._swept > _HOUR_MS:
            superseded = self._version(now - _HOUR_MS)
            await self._execute(_SWEEP, version=superseded)
            await self._tiers.sweep(superseded)
            self._swept = now
            self._finding.relax()
            self._computing.relax()

    async def _rows(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        return (await self._store.queries.rows(sql, parameters, limits=self._limits)).rows

    async def _execute(self, sql: str, **parameters: Any) -> None:
        await self._store.queries.execute(sql, parameters, limits=self._limits)


def _stretches(minutes: list[int], gap: int) -> list[tuple[int, int]]:
    """First and last of ascending minutes that are no more than `gap` seconds apart."""
    stretches: list[tuple[int, int]] = []
    for minute in minutes:
        if stretches and minute - stretches[-1][1] <= gap:
            stretches[-1] = (stretches[-1][0], minute)
        else:
            stretches.append((minute, minute))
    return stretches


def _floor(seconds: int) -> int:
    return seconds // MINUTE * MINUTE
