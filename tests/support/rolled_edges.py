"""Statements that say what the rollup of edges holds, and what it must hold: of a tenant, in one order."""

from __future__ import annotations

from typing import NamedTuple

from spanhouse_storage import edges_sql

# Everything of an edge that is added up.
_SUMS = """
SELECT client, client_type, server, server_type, connection, toUnixTimestamp(minute) AS at, calls, errors, retries,
    client_ns, server_ns, gap_ns, slowest.duration, failed.duration, typical.duration, named, found, missing
"""
ROLLED = f"""
{_SUMS} FROM service_edges_1m
WHERE tenant = {{tenant:String}}
    AND (tenant, minute, version) IN (SELECT tenant, minute, max(version) FROM edge_minutes GROUP BY tenant, minute)
ORDER BY at, client, client_type, server, server_type, connection
"""
MATCHED = f"""
{_SUMS}
FROM ({edges_sql()})
WHERE minute < (SELECT max(settled) FROM edge_progress)
ORDER BY at, client, client_type, server, server_type, connection
"""


class CoarseTier(NamedTuple):
    """A coarser rollup: what it holds, and what the minutes of its whole settled units add up to."""

    name: str
    seconds: int
    edges: str
    versions: str

    @property
    def rolled(self) -> str:
        return f"""
SELECT {ADDED_UP} FROM {self.edges} AS e
WHERE tenant = {{tenant:String}} AND ({self.name}, version) IN (
    SELECT {self.name}, argMax(version, (stamp, version)) FROM {self.versions}
    WHERE tenant = {{tenant:String}} GROUP BY {self.name})
GROUP BY client, client_type, server, server_type, connection, toUnixTimestamp({self.name}) AS at
ORDER BY at, client, client_type, server, server_type, connection
"""

    @property
    def added_up(self) -> str:
        settled = "(SELECT toUnixTimestamp(max(settled)) FROM edge_progress)"
        return f"""
SELECT {ADDED_UP} FROM service_edges_1m AS e
WHERE tenant = {{tenant:String}}
    AND (minute, version) IN (
        SELECT minute, max(version) FROM edge_minutes WHERE tenant = {{tenant:String}} GROUP BY minute)
    AND toUnixTimestamp(minute) < intDiv({settled}, {self.seconds}) * {self.seconds}
GROUP BY client, client_type, server, server_type, connection,
    intDiv(toUnixTimestamp(minute), {self.seconds}) * {self.seconds} AS at
ORDER BY at, client, client_type, server, server_type, connection
"""


ADDED_UP = (
    "at, client, client_type, server, server_type, connection, sum(e.stored), sum(e.calls), sum(e.errors), "
    + ("sum(e.retries), sum(e.named), sum(e.found), max(e.slowest.1), max(e.failed.1), ")
    + ", ".join(
        f"sum(e.{view}.n), max(e.{view}.max), minIf(e.{view}.min, e.{view}.n > 0), sumMap(e.{view}.buckets)"
        for view in ("client_ns", "server_ns", "gap_ns")
    )
)
HOUR_TIER = CoarseTier("hour", 3600, "service_edges_1h", "edge_hours")
DAY_TIER = CoarseTier("day", 86_400, "service_edges_1d", "edge_days")
COARSE_TIERS = (HOUR_TIER, DAY_TIER)
