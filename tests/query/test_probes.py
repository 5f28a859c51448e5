"""Probes tell what the service can do, whatever its users ask of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from prometheus_client import CollectorRegistry
from spanhouse_query import create_app
from spanhouse_storage import EmbeddedConfig, QueryLimits, Store, StoreConfig, StoreError, migrate, open_store

ENDLESS = "SELECT sum(sipHash64(number)) AS s FROM numbers(1000000000000)"
RUNNING = "SELECT count() AS n FROM system.processes WHERE startsWith(query, 'SELECT sum(sipHash64')"


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[Store]:
    """A store that answers one query at a time."""
    config = StoreConfig(engine=EmbeddedConfig(path=tmp_path / "engine"), query_clients=1)
    with closing(open_store(config)) as store:
        migrate(store)
        yield store


async def probed(store: Store, state: dict[str, Any], tenant: str = "default") -> httpx2.Response:
    app = create_app(store, registry=CollectorRegistry(), ingest=lambda: state)
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://spanhouse") as client:
        return await client.get("/readyz", headers={"X-Scope-OrgID": tenant})


def test_is_ready_while_slow_queries_take_every_slot(busy: Store) -> None:
    async def ask() -> tuple[int, int]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(endless, busy)
            with anyio.fail_after(10):
                while not busy.rows(RUNNING)[0]["n"]:
                    await anyio.lowlevel.checkpoint()
            status = (await probed(busy, {"state": "ready"})).status_code
            still_running = busy.rows(RUNNING)[0]["n"]
            tasks.cancel_scope.cancel()
        return status, still_running

    assert anyio.run(ask) == (200, 1)


async def endless(store: Store) -> None:
    with pytest.raises(StoreError):
        await store.queries.rows(ENDLESS, limits=QueryLimits(seconds=10))


@pytest.mark.parametrize("state", ["starting", "stopping", "full"])
def test_is_not_ready_while_its_receiver_takes_nothing(busy: Store, state: str) -> None:
    response = anyio.run(probed, busy, {"state": state})

    assert (response.status_code, response.json()["type"]) == (503, "not-receiving")
    assert state in response.json()["detail"]


@pytest.mark.parametrize("tenant", ["a b", "-", "_other", "x" * 65])
def test_says_what_the_name_of_a_tenant_may_be(busy: Store, tenant: str) -> None:
    response = anyio.run(probed, busy, {"state": "ready"}, tenant)

    assert (response.status_code, response.json()["type"]) == (400, "invalid-tenant")
    assert "X-Scope-OrgID: allowed are 1 to 64 letters" in response.json()["detail"]
