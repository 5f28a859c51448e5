"""Where edges come from: settled minutes from the rollups, later ones matched when they are asked for.

Hours and days stand for the whole ones in a range where they are up to date (docs/adr/0008).

The rollup publishes minutes under versions while queries run. A query that had seen a version's announcement and not
its rows would miss a minute, so it is asked again where something was published meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spanhouse_storage import QueryTooLarge, Retention, StoreUnavailable, edges_sql

from spanhouse_query.config import DAY, HOUR, MINUTE, SECOND
from spanhouse_query.endpoint import Call
from spanhouse_query.tiers import (
    DAYS,
    HOURS,
    MINUTES,
    Part,
    Tier,
    TierName,
    bounds_by_tier,
    parts,
    tier_names,
    whole_units,
)
from spanhouse_query.time_range import TimeRange

_ATTEMPTS = 5
# DateTime ends in 2106, and nothing is stored that is dated more than an hour after its arrival.
_AHEAD = 120 * MINUTE
_EARLIEST = 24 * 60 * MINUTE

_COLUMNS = (
    "client, client_type, server, server_type, connection, stored, calls, errors, retries, client_ns, server_ns, "
    "gap_ns, slowest, failed, typical, named, found"
)
_ROLLUPS = {
    MINUTES: ("service_edges_1m", "edge_minutes", "max(version)"),
    HOURS: ("service_edges_1h", "edge_hours", "argMax(version, (stamp, version))"),
    DAYS: ("service_edges_1d", "edge_days", "argMax(version, (stamp, version))"),
}


def with_minutes(edges: str) -> str:
    """Edges by minute with the columns `first` and `last` of coarser rollups: a minute with a call, and a trace."""
    seen = "(toUnixTimestamp(minute), typical.2)"
    return f"SELECT minute, {_COLUMNS}, {seen} AS first, {seen} AS last FROM {edges}"


LIVE = f"""
    {with_minutes(f"({edges_sql('live')})")}"""
# The versions that readers are to use, added up: whatever is published makes one of them greater.
PUBLISHED_SQL = """
    SELECT sum(version) AS published FROM (
        SELECT max(version) AS version FROM edge_minutes
        WHERE tenant = {tenant:String}
            AND minute >= toDateTime({since:Int64}, 'UTC') AND minute < toDateTime({until:Int64}, 'UTC')
        GROUP BY minute
        UNION ALL
        SELECT sum(version) FROM edge_hours
        WHERE tenant = {tenant:String}
            AND hour >= toDateTime({since:Int64}, 'UTC') AND hour < toDateTime({until:Int64}, 'UTC')
        UNION ALL
        SELECT sum(version) FROM edge_days
        WHERE tenant = {tenant:String}
            AND day >= toDateTime({since:Int64}, 'UTC') AND day < toDateTime({until:Int64}, 'UTC'))"""
# stepped: when the last step took note of what had arrived, unix milliseconds. unsettled: whether there is anything to
# match in the minutes that are not rolled up yet.
PROGRESS_SQL = f"""
WITH (SELECT argMax(settled, version) FROM edge_progress WHERE id = 1) AS rolled
SELECT
    toUnixTimestamp(rolled) AS settled,
    (SELECT max(version) FROM edge_progress WHERE id = 1) AS stepped,
    ({PUBLISHED_SQL}) AS published,
    (SELECT count() FROM (
        SELECT 1 FROM call_halves
        WHERE tenant = {{tenant:String}} AND minute >= rolled
            AND minute >= toDateTime({{since:Int64}}, 'UTC') AND minute < toDateTime({{until:Int64}}, 'UTC')
        LIMIT 1)) AS unsettled
"""
# Stamps by unix seconds: of hours and days as they were rolled up, and of hours as their minutes are now.
STAMPS_SQL = """
SELECT
    (SELECT mapFromArrays(groupArray(start), groupArray(stamp)) FROM (
        SELECT intDiv(toUnixTimestamp(minute), 3600) * 3600 AS start, sum(version) AS stamp FROM (
            SELECT minute, max(version) AS version FROM edge_minutes
            WHERE tenant = {tenant:String}
                AND minute >= toDateTime({since:Int64}, 'UTC') AND minute < toDateTime({until:Int64}, 'UTC')
            GROUP BY minute)
        GROUP BY start)) AS minutes,
    (SELECT mapFromArrays(groupArray(start), groupArray(stamp)) FROM (
        SELECT toUnixTimestamp(hour) AS start, max(e.stamp) AS stamp FROM edge_hours AS e
        WHERE tenant = {tenant:String}
            AND hour >= toDateTime({since:Int64}, 'UTC') AND hour < toDateTime({until:Int64}, 'UTC')
        GROUP BY start)) AS hours,
    (SELECT mapFromArrays(groupArray(start), groupArray(stamp)) FROM (
        SELECT toUnixTimestamp(day) AS start, max(e.stamp) AS stamp FROM edge_days AS e
        WHERE tenant = {tenant:String}
            AND day >= toDateTime({since:Int64}, 'UTC') AND day < toDateTime({until:Int64}, 'UTC')
        GROUP BY start)) AS days
"""


@dataclass(frozen=True, slots=True)
class EdgeRows:
    """Rows of a query over edges, and where they came from.

    tiers: the finest first. live: the part of the range that was matched just now. left_out: that part where its calls
    are too many to be matched. rolled_up: unix nanoseconds; what arrived before is in the rest.
    """

    rows: list[dict[str, Any]]
    tiers: Sequence[TierName]
    live: TimeRange | None
    rolled_up: int | None = None
    left_out: TimeRange | None = None

    def covered(self, effective: TimeRange) -> TimeRange:
        """The part of the range that the rows are of."""
        return effective if self.left_out is None else TimeRange(effective.start, self.left_out.start)

    @property
    def provenance(self) -> dict[str, Any]:
        """What an answer's meta says of it."""
        return {
            "tiers": self.tiers,
            "live": self.live,
            "rolled_up": self.rolled_up,
            "left_out": self.left_out,
            "truncated": self.left_out is not None,
        }


