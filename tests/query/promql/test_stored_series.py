"""Which series there are of what was stored, and under which names and labels."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.query.metric_queries.feeding import feed
from tests.query.promql.asking import API, at, by_labels, instant, value
from tests.query.service import Service
from tests.support.metrics import counter, gauge, number
from tests.support.spans import SECOND


def test_a_series_has_its_attributes_and_who_sends_it(service: Service, tenant: str) -> None:
    resource = {"service.namespace": "shop", "service.instance.id": "i-1", "host.name": "h"}
    points = number(5, {"http.route": "/", "empty": ""}, at=at(0))
    feed(service, tenant, {"web": [counter("http.requests", points)]}, resource=resource)

    (one,) = instant(service, tenant, "http_requests_total", 60)

    assert one["metric"] == {
        "__name__": "http_requests_total",
        "http_route": "/",
        "job": "shop/web",
        "instance": "i-1",
    }


def test_the_name_of_opentelemetry_answers_with_its_attributes(service: Service, tenant: str) -> None:
    feed(service, tenant, {"web": [counter("http.requests", number(5, {"http.route": "/"}, at=at(0)))]})

    (one,) = instant(service, tenant, '{"http.requests", "http.route"="/"}', 60)
    by_route = instant(service, tenant, 'sum by ("http.route") ({"http.requests", http_route=~"/.*"})', 60)

    assert one["metric"] == {"__name__": "http.requests", "http.route": "/", "job": "web"}
    assert by_route[0]["metric"] == {"http.route": "/"}


@pytest.mark.parametrize(
    ("matcher", "expected"),
    [
        ('job="shop/web"', {"1", "2"}),
        ('job=~"shop/.*", instance!="b"', {"1"}),
        ('http_route="/a"', {"1"}),
        ('http_route!="/a"', {"2", "3"}),
        ('http_route=~"/[ab]"', {"1", "2"}),
        ('http_route!~"/[ab]"', {"3"}),
        ('http_route=""', {"3"}),
        ('instance=""', {"3"}),
        ('n=~"1|3", job!~"shop.*"', {"3"}),
        ('n="1" or n="2"', {"1", "2"}),
        ('key_own="x"', {"3"}),
        ('n="none"', set()),
    ],
)
def test_matchers_choose_by_labels(service: Service, matcher: str, expected: set[str]) -> None:
    tenant = "matchers"
    if not instant(service, tenant, "chosen", 60):
        shop = {"service.namespace": "shop"}
        first = gauge("chosen", number(1, {"n": "1", "http.route": "/a"}, at=at(0)), unit="")
        second = gauge("chosen", number(1, {"n": "2", "http.route": "/b"}, at=at(0)), unit="")
        third = gauge("chosen", number(1, {"n": "3", "_own": "x"}, at=at(0)), unit="")
        feed(service, tenant, {"web": [first]}, resource={**shop, "service.instance.id": "a"})
        feed(service, tenant, {"web": [second]}, resource={**shop, "service.instance.id": "b"})
        feed(service, tenant, {"cron": [third]})

    assert {one["metric"]["n"] for one in instant(service, tenant, f"chosen{{{matcher}}}", 60)} == expected


@pytest.mark.parametrize(
    ("matcher", "expected"),
    [
        ('instance="replica"', {"1"}),
        ('instance=~"rep.*"', {"1"}),
        ('instance="a"', {"2"}),
        ('instance!="a"', {"1", "3"}),
        ('instance=""', {"3"}),
        ('instance=~".+"', {"1", "2"}),
    ],
)
def test_an_attribute_is_the_instance_where_the_resource_has_none(
    service: Service, matcher: str, expected: set[str]
) -> None:
    tenant = "instances"
    if not instant(service, tenant, "lag", 60):
        replica = number(1, {"n": "1", "instance": "replica"}, at=at(0))
        other = number(1, {"n": "2", "instance": "replica"}, at=at(0))
        feed(service, tenant, {"web": [gauge("lag", replica, number(1, {"n": "3"}, at=at(0)), unit="")]})
        feed(service, tenant, {"web": [gauge("lag", other, unit="")]}, resource={"service.instance.id": "a"})

    assert {one["metric"]["n"] for one in instant(service, tenant, f"lag{{{matcher}}}", 60)} == expected


def test_a_process_that_starts_again_continues_its_series(service: Service, tenant: str) -> None:
    first = counter("hits", number(10, at=at(0)), number(16, at=at(30)))
    second = counter("hits", number(2, at=at(60), started=at(45)), number(5, at=at(90), started=at(45)))
    feed(service, tenant, {"web": [first]}, resource={"process.pid": 1})
    feed(service, tenant, {"web": [second]}, resource={"process.pid": 2})

    (one,) = instant(service, tenant, "hits_total[2m]", 100)

    assert [text for _, text in one["values"]] == ["10", "16", "2", "5"]


def test_two_scopes_that_measure_the_same_are_told_apart(service: Service, tenant: str) -> None:
    feed(service, tenant, {"web": [counter("calls", number(1, at=at(0)))]}, scope="requests")
    feed(service, tenant, {"web": [counter("calls", number(2, at=at(0)))]}, scope="urllib3")

    found = by_labels(instant(service, tenant, "calls_total", 60))

    assert found == {
        (("job", "web"), ("otel_scope_name", "requests")): 1,
        (("job", "web"), ("otel_scope_name", "urllib3")): 2,
    }
    assert value(service, tenant, "sum(calls_total)", 60) == 3


def test_a_point_that_was_sent_twice_counts_once(service: Service, tenant: str) -> None:
    for _ in range(2):
        feed(service, tenant, {"web": [gauge("g", number(1, at=at(0)), number(2, at=at(10)), unit="")]})

    assert value(service, tenant, "count_over_time(g[1m])", 30) == 2
    assert value(service, tenant, "sum_over_time(g[1m])", 30) == 3


def test_a_resource_is_told_by_target_info(service: Service, tenant: str) -> None:
    resource = {"service.instance.id": "i-1", "service.version": "1.2"}
    feed(service, tenant, {"web": [gauge("g", number(1), unit="")]}, resource=resource)

    joined = service.get(
        f"{API}/query",
        {"query": "g * on (job, instance) group_left (service_version) target_info"},
        tenant=tenant,
    )

    (one,) = joined["data"]["result"]
    assert one["metric"] == {"job": "web", "instance": "i-1", "service_version": "1.2"}


def test_tenants_do_not_see_each_other(service: Service, tenant: str) -> None:
    feed(service, tenant, {"web": [gauge("g", number(1, at=at(0)), unit="")]})

    assert instant(service, tenant, "g", 60) != []
    assert instant(service, f"{tenant}-other", "g", 60) == []


def test_what_was_stored_can_be_listed(service: Service, tenant: str) -> None:
    metrics = [
        gauge("g", number(1, {"room": "a"}, at=at(0)), unit="Cel", description="How warm."),
        counter("c", number(1, at=at(0))),
    ]
    feed(service, tenant, {"web": metrics})
    day = {"start": at(-3600) / SECOND, "end": at(3600) / SECOND}

    def get(path: str, parameters: Mapping[str, object]) -> object:
        return service.get(API + path, parameters, tenant=tenant)["data"]

    assert get("/series", {"match[]": ["g_celsius", "none"], **day}) == [
        {"__name__": "g_celsius", "room": "a", "job": "web"}
    ]
    assert get("/labels", day) == ["__name__", "job", "room"]
    assert get("/labels", {"match[]": "c_total", **day}) == ["__name__", "job"]
    assert get("/label/__name__/values", day) == ["c_total", "g_celsius"]
    assert get("/label/room/values", day) == ["a"]
    assert get("/metadata", {}) == {
        "c_total": [{"type": "counter", "unit": "1", "help": ""}],
        "g_celsius": [{"type": "gauge", "unit": "Cel", "help": "How warm."}],
    }
    assert get("/metadata", {"limit": 1}) == {"c_total": [{"type": "counter", "unit": "1", "help": ""}]}


def test_a_window_may_begin_before_1970_and_end_long_after_us(service: Service, tenant: str) -> None:
    feed(service, tenant, {"web": [gauge("g", number(1.5, at=at(0)), unit="")]})
    for query, time in (("last_over_time(g[100y])", at(60) / SECOND), ("last_over_time(g[200y])", 5e9)):
        data = service.get(f"{API}/query", {"query": query, "time": str(time)}, tenant=tenant)["data"]
        assert [sample["value"][1] for sample in data["result"]] == ["1.5"], query
