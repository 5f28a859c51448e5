"""The statements that are sent to the engine, as committed snapshots.

UPDATE_SNAPSHOTS=1 writes them anew; read the difference before it is committed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from spanhouse_query.config import DAY, HOUR, MINUTE
from spanhouse_query.filters import parse
from spanhouse_query.filters.compile import compile_filter
from spanhouse_query.heatmap import HeatmapParameters, exemplars_sql, heatmap_sql
from spanhouse_query.latency import LatencyParameters, exact_sql, sketch_sql
from spanhouse_query.red import red_rows
from spanhouse_query.service_map.diff import diff_sql
from spanhouse_query.service_map.edge_series import ONE_EDGE, series_sql
from spanhouse_query.service_map.edge_source import edge_source
from spanhouse_query.service_map.matched import Matching, matched_edges_sql, matched_nodes_sql
from spanhouse_query.service_map.rolled_map import part_sql
from spanhouse_query.service_map.rollup_state import published_sql, state_sql
from spanhouse_query.service_map.service_map import grouped_map_sql, map_sql, nodes_sql
from spanhouse_query.service_map.versions import ARRIVED_SQL, SENT_SQL
from spanhouse_query.services import operations_sql, services_sql
from spanhouse_query.spans_where import SpansWhere
from spanhouse_query.tiers import MINUTES, TIERS, Part, parts
from spanhouse_query.time_range import TimeRange
from spanhouse_query.topology.peers import INSTANCE, PEERS, peers_sql, previous_sql
from spanhouse_query.traces.marked import MARKED_SQL
from spanhouse_query.traces.otlp import trace_sql
from spanhouse_query.traces.otlp_encoding import JSON, PROTOBUF
from spanhouse_query.traces.parts import PARTS_SQL
from spanhouse_query.traces.search import SUMMARIES_SQL, page_sql
from spanhouse_storage import Retention

SNAPSHOTS = Path(__file__).parent / "snapshots"
FILTER = (
    'service = "cart" and not (http.route =~ "^/a" or n > 5 or n in (1, "x")) and resource."host.name" = "h" '
    "and status in (error, ok) and duration >= 1ms and deployment exists"
)


def latency(**parameters: str) -> LatencyParameters:
    return LatencyParameters.model_validate(parameters, context={"now": 10**18})


FILTERED = SpansWhere(compile_filter(parse(FILTER), {"deployment"}).sql, {})
GROUPED = Matching(TimeRange(0, 10**18), "service.namespace", None)
OF_TRACES = Matching(TimeRange(0, 10**18), None, FILTERED)
INSTANCES = Matching(GROUPED.effective, INSTANCE, None, groups=PEERS)
RED = red_rows(TimeRange(DAY - MINUTE, 2 * DAY + HOUR), Retention(), 3 * DAY).sql
ALL_TIERS = parts(TimeRange(DAY - MINUTE, 2 * DAY + HOUR), Retention(), 3 * DAY)
MINUTE_EDGES = edge_source([Part(MINUTES, TimeRange(0, DAY))], None).sql
ONE_EDGE_ROWS = edge_source([Part(MINUTES, TimeRange(0, DAY))], None, ONE_EDGE).sql
STATEMENTS = {
    "service_map_published": published_sql(TIERS),
    "services": services_sql(RED),
    "operations": operations_sql(RED),
    "service_map_state": state_sql(TIERS),
    "service_map_edges": part_sql(edge_source(ALL_TIERS, TimeRange(4 * DAY, 5 * DAY)).sql),
    "heatmap": heatmap_sql(HeatmapParameters.model_validate({"service": "web"}, context={"now": 10**18}), RED),
    "heatmap_exemplars": exemplars_sql(FILTERED, entries_only=True),
    "edge_series": series_sql(ONE_EDGE_ROWS),
    "service_map_diff": diff_sql(MINUTE_EDGES),
    "service_map_versions_sent": SENT_SQL,
    "service_map_versions_arrived": ARRIVED_SQL,
    "service_map_nodes": nodes_sql(RED),
    "service_map_grouped_edges": grouped_map_sql(matched_edges_sql(GROUPED)),
    "service_map_grouped_nodes": matched_nodes_sql(GROUPED, weighted=True),
    "service_map_of_traces_edges": map_sql(matched_edges_sql(OF_TRACES)),
    "service_map_of_traces_nodes": matched_nodes_sql(OF_TRACES),
    "latency_sketch": sketch_sql(latency(service="web", kind="server", group_by="operation"), [0.5], RED),
    "latency_exact": exact_sql(latency(spans="entry", group_by="service,http.route"), FILTERED, [0.5, 0.999]),
    "topology_peers": peers_sql(weighted=True),
    "topology_edges": grouped_map_sql(matched_edges_sql(INSTANCES), seen=True),
    "topology_previous": previous_sql(matched_edges_sql(INSTANCES)),
    "traces_page": page_sql(FILTERED, "duration"),
    "traces_summaries": SUMMARIES_SQL,
    "traces_marked": MARKED_SQL,
    "trace_parts": PARTS_SQL,
    "trace_json": trace_sql(JSON),
    "trace_protobuf": trace_sql(PROTOBUF),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_statement_is_the_committed_one(name: str) -> None:
    snapshot = SNAPSHOTS / f"{name}.sql"
    found = STATEMENTS[name].strip() + "\n"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        snapshot.write_text(found)

    assert found == snapshot.read_text()


def test_every_value_of_a_filter_is_bound() -> None:
    text = (
        'service = "value1" and (span."value2" in ("value3", 44444) or not value5 =~ "value6") and duration > 77777ns'
    )

    condition = compile_filter(parse(text), {"value5"})

    assert [
        number for number in range(1, 8) if f"value{number}" in condition.sql or str(number) * 5 in condition.sql
    ] == []
    assert list(condition.parameters) == [f"q{number}" for number in range(7)]
