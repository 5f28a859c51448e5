"""A collector with its real transports on free ports, over an embedded store."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx2
import pytest
import uvicorn
from grpc import aio
from prometheus_client import CollectorRegistry
from spanhouse_collector import Collector, CollectorConfig
from spanhouse_storage import DataDirectory, EmbeddedConfig, Store, StoreConfig, migrate, open_store

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@dataclass
class Running:
    """A running collector and a client for each of its doors."""

    collector: Collector
    store: Store
    data: DataDirectory
    http: httpx2.AsyncClient
    channel: aio.Channel

    async def post(self, body: bytes, **headers: str) -> httpx2.Response:
        """POST /v1/traces; header names with underscores for dashes."""
        sent = {"content-type": "application/x-protobuf"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post("/v1/traces", content=body, headers=sent)

    async def export(self, body: bytes, *, metadata: tuple[tuple[str, str], ...] = (), gzip: bool = False) -> bytes:
        """TraceService/Export on raw bytes."""
        call: aio.UnaryUnaryMultiCallable[bytes, bytes] = self.channel.unary_unary(EXPORT)
        answer: bytes = await call(
            body, metadata=metadata, compression=grpc.Compression.Gzip if gzip else grpc.Compression.NoCompression
        )
        return answer

    async def stored(self, spans: int, seconds: float = 20) -> None:
        """Wait until so many spans can be queried."""
        async with asyncio.timeout(seconds):
            while (await self.store.queries.rows("SELECT count() AS n FROM spans")).rows[0]["n"] != spans:
                await asyncio.sleep(0.05)


Start = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Start a collector on the test's data folder: `async with start(max_body=...) as running`."""

    @asynccontextmanager
    async def starting(**config: float) -> AsyncIterator[Running]:
        data = DataDirectory(tmp_path / "data")
        data.lock()
        store = open_store(StoreConfig(engine=EmbeddedConfig(path=data.engine)))
        try:
            migrate(store)
            settings = CollectorConfig(otlp_grpc="127.0.0.1:0", **config)  # type: ignore[arg-type]
            async with _serving(Collector(settings, store, data, CollectorRegistry()), store, data) as running:
                yield running
        finally:
            store.close()
            data.unlock()

    return starting


@asynccontextmanager
async def _serving(collector: Collector, store: Store, data: DataDirectory) -> AsyncIterator[Running]:
    await collector.start()
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(collector.http_app, log_level="warning", lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with httpx2.AsyncClient(base_url=url) as http, aio.insecure_channel(collector.grpc_address) as channel:
        try:
            yield Running(collector, store, data, http, channel)
        finally:
            server.should_exit = True
            await serving
            await collector.stop(5)
            listener.close()
