"""A ClickHouse that is away costs disk; when it is back, what is new and what waited both become queryable."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from anyio import to_thread
from spanhouse_storage import ServerConfig, Store, StoreConfig, migrate, open_store

from tests.clickhouse_front.process import running_front
from tests.collector.conftest import Running, Start
from tests.support.ports import idle_port
from tests.support.spans import request, span

pytestmark = pytest.mark.anyio

SPANS = 200
BACKLOG = 24


class Server:
    """A ClickHouse server that comes and goes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = idle_port()
        self._running = ExitStack()

    def up(self) -> str:
        """Start it; its URL, which stays the same."""
        return self._running.enter_context(running_front(self._folder, port=self._port))

    def down(self) -> None:
        """Stop it."""
        self._running.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("clickhouse"))
    yield server
    server.down()


@pytest.fixture(scope="module")
def store(server: Server) -> Iterator[Store]:
    opened = open_store(StoreConfig(engine=ServerConfig(url=server.up())))
    migrate(opened)
    yield opened
    opened.close()


def body(name: str, spans: int = SPANS) -> bytes:
    return request({"web": [span(name) for _ in range(spans)]}).SerializeToString()


async def accepted(running: Running, sent: bytes) -> None:
    """Send until it is accepted, sooner than told."""
    async with asyncio.timeout(60):
        while (answer := await running.post(sent)).status_code != 200:
            assert (answer.status_code, b"log_quota" in answer.content) == (503, True)
            await asyncio.sleep(0.1)


async def refused(running: Running, sent: bytes) -> int:
    """What is told where it is refused; 0 where it is not."""
    answer = await running.post(sent)
    return int(answer.headers["retry-after"]) if answer.status_code == 503 else 0


async def tries_until_accepted(running: Running, sent: bytes) -> int:
    """How often it takes to send it for who waits as long as told."""
    tries = 1
    while told := await refused(running, sent):
        await asyncio.sleep(told)
        tries += 1
    return tries


async def queryable(store: Store, name: str) -> None:
    sql, parameters = "SELECT count() AS n FROM spans WHERE name = {name:String}", {"name": name}
    async with asyncio.timeout(60):
        while not (await to_thread.run_sync(store.rows, sql, parameters))[0]["n"]:
            await asyncio.sleep(0.02)


def stored(store: Store) -> dict[str, tuple[int, int]]:
    """Rows and distinct spans by name."""
    rows = store.rows("SELECT name, count() AS n, uniq(span_id) AS ids FROM spans GROUP BY name")
    return {row["name"]: (row["n"], row["ids"]) for row in rows}


async def test_what_is_sent_after_an_outage_is_queryable_while_the_backlog_drains_and_all_is_stored_once(
    start: Start, store: Store, server: Server
) -> None:
    sent = {f"before {number:02}": body(f"before {number:02}") for number in range(BACKLOG)}
    large = body("large", 6 * SPANS)
    async with start(segment_bytes=1, log_quota=sum(map(len, sent.values())) + len(large) // 2) as running:
        await to_thread.run_sync(server.down)
        began = time.monotonic()
        for each in sent.values():
            assert await refused(running, each) == 0
        lasted = time.monotonic() - began
        assert 1 <= await refused(running, large) <= 1.5 * lasted + 2
        await asyncio.sleep(max(0.0, 4 - lasted))
        assert await refused(running, large) >= 4

        await to_thread.run_sync(server.up)
        obeying = asyncio.create_task(tries_until_accepted(running, large))
        await accepted(running, body("after"))
        await queryable(store, "after")
        assert running.collector.status()["log"]["segments"] > BACKLOG / 4
        assert await obeying <= 5

        await running.loaded(60)
        expected = dict.fromkeys([*sent, "after"], (SPANS, SPANS)) | {"large": (6 * SPANS, 6 * SPANS)}
        assert stored(store) == expected
        assert running.collector.status()["quarantined"] == 0
