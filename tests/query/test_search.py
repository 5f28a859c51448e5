"""Search of traces: conditions, summaries, order and pages."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.query.service import Service, fresh_tenant
from tests.support.effort import examples
from tests.support.spans import CLIENT, MILLISECOND, SECOND, SERVER, request, span

NOW = time.time_ns()
START = NOW - 600 * SECOND
RANGE = {"from": START, "to": NOW}

shapes = st.tuples(st.integers(0, 3), st.integers(1, 3), st.integers(1, 4), st.integers(0, 4))


def make_trace(number: int, shape: tuple[int, int, int, int]) -> list[Span]:
    """A trace of a start second, a duration in seconds, a number of spans and of errors among them."""
    second, seconds, spans, errors = shape
    start = START + second * SECOND
    trace_id = number.to_bytes(16, "little")
    root = span("root", trace_id=trace_id, kind=SERVER, start=start, duration=seconds * SECOND, error=errors > 0)
    children = [
        span("child", parent=root, kind=CLIENT, start=start, duration=MILLISECOND, error=errors > position)
        for position in range(1, spans)
    ]
    return [root, *children]


def sort_key(sort: str, trace: list[Span]) -> tuple[int, bytes]:
    """Greatest first, ties by trace id."""
    root = trace[0]
    values = {
        "recent": root.start_time_unix_nano,
        "duration": root.end_time_unix_nano - root.start_time_unix_nano,
        "errors": sum(one.status.code == 2 for one in trace),
        "spans": len(trace),
    }
    return -values[sort], root.trace_id


def pages(service: Service, tenant: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """Every page, by following the cursor."""
    found = [service.get("/api/v1/traces", parameters, tenant=tenant)]
    while cursor := found[-1]["cursor"]:
        found.append(service.get("/api/v1/traces", {**parameters, "cursor": cursor}, tenant=tenant))
    return found


def ids(found: dict[str, Any]) -> list[str]:
    return [trace["trace_id"] for trace in found["traces"]]


@settings(max_examples=examples(20))
@given(
    given_shapes=st.lists(shapes, min_size=1, max_size=12),
    sort=st.sampled_from(["recent", "duration", "errors", "spans"]),
    limit=st.integers(1, 5),
)
def test_pages_hold_every_trace_once_in_order(
    service: Service, given_shapes: list[tuple[int, int, int, int]], sort: str, limit: int
) -> None:
    tenant = fresh_tenant()
    traces = [make_trace(number + 1, shape) for number, shape in enumerate(given_shapes)]
    service.feed([request({"web": trace[:1]}) for trace in traces], tenant=tenant)
    service.feed([request({"cart": trace[1:]}) for trace in traces if trace[1:]], tenant=tenant)

    found = pages(service, tenant, {**RANGE, "sort": sort, "limit": limit})

    expected = [trace[0].trace_id.hex() for trace in sorted(traces, key=lambda trace: sort_key(sort, trace))]
    assert [trace_id for page in found for trace_id in ids(page)] == expected
    assert {page["total"] for page in found} == {len(traces)}
    assert all(len(page["traces"]) == limit for page in found[:-1])
    assert not any(page["meta"]["truncated"] for page in found)


def test_pages_stay_put_while_data_arrives(service: Service, tenant: str) -> None:
    old = [make_trace(number, (number, 1, 1, 0)) for number in range(1, 6)]
    service.feed([request({"web": trace}) for trace in old], tenant=tenant)
    first = service.get("/api/v1/traces", {"limit": 2}, tenant=tenant)
    service.feed([request({"web": [span(start=time.time_ns())]})], tenant=tenant)

    second = service.get("/api/v1/traces", {"limit": 3, "cursor": first["cursor"]}, tenant=tenant)

    assert ids(first) + ids(second) == [trace[0].trace_id.hex() for trace in reversed(old)]
    assert (second["total"], second["cursor"]) == (5, None)


def test_summarizes_a_trace(service: Service, tenant: str) -> None:
    root = span("GET /", kind=SERVER, start=START, duration=SECOND)
    child = span("call", kind=CLIENT, parent=root, start=START + MILLISECOND, duration=2 * SECOND, error=True)
    service.feed([request({"web": [child]}), request({"shop": [root]})], tenant=tenant)

    (found,) = service.get("/api/v1/traces", RANGE, tenant=tenant)["traces"]

    assert found == {
        "trace_id": root.trace_id.hex(),
        "root_service": "shop",
        "root_operation": "GET /",
        "root_missing": False,
        "start": str(START),
        "duration_ns": 2 * SECOND + MILLISECOND,
        "spans": 2,
        "errors": 1,
        "services": ["shop", "web"],
        "corrected_spans": 0,
        "truncated_spans": 0,
    }


def test_says_that_no_root_has_arrived(service: Service, tenant: str) -> None:
    orphan = span("late", parent=b"12345678", start=START)
    service.feed([request({"web": [orphan]})], tenant=tenant)

    (found,) = service.get("/api/v1/traces", RANGE, tenant=tenant)["traces"]

    assert (found["root_missing"], found["root_service"], found["root_operation"]) == (True, "web", "late")


def test_finds_traces_by_the_conditions_on_one_span(service: Service, tenant: str) -> None:
    server = span("GET /", kind=SERVER, start=START, duration=3 * SECOND)
    client = span("call", kind=CLIENT, parent=server, start=START + 1, duration=SECOND, error=True)
    other = span("GET /", kind=SERVER, start=START, duration=SECOND)
    service.feed([request({"web": [server, client, other]})], tenant=tenant)
    both, one, none = 2, 1, 0

    def total(**parameters: Any) -> int:
        return int(service.get("/api/v1/traces", {**RANGE, **parameters}, tenant=tenant)["total"])

    assert total() == total(service="web") == total(operation="GET /") == total(kind="server") == both
    assert total(error="true") == total(status="error") == total(kind="client") == total(operation="call") == one
    assert (
        total(service="cart") == total(operation="GET /", kind="client") == total(kind="server", error="true") == none
    )
    assert total(min_duration="2s") == total(max_duration="1s") == total(min_duration="3s", max_duration="3s") == one
    assert total(q="duration >= 1s") == both
    assert total(q="duration >= 1s and kind = client", min_duration="2s") == one
    assert total(q=" ") == total(error="false") == both


def test_finds_a_trace_by_a_span_in_the_range_and_shows_all_of_it(service: Service, tenant: str) -> None:
    root = span("root", kind=SERVER, start=START - 7200 * SECOND, duration=SECOND)
    late = span("late", parent=root, start=START + SECOND)
    service.feed([request({"web": [root, late]})], tenant=tenant)

    (found,) = service.get("/api/v1/traces", RANGE, tenant=tenant)["traces"]

    assert (found["start"], found["spans"], found["root_operation"]) == (str(START - 7200 * SECOND), 2, "root")
    assert service.get("/api/v1/traces", {"from": START - 60 * SECOND, "to": START}, tenant=tenant)["total"] == 0


@pytest.mark.parametrize("cursor", ["", "x", "bm9wZQ", "WzEsMiwzXQ", "W10"])
def test_refuses_a_cursor_it_did_not_give(service: Service, cursor: str) -> None:
    response = service.response("/api/v1/traces", {"cursor": cursor})

    assert (response.status_code, response.json()["parameter"]) == (400, "cursor")


def test_refuses_the_cursor_of_another_search(service: Service, tenant: str) -> None:
    service.feed([request({"web": make_trace(number, (0, 1, 1, 0))}) for number in (1, 2)], tenant=tenant)
    cursor = service.get("/api/v1/traces", {**RANGE, "limit": 1}, tenant=tenant)["cursor"]

    response = service.response("/api/v1/traces", {"cursor": cursor, "service": "web"}, tenant=tenant)

    assert response.status_code == 400
    assert "other parameters" in response.json()["detail"]


@pytest.mark.parametrize("start", ["0", "1", "60", "900", "1000", "86400"])
@pytest.mark.parametrize("end", ["now", "2262-01-01T00:00:00Z", "9223372036"])
def test_reads_ranges_as_wide_as_time(service: Service, tenant: str, start: str, end: str) -> None:
    service.feed([request({"web": make_trace(1, (0, 1, 2, 0))})], tenant=tenant)

    found = service.get("/api/v1/traces", {"from": start, "to": end}, tenant=tenant)

    assert (found["total"], len(found["traces"])) == (1, 1)


def test_finds_spans_without_error(service: Service, tenant: str) -> None:
    failed, good = span(start=START, error=True), span(start=START)
    service.feed([request({"web": [failed, good]})], tenant=tenant)

    found = service.get("/api/v1/traces", {**RANGE, "error": "false"}, tenant=tenant)

    assert ids(found) == [good.trace_id.hex()]


@pytest.mark.parametrize("parameters", [{"error": "true", "status": "ok"}, {"error": "false", "status": "error"}])
def test_refuses_an_error_that_contradicts_the_status(service: Service, parameters: dict[str, str]) -> None:
    response = service.response("/api/v1/traces", parameters)

    assert (response.status_code, response.json()["parameter"]) == (400, "status")
    assert response.json()["detail"] == f"error={parameters['error']} contradicts the status"


def test_says_how_many_spans_have_corrected_times(service: Service, tenant: str) -> None:
    root = span("root", kind=SERVER, start=START)
    ahead = span("ahead", parent=root, start=START + 86_400 * SECOND)
    backwards = span("backwards", parent=root, start=START, duration=-SECOND)
    other = span("other", start=START)
    service.feed([request({"web": [root, ahead, backwards, other]})], tenant=tenant)

    found = service.get("/api/v1/traces", RANGE, tenant=tenant)["traces"]

    assert {one["root_operation"]: one["corrected_spans"] for one in found} == {"root": 2, "other": 0}


def test_refuses_a_duration_that_no_span_has(service: Service) -> None:
    response = service.response("/api/v1/traces", {"q": "duration > 99999999999d"})

    assert (response.status_code, response.json()["parameter"], response.json()["position"]) == (400, "q", 11)