@dataclass(frozen=True, slots=True)
class EdgeSource:
    """The edges of a range as a subquery's text, with the values of its {parameters} but {tenant} and {lookback}."""

    sql: str
    parameters: dict[str, int]
    tiers: list[TierName]
    live: TimeRange | None


def mapped_range(time_range: TimeRange, now: int, retention: Retention | None = None) -> TimeRange:
    """The whole minutes around a range, without what is too far in the past or the future to hold anything.

    retention: of the rollups, where they are to be read; whole hours or days at an end where minutes are gone.
    """
    whole = time_range.aligned(MINUTE)
    latest = TimeRange(now, now + _AHEAD).aligned(MINUTE).end
    start = min(max(whole.start, _EARLIEST), latest - MINUTE)
    bounded = TimeRange(start, max(min(whole.end, latest), start + MINUTE))
    return whole_units(bounded, retention, now) if retention else bounded


async def read_edges(
    call: Call,
    effective: TimeRange,
    statement: Callable[[str], str],
    *,
    step: int | None = None,
    where: str = "true",
    **more: Any,
) -> EdgeRows:
    """The rows of `statement`, which is given the edges as a subquery's text: by minute, hour or day, as they start.

    effective: as `mapped_range` makes it. step: edges must not reach over its multiples (nanoseconds). where: of the
    edges, only these. more: further bound parameters.
    """
    ends = {"since": effective.start // SECOND, "until": effective.end // SECOND}
    matched = True
    for _ in range(_ATTEMPTS):
        (state,) = await call.reader.rows(PROGRESS_SQL, ends)
        source = await _source(call, effective, state, step, where, matched=matched)
        bound = {**ends, **source.parameters, "lookback": call.settings.lookback}
        try:
            rows = await call.reader.rows(statement(source.sql), bound, **more)
        except QueryTooLarge:
            if not matched or source.live is None or source.live == effective:
                raise
            matched = False
            continue
        (now,) = await call.reader.rows(PUBLISHED_SQL, ends)
        if now["published"] == state["published"]:
            break
    else:
        raise StoreUnavailable("the service map was rolled up anew each time that it was read: ask again")
    rolled_up = (state["stepped"] or 0) * 1_000_000 or None
    if matched:
        return EdgeRows(rows, source.tiers, source.live, rolled_up)
    return EdgeRows(rows, source.tiers, None, rolled_up, left_out=source.live)


async def _source(
    call: Call, effective: TimeRange, state: Mapping[str, Any], step: int | None, where: str, *, matched: bool
) -> EdgeSource:
    rolled = min(max((state["settled"] or 0) * SECOND, effective.start), effective.end)
    live = TimeRange(rolled, effective.end) if rolled < effective.end else None
    cut = await _cut(call, TimeRange(effective.start, rolled), step) if effective.start < rolled else []
    if live is not None and matched and state["unsettled"]:
        return edge_source(cut, live, where)
    return replace(edge_source(cut or [Part(MINUTES, effective)], None, where), live=live)


def edge_source(settled: Sequence[Part], live: TimeRange | None, where: str = "true") -> EdgeSource:
    """Edges of `settled` from the rollups, those of `live` matched, which ends at {until}; where: only these.

    The condition stands in each part, because the engine does not carry one from outside to where it reads.
    """
    within = bounds_by_tier(settled)
    selects = [_select(tier, bounds.sql, where) for tier, bounds in within.items()]
    parameters = {name: value for bounds in within.values() for name, value in bounds.parameters.items()}
    if live is not None:
        selects.append(f"{LIVE}\n    WHERE {where}")
        parameters["live"] = live.start // SECOND
    return EdgeSource("\n    UNION ALL".join(selects), parameters, tier_names(settled) or ["minute"], live)


async def _cut(call: Call, settled: TimeRange, step: int | None) -> list[Part]:
    """Hours and days stand for their minutes where no minute was rolled up anew since."""
    stamps: Mapping[str, Mapping[int, int]] = {"minutes": {}, "hours": {}, "days": {}}
    if -(-settled.start // HOUR) < settled.end // HOUR:
        (stamps,) = await call.reader.rows(
            STAMPS_SQL, {"since": settled.start // SECOND, "until": settled.end // SECOND}
        )

    def up_to_date(tier: Tier, start: int) -> bool:
        second = start // SECOND
        if tier is HOURS:
            return stamps["hours"].get(second, 0) >= stamps["minutes"].get(second, 0)
        hours = range(second, second + DAY // SECOND, HOUR // SECOND)
        newest = (max(stamps[finer].get(hour, 0) for finer in ("minutes", "hours")) for hour in hours)
        return stamps["days"].get(second, 0) >= sum(newest)

    return parts(settled, call.settings.retention, call.reader.now, step=step, usable=up_to_date)


def _select(tier: Tier, within: str, where: str) -> str:
    table, versions, latest = _ROLLUPS[tier]
    column = tier.name
    condition = f"""
    WHERE tenant = {{tenant:String}} AND {within} AND {where}
        AND ({column}, version) IN (
            SELECT {column}, {latest} FROM {versions}
            WHERE tenant = {{tenant:String}} AND {within}
            GROUP BY {column})"""
    if tier is MINUTES:
        return f"""
    {with_minutes(table)}{condition}"""
    return f"""
    SELECT {column} AS minute, {_COLUMNS}, first, last FROM {table}{condition}"""
