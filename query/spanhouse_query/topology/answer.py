"""What the topology answers with."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from spanhouse_query.percentiles import Latency
from spanhouse_query.reader import Meta, RangeAnswer, Sampling
from spanhouse_query.service_map.answer import Connection, Edge, NodeType, Place

Status = Literal["healthy", "degraded", "unhealthy", "unknown"]
RegionStatus = Literal["healthy", "degraded", "critical"]


class Location(BaseModel, frozen=True):
    """Where a peer is, by the resource of its latest span."""

    region: str | None = Field(description="Value of the attribute region_by; null where the resource lacks it.")
    zone: str | None = Field(description="cloud.availability_zone.")
    host: str | None = Field(description="host.name.")


class Centrality(BaseModel):
    """How central a node is among all that took part in calls, or were seen, in the range; 0 to 1 each.

    Calls count in both directions, a node's calls to itself and those of users do not. Of n nodes:
    """

    degree: float = Field(description="Its neighbours by n - 1.")
    betweenness: float = Field(
        description="Freeman's: the share of the shortest paths between two other nodes that lead through it, added up "
        "over all pairs, by their number (n - 1)(n - 2) / 2."
    )
    closeness: float | None = Field(
        description="Wasserman and Faust's: with r nodes in reach at distances that add up to d, r / d * r / (n - 1). "
        "Null where there are too many nodes, see `analysis`."
    )


class TopologyNode(BaseModel):
    """A peer, which is what sends spans (type service), or what peers call that sends none.

    A peer's requests, errors and latency are those of its SERVER, CONSUMER and root spans; those of other nodes are
    what their callers say. A peer that was seen in the previous window only is here too.
    """

    name: str
    type: NodeType
    services: list[str] = Field(description="Services whose spans come from this peer.")
    named_by_service: bool = Field(
        description="Whether something in it lacks the attribute group_by and goes by the name of its service."
    )
    location: Location
    status: Status
    reasons: list[str] = Field(description="Why it is not healthy.")
    first_seen: str | None = Field(description="When the first data of it arrived, nanoseconds since 1970.")
    last_seen: str | None = Field(
        description="Start of its latest span in both windows, of any kind; of what sends no spans the minute of the "
        "latest call. Nanoseconds since 1970."
    )
    requests: int
    errors: int
    latency_ns: Latency
    neighbours: int = Field(description="Nodes that it is known to exchange calls with; see Network.connectivity.")
    reachable: int = Field(description="Those of them with a call in the range that did not fail.")
    centrality: Centrality | None = Field(description="Null where it was not seen in the range, and of users.")
    cluster: int | None = Field(description="Id of its cluster.")

    @property
    def place(self) -> Place:
        """What it is known by."""
        return Place(self.name, self.type)


class PlaceAnswer(BaseModel):
    """The name of a node."""

    name: str
    type: NodeType


class Cluster(BaseModel):
    """Nodes that exchange more calls with each other than with the rest."""

    id: int = Field(description="From 0, the largest first. It names the cluster in this answer only.")
    nodes: list[PlaceAnswer]
    calls_inside: int
    calls_across: int = Field(description="Calls from and to the nodes of other clusters.")


class LostCalls(BaseModel):
    """Calls of the previous window between parts that exchange none any more."""

    client: str
    client_type: NodeType
    server: str
    server_type: NodeType
    connection: Connection
    calls: int
    minute: str = Field(description="The last minute with a call, nanoseconds since 1970.")
    trace: str = Field(description="Id of a trace with a call in that minute.")


class Partition(BaseModel):
    """Peers that were connected by calls in the previous window, directly or through queues and one another.

    All of them are still present, and nothing connects the parts any more.
    """

    parts: list[list[str]] = Field(description="Names of the peers of each part, the largest part first.")
    calls: int = Field(description="Calls that went between the parts in the previous window.")
    last_minute: str = Field(description="The latest minute with such a call, nanoseconds since 1970.")
    lost: list[LostCalls] = Field(description="Where they went, the most calls first; 20 at most.")


class Region(BaseModel):
    """The peers of one region."""

    region: str | None = Field(description="Null: peers whose resource lacks the attribute.")
    status: RegionStatus = Field(
        description="healthy: health_ratio at least 0.8 and connectivity at least 0.9. degraded: health_ratio at least "
        "0.5, or connectivity at least 0.7. critical: otherwise."
    )
    total_peers: int
    healthy_peers: int
    health_ratio: float
    connectivity: float = Field(description="As Network.connectivity, of links that do not lead to another region.")
    cross_region_health: float | None = Field(
        description="The same of links from and to peers of other regions; null where there are none."
    )
    last_assessed: str = Field(description="The instant that it describes, nanoseconds since 1970.")


class Network(BaseModel):
    """All peers together."""

    total_peers: int
    healthy_peers: int
    degraded_peers: int
    unhealthy_peers: int
    average_latency_ns: int = Field(
        description="Mean over the peers with requests of their median latency; 0 where there are none."
    )
    connectivity: float = Field(
        description="Share of the known links that work; 1 without any. A link goes from one node to another, both "
        "present in the range. It works where a call in the range did not fail; it is known where it works, or had "
        "min_calls calls in one of the windows."
    )
    last_updated: str = Field(description="The instant that the answer describes, nanoseconds since 1970.")


class Analysis(BaseModel):
    """What was computed in full and what was not, because there are too many nodes."""

    betweenness: Literal["exact", "sampled"] = Field(
        description="sampled: estimated from the shortest paths from `pivots` nodes."
    )
    pivots: int | None
    closeness: Literal["exact", "left out"]
    clusters: Literal["modularity", "components"] = Field(
        description="modularity: by Louvain's method, weighted by calls. components: what is connected at all."
    )
    nodes_left_out: int = Field(description="Nodes that were analysed and are not in the answer.")
    edges_left_out: int = Field(description="Edges that were analysed and are not in the answer.")


class Topology(BaseModel):
    """Peers, the calls between them, and what these tell of clusters, partitions and regions."""

    nodes: list[TopologyNode]
    edges: list[Edge]
    clusters: list[Cluster]
    partitions: list[Partition]
    regions: list[Region]
    network: Network
    analysis: Analysis
    previous: RangeAnswer = Field(description="The window before, as long as the part of the range that has passed.")
    previous_sampling: Sampling | None = Field(description="meta.sampling of the window before.")
    meta: Meta
