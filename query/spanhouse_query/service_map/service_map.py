"""The service map: which service calls which, and what they call that sends no spans.

The result depends on the stored spans alone, not on the order or the batches they arrived in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from spanhouse_query.concurrently import both
from spanhouse_query.endpoint import Call, Endpoint
from spanhouse_query.parameters import MomentParameters
from spanhouse_query.percentiles import SKETCH_ERROR, latency_answer
from spanhouse_query.reader import Reader, Sampling, sampling
from spanhouse_query.red import Red, red_rows, red_sampling
from spanhouse_query.service_map.answer import (
    NO_LATENCY,
    Edge,
    Node,
    Place,
    ServiceMap,
    exemplars,
    numbers,
    view_latency,
)
from spanhouse_query.service_map.completeness import completeness
from spanhouse_query.service_map.edge_source import EdgeRows, mapped_range
from spanhouse_query.service_map.edge_sums import ENDS, RESOLVED_ENDS, summed_minutes
from spanhouse_query.service_map.focus import neighbourhood, within
from spanhouse_query.service_map.known_names import check_name
from spanhouse_query.service_map.matched import matching, read_matched, read_matched_nodes
from spanhouse_query.service_map.rolled_map import read_map
from spanhouse_query.service_map.text import as_dot, as_mermaid
from spanhouse_query.sketches import WRITTEN, sketches_of
from spanhouse_query.spans_where import LONGEST
from spanhouse_query.time_range import TimeRange

MOST_HOPS = 20


class ServiceMapParameters(MomentParameters):
    """Parameters of the service map."""

    service: str | None = Field(None, description="Only what is around this service or peer.")
    depth: int = Field(
        1, ge=1, le=MOST_HOPS, description="With `service`: how many calls away from it, in either direction."
    )
    min_calls: int = Field(0, ge=0, description="Leave out edges with fewer calls.")
    group_by: str | None = Field(
        None,
        min_length=1,
        examples=["service.namespace"],
        description="A resource attribute whose values are the nodes in place of the services: service.namespace, "
        "cloud.region, host.name, service.instance.id, service.version. Calls are matched when asked for, at any age.",
    )
    q: str | None = Field(
        None,
        examples=['service = "checkout" and status = error'],
        description="Only the traces with a span in the range that satisfies this filter: calls and requests of all "
        "their services. Calls are matched when asked for.",
    )
    format: Literal["json", "dot", "mermaid"] = Field("json", description="JSON, Graphviz DOT or a Mermaid flowchart.")

    @model_validator(mode="after")
    def _depth_around_something(self) -> ServiceMapParameters:
        if self.service is None and "depth" in self.model_fields_set:
            message = "depth is the number of calls around `service`, which is missing"
            raise PydanticCustomError("depth", message, {"parameter": "depth"})
        return self


_GROUPED_KEYS = {name: f"e.{name}::String" for name in ENDS}
_SETS = (ENDS, ("server", "server_type"), ())


def nodes_sql(red: str) -> str:
    """One row a service with spans in the range, from the subquery `red` (see `Red`), with its sketch as it is."""
    return f"""
SELECT
    service::String AS name,
    sumIf(r.spans, entry) AS spans,
    sumIf(r.requests, entry) AS requests,
    sumIf(r.errors, entry) AS errors,
    least(minIf(duration_min, entry), {LONGEST})::UInt64 AS smallest,
    least(maxIf(duration_max, entry), {LONGEST})::UInt64 AS largest,
    {WRITTEN.format("sumMapIf(r.buckets, entry)")} AS histogram
FROM ({red}
) AS r
GROUP BY name
ORDER BY name
"""


async def _services(reader: Reader, red: Red) -> list[dict[str, Any]]:
    rows = await reader.rows(nodes_sql(red.sql), red.parameters)
    sketches = sketches_of((row["spans"], row["smallest"], row["largest"], row["histogram"]) for row in rows)
    return [{**row, "percentiles": one} for row, one in zip(rows, sketches.percentiles().tolist(), strict=True)]


@dataclass(frozen=True, slots=True)
class _Found:
    """A map of everything in a range. error: of the services' percentiles."""

    edges: EdgeRows
    services: list[dict[str, Any]]
    error: float


def map_sql(edges: str) -> str:
    """One row an edge (level 0), one a callee (level 1), one for all (level 2)."""
    return summed_minutes(edges, RESOLVED_ENDS, _SETS)


def grouped_map_sql(edges: str, *, seen: bool = False) -> str:
    """The same over edges between groups; seen: with the first and the last minute that has a call."""
    return summed_minutes(edges, _GROUPED_KEYS, _SETS, seen=seen)


