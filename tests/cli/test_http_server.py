"""Connections on which nothing comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from socket import create_server

import pytest
from spanhouse_cli import http_server
from spanhouse_cli.http_server import HttpServers
from starlette.responses import PlainTextResponse

pytestmark = pytest.mark.anyio
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server that answers every request."""
    servers = HttpServers()
    with create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        await servers.serve(PlainTextResponse("ok"), listener)
        reader, writer = await asyncio.open_connection(*address)
        try:
            async with asyncio.timeout(10):
                yield reader, writer
        finally:
            writer.close()
            await servers.stop()


@pytest.mark.parametrize("sent", [b"", b"G", GET[:-2], GET + b"GET / HT"])
async def test_a_client_that_does_not_finish_its_headers_is_left(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(http_server, "_SECONDS_FOR_HEADERS", 0.2)
    async with connected() as (reader, writer):
        writer.write(sent)
        answers = await reader.read()  # to the end
        assert answers.count(b"HTTP/1.1 200") == sent.count(b"\r\n\r\n")


async def test_one_that_sends_now_and_then_keeps_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "_SECONDS_FOR_HEADERS", 0.2)
    async with connected() as (reader, writer):
        for _ in range(3):
            writer.write(GET)
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
            await asyncio.sleep(0.4)
