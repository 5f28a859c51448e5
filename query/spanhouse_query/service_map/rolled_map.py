"""The map of a range from the rollup: settled parts as they were read before or are read now, and its live end."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from anyio import to_thread
from spanhouse_storage import QueryTooLarge, StoreUnavailable

from spanhouse_query.concurrently import both, every
from spanhouse_query.endpoint import Call
from spanhouse_query.service_map.edge_source import AGAIN, ATTEMPTS, EdgeRows, EdgeSource, cut_up, edge_source
from spanhouse_query.service_map.edge_sums import ENDS, sums_sql
from spanhouse_query.service_map.edge_totals import EdgeTotals, Key, all_of, totals_of
from spanhouse_query.service_map.rollup_state import RollupState, published_now, rollup_state, seconds_of
from spanhouse_query.service_map.settled_totals import Stamped
from spanhouse_query.tiers import TIERS, Part, tier_names
from spanhouse_query.time_range import TimeRange

_KEYS = {name: f"e.{name}::String" for name in ENDS}


@dataclass(frozen=True, slots=True)
class RolledMap:
    """Edges of the parts of a range, and where they came from (without rows)."""

    totals: Sequence[EdgeTotals]
    source: EdgeRows

    async def named_by(self, services: Collection[str]) -> EdgeRows:
        """With the rows of `map_sql`: peers that have the name of a service are that service."""
        rows = await to_thread.run_sync(_map_rows, self.totals, services)
        return EdgeRows(rows, self.source.tiers, self.source.live, self.source.rolled_up, self.source.left_out)


async def read_map(call: Call, effective: TimeRange) -> RolledMap:
    """The edges of a range, which is as `mapped_range` makes it."""
    for _ in range(ATTEMPTS):
        state = await rollup_state(call.reader, effective)
        cut, live = cut_up(call, effective, state)
        matched, settled = await both(
            _matched(call, effective, state, live, alone=not cut),
            _settled(call, effective, state, cut),
        )
        if settled is None:
            continue
        tiers = tier_names(cut) or ["minute"]
        if matched is None:
            return RolledMap(settled, EdgeRows([], tiers, None, state.stepped, left_out=live))
        return RolledMap([*settled, *matched], EdgeRows([], tiers, live, state.stepped))
    raise StoreUnavailable(AGAIN)


async def _settled(
    call: Call, effective: TimeRange, state: RollupState, cut: Sequence[Part]
) -> list[EdgeTotals] | None:
    """Tier by tier. None where something was published while they were read."""
    tiers = [tuple(part for part in cut if part.tier is tier) for tier in TIERS]
    stamped = [Stamped(call.reader.tenant, parts, sum(map(state.stamp, parts))) for parts in tiers if parts]
    known = {one: call.settled.get(one) for one in stamped}
    missing = [one for one, totals in known.items() if totals is None]
    read = await every([_read(call, effective, edge_source(one.parts, None)) for one in missing])
    if missing and await published_now(call.reader, effective) != state.published:
        return None
    for one, totals in zip(missing, read, strict=True):
        call.settled.keep(one, totals)
        known[one] = totals
    return [totals for totals in known.values() if totals is not None]


async def _matched(
    call: Call, effective: TimeRange, state: RollupState, live: TimeRange | None, *, alone: bool
) -> list[EdgeTotals] | None:
    """What the live end adds. None where that is too much to be matched now and is not all there is."""
    if live is None or not state.unsettled:
        return []
    try:
        return [await _read(call, effective, edge_source([], live))]
    except QueryTooLarge:
        if alone:
            raise
        return None


async def _read(call: Call, effective: TimeRange, source: EdgeSource) -> EdgeTotals:
    bound = {**seconds_of(effective), **source.parameters, "lookback": call.settings.lookback}
    rows = await call.reader.rows(part_sql(source.sql), bound)
    return await to_thread.run_sync(totals_of, rows, ENDS)


def part_sql(edges: str) -> str:
    """One row an edge."""
    return sums_sql(edges, _KEYS)


def _map_rows(totals: Sequence[EdgeTotals], services: Collection[str]) -> list[dict[str, Any]]:
    if not totals:
        return []

    def resolved(key: Key) -> Key:
        client, client_type, server, server_type, connection = key
        if server_type in ("service", "external"):
            server_type = "service" if server in services else "external"
        return client, client_type, server, server_type, connection

    edges = all_of(totals).by(resolved)
    return [
        *sorted(edges.rows(ENDS, 0), key=lambda row: [row[end] for end in ENDS]),
        *edges.by(lambda key: key[2:4]).rows(("server", "server_type"), 1, views=("client",)),
        *edges.by(lambda _: ()).rows((), 2, views=()),
    ]
