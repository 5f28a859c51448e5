"""Services and operations: requests, errors, rate and latency from one-minute rollups."""

from __future__ import annotations

import time
from urllib.parse import quote

import pytest

from tests.query.service import Service
from tests.support.spans import CLIENT, CONSUMER, INTERNAL, MILLISECOND, SECOND, SERVER, request, span

MINUTE = 60 * SECOND
START = (time.time_ns() // MINUTE - 20) * MINUTE
RANGE = {"from": START, "to": START + 10 * MINUTE}


def test_lists_services_by_impact_with_those_that_nobody_asked_last(service: Service, tenant: str) -> None:
    fast = [span(kind=SERVER, start=START, duration=MILLISECOND) for _ in range(10)]
    slow = [span(kind=CONSUMER, start=START, parent=b"12345678", duration=SECOND)]
    inner = [span(kind=INTERNAL, start=START, parent=b"12345678", duration=9 * SECOND)]
    service.feed([request({"fast": fast, "slow": slow, "inner": inner})], tenant=tenant)

    found = service.get("/api/v1/services", RANGE, tenant=tenant)["services"]

    assert [(one["service"], one["requests"]) for one in found] == [("slow", 1), ("fast", 10), ("inner", 0)]
    assert found[2]["latency_ns"] == {
        "p50": None, "p90": None, "p95": None, "p99": None, "max": None, "n": 0, "error": 0.011
    }  # fmt: skip
    assert found[2]["apdex"] is None


def test_counts_requests_errors_rate_and_apdex(service: Service, tenant: str) -> None:
    spans = [
        span(kind=SERVER, start=START, duration=100 * MILLISECOND),
        span(kind=SERVER, start=START + MINUTE, duration=900 * MILLISECOND, error=True),
        span(kind=SERVER, start=START + 9 * MINUTE, duration=5 * SECOND),
        span(kind=CLIENT, start=START + 9 * MINUTE, parent=b"12345678", error=True),
    ]
    service.feed([request({"web": spans})], tenant=tenant)

    (found,) = service.get("/api/v1/services", RANGE, tenant=tenant)["services"]
    (strict,) = service.get("/api/v1/services", {**RANGE, "apdex_t": "50ms"}, tenant=tenant)["services"]

    assert (found["requests"], found["errors"], found["error_ratio"]) == (3, 1, pytest.approx(1 / 3))
    assert found["rate"] == pytest.approx(3 / 600)
    assert (found["apdex"], strict["apdex"]) == (pytest.approx(1.5 / 3), pytest.approx(0.5 / 3))
    assert (found["first_seen"], found["last_seen"]) == (str(START), str(START + 9 * MINUTE))
    assert found["sparkline"] == {
        "start": str(START), "step_ns": MINUTE, "requests": [1, 1, 0, 0, 0, 0, 0, 0, 0, 1]
    }  # fmt: skip


def test_reads_whole_minutes_and_says_so(service: Service, tenant: str) -> None:
    service.feed([request({"web": [span(kind=SERVER, start=START)]})], tenant=tenant)

    answer = service.get("/api/v1/services", {"from": START + 1, "to": START + MINUTE + 1}, tenant=tenant)

    assert answer["meta"]["effective"] == {"from": str(START), "to": str(START + 2 * MINUTE)}
    assert [one["requests"] for one in answer["services"]] == [1]


def test_rate_is_that_of_the_time_that_has_passed(service: Service, tenant: str) -> None:
    beginning = time.time_ns() // MINUTE * MINUTE
    service.feed([request({"web": [span(kind=SERVER, start=beginning) for _ in range(10)]})], tenant=tenant)
    asked = {"from": beginning, "to": beginning + 60 * MINUTE}

    (listed,) = service.get("/api/v1/services", asked, tenant=tenant)["services"]
    (operation,) = service.get("/api/v1/services/web/operations", asked, tenant=tenant)["operations"]

    passed = (time.time_ns() - beginning) / SECOND
    for found in (listed, operation):
        assert 10 / passed <= found["rate"] <= 10 / max(passed - 30, 1e-9)


@pytest.mark.parametrize("end", ["2262-01-01T00:00:00Z", "9223372036", "2106-02-07T07:00:00Z", "now"])
def test_reads_to_the_end_of_time(service: Service, tenant: str, end: str) -> None:
    service.feed([request({"web": [span("GET", kind=SERVER, start=START)]})], tenant=tenant)

    def found(path: str, name: str, **more: str) -> int:
        return len(service.get(path, {"from": "0", "to": end, **more}, tenant=tenant)[name])

    assert found("/api/v1/services", "services") == 1
    assert found("/api/v1/services/web/operations", "operations") == 1
    assert found("/api/v1/latency", "series") == found("/api/v1/latency", "series", exact="true") == 1
    assert found("/api/v1/traces", "traces") == 1


def test_refuses_a_range_in_which_nothing_can_be_stored(service: Service) -> None:
    response = service.response("/api/v1/services", {"from": "2200-01-01T00:00:00Z", "to": "2201-01-01T00:00:00Z"})

    assert (response.status_code, response.json()["parameter"]) == (400, "from")
    assert "before 2106" in response.json()["detail"]


def test_a_span_without_a_sensible_end_counts_for_30_days(service: Service, tenant: str) -> None:
    longest = 30 * 86400 * SECOND
    endless = span("GET", kind=SERVER, start=START)
    endless.end_time_unix_nano = 2**64 - 1
    service.feed([request({"web": [endless]})], tenant=tenant)

    (listed,) = service.get("/api/v1/services", RANGE, tenant=tenant)["services"]
    (operation,) = service.get("/api/v1/services/web/operations", RANGE, tenant=tenant)["operations"]
    for exact in ("true", "false"):
        asked = {**RANGE, "step": "10m", "exact": exact}
        (series,) = service.get("/api/v1/latency", asked, tenant=tenant)["series"]
        assert (series["points"][0]["p50"], series["points"][0]["max"]) == (longest, longest)
    for found in (listed["latency_ns"], operation["latency_ns"]):
        assert (found["p50"], found["max"]) == (longest, longest)


@pytest.mark.parametrize("name", ["web", "a/b", "with space?&#", "operations", 'é"\\'])
def test_lists_operations_of_a_service_of_any_name(service: Service, tenant: str, name: str) -> None:
    spans = [
        span("GET /items/{id}", kind=SERVER, start=START, duration=2 * SECOND, error=True),
        span("GET /items/{id}", kind=CLIENT, start=START, parent=b"12345678", duration=SECOND),
    ]
    service.feed([request({name: spans, "other": [span(start=START)]})], tenant=tenant)
    (listed,) = [one for one in service.get("/api/v1/services", RANGE, tenant=tenant)["services"] if one["errors"]]
    assert listed["service"] == name

    found = service.get(f"/api/v1/services/{quote(name, safe='')}/operations", RANGE, tenant=tenant)["operations"]

    assert [(one["operation"], one["kind"], one["requests"], one["errors"]) for one in found] == [
        ("GET /items/{id}", "server", 1, 1),
        ("GET /items/{id}", "client", 1, 0),
    ]


def test_says_when_the_newest_data_arrived(service: Service, tenant: str) -> None:
    arrival = START // MILLISECOND * MILLISECOND
    service.feed([request({"web": [span(start=START)]})], tenant=tenant, received_at=arrival)

    assert service.get("/api/v1/services", RANGE, tenant=tenant)["meta"]["freshness"] == str(arrival)
