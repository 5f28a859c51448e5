"""A query whose client is gone, or that goes too far, ends in the engine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
import uvicorn
from prometheus_client import CollectorRegistry
from pydantic import BaseModel
from spanhouse_query import create_app
from spanhouse_query.endpoint import Call, Endpoint
from spanhouse_query.parameters import NoParameters
from spanhouse_query.service_map.service_map import ENDPOINTS
from spanhouse_storage import EmbeddedConfig, QueryLimits, Store, StoreConfig, migrate, open_store

from tests.support.polling import eventually

SLOW = "SELECT sum(sipHash64(number)) AS n FROM numbers(100000000000)"
LARGE = "SELECT length(groupArray(number)) AS n FROM numbers(100000000)"
LISTED = "SELECT count() AS n FROM system.processes WHERE query LIKE '%numbers(1000%' AND query NOT LIKE '%processes%'"


class Number(BaseModel):
    """What the queries of these tests answer."""

    n: int


def endpoint(path: str, sql: str) -> Endpoint:
    """An endpoint that runs one statement."""

    async def run(call: Call, parameters: NoParameters) -> Number:
        return Number(**(await call.reader.rows(sql))[0])

    return Endpoint(path=path, handler=run, summary=path, parameters=NoParameters, answer=Number)


@pytest.fixture
def limits() -> QueryLimits:
    """Queries may run for two seconds and use 50 MB."""
    return QueryLimits(seconds=2, memory=50_000_000)


@pytest.fixture
def store(tmp_path: Path, limits: QueryLimits) -> Iterator[Store]:
    """A store with these limits."""
    store = open_store(StoreConfig(engine=EmbeddedConfig(path=tmp_path / "engine"), limits=limits))
    try:
        migrate(store)
        yield store
    finally:
        store.close()


@pytest.fixture
def registry() -> CollectorRegistry:
    """The registry of the service under test."""
    return CollectorRegistry()


@pytest.fixture
def url(store: Store, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The service on a socket, with a slow and a large endpoint of our own beside its own."""
    monkeypatch.setattr(
        "spanhouse_query.service_map.service_map.ENDPOINTS",
        [*ENDPOINTS, endpoint("/slow", SLOW), endpoint("/large", LARGE)],
    )
    with serving(uvicorn.Config(create_app(store, registry=registry), port=0, log_level="error")) as url:
        yield url


@contextmanager
def serving(config: uvicorn.Config) -> Iterator[str]:
    """uvicorn in a thread."""
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            eventually(lambda: server.started)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join(10)


def running(store: Store) -> int:
    return int(store.rows(LISTED)[0]["n"])


@pytest.mark.parametrize("limits", [QueryLimits(seconds=60)], ids=["long before its limit"])
def test_stops_the_query_when_the_client_goes_away(store: Store, registry: CollectorRegistry, url: str) -> None:
    with socket.create_connection((httpx2.URL(url).host, httpx2.URL(url).port or 0)) as client:
        client.sendall(b"GET /slow HTTP/1.1\r\nHost: spanhouse\r\n\r\n")
        eventually(lambda: running(store) == 1)
        assert registry.get_sample_value("spanhouse_query_clients_busy") == 1

    eventually(lambda: running(store) == 0)
    eventually(lambda: registry.get_sample_value("spanhouse_query_requests_abandoned_total", {"route": "/slow"}) == 1)
    assert registry.get_sample_value("spanhouse_query_requests_running") == 0
    assert registry.get_sample_value("spanhouse_query_clients_busy") == 0
    assert httpx2.get(f"{url}/readyz").status_code == 200


def test_says_that_a_query_took_too_long(registry: CollectorRegistry, url: str) -> None:
    response = httpx2.get(f"{url}/slow", timeout=20)

    assert (response.status_code, response.json()["type"]) == (504, "query-timeout")
    assert response.json()["detail"] == "the query ran into its time limit (query_timeout); try again later"
    assert registry.get_sample_value("spanhouse_query_requests_failed_total", {"problem": "query-timeout"}) == 1
    assert registry.get_sample_value("spanhouse_query_requests_failed_total", {"problem": "query-too-large"}) == 0


def test_says_that_a_query_is_too_large(url: str) -> None:
    response = httpx2.get(f"{url}/large", timeout=20)

    assert (response.status_code, response.json()["type"]) == (422, "query-too-large")
    assert response.json()["detail"].endswith("memory (query_memory) or rows (query_rows); try again later")


def test_says_that_the_store_is_unavailable(store: Store, url: str) -> None:
    store.close()

    for path in ("/api/v1/services", "/readyz"):
        response = httpx2.get(f"{url}{path}", timeout=20)
        assert (response.status_code, response.json()["type"]) == (503, "store-unavailable")
        assert response.headers["retry-after"] == "1"
    assert httpx2.get(f"{url}/healthz").status_code == 200
