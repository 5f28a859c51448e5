"""A collector with its real transports on free ports, over an embedded store."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx2
import pytest
import uvicorn
from anyio import to_thread
from grpc import aio
from prometheus_client import CollectorRegistry
from spanhouse_collector import Collector, CollectorConfig
from spanhouse_storage import DataDirectory, EmbeddedConfig, Store, StoreConfig, migrate, open_store

from tests.collector.responsive import responsive

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@dataclass
class Running:
    """A running collector and a client for each of its doors. spans_before: what the store held when it started."""

    collector: Collector
    store: Store
    data: DataDirectory
    http: httpx2.AsyncClient
    channel: aio.Channel
    spans_before: int

    async def post(self, body: bytes, *, path: str = "/v1/traces", **headers: str) -> httpx2.Response:
        """POST a request; header names with underscores for dashes."""
        sent = {"content-type": "application/x-protobuf"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(path, content=body, headers=sent)

    async def export(self, body: bytes, *, metadata: tuple[tuple[str, str], ...] = (), gzip: bool = False) -> bytes:
        """TraceService/Export on raw bytes."""
        call: aio.UnaryUnaryMultiCallable[bytes, bytes] = self.channel.unary_unary(EXPORT)
        answer: bytes = await call(
            body, metadata=metadata, compression=grpc.Compression.Gzip if gzip else grpc.Compression.NoCompression
        )
        return answer

    @property
    def address(self) -> str:
        """HOST:PORT of OTLP/HTTP."""
        return self.http.base_url.netloc.decode()

    def new_spans(self) -> int:
        """How many spans this collector has stored."""
        return count_spans(self.store) - self.spans_before

    async def stored(self, spans: int, seconds: float = 20) -> None:
        """Wait until so many spans can be queried."""
        async with asyncio.timeout(seconds):
            while await to_thread.run_sync(self.new_spans) != spans:
                await asyncio.sleep(0.05)

    async def loaded(self, seconds: float = 20) -> None:
        """Wait until nothing is left in the log."""
        async with asyncio.timeout(seconds):
            while self.collector.status()["log"]["bytes"]:
                await asyncio.sleep(0.02)


def count_spans(store: Store) -> int:
    return int(store.rows("SELECT count() AS n FROM spans")[0]["n"])


Start = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One embedded store for all tests of a module; what they leave in it stays."""
    opened = open_store(StoreConfig(engine=EmbeddedConfig(path=tmp_path_factory.mktemp("engine"))))
    migrate(opened)
    yield opened
    opened.close()


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    """The test's data folder."""
    return DataDirectory(tmp_path / "data")


@pytest.fixture
def start(data: DataDirectory, store: Store) -> Start:
    """Start a collector on the test's data folder: `async with start(max_body=...) as running`.

    Segments are sealed after 0.2 s if nothing else is said, because tests wait for what is stored.
    """

    @asynccontextmanager
    async def starting(**config: float) -> AsyncIterator[Running]:
        data.lock()
        try:
            settings = CollectorConfig(**{"otlp_grpc": "127.0.0.1:0", "segment_age": 0.2, **config})  # type: ignore[arg-type]
            async with _serving(Collector(settings, store, data, CollectorRegistry()), store, data) as running:
                yield running
        finally:
            data.unlock()

    return starting


@asynccontextmanager
async def _serving(collector: Collector, store: Store, data: DataDirectory) -> AsyncIterator[Running]:
    before = count_spans(store)
    await collector.start()
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(collector.http_app, log_level="warning", lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with (
        httpx2.AsyncClient(base_url=url, timeout=60) as http,
        aio.insecure_channel(collector.grpc_address) as channel,
        responsive(),
    ):
        try:
            yield Running(collector, store, data, http, channel, before)
        finally:
            server.should_exit = True
            await serving
            await collector.stop(5)
            listener.close()
