"""One run flat out: as fast as it goes, until everything is stored and the process is quiet again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Protocol

from benchmarks.load import ACCEPTED, ADDRESSES, SENDERS, Outcome, run_load
from benchmarks.supply import Outgoing

_CONNECTIONS = 8


class Target(Protocol):
    """What spans are sent to: Spanhouse, or a peer."""

    @property
    def addresses(self) -> dict[str, str]:
        """HOST:PORT of `otlp_grpc` and `otlp_http`."""

    @property
    def cpu_seconds(self) -> float:
        """Of all its processes."""

    @property
    def peak_memory(self) -> int:
        """Bytes."""

    def wait_until_stored(self, spans: int) -> None:
        """Return once so many more are stored than when this was called last."""

    def wait_until_quiet(self) -> None:
        """Return once nothing is under way."""


@dataclass(frozen=True, kw_only=True)
class Flood:
    """What one run took. stored_seconds: from the first request until everything is stored."""

    outcome: Outcome
    bytes: int
    stored_seconds: float
    cpu_seconds: float
    peak_memory: int

    @property
    def spans(self) -> int:
        """Acknowledged."""
        return self.outcome.acknowledged.spans

    @property
    def spans_per_second(self) -> float:
        """What is kept up: counted until everything is stored, not until it is acknowledged."""
        return self.spans / self.stored_seconds

    @property
    def spans_per_cpu_second(self) -> float:
        """Of the whole process tree, until it is quiet."""
        return self.spans / self.cpu_seconds


def flood(target: Target, requests: Sequence[Outgoing], transport: str = "gRPC", *, gzip: bool = False) -> Flood:
    """Send all of it over eight connections to a quiet target; SystemExit where something is refused for good."""
    cpu, started = target.cpu_seconds, time.perf_counter()
    outcome = send(target, requests, transport, gzip=gzip, insistent=True)
    if outcome.answers[ACCEPTED] != len(requests):
        raise SystemExit(f"not everything was accepted: {dict(outcome.answers)}")
    target.wait_until_stored(outcome.acknowledged.spans)
    stored_seconds = time.perf_counter() - started
    target.wait_until_quiet()
    return Flood(
        outcome=outcome,
        bytes=sum(len(request.body) for request in requests),
        stored_seconds=stored_seconds,
        cpu_seconds=target.cpu_seconds - cpu,
        peak_memory=target.peak_memory,
    )


def send(
    target: Target,
    requests: Iterable[Outgoing],
    transport: str,
    *,
    gzip: bool = False,
    tenant: str = "default",
    connections: int = _CONNECTIONS,
    per_second: float = 0,
    seconds: float = 0,
    insistent: bool = False,
) -> Outcome:
    """See run_load."""

    async def run() -> Outcome:
        address = target.addresses[ADDRESSES[transport]]
        async with AsyncExitStack() as stack:
            opened = (SENDERS[transport](address, gzip=gzip, tenant=tenant) for _ in range(connections))
            senders = [await stack.enter_async_context(sender) for sender in opened]
            return await run_load(senders, requests, per_second=per_second, seconds=seconds, insistent=insistent)

    return asyncio.run(run())
