"""What the store says of peers: their spans and places, and the calls between them in both windows.

A peer is a value of the attribute that is asked for. What lacks it goes by the name of its service, so that nothing is
left out. A service.instance.id need be unique within its service only (OpenTelemetry's resource conventions); one that
several services have is prefixed with the service: cart/0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from spanhouse_query.endpoint import Call
from spanhouse_query.percentiles import STANDARD
from spanhouse_query.service_map.edge_source import EdgeRows
from spanhouse_query.service_map.matched import Matching, read_matched
from spanhouse_query.service_map.service_map import grouped_map_sql
from spanhouse_query.spans_where import ENTRY, IN_RANGE, LONGEST, WEIGHT, SpansWhere, any_sampled, range_bounds
from spanhouse_query.topology.calls import Calls, calls_of
from spanhouse_query.topology.windows import Windows

INSTANCE = "service.instance.id"

# One row a resource: the peer that it is, as `value`.
PEERS = f"""
    SELECT id, service, given = '' AS lacking, first_seen, region, zone, host,
        multiIf(lacking, service, {{key:String}} = '{INSTANCE}' AND uniqExact(service) OVER (PARTITION BY given) > 1,
            concat(service, '/', given), given) AS value
    FROM
    (
        SELECT
            id,
            any(r.service) AS service,
            any(attributes) AS attribute,
            attribute[{{key:String}}] AS given,
            attribute[{{region_by:String}}] AS region,
            attribute['cloud.availability_zone'] AS zone,
            attribute['host.name'] AS host,
            min(r.first_seen) AS first_seen
        FROM resources AS r WHERE tenant = {{tenant:String}} GROUP BY id
    )"""
_LEVELS = ", ".join(f"{quantile!r}" for quantile in STANDARD)
_NOW = "ts >= fromUnixTimestamp64Nano({from:Int64}, 'UTC')"
_DURATION = f"least(duration, {LONGEST})"


def peers_sql(*, weighted: bool = False) -> str:
    """One row a peer with spans in the windows. weighted: whether some spans stand for more than themselves."""
    function = "quantilesExactWeightedInterpolated" if weighted else "quantilesExactInclusive"
    value = f"{_DURATION}, {WEIGHT}" if weighted else _DURATION
    return f"""
SELECT
    value AS name,
    arraySort(groupUniqArray(peer.service)) AS services,
    max(lacking) AS named_by_service,
    max(s.present) AS present,
    sum(s.spans) AS spans,
    sum(s.requests) AS requests,
    sum(s.errors) AS errors,
    max(s.largest)::UInt64 AS largest,
    arrayMap(v -> if(isFinite(v), round(v), 0)::UInt64, {function}Merge({_LEVELS})(s.durations))
        AS percentiles,
    toUnixTimestamp64Milli(min(peer.first_seen)) AS first_seen,
    toUnixTimestamp64Nano(max(s.latest)) AS last_seen,
    argMax((region, zone, host), (s.latest, s.resource_id)) AS location
FROM
(
    SELECT
        resource_id,
        max({_NOW}) AS present,
        countIf({ENTRY} AND {_NOW}) AS spans,
        sumIf(adjusted_count, {ENTRY} AND {_NOW}) AS requests,
        sumIf(adjusted_count, {ENTRY} AND {_NOW} AND status = 'error') AS errors,
        maxIf({_DURATION}, {ENTRY} AND {_NOW}) AS largest,
        {function}StateIf({_LEVELS})({value}, {ENTRY} AND {_NOW}) AS durations,
        max(ts) AS latest
    FROM spans
    WHERE tenant = {{tenant:String}} AND ts >= fromUnixTimestamp64Nano({{earlier:Int64}}, 'UTC')
        AND ts < fromUnixTimestamp64Nano({{to:Int64}}, 'UTC')
    GROUP BY resource_id
) AS s
ANY LEFT JOIN ({PEERS}) AS peer ON s.resource_id = peer.id
GROUP BY name
ORDER BY name
"""


@dataclass(frozen=True, slots=True)
class Found:
    """peers: rows of `peers_sql`. current: rows of a map of the range. previous: the calls of the window before."""

    peers: list[dict[str, Any]]
    current: EdgeRows
    previous: list[Calls]


def previous_sql(edges: str) -> str:
    """One row an edge of the subquery `edges`, with a trace of its last minute."""
    return f"""
SELECT
    e.client AS client, e.client_type AS client_type, e.server AS server, e.server_type AS server_type,
    e.connection AS connection,
    sum(e.stored) AS stored,
    sum(e.calls) AS calls,
    sum(e.errors) AS errors,
    max(e.last) AS latest,
    latest.1 AS last_minute,
    lower(hex(latest.2)) AS last_trace
FROM ({edges}
) AS e
WHERE e.stored > 0 AND e.client != ''
GROUP BY client, client_type, server, server_type, connection
ORDER BY client, client_type, server, server_type, connection
"""


async def read_peers(call: Call, windows: Windows, *, group_by: str, region_by: str) -> Found:
    """All that a topology is made from."""
    current = Matching(windows.current, group_by, None, groups=PEERS)
    previous = Matching(windows.previous, group_by, None, groups=PEERS)
    bounds = {"earlier": windows.previous.start, "from": windows.current.start, "to": windows.current.end}
    keys = {"key": group_by, "region_by": region_by}
    weighted = await any_sampled(call.reader, SpansWhere(IN_RANGE, range_bounds(windows.current)))
    return Found(
        await call.reader.rows(peers_sql(weighted=weighted), bounds, **keys),
        await read_matched(call, current, partial(grouped_map_sql, seen=True), region_by=region_by),
        calls_of((await read_matched(call, previous, previous_sql, region_by=region_by)).rows),
    )
