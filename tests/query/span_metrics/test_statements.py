"""The statements about metrics from spans as committed snapshots; see tests/query/test_statements.py."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from spanhouse_query.series import Matcher
from spanhouse_query.span_metrics.conditions import condition
from spanhouse_query.span_metrics.exemplars import edges_sql, spans_sql
from spanhouse_query.span_metrics.names import EDGES, SPAN_METRICS
from spanhouse_query.span_metrics.reading import counts_sql

SNAPSHOTS = Path(__file__).parents[1] / "snapshots"
ALTERNATIVES = (
    (Matcher("client", "=", "web"), Matcher("server", "!~", "a|b")),
    (Matcher("connection_type", "!=", "database"), Matcher("zone", "=~", "x.*")),
)
SELECTED = condition(EDGES.labels, ALTERNATIVES)


def of(name: str, rows: str = "SELECT * FROM the_rows") -> str:
    return counts_sql(SPAN_METRICS[name], rows, SELECTED.sql if name.endswith("failed_total") else "true")


STATEMENTS = {
    "span_metrics_failed": of("traces_service_graph_request_failed_total"),
    "span_metrics_server_sum": of("traces_service_graph_request_server_seconds_sum", "the_edges"),
    "span_metrics_server_buckets": of("traces_service_graph_request_server_seconds_bucket", "the_edges"),
    "span_metrics_calls": of("traces_spanmetrics_calls_total"),
    "span_metrics_latency": of("traces_spanmetrics_latency"),
    "span_metrics_edge_exemplars": edges_sql("the_edges"),
    "span_metrics_span_exemplars": spans_sql(["service", "span_name", "span_kind", "status_code"], "true"),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_statement_is_the_committed_one(name: str) -> None:
    snapshot = SNAPSHOTS / f"{name}.sql"
    found = STATEMENTS[name].strip() + "\n"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        snapshot.write_text(found)

    assert found == snapshot.read_text()


def test_values_of_matchers_are_bound() -> None:
    assert list(SELECTED.parameters.values()) == ["web", "^(?s:a|b)$", "database", "^(?s:x.*)$"]
    assert "web" not in SELECTED.sql
    assert "zone" not in SELECTED.sql
