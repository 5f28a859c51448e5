"""For all tests: a store on each engine, and no clock for the examples of properties."""

from __future__ import annotations

import os
import resource
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from spanhouse_storage import EmbeddedConfig, ServerConfig, Store, StoreConfig, migrate, open_store

from tests.clickhouse_front.process import running_front
from tests.promql_conformance.summary import pytest_terminal_summary as pytest_terminal_summary
from tests.support.clickhouse import ClickHouse

# An example waits for a core like everything else; what hangs is ended by pytest-timeout.
settings.register_profile("spanhouse", deadline=None)
settings.load_profile("spanhouse")

# Each embedded engine that was open leaves some files open, and each module opens one.
_, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))

LONGEST = Path(__file__).parent / "system"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests first, so that no process is left alone with them at the end."""
    items.sort(key=lambda item: LONGEST not in item.path.parents)


StoreOpener = Callable[[], Store]


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    """A ClickHouse server: the one TEST_CLICKHOUSE_URL names, or the real engine behind a front of ours."""
    if url := os.environ.get("TEST_CLICKHOUSE_URL"):
        yield ClickHouse.parse(url)
        return
    with running_front(tmp_path_factory.mktemp("clickhouse")) as url:
        yield ClickHouse(url)


@pytest.fixture(params=["embedded", "server"])
def store_config(request: pytest.FixtureRequest, tmp_path: Path) -> StoreConfig:
    """An empty database on each engine in turn."""
    if request.param == "embedded":
        return StoreConfig(engine=EmbeddedConfig(path=tmp_path / "engine"))
    clickhouse: ClickHouse = request.getfixturevalue("clickhouse")
    return StoreConfig(engine=clickhouse.config(f"test_{secrets.token_hex(6)}"))


@pytest.fixture
def empty_store(store_config: StoreConfig) -> Iterator[Store]:
    """A store without a schema."""
    store = open_store(store_config, create_database=True)
    try:
        yield store
        if isinstance(store_config.engine, ServerConfig):
            store.command(f"DROP DATABASE {store_config.engine.database}")
    finally:
        store.close()


@pytest.fixture
def store(empty_store: Store) -> Store:
    """A store with the schema."""
    migrate(empty_store)
    return empty_store
