"""Sampled spans count as often as they stand for, in every number, and every answer says so."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.query.reference_sampling import Weighted, adjusted_count, percentile
from tests.query.service import Service, fresh_tenant
from tests.support.effort import examples
from tests.support.spans import CLIENT, INTERNAL, MILLISECOND, SECOND, SERVER, request, span

MINUTE = 60 * SECOND
START = (time.time_ns() // (60 * MINUTE) - 2) * 60 * MINUTE
RANGE = {"from": START, "to": START + 10 * MINUTE}
WHOLE = {**RANGE, "step": "10m", "percentiles": "0,10,50,90,95,99,99.9,100"}
BOUND = 0.011
LEVELS = {"p50": 50, "p90": 90, "p95": 95, "p99": 99}
APDEX_T = 500 * MILLISECOND
QUARTER, HALF = "ot=th:c", "ot=th:8"


@pytest.mark.parametrize(
    ("trace_state", "expected"),
    [
        ("", 1),
        ("ot=th:0", 1),
        ("ot=th:8", 2),
        ("ot=th:80000000000000", 2),
        ("ot=th:c", 4),
        ("ot=th:4", 4 / 3),
        ("ot=th:e666;rv:fedcba98765432", 65536 / (65536 - 0xE666)),
        ("ot=rv:0123456789abcd;th:fd70a4", 2**24 / (2**24 - 0xFD70A4)),
        ("vendor=x:1,ot=th:8,other=2", 2),
        ("vendor=1, ot=th:8 ,other=2", 2),
        ("vendor=1,\tot=th:8\t", 2),
        ("ot=new:1.2_3-4;th:8;rv:00000000000000", 2),
        ("ot=th:ffff", 65536),
        ("ot=th:fffff", 1_000_000),
        ("ot=th:ffffffffffffff", 1_000_000),
        ("ot=rv:fedcba98765432", 1),
        ("ot=th:", 1),
        ("ot=th:8g", 1),
        ("ot=th:C", 1),
        ("ot=th:-8", 1),
        ("ot=th:800000000000000", 1),
        ("ot=th8", 1),
        ("ot=xth:8", 1),
        ("xot=th:8", 1),
        ("tenant@ot=th:8", 1),
        ("other=th:8", 1),
        ("other=ot=th:8", 1),
        ("other=x;th:8", 1),
        ("th:8", 1),
        ("ot=x,th:8", 1),
    ],
)
def test_reads_the_threshold_among_other_members(
    service: Service, tenant: str, trace_state: str, expected: float
) -> None:
    one = sampled(span(kind=SERVER, start=START), trace_state)
    service.feed([request({"web": [one]})], tenant=tenant)

    (found,) = service.get("/api/v1/services", RANGE, tenant=tenant)["services"]

    assert found["rate"] * 600 == pytest.approx(expected, rel=1e-9)
    assert float(adjusted_count(trace_state)) == pytest.approx(expected, rel=1e-9)
    assert found["requests"] == round(expected)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 9).map(Fraction)), min_size=1),
    st.sampled_from([0, 10, 50, 90, 95, 99.9, 100]),
)
def test_the_reference_is_numpys_percentile_of_the_values_as_often_as_they_stand_for(
    values: list[Weighted], level: float
) -> None:
    repeated = np.repeat([value for value, _ in values], [int(weight) for _, weight in values])

    assert percentile(values, level) == pytest.approx(float(np.percentile(repeated, level)), rel=1e-9)


# Whole adjusted counts, any at all, and spans that were not sampled.
thresholds = st.sampled_from(["", "0", "8", "c", "e", "f", "ff", "fff"]) | st.text("0123456789abcdef", max_size=14)


@dataclass(frozen=True)
class Request:
    """A SERVER span. threshold: of its tracestate, empty for none."""

    duration: int
    error: bool
    threshold: str

    @property
    def trace_state(self) -> str:
        return f"vendor=1, ot=th:{self.threshold};rv:ffffffffffffff" if self.threshold else "vendor=1"

    @property
    def weight(self) -> Fraction:
        return adjusted_count(self.trace_state)

    def sent(self, number: int) -> Span:
        made = span(f"GET {number % 2}", kind=SERVER, start=START + number, duration=self.duration, error=self.error)
        return sampled(made, self.trace_state)


durations = st.sampled_from([0, 1, 1023, 1024, 1025, 2**40]) | st.integers(0, 10**10) | st.integers(0, 10**4)
requests = st.builds(Request, durations, st.booleans(), thresholds)


@settings(max_examples=examples(8), deadline=None, phases=[Phase.explicit, Phase.generate])  # to shrink takes minutes
@given(st.lists(requests, min_size=1, max_size=30))
def test_services_operations_and_latency_equal_the_reference(service: Service, traffic: list[Request]) -> None:
    tenant = fresh_tenant()
    spans = [one.sent(number) for number, one in enumerate(traffic)]
    service.feed([request({"web": spans[0::3]}), request({"web": spans[1::3] + spans[2::3]})], tenant=tenant)

    def ask(path: str, **parameters: Any) -> Any:
        found = service.get(f"/api/v1/{path}", {**RANGE, **parameters}, tenant=tenant)
        check_sampling(traffic, found["meta"]["sampling"])
        return found

    (listed,) = ask("services")["services"]
    operations = ask("services/web/operations")["operations"]
    node, _user = ask("service-map")["nodes"]
    filtered_node, _user = ask("service-map", q='service = "web"')["nodes"]
    (edge,) = ask("service-map", group_by="service.name")["edges"]
    (series,) = ask("edges/user/web", step="10m")["series"]
    check_heatmap(traffic, ask("latency/heatmap", step="10m", exemplars="false"))
    whole = {"step": "10m", "percentiles": WHOLE["percentiles"]}
    (sketched,) = ask("latency", **whole)["series"][0]["points"]
    (exact,) = ask("latency", **whole, exact="true")["series"][0]["points"]
    (filtered,) = ask("latency", **whole, q="kind = server")["series"][0]["points"]

    check_numbers(traffic, listed)
    check_apdex(traffic, listed["apdex"])
    assert listed["sparkline"]["requests"][0] == listed["requests"]
    for one in operations:
        check_numbers(traffic[int(one["operation"][-1]) :: 2], one)
    check_counts(traffic, node["requests"], node["errors"])
    check_latency(traffic, node["latency_ns"], error=BOUND)
    check_counts(traffic, filtered_node["requests"], filtered_node["errors"])
    check_latency(traffic, filtered_node["latency_ns"], error=0)
    for found in (edge, series, series["points"][0]):
        check_counts(traffic, found["calls"], found["errors"])
        check_latency(traffic, found["server_ns"], error=BOUND)
    assert edge["rate"] * 600 == pytest.approx(float(total(traffic)), rel=1e-9)
    for point, error in ((sketched, BOUND), (exact, 0), (filtered, 0)):
        check_counts(traffic, point["requests"], point["errors"])
        check_latency(traffic, point, error=error)


@settings(max_examples=2, deadline=None)
@given(st.lists(requests, min_size=1, max_size=20))
def test_without_thresholds_everything_is_as_without_tracestates(service: Service, traffic: list[Request]) -> None:
    plain, vendors = fresh_tenant(), fresh_tenant()
    spans = [one.sent(number) for number, one in enumerate(traffic)]
    for tenant, states in ((plain, [""]), (vendors, ["vendor=1", "ot=th:0", "ot=rv:ffffffffffffff", "ot=th:x"])):
        changed = [sampled(one, states[number % len(states)]) for number, one in enumerate(spans)]
        service.feed([request({"web": changed})], tenant=tenant)

    paths: dict[str, dict[str, Any]] = {
        "services": RANGE,
        "services/web/operations": RANGE,
        "service-map": RANGE,
        "edges/user/web": RANGE,
        "latency": WHOLE,
        "latency/heatmap": RANGE,
        "topology": RANGE,
        "service-map/diff": RANGE,
    }
    for path, parameters in paths.items():
        one, other = (service.get(f"/api/v1/{path}", parameters, tenant=tenant) for tenant in (plain, vendors))
        assert one.pop("meta")["sampling"] is None
        assert other.pop("meta")["sampling"] is None
        assert {**one, "nodes": timeless(one)} == {**other, "nodes": timeless(other)}
    (point,) = service.get("/api/v1/latency", WHOLE, tenant=plain)["series"][0]["points"]
    assert (point["requests"], point["n"]) == (len(traffic), len(traffic))


def test_the_map_says_that_it_is_sampled_where_there_are_requests_and_no_calls(service: Service, tenant: str) -> None:
    spans = [sampled(span(kind=INTERNAL, start=START), QUARTER) for _ in range(3)]
    service.feed([request({"cron": spans})], tenant=tenant)

    found = service.get("/api/v1/service-map", RANGE, tenant=tenant)
    topology = service.get("/api/v1/topology", RANGE, tenant=tenant)

    for one in (found, topology):
        assert one["nodes"][0]["requests"] == 12
        assert one["meta"]["sampling"] == {"stored": 3, "adjusted": 12}


def test_latency_groups_are_weighted_each_by_itself(service: Service, tenant: str) -> None:
    often = [span(kind=SERVER, start=START, duration=10, attributes={"route": "/a"}) for _ in range(3)]
    rare = sampled(span(kind=SERVER, start=START, duration=30, attributes={"route": "/a"}), QUARTER)
    other = span(kind=SERVER, start=START, duration=50, attributes={"route": "/b"})
    service.feed([request({"web": [*often, rare, other]})], tenant=tenant)

    found = service.get("/api/v1/latency", {**WHOLE, "group_by": "route"}, tenant=tenant)

    numbers = [
        (one["group"]["route"], one["points"][0]["requests"], one["points"][0]["p50"]) for one in found["series"]
    ]
    assert numbers == [("/a", 7, 30), ("/b", 1, 50)]
    assert [one["n"] for one in found["series"]] == [4, 1]
    assert found["meta"]["sampling"] == {"stored": 5, "adjusted": 8}


def test_traces_are_found_and_counted_as_they_are_stored(service: Service, tenant: str) -> None:
    root = sampled(span(kind=SERVER, start=START, error=True), QUARTER)
    child = sampled(span(kind=CLIENT, parent=root, start=START), QUARTER)
    service.feed([request({"web": [root, child]})], tenant=tenant)

    found = service.get("/api/v1/traces", RANGE, tenant=tenant)

    assert (found["total"], found["traces"][0]["spans"], found["traces"][0]["errors"]) == (1, 2, 1)
    assert found["meta"]["sampling"] is None


def test_drawings_and_the_page_mark_estimates(service: Service, tenant: str) -> None:
    def drawn(path: str, form: str) -> str:
        return service.response(f"/api/v1/{path}", {"format": form}, tenant=tenant).text

    now = time.time_ns()
    service.feed([request({"web": [span(kind=SERVER, start=now - SECOND)]})], tenant=tenant)
    plain = [drawn(path, form) for path in ("service-map", "topology") for form in ("dot", "mermaid")]
    page = service.response("/", tenant=tenant).text
    service.feed([request({"web": [sampled(span(kind=SERVER, start=now - SECOND), QUARTER)]})], tenant=tenant)
    marked = [drawn(path, form) for path in ("service-map", "topology") for form in ("dot", "mermaid")]
    marked_page = service.response("/", tenant=tenant).text

    assert [text for text in plain if '"1, p95' not in text or "≈" in text] == []
    assert [text for text in marked if '"≈5, p95' not in text] == []
    assert "estimates" not in page
    assert marked_page.count("estimates, 2 stored stand for 5") == 2


def sampled(one: Span, trace_state: str) -> Span:
    made = Span()
    made.CopyFrom(one)
    made.trace_state = trace_state
    return made


def total(traffic: Iterable[Request]) -> Fraction:
    return sum((one.weight for one in traffic), Fraction(0))


def rounded(found: int, expected: Fraction, *, times: int = 1) -> bool:
    """Whether it is the sum of `times` rounded numbers that add up to the expected one."""
    return abs(found - expected) <= Fraction(times, 2) + expected / 10**9


def check_sampling(traffic: Sequence[Request], found: Mapping[str, int] | None) -> None:
    more = total(traffic) - len(traffic)
    if found is None:
        assert more <= Fraction(1, 2) + total(traffic) / 10**9
    else:
        assert more >= Fraction(1, 2) - total(traffic) / 10**9
        assert found["stored"] == len(traffic)
        assert rounded(found["adjusted"], total(traffic))


def check_counts(traffic: Sequence[Request], found: int, errors: int) -> None:
    assert rounded(found, total(traffic))
    assert rounded(errors, total(one for one in traffic if one.error))


def check_numbers(traffic: Sequence[Request], found: Mapping[str, Any]) -> None:
    failed = total(one for one in traffic if one.error)
    check_counts(traffic, found["requests"], found["errors"])
    assert found["rate"] * 600 == pytest.approx(float(total(traffic)), rel=1e-9)
    assert found["error_ratio"] == pytest.approx(float(failed / total(traffic)), rel=1e-9)
    check_latency(traffic, found["latency_ns"], error=BOUND)


def check_latency(traffic: Sequence[Request], found: Mapping[str, Any], *, error: float) -> None:
    """Percentiles from spans take whole weights."""
    weights = [Fraction(round(one.weight)) if error == 0 else one.weight for one in traffic]
    values = [(one.duration, weight) for one, weight in zip(traffic, weights, strict=True)]
    names = [name for name in found if name.startswith("p") and name[1:2].isdigit()]
    assert len(names) >= len(LEVELS)
    for name in names:
        expected = percentile(values, float(name[1:]))
        assert abs(found[name] - expected) <= error * expected + 0.5 + 1e-6, (name, expected, found, traffic)
    assert (found["n"], found["max"]) == (len(traffic), max(one.duration for one in traffic))


def check_apdex(traffic: Sequence[Request], found: float) -> None:
    """Between that with a threshold that is lower and one that is higher by the sketch's error."""

    def apdex(limit: float) -> float:
        satisfied = total(one for one in traffic if one.duration <= limit)
        tolerated = total(one for one in traffic if limit < one.duration <= 4 * limit)
        return float((satisfied + tolerated / 2) / total(traffic))

    assert apdex(APDEX_T * (1 - BOUND)) - 1e-9 <= found <= apdex(APDEX_T * (1 + BOUND)) + 1e-9


def check_heatmap(traffic: Sequence[Request], found: Mapping[str, Any]) -> None:
    assert rounded(sum(row["n"] for row in found["rows"]), total(traffic), times=len(found["rows"]))
    assert [row["n"] for row in found["rows"]] == found["columns"][0]["counts"]
    for row in found["rows"]:
        least, most = (
            total(one for one in traffic if row["above_ns"] * (1 + off) < one.duration <= row["up_to_ns"] * (1 - off))
            for off in (1e-9, -1e-9)
        )
        if row["up_to_ns"] == 0:
            least = most = total(one for one in traffic if one.duration == 0)
        assert least * (1 - Fraction(1, 10**9)) - Fraction(1, 2) <= row["n"]
        assert row["n"] <= most * (1 + Fraction(1, 10**9)) + Fraction(1, 2)


def timeless(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Nodes without when they arrived."""
    return [{**node, "first_seen": None} for node in found.get("nodes", [])]
