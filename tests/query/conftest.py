"""The query service over an embedded store, one for each module of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry
from spanhouse_query import create_app
from spanhouse_storage import EmbeddedConfig, StoreConfig, migrate, open_store
from starlette.testclient import TestClient

from tests.query.service import Service, fresh_tenant


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Kept for a module because an engine takes a while to start; tests keep apart by tenant."""
    folder = tmp_path_factory.mktemp("query")
    store = open_store(StoreConfig(engine=EmbeddedConfig(path=folder / "engine")))
    try:
        migrate(store)
        with TestClient(create_app(store, registry=CollectorRegistry())) as client:
            yield Service(store, client, folder)
    finally:
        store.close()


@pytest.fixture
def tenant() -> str:
    """A tenant of the test's own."""
    return fresh_tenant()
