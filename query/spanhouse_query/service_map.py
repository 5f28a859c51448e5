"""The service map: which service calls which, found at query time from every span and its parent in another service.

The result depends on the stored spans alone, not on the order or the batches they arrived in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, Field
from starlette.responses import Response

from spanhouse_query.endpoint import Call, Endpoint
from spanhouse_query.parameters import Duration, RangeParameters
from spanhouse_query.percentiles import STANDARD, Latency, exact_percentiles, latency_answer
from spanhouse_query.reader import Meta
from spanhouse_query.service_map_text import as_dot, as_mermaid
from spanhouse_query.spans_where import ENTRY, IN_RANGE, range_bounds


class ServiceMapParameters(RangeParameters):
    """Parameters of the service map."""

    service: str | None = Field(None, description="Only what is around this service.")
    depth: int = Field(1, ge=1, le=20, description="With `service`: how many calls away from it, in either direction.")
    min_calls: int = Field(0, ge=0, description="Leave out edges with fewer calls.")
    lookback: Duration = Field(
        "15m",
        validate_default=True,
        description="How long before and after the time range a parent span may have started.",
    )
    format: Literal["json", "dot", "mermaid"] = Field("json", description="JSON, Graphviz DOT or a Mermaid flowchart.")


class Percentiles(BaseModel):
    """Percentiles of durations in nanoseconds, from the spans themselves; null where there is no value."""

    p50: int | None
    p90: int | None
    p95: int | None
    p99: int | None
    n: int
    error: float


class Node(BaseModel):
    """What calls or is called. Requests, errors and latency are those of its SERVER, CONSUMER and root spans."""

    name: str
    type: Literal["service", "database", "messaging", "external", "user"]
    requests: int
    errors: int
    latency_ns: Latency
    unmatched: int = Field(
        description="SERVER and CONSUMER spans that name a parent which was not found: calls from somewhere unknown."
    )


class Edge(BaseModel):
    """Calls from one service to another over one kind of connection: pairs of a span and its parent elsewhere."""

    client: str
    server: str
    connection: Literal["rpc", "messaging", "database", "external", "internal"] = Field(
        description="messaging: the parent is a PRODUCER or the child a CONSUMER span. rpc: otherwise, the parent is a "
        "CLIENT or the child a SERVER span. internal: neither."
    )
    calls: int
    errors: int = Field(description="Calls of which either side has the status error.")
    rate: float = Field(description="Calls per second of the time range.")
    client_ns: Percentiles = Field(description="The caller's view: durations of its CLIENT and PRODUCER spans.")
    server_ns: Percentiles = Field(description="The callee's view: durations of its spans.")
    gap_ns: Percentiles = Field(
        description="Caller's minus callee's duration, at least 0, where the caller's is a CLIENT span: network and "
        "queueing."
    )
    unmatched: int = Field(
        description="Always 0: a span whose other half is missing does not say which service that was in; the nodes "
        "count such spans."
    )
    exemplars: list[str] = Field(description="Trace ids: of the slowest call, of the median one, and of a failed one.")


class ServiceMap(BaseModel):
    """Services and the calls between them."""

    nodes: list[Node]
    edges: list[Edge]
    meta: Meta


_IN_REACH = (
    "tenant = {tenant:String} AND ts >= fromUnixTimestamp64Nano({reach_from:Int64}, 'UTC')"
    " AND ts < fromUnixTimestamp64Nano({reach_to:Int64}, 'UTC')"
)
_NO_PARENT = "toFixedString('', 8)"
# The bit of spans.marks for a parent among the spans of the same resource in the same request.
_LOCAL_PARENT = 8

# The join's table holds the children, which are few once those are left out that storage marked as having their parent
# in the same service: on two million spans, a quarter of them calls, 290 ms instead of 520. The hash of both ids is the
# key because it makes the table smaller still; cityHash64 takes an eighth of the time of sipHash64, and two of ten
# million spans share a key once in 300 thousand queries. A child whose parent is nowhere has client '', which no
# service has.
PAIRS_SQL = f"""
SELECT
    client,
    server,
    connection,
    count() AS calls,
    countIf(parent_status = 'error' OR child_status = 'error') AS errors,
    countIf(client = '' AND child_kind IN ('server', 'consumer')) AS missing,
    countIf(parent_kind IN ('client', 'producer')) AS client_n,
    countIf(parent_kind = 'client' AND connection = 'rpc') AS gap_n,
    {exact_percentiles(STANDARD, "parent_duration", "parent_kind IN ('client', 'producer')")} AS client_percentiles,
    {exact_percentiles(STANDARD, "child_duration")} AS server_percentiles,
    {
    exact_percentiles(
        STANDARD,
        "greatest(parent_duration, child_duration) - child_duration",
        "parent_kind = 'client' AND connection = 'rpc'",
    )
} AS gap_percentiles,
    lower(hex((arraySort(groupArray((child_duration, trace))) AS by_duration)[-1].2)) AS slowest,
    lower(hex(by_duration[intDiv(calls + 1, 2)].2)) AS typical,
    lower(hex(minIf(trace, parent_status = 'error' OR child_status = 'error'))) AS failed
