"""What the map reads beside its rollup gives the same on either engine.

In a module of its own: a process holds one embedded engine at a time, and the other tests share theirs.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client import CollectorRegistry
from spanhouse_query import create_app
from spanhouse_storage import Store
from starlette.testclient import TestClient

from tests.query.reference_map import check_map, whole_range
from tests.query.reference_traces import FILTERS, satisfying
from tests.query.service import Service
from tests.support.call_graphs import call_graph, segments
from tests.support.spans import SECOND, SERVER, key_values, request, span

MINUTE = 60 * SECOND
START = (time.time_ns() // MINUTE - 10) * MINUTE
MAP = "/api/v1/service-map"


@pytest.fixture
def either(store: Store, tmp_path: Path) -> Iterator[Service]:
    """The query service over an empty store, on each engine in turn."""
    with TestClient(create_app(store, registry=CollectorRegistry())) as client:
        yield Service(store, client, tmp_path)


def test_the_map_of_some_traces(either: Service, tenant: str) -> None:
    spans = call_graph(random.Random(3), traces=30)
    for bodies in segments(random.Random(4), spans):
        either.feed([ExportTraceServiceRequest.FromString(body) for body in bodies], tenant=tenant)

    for q in FILTERS:
        found = either.get(MAP, {**whole_range(), "q": q}, tenant=tenant)
        grouped = either.get(MAP, {**whole_range(), "q": q, "group_by": "service.name"}, tenant=tenant)

        check_map(spans, found, traces=satisfying(spans, q))
        ends = [[(edge["client"], edge["server"], edge["calls"]) for edge in one["edges"]] for one in (found, grouped)]
        assert ends[0] == ends[1]


@pytest.mark.parametrize("minutes", [5, 200])
def test_the_versions_of_two_windows(either: Service, tenant: str, minutes: int) -> None:
    for start, version in ((START - MINUTE, "1"), (START, "2")):
        sent = request({"web" + version: [span(kind=SERVER, start=start)]})
        sent.resource_spans[0].resource.attributes.extend(key_values({"service.version": version}))
        either.feed([sent], tenant=tenant, received_at=start)

    found = either.get(f"{MAP}/diff", {"from": START, "to": START + minutes * MINUTE}, tenant=tenant)

    listed = [[(one["edge"]["server"], one["versions"]["server"]) for one in found[which]] for which in ("new", "gone")]
    assert listed == [[("web2", ["2"])], [("web1", ["1"])]]
