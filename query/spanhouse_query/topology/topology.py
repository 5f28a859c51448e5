"""The peer topology: which instances there are and where, how they are, and who still reaches whom.

It depends on the stored spans and on the instant that it describes alone.
"""

from __future__ import annotations

from typing import Literal

from anyio import to_thread
from pydantic import Field
from starlette.responses import Response

from spanhouse_query.endpoint import Call, Endpoint
from spanhouse_query.parameters import Duration, MomentParameters
from spanhouse_query.reader import Meta, range_answer, sampling
from spanhouse_query.red import red_sampling
from spanhouse_query.service_map.answer import Place
from spanhouse_query.service_map.completeness import completeness, edges_sampling
from spanhouse_query.service_map.matched import check_attribute
from spanhouse_query.service_map.service_map import edges_of
from spanhouse_query.topology.answer import Analysis, Topology
from spanhouse_query.topology.calls import calls_of
from spanhouse_query.topology.graph import Graph, analysed, pairs_of
from spanhouse_query.topology.links import known_links
from spanhouse_query.topology.nodes import judged_nodes, known_nodes, present_places
from spanhouse_query.topology.partitions import partitions_of
from spanhouse_query.topology.peers import INSTANCE, Found, read_peers
from spanhouse_query.topology.regions import network_of, regions_of
from spanhouse_query.topology.room import room_for
from spanhouse_query.topology.status import Thresholds
from spanhouse_query.topology.text import as_dot, as_mermaid
from spanhouse_query.topology.windows import Windows, windows

REGION = "cloud.region"


class TopologyParameters(MomentParameters):
    """Parameters of the topology."""

    group_by: str = Field(
        INSTANCE,
        min_length=1,
        examples=["host.name"],
        description="The resource attribute that tells peers apart. What lacks it goes by the name of its service.",
    )
    region_by: str = Field(
        REGION,
        min_length=1,
        examples=["cloud.availability_zone"],
        description="The resource attribute that says which region a peer belongs to.",
    )
    slow: Duration = Field(
        "200ms", validate_default=True, description="The p95 of its requests from which a node is degraded."
    )
    min_calls: int = Field(
        10,
        ge=1,
        description="Requests from which errors and latency of a node are judged, and calls between two nodes from "
        "which their absence in the next window is more than chance.",
    )
    format: Literal["json", "dot", "mermaid"] = Field("json", description="JSON, Graphviz DOT or a Mermaid flowchart.")


async def topology(call: Call, parameters: TopologyParameters) -> Topology | Response:
    """The topology at the end of the range, or now where that has not come."""
    for name, key, default in (
        ("group_by", parameters.group_by, INSTANCE),
        ("region_by", parameters.region_by, REGION),
    ):
        if key != default:
            await check_attribute(call.reader, key, name)
    both = windows(parameters.range, call.reader.now)
    found = await read_peers(call, both, group_by=parameters.group_by, region_by=parameters.region_by)
    meta = await call.reader.meta(
        effective=both.current,
        completeness=completeness(found.current.rows),
        **found.current.provenance,
        kept_from=call.spans_gone_before(both.previous.start),
        sampling=edges_sampling(found.current.rows) or red_sampling(found.peers),
    )
    answer = await to_thread.run_sync(_assembled, found, both, parameters, meta)
    if parameters.format == "dot":
        return Response(as_dot(answer), media_type="text/vnd.graphviz")
    if parameters.format == "mermaid":
        return Response(as_mermaid(answer), media_type="text/vnd.mermaid")
    return answer


def _assembled(found: Found, both: Windows, parameters: TopologyParameters, meta: Meta) -> Topology:
    edges = edges_of(found.current.rows, both.length / 10**9)
    present = present_places(found.peers, edges)
    current = calls_of(found.current.rows)
    links = known_links(current, found.previous, present, parameters.min_calls)
    graph = analysed((place for place in present if place.type != "user"), pairs_of(edges))
    nodes = list(
        judged_nodes(
            known_nodes(found.peers, (row for row in found.current.rows if row["level"] == 1), edges),
            links,
            thresholds=Thresholds(parameters.slow, parameters.min_calls, both.length),
            end=both.end,
            centrality=graph.centrality,
            cluster={Place(one.name, one.type): cluster.id for cluster in graph.clusters for one in cluster.nodes},
        )
    )
    shown = room_for(nodes, edges)
    analysis = _analysis(graph, len(nodes) - len(shown.nodes), len(edges) - len(shown.edges))
    return Topology(
        nodes=shown.nodes,
        edges=shown.edges,
        clusters=list(graph.clusters),
        partitions=partitions_of(current, found.previous, present, parameters.min_calls),
        regions=regions_of(nodes, links, both.end),
        network=network_of(nodes, links, both.end),
        analysis=analysis,
        previous=range_answer(both.previous),
        previous_sampling=sampling(sum(one.stored for one in found.previous), sum(one.calls for one in found.previous)),
        meta=meta.model_copy(update={"truncated": bool(analysis.nodes_left_out or analysis.edges_left_out)}),
    )


def _analysis(graph: Graph, nodes: int, edges: int) -> Analysis:
    return Analysis(
        betweenness="exact" if graph.pivots is None else "sampled",
        pivots=graph.pivots,
        closeness="exact" if graph.pivots is None else "left out",
        clusters="modularity" if graph.by_modularity else "components",
        nodes_left_out=nodes,
        edges_left_out=edges,
    )


ENDPOINTS = [
    Endpoint(
        path="/api/v1/topology",
        handler=topology,
        summary="Peers, where they are and how they are, and who still reaches whom",
        parameters=TopologyParameters,
        answer=Topology,
        media={"text/vnd.graphviz": {"type": "string"}, "text/vnd.mermaid": {"type": "string"}},
    ),
]
