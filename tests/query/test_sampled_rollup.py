"""The rollup counts the calls of sampled traffic as often as they stand for."""

from __future__ import annotations

import random

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.query.reference_map import whole_range
from tests.query.reference_sampled_map import check_map, sampled_graph
from tests.query.rolling_up import roll_up
from tests.query.service import Service, fresh_tenant
from tests.support.call_graphs import segments
from tests.support.effort import examples


@settings(max_examples=examples(3), deadline=None, phases=[Phase.explicit, Phase.generate])  # to shrink takes minutes
@given(st.integers(0, 2**32))
def test_equals_the_reference_of_the_traffic_that_it_stands_for(service: Service, seed: int) -> None:
    tenant = fresh_tenant()
    rnd = random.Random(seed)
    spans = sampled_graph(rnd)
    for bodies in segments(rnd, spans):
        service.feed([ExportTraceServiceRequest.FromString(body) for body in bodies], tenant=tenant)
    roll_up(service)

    check_map(spans, service.get("/api/v1/service-map", whole_range(), tenant=tenant))
