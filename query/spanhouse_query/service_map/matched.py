"""Edges and nodes that are matched when asked for: those of groups of services, of some traces only, or both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from spanhouse_storage import calls_sql, edges_sql

from spanhouse_query.config import SECOND
from spanhouse_query.endpoint import Call
from spanhouse_query.percentiles import STANDARD, exact_percentiles
from spanhouse_query.problems import invalid_parameter
from spanhouse_query.reader import Reader
from spanhouse_query.service_map.edge_source import EdgeRows, with_minutes
from spanhouse_query.service_map.known_names import closest
from spanhouse_query.spans_where import (
    ENTRY,
    IN_RANGE,
    LONGEST,
    WEIGHT,
    SpansWhere,
    any_sampled,
    range_bounds,
    spans_where,
)
from spanhouse_query.time_range import TimeRange

# What a group is called whose resources lack the attribute.
NONE = "(none)"
_GROUPS = f"""
    SELECT id, if(any(attributes)[{{key:String}}] = '', '{NONE}', any(attributes)[{{key:String}}]) AS value
    FROM resources WHERE tenant = {{tenant:String}} GROUP BY id"""
_KEYS_SQL = "SELECT groupUniqArrayArray(mapKeys(attributes)) AS keys FROM resources WHERE tenant = {tenant:String}"


@dataclass(frozen=True, slots=True)
class _Ends:
    """What the ends of a call `c` are called, and what has to be joined to say so."""

    client: str
    server: str
    server_type: str
    joins: str = ""


_SERVICE_ENDS = _Ends("c.client::String", "c.server::String", "c.server_type::String")


def _group_ends(groups: str) -> _Ends:
    """A peer belongs to no group, and which instance of a service it was nobody knows."""
    return _Ends(
        "if(c.client_resource = 0, c.client::String, caller.value)",
        "if(c.server_resource = 0, c.server::String, callee.value)",
        "if(c.server_resource = 0 AND c.server_type::String = 'service', 'external', c.server_type::String)",
        f"""
        ANY LEFT JOIN ({groups}) AS caller ON c.client_resource = caller.id
        ANY LEFT JOIN ({groups}) AS callee ON c.server_resource = callee.id""",
    )


@dataclass(frozen=True, slots=True)
class Matching:
    """What is matched in a range.

    key: the resource attribute whose values are the nodes, None for services. spans: only the traces with one of these
    spans, None for all. groups: with a key, a subquery that gives each resource's id and the value that is its node.
    """

    effective: TimeRange
    key: str | None
    spans: SpansWhere | None
    groups: str = _GROUPS

    @property
    def parameters(self) -> dict[str, Any]:
        """Values of the {parameters} of the statements, but for {tenant} and {lookback}."""
        key = {} if self.key is None else {"key": self.key}
        spans = {} if self.spans is None else self.spans.parameters
        ends = {"since": self.effective.start // SECOND, "until": self.effective.end // SECOND}
        return {**range_bounds(self.effective), **ends, **key, **spans}


async def matching(call: Call, effective: TimeRange, *, group_by: str | None, q: str | None) -> Matching | None:
    """What has to be matched for these parameters, None where the rollup can answer. Raises Problem (400)."""
    filtered = q is not None and bool(q.strip())
    if group_by is None and not filtered:
        return None
    if group_by is not None:
        await check_attribute(call.reader, group_by, "group_by")
    return Matching(effective, group_by, await spans_where(call.reader, effective, q=q) if filtered else None)


async def check_attribute(reader: Reader, key: str, parameter: str) -> None:
    """Raise Problem (400) for an attribute that no resource has. parameter: the one that names it."""
    keys = (await reader.rows(_KEYS_SQL))[0]["keys"]
    if key not in keys:
        close = closest(key, keys)
        known = f"; the closest of {len(keys)}: {', '.join(close)}" if close else ""
        raise invalid_parameter(parameter, f"no resource has the attribute {key!r}{known}", allowed=close)


async def read_matched(call: Call, wanted: Matching, statement: Callable[[str], str], **more: Any) -> EdgeRows:
    """The rows of `statement`, which is given the edges by minute as a subquery's text; at any age.

    more: further bound parameters.
    """
    sql = statement(matched_edges_sql(wanted))
    rows = await call.reader.rows(sql, wanted.parameters, lookback=call.settings.lookback, **more)
    return EdgeRows(rows, ["raw"], wanted.effective)


def matched_edges_sql(wanted: Matching) -> str:
    """Edges by minute as storage's `edges_sql` has them, by the names that are wanted and of the traces that are."""
    ends = _SERVICE_ENDS if wanted.key is None else _group_ends(wanted.groups)
    traces = "" if wanted.spans is None else f"\n    WITH wanted AS MATERIALIZED ({_traces(wanted.spans)})"
    calls = f"""{traces}
    SELECT
        c.minute AS minute,
        {ends.client} AS client,
        c.client_type::String AS client_type,
        {ends.server} AS server,
        {ends.server_type} AS server_type,
        c.connection AS connection, c.calls AS calls, c.error AS error, c.retry AS retry,
        c.client_ns AS client_ns, c.server_ns AS server_ns, c.gap_ns AS gap_ns, c.took AS took,
        c.named AS named, c.found AS found, c.missing AS missing, c.trace_id AS trace_id,
        c.adjusted_count AS adjusted_count, c.callee_count AS callee_count
    FROM ({calls_sql(traces=None if wanted.spans is None else "SELECT trace_id FROM wanted")}) AS c{ends.joins}"""
    return with_minutes(f"({edges_sql(calls=calls)})")


async def read_matched_nodes(call: Call, wanted: Matching) -> list[dict[str, Any]]:
    """The rows of `matched_nodes_sql`."""
    weighted = await any_sampled(call.reader, SpansWhere(IN_RANGE, range_bounds(wanted.effective)))
    return await call.reader.rows(matched_nodes_sql(wanted, weighted=weighted), wanted.parameters)


def matched_nodes_sql(wanted: Matching, *, weighted: bool = False) -> str:
    """One row a service or group with spans in the range, in the traces that are wanted; its numbers are of its entry
    spans there. weighted: whether some stand for more than themselves."""
    name, join = "service::String", ""
    if wanted.key is not None:
        name, join = "groups.value", f"\nANY LEFT JOIN ({_GROUPS}) AS groups ON s.resource_id = groups.id"
    traces = "" if wanted.spans is None else f" AND trace_id IN ({_traces(wanted.spans)})"
    return f"""
SELECT
    {name} AS name,
    countIf({ENTRY}) AS spans,
    sumIf(adjusted_count, {ENTRY}) AS requests,
    sumIf(adjusted_count, {ENTRY} AND status = 'error') AS errors,
    maxIf(least(duration, {LONGEST}), {ENTRY})::UInt64 AS largest,
    {exact_percentiles(STANDARD, f"least(duration, {LONGEST})", ENTRY, weight=WEIGHT if weighted else None)}
        AS percentiles
FROM
(
    SELECT service, resource_id, kind, parent_span_id, status, duration, adjusted_count FROM spans
    WHERE {IN_RANGE}{traces}
) AS s{join}
GROUP BY name
ORDER BY name
"""


def _traces(spans: SpansWhere) -> str:
    return f"SELECT DISTINCT trace_id FROM spans WHERE {spans.sql}"
