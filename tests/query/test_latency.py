"""Percentiles agree with numpy's: exactly from spans, within 1.1 % from the sketch."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.query.service import Service, fresh_tenant
from tests.support.effort import examples
from tests.support.spans import CLIENT, INTERNAL, SECOND, SERVER, request, span

MINUTE = 60 * SECOND
START = (time.time_ns() // (60 * MINUTE) - 2) * 60 * MINUTE
RANGE = {"from": START, "to": START + 10 * MINUTE}
BOUND = 0.011

durations = st.lists(
    st.sampled_from([0, 1, 2, 1023, 1024, 1025, 2**40]) | st.integers(0, 10**12) | st.integers(0, 10**4),
    min_size=1,
    max_size=40,
)


def check(values: list[int], found: dict[str, Any], *, error: float) -> None:
    """The percentiles p50, p99.9, … of `found` are those of `values`, but for `error` and rounding."""
    names = [name for name in found if name.startswith("p")]
    assert names
    for name in names:
        expected = float(np.percentile(values, float(name[1:])))
        assert abs(found[name] - expected) <= error * expected + 0.5 + 1e-6, (name, expected, found[name])
    assert (found["n"], found["max"]) == (len(values), max(values))


@settings(max_examples=examples(25))
@given(values=durations)
def test_percentiles_are_those_of_the_spans(service: Service, values: list[int]) -> None:
    tenant = fresh_tenant()
    spans = [span("GET", kind=SERVER, start=START + number, duration=value) for number, value in enumerate(values)]
    service.feed([request({"web": spans[0::2]}), request({"web": spans[1::2]})], tenant=tenant)
    whole = {**RANGE, "step": "10m", "percentiles": "0,10,50,90,95,99,99.9,100"}

    (listed,) = service.get("/api/v1/services", RANGE, tenant=tenant)["services"]
    (operation,) = service.get("/api/v1/services/web/operations", RANGE, tenant=tenant)["operations"]
    node, _user = service.get("/api/v1/service-map", RANGE, tenant=tenant)["nodes"]
    ((sketched,),) = [one["points"] for one in service.get("/api/v1/latency", whole, tenant=tenant)["series"]]
    exact = service.get("/api/v1/latency", {**whole, "exact": "true"}, tenant=tenant)

    check(values, listed["latency_ns"], error=BOUND)
    check(values, operation["latency_ns"], error=BOUND)
    check(values, node["latency_ns"], error=BOUND)
    check(values, sketched, error=BOUND)
    check(values, exact["series"][0]["points"][0], error=0)
    assert (listed["latency_ns"]["error"], node["latency_ns"]["error"], exact["error"]) == (BOUND, BOUND, 0)


def test_shows_every_step_of_the_range(service: Service, tenant: str) -> None:
    spans = [span(kind=SERVER, start=START + minute * MINUTE, duration=SECOND) for minute in (0, 0, 3)]
    service.feed([request({"web": spans})], tenant=tenant)

    for exact in ("true", "false"):
        answer = service.get("/api/v1/latency", {**RANGE, "step": "1m", "exact": exact}, tenant=tenant)
        (series,) = answer["series"]
        assert [point["t"] for point in series["points"]] == [str(START + n * MINUTE) for n in range(10)]
        assert [point["n"] for point in series["points"]] == [2, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        assert [point["p50"] for point in series["points"]][:2] == [SECOND, None]


def test_widens_the_range_to_whole_steps_and_says_so(service: Service, tenant: str) -> None:
    asked = {"from": START + 90 * SECOND, "to": START + 150 * SECOND, "step": "1m"}

    answer = service.get("/api/v1/latency", asked, tenant=tenant)

    assert answer["meta"]["effective"] == {"from": str(START + MINUTE), "to": str(START + 3 * MINUTE)}


@pytest.mark.parametrize("length", ["1s", "1m", "1h", "6h", "1d", "7d", "30d", "365d", "3650d"])
def test_makes_at_most_120_points_by_default(service: Service, tenant: str, length: str) -> None:
    service.feed([request({"web": [span(kind=SERVER)]})], tenant=tenant)

    (series,) = service.get("/api/v1/latency", {"from": f"now-{length}"}, tenant=tenant)["series"]

    assert len(series["points"]) <= 120


def test_groups_and_filters(service: Service, tenant: str) -> None:
    spans = {
        "web": [
            span("GET", kind=SERVER, start=START, duration=1, attributes={"route": "/a"}),
            span("GET", kind=SERVER, start=START, duration=3, attributes={"route": "/b"}),
            span("call", kind=CLIENT, start=START, parent=b"12345678", duration=5, attributes={"route": "/a"}),
        ],
        "cart": [span("work", kind=INTERNAL, start=START, parent=b"12345678", duration=7)],
    }
    service.feed([request(spans)], tenant=tenant)

    def groups(**parameters: str) -> list[tuple[dict[str, str], int]]:
        answer = service.get("/api/v1/latency", {**RANGE, "step": "10m", **parameters}, tenant=tenant)
        return [(series["group"], series["points"][0]["n"]) for series in answer["series"]]

    assert groups() == [({}, 2)]
    assert groups(spans="all") == [({}, 4)]
    assert groups(spans="all", group_by="service") == [({"service": "web"}, 3), ({"service": "cart"}, 1)]
    assert groups(kind="client") == groups(kind="client", exact="true") == [({}, 1)]
    assert groups(service="web", operation="GET") == [({}, 2)]
    assert groups(q='route = "/a"') == [({}, 2)]
    assert groups(q='route = "/a"', spans="entry") == [({}, 1)]
    by_route = [({"route": "/a", "kind": "server"}, 1), ({"route": "/b", "kind": "server"}, 1)]
    assert groups(group_by="route,kind") == by_route


def test_cuts_off_series_aloud(service: Service, tenant: str) -> None:
    spans = {f"s{number}": [span(kind=SERVER, start=START)] * (number + 1) for number in range(3)}
    service.feed([request(spans)], tenant=tenant)

    answer = service.get("/api/v1/latency", {**RANGE, "group_by": "service", "limit": 2}, tenant=tenant)

    assert [series["group"]["service"] for series in answer["series"]] == ["s2", "s1"]
    assert answer["meta"]["truncated"] is True


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("percentiles", "101"),
        ("percentiles", ""),
        ("percentiles", "50,x"),
        ("step", "0s"),
        ("step", "1ns"),
        ("group_by", "a,b,c,d,e,f"),
        ("limit", "0"),
        ("exact", "maybe"),
        ("kind", "rpc"),
        ("spans", "some"),
    ],
)
def test_refuses_parameters_it_cannot_use(service: Service, parameter: str, value: str) -> None:
    response = service.response("/api/v1/latency", {parameter: value})

    assert (response.status_code, response.json()["parameter"]) == (400, parameter)


def test_names_a_percentile_as_it_was_asked_for(service: Service, tenant: str) -> None:
    service.feed([request({"web": [span(kind=SERVER, start=START)]})], tenant=tenant)
    asked = {**RANGE, "step": "10m", "percentiles": "0,50.0,99.999999999,100"}

    (series,) = service.get("/api/v1/latency", asked, tenant=tenant)["series"]

    assert [name for name in series["points"][0] if name.startswith("p")] == ["p0", "p50", "p99.999999999", "p100"]