FROM
(
    SELECT
        parent.service AS client,
        child.service AS server,
        multiIf(parent.kind = 'producer' OR child.kind = 'consumer', 'messaging',
                parent.kind = 'client' OR child.kind = 'server', 'rpc', 'internal') AS connection,
        parent.kind AS parent_kind,
        child.kind AS child_kind,
        parent.status AS parent_status,
        child.status AS child_status,
        parent.duration AS parent_duration,
        child.duration AS child_duration,
        child.trace_id AS trace
    FROM
    (
        SELECT cityHash64(trace_id, span_id) AS key, service, kind, status, duration
        FROM spans
        WHERE {_IN_REACH}
    ) AS parent
    RIGHT JOIN
    (
        SELECT cityHash64(trace_id, parent_span_id) AS key, service, kind, status, duration, trace_id
        FROM spans
        WHERE {IN_RANGE} AND parent_span_id != {_NO_PARENT} AND bitAnd(marks, {_LOCAL_PARENT}) = 0
    ) AS child
    ON parent.key = child.key
    WHERE parent.service != child.service
)
GROUP BY client, server, connection
ORDER BY client, server, connection
SETTINGS join_algorithm = 'hash'
"""

NODES_SQL = f"""
SELECT
    service,
    countIf({ENTRY}) AS requests,
    countIf({ENTRY} AND status = 'error') AS errors,
    countIf(kind IN ('server', 'consumer') AND parent_span_id != {_NO_PARENT}) AS halves,
    maxIf(duration, {ENTRY}) AS largest,
    {exact_percentiles(STANDARD, "duration", ENTRY)} AS percentiles
FROM spans
WHERE {IN_RANGE}
GROUP BY service
ORDER BY service
"""


async def service_map(call: Call, parameters: ServiceMapParameters) -> ServiceMap | Response:
    """The map of the spans that start in the range, each matched with its parent wherever that started in reach."""
    time_range, lookback = parameters.range, parameters.lookback
    bounds = range_bounds(time_range)
    reach = {"reach_from": max(0, time_range.start - lookback), "reach_to": time_range.end + lookback}
    pairs = await call.reader.rows(PAIRS_SQL, bounds, **reach)
    services = await call.reader.rows(NODES_SQL, bounds)
    missing = Counter[str]()
    for row in pairs:
        missing[row["server"]] += row["missing"]
    nodes = [_node(row, missing[row["service"]]) for row in services]
    edges = [_edge(row, time_range.seconds) for row in pairs if row["client"]]
    edges = [edge for edge in edges if edge.calls >= parameters.min_calls]
    if parameters.service is not None:
        near = neighbourhood(parameters.service, parameters.depth, edges)
        nodes = [node for node in nodes if node.name in near]
        edges = [edge for edge in edges if _within(edge, near, parameters.depth)]
    found = ServiceMap(
        nodes=nodes, edges=edges, meta=await call.reader.meta(completeness=_completeness(services, missing.total()))
    )
    return _drawn(found, parameters.format)


def neighbourhood(service: str, depth: int, edges: Iterable[Edge]) -> dict[str, int]:
    """Distance in calls, up to `depth`, from a service to those around it, against the calls or with them."""
    neighbours: dict[str, set[str]] = {}
    for edge in edges:
        neighbours.setdefault(edge.client, set()).add(edge.server)
        neighbours.setdefault(edge.server, set()).add(edge.client)
    distances, frontier = {service: 0}, {service}
    for distance in range(1, depth + 1):
        frontier = {name for known in frontier for name in neighbours.get(known, ())} - distances.keys()
        distances.update(dict.fromkeys(frontier, distance))
    return distances


def _within(edge: Edge, near: dict[str, int], depth: int) -> bool:
    """Whether one end is less than `depth` calls away, so that the edge lies on a way of at most that length."""
    return min(near.get(edge.client, depth), near.get(edge.server, depth)) < depth


def _drawn(found: ServiceMap, form: str) -> ServiceMap | Response:
    calls = [(edge.client, edge.server, edge.calls) for edge in found.edges]
    names = [node.name for node in found.nodes]
    if form == "dot":
        return Response(as_dot(names, calls), media_type="text/vnd.graphviz")
    if form == "mermaid":
        return Response(as_mermaid(names, calls), media_type="text/vnd.mermaid")
    return found


def _completeness(services: list[dict[str, Any]], missing: int) -> float:
    halves = sum(row["halves"] for row in services)
    return max(0, halves - missing) / halves if halves else 1.0


def _node(row: dict[str, Any], unmatched: int) -> Node:
    return Node(
        name=row["service"],
        type="service",
        requests=row["requests"],
        errors=row["errors"],
        latency_ns=latency_answer(row["percentiles"], row["requests"], row["largest"], 0.0),
        unmatched=unmatched,
    )


def _edge(row: dict[str, Any], seconds: float) -> Edge:
    traces = [row["slowest"], row["typical"], *([row["failed"]] if row["errors"] else [])]
    return Edge(
        client=row["client"],
        server=row["server"],
        connection=row["connection"],
        calls=row["calls"],
        errors=row["errors"],
        rate=row["calls"] / seconds,
        client_ns=_percentiles(row["client_percentiles"], row["client_n"]),
        server_ns=_percentiles(row["server_percentiles"], row["calls"]),
        gap_ns=_percentiles(row["gap_percentiles"], row["gap_n"]),
        unmatched=0,
        exemplars=list(dict.fromkeys(traces)),
    )


def _percentiles(values: list[int], n: int) -> Percentiles:
    p50, p90, p95, p99 = values if n else [None] * 4
    return Percentiles(p50=p50, p90=p90, p95=p95, p99=p99, n=n, error=0.0)


ENDPOINTS = [
    Endpoint(
        path="/api/v1/service-map",
        handler=service_map,
        summary="Which service calls which, how often and how fast",
        parameters=ServiceMapParameters,
        answer=ServiceMap,
        media={"text/vnd.graphviz": {"type": "string"}, "text/vnd.mermaid": {"type": "string"}},
    ),
]
