"""What the gRPC server offers beside the TraceService: health, reflection, and what it says to odd clients."""

from __future__ import annotations

import asyncio
import gzip
import re
import struct
import zlib

import grpc
import pytest
from backports import zstd
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from spanhouse_collector.signals import TRACES

from tests.collector.conftest import EXPORT, Start
from tests.support.spans import request, span

pytestmark = pytest.mark.anyio

BODY = request({"web": [span("one")]}).SerializeToString()
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


async def test_the_health_service_says_that_data_is_taken_until_it_is_about_to_stop(start: Start) -> None:
    async with start() as running:
        health = health_pb2_grpc.HealthStub(running.channel)
        watch = health.Watch(health_pb2.HealthCheckRequest(service=TRACES.service))
        assert (await watch.read()).status == SERVING
        for service in ("", TRACES.service):
            assert (await health.Check(health_pb2.HealthCheckRequest(service=service))).status == SERVING
        await running.collector.leave()
        assert (await watch.read()).status == NOT_SERVING
        assert (await health.Check(health_pb2.HealthCheckRequest())).status == NOT_SERVING
        assert await running.export(BODY) == b""
        watch.cancel()


async def test_a_service_that_is_not_there_has_no_health(start: Start) -> None:
    async with start() as running:
        with pytest.raises(aio.AioRpcError) as refused:
            await health_pb2_grpc.HealthStub(running.channel).Check(health_pb2.HealthCheckRequest(service="x"))
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_reflection_tells_how_to_call_it(start: Start) -> None:
    def reflected(address: str) -> tuple[list[str], list[str]]:
        with grpc.insecure_channel(address) as channel:
            database = ProtoReflectionDescriptorDatabase(channel)
            file = database.FindFileContainingSymbol(TRACES.service)
            return list(database.get_services()), [method.name for method in file.service[0].method]

    async with start() as running:
        services, methods = await asyncio.to_thread(reflected, running.collector.grpc_address)
    assert {TRACES.service, "grpc.health.v1.Health"} <= set(services)
    assert methods == ["Export"]


async def test_a_connection_is_asked_to_be_made_anew_at_its_age(start: Start) -> None:
    async with start(grpc_max_connection_age=0.2) as running:
        reader, writer = await asyncio.open_connection(*running.collector.grpc_address.split(":"))
        writer.write(PREFACE)
        assert b"max_age" in await received(reader, b"max_age")  # what GOAWAY gives as its reason
        writer.close()
        assert await running.export(BODY) == b""


@pytest.mark.parametrize(
    ("encoding", "status"), [(b"gzip", b"0"), (b"deflate", b"0"), (b"zstd", b"13"), (b"snappy", b"13")]
)
async def test_grpc_takes_no_other_encoding_than_its_library_has(start: Start, encoding: bytes, status: bytes) -> None:
    """The status is INTERNAL, which exporters take for permanent; docs/receiving.md tells."""
    bodies = {b"gzip": gzip.compress(BODY), b"deflate": zlib.compress(BODY)}
    body = bodies.get(encoding, zstd.compress(BODY))
    async with start() as running:
        reader, writer = await asyncio.open_connection(*running.collector.grpc_address.split(":"))
        writer.write(PREFACE + headers_frame(encoding) + data_frame(body))
        answer = await received(reader, b"grpc-status." + b"." * len(status))
        writer.close()
        assert b"grpc-status" + bytes((len(status),)) + status in answer
        assert await running.export(BODY) == b""


async def received(reader: asyncio.StreamReader, until: bytes) -> bytes:
    """All that came, to the packet with which `until` is in it, or to the end."""
    answer = b""
    async with asyncio.timeout(10):
        while not re.search(until, answer, re.DOTALL) and (packet := await reader.read(65536)):
            answer += packet
    return answer


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """RFC 9113, section 4.1."""
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def headers_frame(encoding: bytes) -> bytes:
    """A call of Export, with headers as they stand (RFC 7541, section 6.2.2)."""
    headers = {
        b":method": b"POST",
        b":scheme": b"http",
        b":path": EXPORT.encode(),
        b":authority": b"x",
        b"content-type": b"application/grpc",
        b"te": b"trailers",
        b"grpc-encoding": encoding,
    }
    block = b"".join(bytes((0, len(name))) + name + bytes((len(value),)) + value for name, value in headers.items())
    return frame(1, 4, 1, block)


def data_frame(message: bytes) -> bytes:
    """The only message of the call, marked as compressed."""
    return frame(0, 1, 1, b"\x01" + struct.pack(">I", len(message)) + message)


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"")
