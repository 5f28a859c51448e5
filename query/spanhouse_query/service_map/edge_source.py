"""Where edges come from: settled minutes from the rollups, later ones matched when they are asked for.

Coarser tiers stand for their whole units in a range where they are up to date (docs/adr/0008).

The rollup publishes minutes under versions while queries run. A query that had seen a version's announcement and not
its rows would miss a minute, so it is asked again where something was published meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spanhouse_storage import QueryTooLarge, Retention, StoreUnavailable, edges_sql

from spanhouse_query.config import MINUTE, SECOND
from spanhouse_query.endpoint import Call
from spanhouse_query.service_map.rollup_state import RollupState, published_now, rollup_state, seconds_of
from spanhouse_query.tiers import (
    DAYS,
    HOURS,
    MINUTES,
    Part,
    Tier,
    TierName,
    Usable,
    bounds_by_tier,
    parts,
    tier_names,
    whole_units,
)
from spanhouse_query.time_range import TimeRange

ATTEMPTS = 5
AGAIN = "the service map was rolled up anew each time that it was read: ask again"
# DateTime ends in 2106, and nothing is stored that is dated more than an hour after its arrival.
_AHEAD = 120 * MINUTE
_EARLIEST = 24 * 60 * MINUTE

_COLUMNS = (
    "client, client_type, server, server_type, connection, stored, calls, errors, retries, client_ns, server_ns, "
    "gap_ns, slowest, failed, typical, named, found"
)
_NEWEST_STAMP = "argMax(version, (stamp, version))"
_ROLLUPS = {
    MINUTES: ("service_edges_1m", "edge_minutes", "max(version)"),
    HOURS: ("service_edges_1h", "edge_hours", _NEWEST_STAMP),
    DAYS: ("service_edges_1d", "edge_days", _NEWEST_STAMP),
}


def with_minutes(edges: str) -> str:
    """Edges by minute with the columns `first` and `last` of coarser rollups: a minute with a call, and a trace."""
    seen = "(toUnixTimestamp(minute), typical.2)"
    return f"SELECT minute, {_COLUMNS}, {seen} AS first, {seen} AS last FROM {edges}"


LIVE = f"""
    {with_minutes(f"({edges_sql('live')})")}"""


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

    retention: of the rollups, where they are to be read; whole hours or days at an end where finer ones are gone.
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
    usable: Usable = lambda *_: True,
    where: str = "true",
    **more: Any,
) -> EdgeRows:
    """The rows of `statement`, which is given the edges as a subquery's text: by minute, hour or day, as they start.

    effective: as `mapped_range` makes it. step: edges must not reach over its multiples (nanoseconds). usable: whether
    one of a tier may stand for the unit that starts at an instant. where: of the edges, only these. more: further bound
    parameters.
    """
    matched = True
    for _ in range(ATTEMPTS):
        state = await rollup_state(call.reader, effective)
        source = _source(call, effective, state, step, usable, where, matched=matched)
        bound = {**seconds_of(effective), **source.parameters, "lookback": call.settings.lookback}
        try:
            rows = await call.reader.rows(statement(source.sql), bound, **more)
        except QueryTooLarge:
            if not matched or source.live is None or source.live == effective:
                raise
            matched = False
            continue
        if await published_now(call.reader, effective) == state.published:
            break
    else:
        raise StoreUnavailable(AGAIN)
    if matched:
        return EdgeRows(rows, source.tiers, source.live, state.stepped)
    return EdgeRows(rows, source.tiers, None, state.stepped, left_out=source.live)


def _source(
    call: Call,
    effective: TimeRange,
    state: RollupState,
    step: int | None,
    usable: Usable,
    where: str,
    *,
    matched: bool,
) -> EdgeSource:
    cut, live = cut_up(call, effective, state, step, usable)
    if live is not None and matched and state.unsettled:
        return edge_source(cut, live, where)
    return replace(edge_source(cut or [Part(MINUTES, effective)], None, where), live=live)


def cut_up(
    call: Call,
    effective: TimeRange,
    state: RollupState,
    step: int | None = None,
    usable: Usable = lambda *_: True,
) -> tuple[list[Part], TimeRange | None]:
    """The settled parts of a range by tier, and what the rollup has not reached yet."""

    def fitting(tier: Tier, start: int) -> bool:
        return usable(tier, start) and state.up_to_date(tier, start)

    rolled = min(max(state.settled, effective.start), effective.end)
    live = TimeRange(rolled, effective.end) if rolled < effective.end else None
    settled = TimeRange(effective.start, rolled)
    return parts(settled, call.settings.retention, call.reader.now, step=step, usable=fitting), live


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
