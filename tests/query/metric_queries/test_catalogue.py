"""Which metrics and attributes there are."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.query.metric_queries.feeding import feed
from tests.query.service import Service
from tests.support.metrics import DELTA, counter, gauge, number
from tests.support.spans import SECOND


def catalogue(service: Service, tenant: str, /, **asked: Any) -> Any:
    return service.get("/api/v1/metrics", asked, tenant=tenant)


def test_tells_of_each_metric_what_is_known(service: Service, tenant: str) -> None:
    before = time.time_ns() // 1_000_000 * 1_000_000
    points = [number(1.0, {"host": host}) for host in ("a", "b", "a")]
    feed(service, tenant, {"web": [gauge("queue.size", *points, unit="{item}", description="Waiting")]})
    feed(service, tenant, {"cart": [gauge("queue.size", number(2.0), unit="{item}", description="Waiting items")]})

    (metric,) = catalogue(service, tenant)["metrics"]

    assert {name: metric[name] for name in ("name", "type", "unit", "monotonic", "temporalities", "conflicts")} == {
        "name": "queue.size",
        "type": "gauge",
        "unit": "{item}",
        "monotonic": False,
        "temporalities": ["unspecified"],
        "conflicts": [],
    }
    assert (metric["services"], metric["services_total"], metric["series"]) == (["cart", "web"], 2, 3)
    assert metric["description"] in ("Waiting", "Waiting items")
    assert before <= int(metric["first_seen"]) <= int(metric["last_seen"]) <= time.time_ns()


def test_conflicts_are_listed_side_by_side_and_marked(service: Service, tenant: str) -> None:
    feed(service, tenant, {"web": [gauge("m", number(1)), gauge("m", number(1), unit="By"), gauge("n", number(1))]})
    feed(service, tenant, {"cart": [counter("m", number(1)), counter("m", number(1), temporality=DELTA)]})

    found = catalogue(service, tenant)["metrics"]

    assert [(one["name"], one["type"], one["unit"], one["conflicts"]) for one in found] == [
        ("m", "gauge", "1", ["type", "unit"]),
        ("m", "gauge", "By", ["type", "unit"]),
        ("m", "sum", "1", ["type", "unit"]),
        ("n", "gauge", "1", []),
    ]
    assert found[2]["temporalities"] == ["cumulative", "delta"]
    (narrowed,) = catalogue(service, tenant, type="sum")["metrics"]
    assert narrowed["conflicts"] == ["type", "unit"]
    feed(service, tenant, {"cart": [counter("m", number(1), monotonic=False)]})
    found = catalogue(service, tenant, type="sum")["metrics"]
    assert [(one["monotonic"], one["conflicts"][-1]) for one in found] == [(False, "monotonic"), (True, "monotonic")]


def test_filters_by_name_service_and_time(service: Service, tenant: str) -> None:
    feed(service, tenant, {"web": [gauge("queue.size", number(1)), gauge("memory", number(1))]})
    feed(service, tenant, {"cart": [gauge("queue.size", number(1))]})

    def names(**asked: Any) -> list[tuple[str, int]]:
        return [(one["name"], one["series"]) for one in catalogue(service, tenant, **asked)["metrics"]]

    assert names() == [("memory", 1), ("queue.size", 2)]
    assert names(name="QUEUE") == [("queue.size", 2)]
    assert names(name="%") == names(name="no such") == names(service="no such") == []
    assert names(service="cart") == [("queue.size", 1)]
    now = time.time_ns()
    assert names(**{"from": now - 7200 * SECOND, "to": now - 3600 * SECOND}) == []
    assert names(**{"from": now + 60 * SECOND, "to": now + 120 * SECOND}) == []


def test_pages_through_all_metrics(service: Service, tenant: str) -> None:
    feed(service, tenant, {"web": [gauge(f"m{number_:02}", number(1)) for number_ in range(7)]})
    asked: dict[str, Any] = {"limit": 3, "from": "now-30m"}
    seen, totals = [], set()
    while True:
        page = catalogue(service, tenant, **asked)
        seen += [one["name"] for one in page["metrics"]]
        totals.add(page["total"])
        if page["cursor"] is None:
            break
        asked["cursor"] = page["cursor"]
    assert (seen, totals) == ([f"m{number_:02}" for number_ in range(7)], {7})


@pytest.mark.parametrize("cursor", ["x", "e30", "WzEsMiwzLCJ4Il0"])
def test_refuses_a_cursor_that_is_not_its_own(service: Service, cursor: str) -> None:
    response = service.response("/api/v1/metrics", {"cursor": cursor})
    assert (response.status_code, response.json()["parameter"]) == (400, "cursor")


def attributes(service: Service, tenant: str, /, **asked: Any) -> Any:
    return service.get("/api/v1/metrics/attributes", asked, tenant=tenant)


def spread_out(service: Service, tenant: str) -> None:
    points = [number(1.0, {"path": f"/{index % 12}", "n": index}) for index in range(24)]
    feed(service, tenant, {"web": [gauge("m", *points)]}, resource={"host.name": "h"})
    feed(service, tenant, {"cart": [gauge("m", number(1.0, {"host.name": "own"})), gauge("other", number(1.0))]})


def test_lists_attributes_with_counts_and_values(service: Service, tenant: str) -> None:
    spread_out(service, tenant)
    found = attributes(service, tenant)
    assert {one["name"]: (one["series"], one["values_total"], len(one["values"])) for one in found["attributes"]} == {
        "resource.service.name": (26, 2, 2),
        "resource.host.name": (24, 1, 1),
        "point.n": (24, 24, 10),
        "point.path": (24, 12, 10),
        "point.host.name": (1, 1, 1),
    }
    assert found["attributes"][0]["values"] == ["web", "cart"]
    assert (found["total"], found["meta"]["truncated"]) == (5, False)
    cut = attributes(service, tenant, limit=2)
    assert ([one["key"] for one in cut["attributes"]], cut["total"]) == (["service.name", "host.name"], 5)
    assert cut["meta"]["truncated"] is True


def test_lists_attributes_of_some_series(service: Service, tenant: str) -> None:
    spread_out(service, tenant)

    def names(**asked: Any) -> list[str]:
        return [one["name"] for one in attributes(service, tenant, **asked)["attributes"]]

    assert names(service="cart") == ["resource.service.name", "point.host.name"]
    assert names(metric="other") == ["resource.service.name"]
    assert set(names(q='path = "/1"')) == {"point.n", "point.path", "resource.host.name", "resource.service.name"}
    assert names(q="n = 99") == []


def test_lists_values_of_an_attribute(service: Service, tenant: str) -> None:
    spread_out(service, tenant)

    def values(key: str, **asked: Any) -> Any:
        found = service.get(f"/api/v1/metrics/attributes/{key}/values", asked, tenant=tenant)
        return {one["value"]: one["series"] for one in found["values"]}, found["total"], found["series"]

    assert values("host.name") == ({"h": 24, "own": 1}, 2, 25)
    assert values("point.host.name") == ({"own": 1}, 1, 1)
    assert values("resource.host.name") == ({"h": 24}, 1, 24)
    assert values("path", limit=2) == ({"/0": 2, "/1": 2}, 12, 24)
    assert values("path", metric="other") == ({}, 0, 0)
    assert values("path", q="n < 2") == ({"/0": 1, "/1": 1}, 2, 2)
    assert values("no.such") == ({}, 0, 0)


@pytest.mark.parametrize("key", ["a,b", "service", "a%20b"])
def test_refuses_what_is_no_attribute(service: Service, key: str) -> None:
    response = service.response(f"/api/v1/metrics/attributes/{key}/values")
    assert (response.status_code, response.json()["parameter"]) == (400, "key")


def test_a_full_metric_says_what_it_has_refused(service: Service, tenant: str) -> None:
    feed(service, tenant, {"web": [gauge("full", number(1, {"i": 1})), gauge("free", number(1, {"i": 1}))]})
    mark = "INSERT INTO metric_limits (tenant, metric, is_full) VALUES ({tenant:String}, 'full', true)"
    service.store.command(mark, {"tenant": tenant})
    more = [number(1, {"i": index}) for index in range(4)]
    feed(service, tenant, {"web": [gauge("full", *more), gauge("free", *more)]})

    found = catalogue(service, tenant)["metrics"]

    assert [(one["name"], one["series"], one["full"], one["refused"]) for one in found] == [
        ("free", 4, False, 0),
        ("full", 1, True, 3),
    ]
