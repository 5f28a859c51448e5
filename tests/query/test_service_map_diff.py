"""Two windows of time: what is new, gone and changed, and what is only chance."""

from __future__ import annotations

import random
import time
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.query.service import Service
from tests.support.spans import MILLISECOND, SECOND, SERVER, request, span

MINUTE = 60 * SECOND
START = (time.time_ns() // MINUTE - 30) * MINUTE
LATER = START + 10 * MINUTE
WINDOWS = {"from": LATER, "to": LATER + 10 * MINUTE}
DIFF = "/api/v1/service-map/diff"


def requests(rnd: random.Random, start: int, count: int, *, median: float = 20, errors: float = 0.0) -> list[Span]:
    """Requests of users in ten minutes; median in milliseconds."""
    return [
        span(
            kind=SERVER,
            start=start + rnd.randrange(10) * MINUTE,
            duration=int(median * MILLISECOND * rnd.lognormvariate(0, 0.5)),
            error=rnd.random() < errors,
        )
        for _ in range(count)
    ]


def measures(found: dict[str, Any]) -> dict[str, set[str]]:
    """What changed, by service."""
    return {one["after"]["server"]: {change["measure"] for change in one["changes"]} for one in found["changed"]}


def test_tells_what_changed_from_chance(service: Service, tenant: str) -> None:
    rnd = random.Random(1)
    before = {
        "same": requests(rnd, START, 400),
        "slower": requests(rnd, START, 400),
        "failing": requests(rnd, START, 400),
        "busier": requests(rnd, START, 100),
    }
    after = {
        "same": requests(rnd, LATER, 410),
        "slower": requests(rnd, LATER, 400, median=40),
        "failing": requests(rnd, LATER, 400, errors=0.2),
        "busier": requests(rnd, LATER, 400),
    }
    service.feed([request(before), request(after)], tenant=tenant)

    found = service.get(DIFF, WINDOWS, tenant=tenant)

    assert measures(found) == {
        "slower": {"server_ns.p50", "server_ns.p95"},
        "failing": {"error_ratio"},
        "busier": {"rate"},
    }
    assert (found["unchanged"], found["not_compared"], found["new"], found["gone"]) == (1, 0, [], [])
    (slower,) = (one for one in found["changed"] if one["after"]["server"] == "slower")
    change = next(change for change in slower["changes"] if change["measure"] == "server_ns.p50")
    assert change["before"] == slower["before"]["server_ns"]["p50"]
    assert change["after"] == slower["after"]["server_ns"]["p50"]


def test_says_nothing_of_few_calls(service: Service, tenant: str) -> None:
    rnd = random.Random(2)
    spans = {"web": requests(rnd, START, 10) + requests(rnd, LATER, 300, median=90)}
    service.feed([request(spans)], tenant=tenant)

    found = service.get(DIFF, WINDOWS, tenant=tenant)
    boldly = service.get(DIFF, {**WINDOWS, "min_calls": 10}, tenant=tenant)

    assert (found["changed"], found["not_compared"]) == ([], 1)
    # Of ten calls nobody knows the p95, but their median is known well enough.
    assert measures(boldly) == {"web": {"rate", "server_ns.p50"}}


def test_names_the_first_trace_of_what_is_new_and_the_last_of_what_is_gone(service: Service, tenant: str) -> None:
    old = [span(kind=SERVER, start=START + minute * MINUTE) for minute in (2, 7)]
    new = [span(kind=SERVER, start=LATER + minute * MINUTE) for minute in (8, 3)]
    service.feed([request({"old": old, "new": new})], tenant=tenant)

    found = service.get(DIFF, WINDOWS, tenant=tenant)

    (appeared,), (gone,) = found["new"], found["gone"]
    assert (appeared["edge"]["server"], appeared["minute"], appeared["trace"]) == (
        "new",
        str(LATER + 3 * MINUTE),
        new[1].trace_id.hex(),
    )
    assert (gone["edge"]["server"], gone["minute"], gone["trace"]) == (
        "old",
        str(START + 7 * MINUTE),
        old[1].trace_id.hex(),
    )


def test_windows_do_not_share_a_minute(service: Service, tenant: str) -> None:
    service.feed([request({"web": [span(kind=SERVER, start=LATER + SECOND)]})], tenant=tenant)

    found = service.get(DIFF, {"from": LATER + 30 * SECOND, "to": LATER + MINUTE}, tenant=tenant)
    chosen = service.get(DIFF, {**WINDOWS, "base_from": START, "base_to": START + 2 * MINUTE}, tenant=tenant)

    assert ([one["edge"]["server"] for one in found["new"]], found["gone"]) == (["web"], [])
    assert found["base"] == {"from": str(LATER - MINUTE), "to": str(LATER)}
    assert chosen["base"] == {"from": str(START), "to": str(START + 2 * MINUTE)}


def test_wants_the_earlier_window_to_be_earlier(service: Service, tenant: str) -> None:
    overlapping = service.response(DIFF, {**WINDOWS, "base_to": LATER + 1}, tenant=tenant)
    backwards = service.response(DIFF, {**WINDOWS, "base_from": LATER}, tenant=tenant)

    assert (overlapping.status_code, overlapping.json()["parameter"]) == (400, "base_to")
    assert (backwards.status_code, backwards.json()["parameter"]) == (400, "base_from")
