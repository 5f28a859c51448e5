"""An open-loop OTLP load: requests leave on schedule whether or not the earlier ones were answered."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import grpc
import numpy as np
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc import aio

from benchmarks.packaging import Fingerprint
from benchmarks.supply import Outgoing

# Answers by what they mean to the sender; all others are told as they came.
ACCEPTED = "accepted"
LATER = "refused, to be sent again"

Send = Callable[[bytes], Awaitable[str]]

_REFUSED = 0.05
_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@dataclass
class Outcome:
    """What became of the requests: answers by kind, the acknowledged spans, and seconds from due time to answer."""

    answers: Counter[str] = field(default_factory=Counter)
    acknowledged: Fingerprint = field(default_factory=Fingerprint)
    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def percentile(self, q: float) -> float:
        """Latency in milliseconds."""
        return float(np.percentile(self.latencies, q)) * 1000 if self.latencies else 0.0


async def run_load(
    senders: Sequence[Send],
    requests: Iterable[Outgoing],
    *,
    per_second: float = 0,
    seconds: float = 0,
    insistent: bool = False,
) -> Outcome:
    """Send requests over the senders, each of which sends one at a time.

    per_second: requests a second, 0 for flat out. seconds: when to stop, 0 for when all are sent. insistent: send again
    what is refused for now.
    """
    outcome = Outcome()
    started = time.perf_counter()
    numbered = zip(itertools.count(), requests, strict=False)
    end = started + seconds if seconds else float("inf")

    async def work(send: Send) -> None:
        for number, request in numbered:
            due = started + number / per_second if per_second else time.perf_counter()
            if due >= end:
                return
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            while (answer := await send(request.body)) == LATER and insistent:
                outcome.answers[LATER] += 1
                await asyncio.sleep(_REFUSED)
            outcome.latencies.append(time.perf_counter() - due)
            outcome.answers[answer] += 1
            if answer == ACCEPTED:
                outcome.acknowledged += request.promised

    await asyncio.gather(*(work(send) for send in senders))
    outcome.seconds = time.perf_counter() - started
    return outcome


@asynccontextmanager
async def http_sender(address: str, *, gzip: bool = False, tenant: str = "default") -> AsyncIterator[Send]:
    """One keep-alive connection to OTLP/HTTP. gzip: what it is given is compressed."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    encoding = "content-encoding: gzip\r\n" if gzip else ""
    head = (
        f"POST /v1/traces HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/x-protobuf\r\n{encoding}"
        f"x-scope-orgid: {tenant}\r\ncontent-length: "
    )

    async def send(body: bytes) -> str:
        writer.write(f"{head}{len(body)}\r\n\r\n".encode())
        writer.write(body)
        await writer.drain()
        answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        status, *lines = answer.split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines if line)
        await reader.readexactly(int(headers.get("content-length", 0)))
        return _http_meaning(status.split(" ")[1], headers.get("retry-after"))

    try:
        yield send
    finally:
        writer.close()
        await writer.wait_closed()


def _http_meaning(status: str, retry_after: str | None) -> str:
    if status == "200":
        return ACCEPTED
    return LATER if status == "503" and retry_after is not None else f"HTTP {status}"


@asynccontextmanager
async def grpc_sender(address: str, *, gzip: bool = False, tenant: str = "default") -> AsyncIterator[Send]:
    """One channel to OTLP/gRPC. gzip: the channel compresses, with the CPU of this process."""
    options = (("grpc.use_local_subchannel_pool", 1),)
    compression = grpc.Compression.Gzip if gzip else grpc.Compression.NoCompression
    channel = aio.insecure_channel(address, options=options, compression=compression)
    call: aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_EXPORT)
    metadata = aio.Metadata(("x-scope-orgid", tenant))

    async def send(body: bytes) -> str:
        try:
            await call(body, metadata=metadata)
        except aio.AioRpcError as error:
            return _grpc_meaning(error)
        return ACCEPTED

    try:
        yield send
    finally:
        await channel.close()


def _grpc_meaning(error: aio.AioRpcError) -> str:
    details = Status.FromString(bytes(dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")))
    when = any(detail.Is(RetryInfo.DESCRIPTOR) for detail in details.details)
    return LATER if error.code() is grpc.StatusCode.UNAVAILABLE and when else f"gRPC {error.code().name}"


SENDERS = {"gRPC": grpc_sender, "HTTP": http_sender}
ADDRESSES = {"gRPC": "otlp_grpc", "HTTP": "otlp_http"}
