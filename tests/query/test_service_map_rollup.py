"""The map is the same from the rollup, from its live end, and where the two meet."""

from __future__ import annotations

import random
import time
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.query.reference_map import check_map, whole_range
from tests.query.rolling_up import roll_up
from tests.query.service import Service, fresh_tenant
from tests.support.call_graphs import Sent, call_graph, segments
from tests.support.effort import examples
from tests.support.spans import CLIENT, PRODUCER

MAP = "/api/v1/service-map"


def feed(service: Service, tenant: str, rnd: random.Random, spans: list[Sent]) -> None:
    for bodies in segments(rnd, spans):
        service.feed([ExportTraceServiceRequest.FromString(body) for body in bodies], tenant=tenant)


def closer(spans: list[Sent]) -> list[Sent]:
    """The same with a fifth of the time between them, in the quarter of an hour around now: a few stretches of minutes
    to roll up, and some that are not yet."""
    now = time.time_ns()
    for _, sent in spans:
        shift = (now - sent.start_time_unix_nano) * 4 // 5
        sent.start_time_unix_nano += shift
        sent.end_time_unix_nano += shift
    return spans


def late_ones(rnd: random.Random, spans: list[Sent]) -> list[Sent]:
    """Some of those whose arrival the rollup can tell from the halves of calls: callers, and spans without children."""
    parents = {sent.parent_span_id for _, sent in spans}
    tellable = [one for one in spans if one[1].kind in (CLIENT, PRODUCER) or one[1].span_id not in parents]
    return rnd.sample(tellable, len(tellable) // 2)


@settings(max_examples=examples(4), deadline=None, phases=[Phase.explicit, Phase.generate])  # to shrink takes minutes
@given(st.integers(0, 2**32))
def test_equals_the_reference_before_and_after_late_spans(service: Service, seed: int) -> None:
    tenant = fresh_tenant()
    rnd = random.Random(seed)
    spans = closer(call_graph(rnd))
    late = late_ones(rnd, spans)
    early = [one for one in spans if not any(one is other for other in late)]

    feed(service, tenant, rnd, early)
    roll_up(service)
    before = service.get(MAP, whole_range(), tenant=tenant)
    feed(service, tenant, rnd, late)
    roll_up(service)
    after = service.get(MAP, whole_range(), tenant=tenant)

    if early:
        check_map(early, before)
    check_map(spans, after)
    assert after["meta"]["live"]["from"] > after["meta"]["effective"]["from"]


def test_days_of_versions_may_add_up_to_more_than_the_engine_can_count(service: Service, tenant: str) -> None:
    minutes = 8 * 24 * 60
    now = int(time.time()) // 60 * 60
    versions: dict[str, Any] = {"tenant": tenant, "first": now - minutes * 60, "version": time.time_ns() // 1000}
    service.store.command(
        "INSERT INTO edge_minutes (tenant, minute, version)"
        " SELECT {tenant:String}, toDateTime({first:Int64} + 60 * number, 'UTC'), {version:UInt64} + number"
        f" FROM numbers({minutes})",
        versions,
    )
    assert minutes * versions["version"] > 2**64

    for asked in ("now-8d", "now-1h"):
        assert service.get(MAP, {"from": asked}, tenant=tenant)["edges"] == []
