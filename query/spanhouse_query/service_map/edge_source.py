"""Where edges come from: settled minutes from the rollup, later ones matched when they are asked for.

The rollup publishes minutes under versions while queries run. A query that had seen a version's announcement and not
its rows would miss a minute, so it is asked again where something was published meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from spanhouse_query.config import MINUTE, SECOND
from spanhouse_query.endpoint import Call
from spanhouse_query.reader import Tier
from spanhouse_query.time_range import TimeRange

_ATTEMPTS = 5
# DateTime ends in 2106, and nothing is stored that is dated more than an hour after its arrival.
_AHEAD = 120 * MINUTE
_EARLIEST = 24 * 60 * MINUTE

_COLUMNS = (
    "minute, client, client_type, server, server_type, connection, calls, errors, retries, client_ns, server_ns, "
    "gap_ns, slowest, failed, typical, named, found"
)
ROLLED = f"""
    SELECT {_COLUMNS} FROM service_edges_1m
    WHERE tenant = {{tenant:String}}
        AND minute >= toDateTime({{since:Int64}}, 'UTC') AND minute < toDateTime({{rolled:Int64}}, 'UTC')
        AND (minute, version) IN (
            SELECT minute, max(version) FROM edge_minutes
            WHERE tenant = {{tenant:String}}
                AND minute >= toDateTime({{since:Int64}}, 'UTC') AND minute < toDateTime({{rolled:Int64}}, 'UTC')
            GROUP BY minute)"""
LIVE = f"""
    SELECT {_COLUMNS} FROM matched_edges(tenant = {{tenant:String}}, since = toDateTime({{live:Int64}}, 'UTC'),
        until = toDateTime({{until:Int64}}, 'UTC'), lookback = {{lookback:UInt32}})"""
# A version is when its step took note of what had arrived, unix milliseconds.
PROGRESS_SQL = """
SELECT
    (SELECT toUnixTimestamp(argMax(settled, version)) FROM edge_progress WHERE id = 1) AS settled,
    (SELECT max(version) FROM edge_progress WHERE id = 1) AS stepped,
    (
        SELECT max(version) FROM edge_minutes
        WHERE tenant = {tenant:String}
            AND minute >= toDateTime({since:Int64}, 'UTC') AND minute < toDateTime({until:Int64}, 'UTC')
    ) AS published
"""


@dataclass(frozen=True, slots=True)
class EdgeRows:
    """Rows of a query over edges, and where they came from.

    live: the part of the range that was matched just now. rolled_up: unix nanoseconds; what arrived before is in the
    rest.
    """

    rows: list[dict[str, Any]]
    tier: Tier
    live: TimeRange | None
    rolled_up: int | None = None


@dataclass(frozen=True, slots=True)
class _Split:
    """Unix seconds: minutes in [since, rolled) are in the rollup, those in [live, until) are not."""

    since: int
    until: int
    settled: int

    @property
    def rolled(self) -> int:
        return min(max(self.settled, self.since), self.until)

    @property
    def live(self) -> int:
        return self.rolled

    @property
    def sql(self) -> str:
        parts = [*([ROLLED] if self.since < self.rolled else []), *([LIVE] if self.live < self.until else [])]
        return "\n    UNION ALL".join(parts)


def mapped_range(time_range: TimeRange, now: int) -> TimeRange:
    """The whole minutes around a range, without what is too far in the past or the future to hold anything."""
    whole = time_range.aligned(MINUTE)
    latest = TimeRange(now, now + _AHEAD).aligned(MINUTE).end
    start = min(max(whole.start, _EARLIEST), latest - MINUTE)
    return TimeRange(start, max(min(whole.end, latest), start + MINUTE))


async def read_edges(call: Call, effective: TimeRange, statement: Callable[[str], str], **more: Any) -> EdgeRows:
    """The rows of `statement`, which is given the edges by minute as a subquery's text.

    effective: whole minutes, as `mapped_range` makes them. more: further bound parameters.
    """
    ends = {"since": effective.start // SECOND, "until": effective.end // SECOND}
    (before,) = (state,) = await call.reader.rows(PROGRESS_SQL, ends)
    for _ in range(_ATTEMPTS):
        split = _Split(**ends, settled=state["settled"] or 0)
        bounds = {**ends, "rolled": split.rolled, "live": split.live, "lookback": call.settings.lookback}
        rows = await call.reader.rows(statement(split.sql), bounds, **more)
        before, (state,) = state, await call.reader.rows(PROGRESS_SQL, ends)
        if state["published"] == before["published"]:
            break
    live = TimeRange(split.live * SECOND, effective.end) if split.live < split.until else None
    return EdgeRows(rows, "minute", live, (before["stepped"] or 0) * 1_000_000 or None)
