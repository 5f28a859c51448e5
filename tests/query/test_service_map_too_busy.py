"""Where the last minutes hold too many calls to be matched when asked for, the map comes without them and says so."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry
from spanhouse_query import create_app
from spanhouse_storage import EmbeddedConfig, QueryLimits, StoreConfig, migrate, open_store
from starlette.testclient import TestClient

from tests.query.rolling_up import roll_up
from tests.query.service import Service
from tests.support.spans import SECOND, SERVER, request, span

MINUTE = 60 * SECOND
MAP = "/api/v1/service-map"
# Calls of the minute that still runs, and what a query may take: enough for a map, too little to match them.
CALLS = 600_000
MEMORY = 48 << 20


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("busy")
    limits = QueryLimits(memory=MEMORY)
    store = open_store(StoreConfig(engine=EmbeddedConfig(path=folder / "engine"), limits=limits))
    try:
        migrate(store)
        with TestClient(create_app(store, registry=CollectorRegistry())) as client:
            yield Service(store, client, folder)
    finally:
        store.close()


def call_a_lot(service: Service, tenant: str) -> None:
    service.store.command(
        """
        INSERT INTO call_halves (tenant, side, minute, key, ts, service, kind, duration, root, trace_id, adjusted_count)
        SELECT {tenant:String}, 'callee', toStartOfMinute(now64(9, 'UTC')), number, now64(9, 'UTC'),
            'web', 'server', number, true, reinterpretAsFixedString(sipHash128(number)), 1
        FROM numbers({calls:UInt64})
        """,
        {"tenant": tenant, "calls": CALLS},
    )


def test_leaves_the_running_minutes_out(service: Service, tenant: str) -> None:
    settled = (time.time_ns() // MINUTE - 10) * MINUTE
    service.feed([request({"web": [span(kind=SERVER, start=settled)]})], tenant=tenant)
    roll_up(service)
    call_a_lot(service, tenant)

    found = service.get(MAP, {"from": settled, "to": time.time_ns() + MINUTE}, tenant=tenant)

    assert [(edge["client"], edge["server"], edge["calls"]) for edge in found["edges"]] == [("user", "web", 1)]
    assert found["meta"]["truncated"]
    assert found["meta"]["live"] is None
    assert settled < int(found["meta"]["left_out"]["from"]) <= time.time_ns()
    assert found["meta"]["left_out"]["to"] == found["meta"]["effective"]["to"]


def test_is_refused_where_nothing_else_was_asked_for(service: Service, tenant: str) -> None:
    call_a_lot(service, tenant)

    response = service.response(MAP, {"from": time.time_ns() - SECOND, "to": time.time_ns() + MINUTE}, tenant=tenant)

    assert response.status_code == 422
    assert response.json()["type"].endswith("query-too-large")