async def service_map(call: Call, parameters: ServiceMapParameters) -> ServiceMap | Response:
    """The map of the calls that start in the minutes around the range."""
    effective = mapped_range(parameters.range, call.reader.now, call.settings.retention)
    found = await _read(call, parameters, effective)
    nodes = nodes_of(found.edges.rows, found.services, found.error)
    edges = edges_of(found.edges.rows, found.edges.covered(effective).seconds_until(call.reader.now))
    kept = [edge for edge in edges if edge.calls >= parameters.min_calls]
    kept_places = {place for edge in kept for place in edge.ends}
    shown = [node for node in nodes if node.type == "service" or node.place in kept_places]
    if parameters.service is not None:
        await check_name(call.reader, parameters.service, (node.name for node in nodes))
        near = neighbourhood((node.place for node in nodes if node.name == parameters.service), parameters.depth, kept)
        shown = [node for node in shown if node.place in near]
        kept = [edge for edge in kept if within(edge, near, parameters.depth)]
    meta = await call.reader.meta(
        effective=effective,
        completeness=completeness(found.edges.rows),
        **found.edges.provenance,
        kept_from=call.spans_gone_before(effective.start) if "raw" in found.edges.tiers else None,
        sampling=_sampling(found, shown, kept),
    )
    return _drawn(ServiceMap(nodes=shown, edges=kept, meta=meta), parameters.format)


async def _read(call: Call, parameters: ServiceMapParameters, effective: TimeRange) -> _Found:
    wanted = await matching(call, effective, group_by=parameters.group_by, q=parameters.q)
    if wanted is None:
        red = red_rows(effective, call.settings.retention, call.reader.now)
        services = _services(call.reader, red)
        rolled, (rows, names) = await both(read_map(call, effective), both(services, call.reader.services()))
        return _Found(await rolled.named_by(names), rows, SKETCH_ERROR)
    statement = map_sql if wanted.key is None else grouped_map_sql
    edges, rows = await both(read_matched(call, wanted, statement), read_matched_nodes(call, wanted))
    return _Found(edges, rows, 0.0)


def _sampling(found: _Found, nodes: Iterable[Node], edges: Iterable[Edge]) -> Sampling | None:
    """Of the calls that are shown, or where none was sampled of the requests."""
    calls = {ends_of(edge) for edge in edges}
    services = {node.name for node in nodes if node.type == "service"}
    rows = [row for row in found.edges.rows if row["level"] == 0 and tuple(row[end] for end in ENDS) in calls]
    of_calls = sampling(sum(row["stored"] for row in rows), sum(row["calls"] for row in rows))
    return of_calls or red_sampling([row for row in found.services if row["name"] in services])


def ends_of(edge: Edge) -> tuple[str, ...]:
    """What an edge is known by."""
    return tuple(getattr(edge, end) for end in ENDS)


def edges_of(rows: Iterable[dict[str, Any]], seconds: float) -> list[Edge]:
    """The edges among the rows of a map of `seconds`."""
    return [
        Edge(
            **{end: row[end] for end in ENDS},
            **numbers(row),
            rate=row["calls"] / seconds,
            error_ratio=row["errors"] / row["calls"] if row["calls"] else 0.0,
            unmatched=round(row["calls"] - row["server_calls"]),
            exemplars=exemplars(row),
        )
        for row in rows
        if row["level"] == 0 and row["client"]
    ]


def nodes_of(rows: Iterable[dict[str, Any]], services: Iterable[dict[str, Any]], error: float) -> list[Node]:
    """Every service with spans in the range, and every other end of an edge; services first, then by name."""
    rows = list(rows)
    called = {Place(row["server"], row["server_type"]): row for row in rows if row["level"] == 1}
    nodes = {place: _peer(place, row) for place, row in called.items()}
    for row in rows:
        if row["level"] == 0 and row["client"]:
            place = Place(row["client"], row["client_type"])
            nodes.setdefault(place, _silent(place))
    for row in services:
        place = Place(row["name"], "service")
        unmatched = round(called[place]["named"] - called[place]["found"]) if place in called else 0
        nodes[place] = Node(
            name=place.name,
            type=place.type,
            requests=round(row["requests"]),
            errors=round(row["errors"]),
            latency_ns=latency_answer(row["percentiles"], row["spans"], row["largest"], error),
            unmatched=unmatched,
        )
    return [nodes[place] for place in sorted(nodes, key=lambda place: (place.type != "service", place))]


def _peer(place: Place, row: dict[str, Any]) -> Node:
    """What its callers say; of a service without spans in the range nothing but that."""
    if place.type == "service":
        return _silent(place)
    return Node(
        name=place.name,
        type=place.type,
        requests=round(row["calls"]),
        errors=round(row["errors"]),
        latency_ns=view_latency(row, "client"),
        unmatched=0,
    )


def _silent(place: Place) -> Node:
    return Node(name=place.name, type=place.type, requests=0, errors=0, latency_ns=NO_LATENCY, unmatched=0)


def _drawn(found: ServiceMap, form: str) -> ServiceMap | Response:
    if form == "dot":
        return Response(as_dot(found), media_type="text/vnd.graphviz")
    if form == "mermaid":
        return Response(as_mermaid(found), media_type="text/vnd.mermaid")
    return found


ENDPOINTS = [
    Endpoint(
        path="/api/v1/service-map",
        handler=service_map,
        summary="Which service calls which, how often and how fast",
        parameters=ServiceMapParameters,
        answer=ServiceMap,
        media={"text/vnd.graphviz": {"type": "string"}, "text/vnd.mermaid": {"type": "string"}},
        problems=(404,),
        advice="narrow the time range (from, to), or leave out q and group_by, which the rollup cannot answer",
    ),
]
