"""Metrics made from spans are listed beside those that were received."""

from __future__ import annotations

from typing import Any

import pytest

from tests.query.instances import Instance, Traffic
from tests.query.metric_queries.feeding import feed
from tests.query.rolling_up import roll_up
from tests.query.service import Service
from tests.query.span_metrics.asking import API, MINUTE, START, at, instant
from tests.query.span_metrics.asking import number as number_of
from tests.support.metrics import counter, number
from tests.support.spans import MILLISECOND, SECOND

WEB, CART = Instance("web"), Instance("cart")
TOTAL = "traces_service_graph_request_total"


@pytest.fixture
def sent(service: Service, tenant: str) -> str:
    traffic = Traffic()
    for minute in range(3):
        for took in (10, 20, 30):
            traffic.calls(WEB, CART, START + minute * MINUTE, took=took * MILLISECOND, failed=took == 20)
    service.feed(traffic.exports(), tenant=tenant)
    roll_up(service)
    return tenant


def ask(service: Service, tenant: str, path: str, **parameters: Any) -> Any:
    """The data of an endpoint over the minutes of the calls."""
    return service.get(f"{API}{path}", {"start": at(0), "end": at(3), **parameters}, tenant=tenant)["data"]


def test_series_and_labels(service: Service, sent: str) -> None:
    series = {"__name__": TOTAL, "client": "web", "server": "cart"}

    assert ask(service, sent, "/series", **{"match[]": TOTAL}) == [series]
    assert ask(service, sent, "/series", **{"match[]": '{__name__=~".+graph_request_total", server="cart"}'}) == [
        series
    ]
    assert ask(service, sent, "/labels", **{"match[]": TOTAL}) == ["__name__", "client", "server"]
    assert ask(service, sent, "/label/server/values") == ["cart"]
    assert ask(service, sent, "/label/span_kind/values", **{"match[]": '{service="cart"}'}) == ["SPAN_KIND_SERVER"]
    les = ask(service, sent, "/label/le/values", **{"match[]": "traces_spanmetrics_latency_bucket"})
    assert len(les) == 50


def test_nothing_is_listed_of_another_time(service: Service, sent: str) -> None:
    assert ask(service, sent, "/series", start=at(-30), end=at(-10), **{"match[]": TOTAL}) == []


def test_there_is_nothing_before_the_first_span(service: Service, tenant: str) -> None:
    assert ask(service, tenant, "/labels") == []
    assert service.get(f"{API}/metadata", tenant=tenant)["data"] == {}


def test_metadata_tells_types_and_units(service: Service, sent: str) -> None:
    found = service.get(f"{API}/metadata", tenant=sent)["data"]

    assert {name: (entry["type"], entry["unit"]) for name, (entry,) in found.items()} == {
        TOTAL: ("counter", ""),
        "traces_service_graph_request_failed_total": ("counter", ""),
        "traces_service_graph_request_server_seconds": ("histogram", "s"),
        "traces_service_graph_request_client_seconds": ("histogram", "s"),
        "traces_spanmetrics_calls_total": ("counter", ""),
        "traces_spanmetrics_latency": ("histogram", "s"),
    }


def test_exemplars_are_traces_of_each_minute(service: Service, sent: str) -> None:
    bucket = "traces_service_graph_request_server_seconds_bucket"
    query = f"histogram_quantile(0.9, sum(rate({bucket}[5m])) by (le, server))"
    edge = service.get("/api/v1/service-map", {"from": START, "to": START + 3 * MINUTE}, tenant=sent)["edges"][0]

    (found,) = ask(service, sent, "/query_exemplars", query=query)

    assert found["seriesLabels"] == {"__name__": bucket, "client": "web", "server": "cart"}
    assert {one["timestamp"] for one in found["exemplars"]} == {START // SECOND + 60 * minute for minute in range(3)}
    assert {one["value"] for one in found["exemplars"]} == {"0.02", "0.03"}
    assert set(edge["exemplars"]) <= {one["labels"]["trace_id"] for one in found["exemplars"]}
    (failed,) = ask(service, sent, "/query_exemplars", query="traces_service_graph_request_failed_total")
    assert len(failed["exemplars"]) == 3


def test_exemplars_of_spans_are_the_slowest_of_each_minute(service: Service, sent: str) -> None:
    query = 'traces_spanmetrics_latency_bucket{service="cart"}'

    (found,) = ask(service, sent, "/query_exemplars", query=query)

    assert [one["value"] for one in found["exemplars"]] == ["0.03"] * 3
    for one in found["exemplars"]:
        assert service.response(f"/api/v1/traces/{one['labels']['trace_id']}", tenant=sent).status_code == 200


def test_a_name_that_is_received_is_answered_with_what_was_received(service: Service, sent: str) -> None:
    point = number(7.0, {"client": "a", "server": "b"}, at=START + 2 * MINUTE)
    feed(service, sent, {"generator": [counter("traces_service_graph_request", point, unit="")]})

    assert number_of(service, sent, TOTAL, 3) == 7
    assert {one["client"] for one in ask(service, sent, "/series", **{"match[]": TOTAL})} == {"a"}
    both = instant(service, sent, '{__name__=~"traces_service_graph_request(_failed)?_total"}', 3)
    assert {(one["metric"]["__name__"], one["metric"]["client"]) for one in both} == {
        (TOTAL, "a"),
        ("traces_service_graph_request_failed_total", "web"),
    }
    sums = '{__name__=~"traces_service_graph_request(_failed)?_total"}'
    assert number_of(service, sent, f"sum(last_over_time({sums}[5m]))", 3) >= 7
