"""One front for all tests of the folder that need no process of their own, and clients for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from tests.clickhouse_front.clients import connect
from tests.clickhouse_front.process import running_front


@pytest.fixture(scope="session")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a running front."""
    path: Path = tmp_path_factory.mktemp("front")
    with running_front(path) as url:
        yield url


@pytest.fixture(scope="session")
def connected(front: str) -> Iterator[Client]:
    """The client behind `client`; connecting costs the driver 0.1 s."""
    with connect(front) as client:
        yield client


@pytest.fixture
def client(connected: Client, request: pytest.FixtureRequest) -> Iterator[Client]:
    """A client in a fresh database of its own."""
    database = f"d{request.session.items.index(request.node)}"
    connected.command(f"CREATE DATABASE {database}", use_database=False)
    connected.database = database
    yield connected
    connected.database = None
