"""One edge over time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from anyio import to_thread
from pydantic import BaseModel, Field

from spanhouse_query.concurrently import both
from spanhouse_query.config import SECOND
from spanhouse_query.endpoint import Call, Endpoint
from spanhouse_query.parameters import Duration, RangeParameters
from spanhouse_query.reader import Meta, Sampling, sampling
from spanhouse_query.service_map.answer import NO_CALLS, Connection, EdgeNumbers, NodeType, exemplars, numbers
from spanhouse_query.service_map.completeness import completeness
from spanhouse_query.service_map.edge_source import mapped_range, read_edges
from spanhouse_query.service_map.edge_sums import RESOLVED_ENDS, sums_sql
from spanhouse_query.service_map.edge_totals import totals_of
from spanhouse_query.service_map.known_names import check_name
from spanhouse_query.steps import POINTS, whole_steps
from spanhouse_query.tiers import finest
from spanhouse_query.time_range import TimeRange


class EdgeParameters(RangeParameters):
    """Parameters of one edge over time."""

    client: str = Field(description="Name of the node that calls: a service, a queue, or user.")
    server: str = Field(description="Name of the node that is called.")
    connection: Connection | None = Field(None, description="Only calls over this kind of connection.")
    step: Duration | None = Field(
        None,
        examples=["1m"],
        description=f"Length of a step, whole minutes; by default a round one that makes at most {POINTS} points.",
    )


class EdgePoint(EdgeNumbers):
    """One step."""

    t: str = Field(description="Start of the step, nanoseconds since 1970.")


class EdgeSeries(EdgeNumbers):
    """The calls over one kind of connection: all of the range in numbers, then step by step, without gaps."""

    connection: Connection
    client_type: NodeType
    server_type: NodeType
    exemplars: list[str] = Field(description="Trace ids: as on the map.")
    points: list[EdgePoint]


class EdgeAnswer(BaseModel):
    """Calls from one node to another over time: a series for each kind of connection that there were calls over."""

    client: str
    server: str
    series: list[EdgeSeries]
    step_ns: int
    meta: Meta


_OVERALL = ("connection", "client_type", "server_type")
_KEYS = {
    "asked_for": "e.client = {client:String} AND ({connection:String} = '' OR e.connection = {connection:String})",
    **{name: RESOLVED_ENDS[name] for name in _OVERALL},
    "step": "if(asked_for, intDiv(toUnixTimestamp(e.minute) - {since:Int64}, {step_s:Int64}), 0)",
}
_ALL = 2
# The rows without a client hold what could not be told of the server's callers.
ONE_EDGE = "client IN ({client:String}, '') AND server = {server:String}"
_NAMES = tuple(_KEYS)


def series_sql(edges: str) -> str:
    """One row a step of a connection. `asked_for` tells the edge from the calls of unknown callers to its server."""
    return sums_sql(edges, _KEYS)


def _with_levels(sums: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The steps (level 0), the connections (level 1), and a row for all (level 2), which says how complete they are."""
    steps = totals_of(sums, _NAMES)
    connections = steps.by(lambda key: key[:-1]).rows(_NAMES[:-1], 1)
    return [
        *steps.rows(_NAMES, 0),
        *sorted(connections, key=lambda row: [row[name] for name in _NAMES[:-1]]),
        *steps.by(lambda _: ()).rows((), _ALL, views=()),
    ]


async def edge(call: Call, parameters: EdgeParameters) -> EdgeAnswer:
    """The range is widened to whole steps, so that every point stands for a whole one."""
    retention, now = call.settings.retention, call.reader.now
    whole = mapped_range(parameters.range, now, retention)
    least = finest(whole.start, retention, now).unit
    effective, step = whole_steps(whole, parameters.step, least=least, multiple=True)
    reading = read_edges(
        call,
        effective,
        series_sql,
        step=step,
        where=ONE_EDGE,
        client=parameters.client,
        server=parameters.server,
        connection=parameters.connection or "",
        step_s=step // SECOND,
    )
    found, _ = await both(reading, call.reader.freshness())
    levels = await to_thread.run_sync(_with_levels, found.rows)
    rows = [row for row in levels if row["level"] < _ALL and row["asked_for"]]
    if not rows:
        await _check_ends(call, parameters, effective)
    return EdgeAnswer(
        client=parameters.client,
        server=parameters.server,
        series=[_series(row, rows, effective, step) for row in rows if row["level"] == 1],
        step_ns=step,
        meta=await call.reader.meta(
            effective=effective,
            **found.provenance,
            sampling=_sampling(rows),
            completeness=completeness(levels, level=_ALL),
        ),
    )


_ENDS_SQL = "SELECT DISTINCT arrayJoin([e.client::String, e.server::String]) AS name FROM ({edges}) AS e"


async def _check_ends(call: Call, parameters: EdgeParameters, effective: TimeRange) -> None:
    """Raise Problem (404) for an end that is neither on the map of the range nor a service."""
    found = await read_edges(call, effective, lambda edges: _ENDS_SQL.format(edges=edges))
    present = [row["name"] for row in found.rows if row["name"]]
    for name in (parameters.client, parameters.server):
        await check_name(call.reader, name, present)


def _sampling(rows: Iterable[dict[str, Any]]) -> Sampling | None:
    overall = [row for row in rows if row["level"] == 1]
    return sampling(sum(row["stored"] for row in overall), sum(row["calls"] for row in overall))


def _series(row: dict[str, Any], rows: Iterable[dict[str, Any]], effective: TimeRange, step: int) -> EdgeSeries:
    steps = {one["step"]: one for one in rows if one["level"] == 0 and all(one[name] == row[name] for name in _OVERALL)}
    starts = range(effective.start, effective.end, step)
    return EdgeSeries(
        **{name: row[name] for name in _OVERALL},
        **numbers(row),
        exemplars=exemplars(row),
        points=[
            EdgePoint(t=str(start), **(numbers(steps[number]) if number in steps else NO_CALLS))
            for number, start in enumerate(starts)
        ],
    )


ENDPOINTS = [
    Endpoint(
        path="/api/v1/edges/{client:path}/{server:path}",
        handler=edge,
        summary="Calls from one node to another over time",
        parameters=EdgeParameters,
        answer=EdgeAnswer,
        problems=(404,),
    ),
]
