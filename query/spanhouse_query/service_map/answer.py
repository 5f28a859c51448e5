"""What the service map answers with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, Field

from spanhouse_query.percentiles import SKETCH_ERROR, Latency, latency_answer
from spanhouse_query.reader import Meta

NodeType = Literal["service", "database", "messaging", "external", "user"]
Connection = Literal["rpc", "messaging", "database", "external", "internal"]


class Place(NamedTuple):
    """What a node is known by: a queue may have the name of a service."""

    name: str
    type: NodeType


class Node(BaseModel):
    """What calls or is called.

    Of a service, requests, errors and latency are those of its SERVER, CONSUMER and root spans. Of a peer that sends no
    spans they are its callers': the calls to it and how long those saw them take.
    """

    name: str
    type: NodeType
    requests: int
    errors: int
    latency_ns: Latency
    unmatched: int = Field(
        description="SERVER and CONSUMER spans that name a parent which was not found: calls from somewhere unknown."
    )

    @property
    def place(self) -> Place:
        """What it is known by."""
        return Place(self.name, self.type)


class EdgeNumbers(BaseModel):
    """The calls of an edge in some time, in numbers."""

    calls: int
    errors: int = Field(description="Calls of which either side has the status error.")
    retries: int = Field(description="Calls that repeat another one (http.request.resend_count).")
    client_ns: Latency = Field(description="The caller's view: how long its CLIENT or PRODUCER spans took.")
    server_ns: Latency = Field(description="The callee's view: how long its spans took.")
    gap_ns: Latency = Field(
        description="By call, the caller's duration less the callee's: network and queueing. Of messaging, from the "
        "end of sending to the start of receiving: the time in queue."
    )


class Edge(EdgeNumbers):
    """Calls from one node to another over one kind of connection."""

    client: str
    client_type: NodeType
    server: str
    server_type: NodeType
    connection: Connection = Field(
        description="messaging: to, from or through a queue. database, external: to a peer that sends no spans. rpc, "
        "internal: to a service; internal where neither side says that it is a boundary."
    )
    rate: float = Field(description="Calls per second of that part of the effective range which has passed.")
    error_ratio: float = Field(description="Errors by calls, 0 to 1.")
    unmatched: int = Field(description="Calls that only the caller tells of: those to peers that send no spans.")
    exemplars: list[str] = Field(
        description="Trace ids without repetition: of the slowest call, of a typical one (of the median of "
        "its busiest minute, hour or day), and of the slowest that failed."
    )

    @property
    def ends(self) -> tuple[Place, Place]:
        """The nodes that it connects."""
        return Place(self.client, self.client_type), Place(self.server, self.server_type)


class ServiceMap(BaseModel):
    """Services, what else they call, and the calls between them."""

    nodes: list[Node]
    edges: list[Edge]
    meta: Meta


def numbers(row: Mapping[str, Any]) -> dict[str, Any]:
    """Members of EdgeNumbers from a row of `edge_sums`."""
    return {
        **{name: round(row[name]) for name in ("calls", "errors", "retries")},
        **{f"{view}_ns": view_latency(row, view) for view in ("client", "server", "gap")},
    }


NO_LATENCY = latency_answer([], 0, 0, SKETCH_ERROR)
NO_CALLS: Mapping[str, Any] = {
    **dict.fromkeys(("calls", "errors", "retries"), 0),
    **dict.fromkeys(("client_ns", "server_ns", "gap_ns"), NO_LATENCY),
}


def view_latency(row: Mapping[str, Any], view: str) -> Latency:
    """Latency as `client`, `server` or `gap`."""
    return latency_answer(row[f"{view}_percentiles"], row[f"{view}_n"], row[f"{view}_max"], SKETCH_ERROR)


def exemplars(row: Mapping[str, Any]) -> list[str]:
    """Slowest, typical and, where there are errors, failed."""
    traces = [row["slowest_trace"], row["typical_trace"], *([row["failed_trace"]] if row["errors"] else [])]
    return list(dict.fromkeys(trace for trace in traces if trace.strip("0")))
