"""HTTP as it goes over the wire: connections that stay, requests that follow at once, and what browsers ask."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from tests.collector.conftest import Running, Start
from tests.support.spans import request, span

pytestmark = pytest.mark.anyio

SHOP = "https://shop.example"


def body() -> bytes:
    return request({"web": [span()]}).SerializeToString()


def post(content: bytes, *headers: str) -> bytes:
    """A whole request."""
    lines = ("POST /v1/traces HTTP/1.1", "Host: x", "Content-Type: application/x-protobuf", *headers)
    return "\r\n".join((*lines, f"Content-Length: {len(content)}", "", "")).encode() + content


@dataclass
class Connection:
    """A client that writes bytes and reads answers."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def answer(self) -> tuple[int, dict[str, str]]:
        """Status and headers of the next one; its body is read too."""
        async with asyncio.timeout(10):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
            await self.reader.readexactly(int(headers.get("content-length", 0)))
        return int(head[0].split()[1]), headers

    async def statuses(self, count: int) -> list[int]:
        return [(await self.answer())[0] for _ in range(count)]

    async def ended(self) -> bool:
        """Whether nothing more comes; waits for it."""
        async with asyncio.timeout(10):
            return await self.reader.read(1) == b""


@asynccontextmanager
async def connected(running: Running) -> AsyncIterator[Connection]:
    reader, writer = await asyncio.open_connection(*running.address.split(":"))
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()
        await writer.wait_closed()


async def test_a_connection_stays_for_as_many_requests_as_come_also_after_a_refusal(start: Start) -> None:
    async with start() as running, connected(running) as connection:
        for content, status in ((body(), 200), (b"nonsense", 400), (body(), 200), (b"", 200)):
            connection.writer.write(post(content))
            assert await connection.statuses(1) == [status]
        await running.stored(2)


async def test_a_client_that_wants_no_other_answer_gets_its_connection_closed(start: Start) -> None:
    async with start() as running, connected(running) as connection:
        connection.writer.write(post(body(), "Connection: close"))
        assert (await connection.statuses(1), await connection.ended()) == ([200], True)


async def test_requests_that_follow_at_once_are_answered_in_their_order(start: Start) -> None:
    async with start() as running, connected(running) as connection:
        compressed = post(gzip.compress(body()), "Content-Encoding: gzip")
        connection.writer.write(b"".join((post(body()), post(b"nonsense"), post(body()), compressed, post(body()))))
        assert await connection.statuses(5) == [200, 400, 200, 200, 200]
        await running.stored(4)


async def test_a_request_in_single_bytes_is_one_request(start: Start) -> None:
    async with start() as running, connected(running) as connection:
        for each in post(body()):
            connection.writer.write(bytes((each,)))
            await connection.writer.drain()
        assert await connection.statuses(1) == [200]


async def test_a_body_in_chunks_is_taken_after_it_was_asked_for(start: Start) -> None:
    async with start() as running, connected(running) as connection:
        head = "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nExpect: 100-continue\r\n"
        connection.writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        assert await connection.statuses(1) == [100]
        content = body()
        for part in (content[:10], content[10:], b""):
            connection.writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        assert await connection.statuses(1) == [200]
        await running.stored(1)


@pytest.mark.parametrize("bad", [b"NONSENSE\r\n\r\n", b"POST /v1/traces HTTP/1.1\r\nContent-Length: x\r\n\r\n"])
async def test_what_is_not_http_ends_its_own_connection_alone(start: Start, bad: bytes) -> None:
    async with start() as running, connected(running) as other, connected(running) as broken:
        broken.writer.write(bad)
        assert (await broken.statuses(1), await broken.ended()) == ([400], True)
        other.writer.write(post(body()))
        assert await other.statuses(1) == [200]


def preflight(origin: str, headers: str = "content-type,content-encoding,authorization,x-custom") -> bytes:
    return (
        f"OPTIONS /v1/traces HTTP/1.1\r\nHost: x\r\nOrigin: {origin}\r\nAccess-Control-Request-Method: POST\r\n"
        f"Access-Control-Request-Headers: {headers}\r\n\r\n"
    ).encode()


async def test_pages_of_an_origin_that_was_named_may_send(start: Start) -> None:
    async with start(cors_origins=(SHOP,)) as running, connected(running) as connection:
        connection.writer.write(preflight(SHOP))
        status, headers = await connection.answer()
        assert (status, headers["access-control-allow-origin"]) == (200, SHOP)
        assert headers["access-control-allow-methods"] == "POST"
        assert "x-custom" in headers["access-control-allow-headers"]
        for content, expected in ((body(), 200), (b"nonsense", 400)):
            connection.writer.write(post(content, f"Origin: {SHOP}"))
            status, headers = await connection.answer()
            assert (status, headers["access-control-allow-origin"]) == (expected, SHOP)


@pytest.mark.parametrize("origins", [(), (SHOP,)])
async def test_no_other_page_is_told_that_it_may(start: Start, origins: tuple[str, ...]) -> None:
    async with start(cors_origins=origins) as running, connected(running) as connection:
        connection.writer.write(preflight("https://evil.example"))
        status, headers = await connection.answer()
        assert (status >= 400, "access-control-allow-origin" in headers) == (True, False)
