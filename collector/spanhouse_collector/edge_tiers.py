"""Edges by hour and by day, made of those by minute once these are settled (docs/adr/0008).

An hour is due where the minutes that it has now are newer than those that it was made of; what is due is found in the
store each time, so nothing is kept here. An hour carries as its stamp the sum of its minutes' versions, which any newer
minute makes greater, and a day the sum of its hours' stamps: readers see whether either is up to date.
"""

# ruff: noqa: S608 - what is put into statements here are names of this module; values are bound

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spanhouse_storage import QueryLimits, Store

from spanhouse_collector.edge_windows import windows

HOUR = 3600
DAY = 24 * HOUR
_BOUNDS = QueryLimits(seconds=300, threads=1)


@dataclass(frozen=True, slots=True)
class _Tier:
    """One rollup and the finer one that it is made of. unit: seconds. at_once: seconds that one statement may take.

    stamps: the stamp of each unit of the finer one. latest: which of its versions counts. seen: its columns for the
    earliest and the latest minute with a call.
    """

    unit: int
    at_once: int
    column: str
    edges: str
    versions: str
    finer_column: str
    finer_edges: str
    finer_versions: str
    stamp: str
    latest: str
    seen: tuple[str, str]

    @property
    def due_sql(self) -> str:
        """Tenant, start (unix seconds) and stamp of the units that are to be made, in order."""
        return f"""
SELECT made.tenant::String AS tenant, made.start AS start, made.stamp AS stamp
FROM
(
    SELECT tenant, intDiv(at, {self.unit}) * {self.unit} AS start, sum(one.stamp) AS stamp
    FROM
    (
        SELECT tenant, toUnixTimestamp({self.finer_column}) AS at, max({self.stamp}) AS stamp
        FROM {self.finer_versions} AS f
        WHERE {self.finer_column} >= toDateTime({{since:Int64}}, 'UTC')
        GROUP BY tenant, at
    ) AS one
    GROUP BY tenant, start
) AS made
LEFT JOIN
(
    SELECT tenant, toUnixTimestamp({self.column}) AS start, max(v.stamp) AS stamp FROM {self.versions} AS v
    WHERE {self.column} >= toDateTime({{since:Int64}}, 'UTC')
    GROUP BY tenant, start
) AS known ON made.tenant = known.tenant AND made.start = known.start
WHERE made.start + {self.unit} <= {{settled:Int64}} AND made.stamp > known.stamp
ORDER BY tenant, start
"""

    @property
    def compute_sql(self) -> str:
        """Makes the units of a tenant that begin at `starts`, all of them in [since, until)."""
        within = (
            f"tenant = {{tenant:String}} AND {self.finer_column} >= toDateTime({{since:Int64}}, 'UTC')"
            f" AND {self.finer_column} < toDateTime({{until:Int64}}, 'UTC')"
            f" AND intDiv(toUnixTimestamp({self.finer_column}), {self.unit}) * {self.unit} IN {{starts:Array(Int64)}}"
        )
        ends = "client, client_type, server, server_type, connection"
        first, last = self.seen
        return f"""
INSERT INTO {self.edges}
    (tenant, version, {self.column}, {ends}, stored, calls, errors, retries, client_ns, server_ns, gap_ns,
    slowest, failed, typical, first, last, named, found)
SELECT
    {{tenant:String}}, {{version:UInt64}},
    toDateTime(intDiv(toUnixTimestamp(e.{self.finer_column}), {self.unit}) * {self.unit}, 'UTC') AS start, {ends},
    sum(e.stored), sum(e.calls), sum(e.errors), sum(e.retries),
    {_merged("client")}, {_merged("server")}, {_merged("gap")},
    max(e.slowest), max(e.failed),
    {_TYPICAL},
    minIf({first}, e.stored > 0), maxIf({last}, e.stored > 0),
    sum(e.named), sum(e.found)
FROM {self.finer_edges} AS e
WHERE {within} AND ({self.finer_column}, version) IN (
    SELECT {self.finer_column}, {self.latest} FROM {self.finer_versions} WHERE {within} GROUP BY {self.finer_column})
GROUP BY start, {ends}
"""

    @property
    def publish_sql(self) -> str:
        """Makes readers use what was computed."""
        return f"""
INSERT INTO {self.versions} (tenant, {self.column}, stamp, version)
SELECT {{tenant:String}}, toDateTime(one.1, 'UTC'), one.2, {{version:UInt64}}
FROM (SELECT arrayJoin(arrayZip({{starts:Array(Int64)}}, {{stamps:Array(UInt64)}})) AS one)
"""

    @property
    def sweep_sql(self) -> str:
        """Deletes what no longer counts."""
        return f"""
DELETE FROM {self.edges}
WHERE version < {{version:UInt64}} AND (tenant, {self.column}, version) NOT IN (
    SELECT tenant, {self.column}, argMax(version, (stamp, version)) FROM {self.versions} GROUP BY tenant, {self.column})
"""


# The trace in the middle of those that are typical of the finer units.
_TYPICAL = "arraySort(groupArrayIf(e.typical, e.stored > 0))[intDiv(countIf(e.stored > 0) + 1, 2)]"


def _merged(view: str) -> str:
    sketch = f"e.{view}_ns"
    return (
        f"(sum({sketch}.n), minIf({sketch}.min, {sketch}.n > 0), max({sketch}.max), sumMap({sketch}.buckets))"
        "::Tuple(n UInt64, min UInt64, max UInt64, buckets Map(Int16, Float64))"
    )


_A_MINUTE = "(toUnixTimestamp(e.minute), e.typical.2)"
_TIERS = (
    _Tier(
        HOUR, 6 * HOUR, "hour", "service_edges_1h", "edge_hours",
        "minute", "service_edges_1m", "edge_minutes", "f.version", "max(version)", (_A_MINUTE, _A_MINUTE),
    ),
    _Tier(
        DAY, 7 * DAY, "day", "service_edges_1d", "edge_days",
        "hour", "service_edges_1h", "edge_hours", "f.stamp", "argMax(version, (stamp, version))", ("e.first", "e.last"),
    ),
)  # fmt: skip


class EdgeTiers:
    """Hours and days of the service map."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def step(self, now: int, *, settled: int, since: int) -> int:
        """Make the hours, then the days, that are due; how many.

        now: unix milliseconds, the version of what is made. settled: unix seconds up to which minutes are rolled up.
        since: unix seconds, the start of a day, from which on minutes may have changed.
        """
        return sum([await self._make(tier, now, settled, since) for tier in _TIERS])

    async def sweep(self, version: int) -> None:
        """Delete what was superseded before `version`, unix milliseconds."""
        for tier in _TIERS:
            await self._execute(tier.sweep_sql, version=version)

    async def _make(self, tier: _Tier, now: int, settled: int, since: int) -> int:
        limits = {"settled": settled, "since": since}
        rows = (await self._store.queries.rows(tier.due_sql, limits, limits=_BOUNDS)).rows
        stamps = {(row["tenant"], row["start"]): row["stamp"] for row in rows}
        for window in windows(stamps, tier.unit, tier.at_once):
            made = {"tenant": window.tenant, "starts": window.starts, "version": now}
            await self._execute(tier.compute_sql, **made, since=window.since, until=window.until)
            newest = [stamps[window.tenant, start] for start in window.starts]
            await self._execute(tier.publish_sql, **made, stamps=newest)
        return len(stamps)

    async def _execute(self, sql: str, **parameters: Any) -> None:
        await self._store.queries.execute(sql, parameters, limits=_BOUNDS)
