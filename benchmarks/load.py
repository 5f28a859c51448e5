"""An open-loop OTLP load: requests leave on schedule whether or not the earlier ones were answered."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from grpc import aio

from benchmarks.payload import Template

Send = Callable[[bytes], Awaitable[str]]

_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@dataclass
class Outcome:
    """What became of the requests: answers by kind, and seconds from due time to answer."""

    answers: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def percentile(self, q: float) -> float:
        """Latency in milliseconds."""
        return float(np.percentile(self.latencies, q)) * 1000 if self.latencies else 0.0


async def run_load(
    senders: Sequence[Send], bodies: Sequence[Template], *, requests: int, per_second: float, seed: int = 1
) -> Outcome:
    """Send `requests` requests at `per_second` over the senders, each of which sends one at a time; 0 is flat out."""
    rng = np.random.default_rng(seed)
    outcome = Outcome()
    started = time.perf_counter()
    numbers = iter(range(requests))

    async def work(send: Send) -> None:
        for number in numbers:
            due = started + number / per_second if per_second else time.perf_counter()
            body = bodies[number % len(bodies)].fresh(rng)
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            outcome.answers[await send(body)] += 1
            outcome.latencies.append(time.perf_counter() - due)

    await asyncio.gather(*(work(send) for send in senders))
    outcome.seconds = time.perf_counter() - started
    return outcome


async def http_sender(address: str) -> Send:
    """One keep-alive connection to OTLP/HTTP; the answer is the status code."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))

    async def send(body: bytes) -> str:
        head = (
            f"POST /v1/traces HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/x-protobuf\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode())
        writer.write(body)
        await writer.drain()
        answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = next((line for line in answer.splitlines() if line.startswith("content-length:")), "content-length: 0")
        await reader.readexactly(int(length.partition(":")[2]))
        return answer.split(" ", 2)[1]

    return send


async def grpc_sender(address: str) -> Send:
    """One channel to OTLP/gRPC; the answer is the status code's name."""
    channel = aio.insecure_channel(address, options=(("grpc.use_local_subchannel_pool", 1),))
    call: aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_EXPORT)

    async def send(body: bytes) -> str:
        try:
            await call(body)
        except aio.AioRpcError as error:
            return error.code().name
        return "OK"

    return send
