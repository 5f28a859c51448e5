"""Edges between groups of services that share a resource attribute, matched when they are asked for."""

from __future__ import annotations

from collections.abc import Callable

from spanhouse_query.config import SECOND
from spanhouse_query.endpoint import Call
from spanhouse_query.percentiles import STANDARD, exact_percentiles
from spanhouse_query.problems import invalid_parameter
from spanhouse_query.reader import Reader
from spanhouse_query.service_map.edge_source import EdgeRows
from spanhouse_query.service_map.known_names import closest
from spanhouse_query.spans_where import ENTRY, IN_RANGE, LONGEST
from spanhouse_query.time_range import TimeRange

# What a group is called whose resources lack the attribute.
NONE = "(none)"
_GROUPS = f"""
    SELECT id, if(any(attributes)[{{key:String}}] = '', '{NONE}', any(attributes)[{{key:String}}]) AS value
    FROM resources WHERE tenant = {{tenant:String}} GROUP BY id"""
_BUCKET = "if(d <= 0, -32768, ceil(log2(greatest(d, 1)) * 32) - 1)::Int16"
_SKETCH = "Tuple(n UInt64, min UInt64, max UInt64, buckets Map(Int16, UInt64))"
_EXAMPLE = "Tuple(duration UInt64, trace_id FixedString(16))"
_KEYS_SQL = "SELECT groupUniqArrayArray(mapKeys(attributes)) AS keys FROM resources WHERE tenant = {tenant:String}"


def _sketch(view: str) -> str:
    value, known = f"one.{view}_ns", f"one.{view}_ns >= 0"
    parts = (
        f"countIf({known})",
        f"minIf({value}, {known})",
        f"maxIf({value}, {known})",
        f"sumMapIf(map(bucket({value}), 1::UInt64), {known})",
    )
    return f"({', '.join(parts)})::{_SKETCH} AS {view}_ns"


# As storage's matched_edges, by groups. A peer belongs to none, and which instance of a service it was nobody knows.
GROUPED = f"""
    WITH d -> {_BUCKET} AS bucket
    SELECT
        minute, client, client_type, server, server_type, connection,
        sum(one.calls) AS calls,
        countIf(one.calls = 1 AND error) AS errors,
        countIf(one.calls = 1 AND retry) AS retries,
        {_sketch("client")},
        {_sketch("server")},
        {_sketch("gap")},
        arraySort(groupArrayIf((if(one.server_ns < 0, one.client_ns, one.server_ns), trace_id, error), one.calls = 1))
            AS by_duration,
        (by_duration[-1].1, by_duration[-1].2)::{_EXAMPLE} AS slowest,
        (arrayLast(c -> c.3, by_duration).1, arrayLast(c -> c.3, by_duration).2)::{_EXAMPLE} AS failed,
        (by_duration[intDiv(length(by_duration) + 1, 2)] AS middle).1 AS middle_duration,
        (middle_duration, middle.2)::{_EXAMPLE} AS typical,
        sum(one.named) AS named,
        sum(one.found) AS found
    FROM
    (
        SELECT
            c.minute AS minute,
            if(c.client_resource = 0, c.client::String, caller.value) AS client,
            c.client_type::String AS client_type,
            if(c.server_resource = 0, c.server::String, callee.value) AS server,
            if(c.server_resource = 0 AND c.server_type::String = 'service', 'external', c.server_type::String)
                AS server_type,
            c.connection AS connection, c.calls AS calls, c.error AS error, c.retry AS retry,
            c.client_ns AS client_ns, c.server_ns AS server_ns, c.gap_ns AS gap_ns,
            c.named AS named, c.found AS found, c.trace_id AS trace_id
        FROM calls(tenant = {{tenant:String}}, since = toDateTime({{since:Int64}}, 'UTC'),
            until = toDateTime({{until:Int64}}, 'UTC'), lookback = {{lookback:UInt32}}) AS c
        ANY LEFT JOIN ({_GROUPS}) AS caller ON c.client_resource = caller.id
        ANY LEFT JOIN ({_GROUPS}) AS callee ON c.server_resource = callee.id
    ) AS one
    GROUP BY minute, client, client_type, server, server_type, connection"""

GROUPED_NODES_SQL = f"""
SELECT
    groups.value AS name,
    countIf({ENTRY}) AS requests,
    countIf({ENTRY} AND status = 'error') AS errors,
    maxIf(least(duration, {LONGEST}), {ENTRY})::UInt64 AS largest,
    {exact_percentiles(STANDARD, f"least(duration, {LONGEST})", ENTRY)} AS percentiles
FROM (SELECT resource_id, kind, parent_span_id, status, duration FROM spans WHERE {IN_RANGE}) AS s
ANY LEFT JOIN ({_GROUPS}) AS groups ON s.resource_id = groups.id
GROUP BY name
ORDER BY name
"""


async def check_group(reader: Reader, key: str) -> None:
    """Raise Problem (400) for an attribute that no resource has."""
    keys = (await reader.rows(_KEYS_SQL))[0]["keys"]
    if key not in keys:
        close = closest(key, keys)
        known = f"; the closest of {len(keys)}: {', '.join(close)}" if close else ""
        raise invalid_parameter("group_by", f"no resource has the attribute {key!r}{known}", allowed=close)


async def grouped_edges(call: Call, effective: TimeRange, statement: Callable[[str], str], key: str) -> EdgeRows:
    """The rows of `statement` over edges between groups, at any age from the halves of calls."""
    bounds = {"since": effective.start // SECOND, "until": effective.end // SECOND, "lookback": call.settings.lookback}
    return EdgeRows(await call.reader.rows(statement(GROUPED), bounds, key=key), "raw", effective)
