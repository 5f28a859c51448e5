"""What happened: spans as they are told, and beside them what the answers about them must be."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from benchmarks.wire import (
    CLIENT,
    CONSUMER,
    INTERNAL,
    PRODUCER,
    SERVER,
    Attributes,
    Event,
    Ids,
    Kind,
    WireSpan,
    encode_span,
)

MILLISECOND = 1_000_000
SECOND = 1000 * MILLISECOND
# How long a cycle of a workload lasts: its spans start in so many nanoseconds, most of them.
WINDOW = 50 * SECOND
KIND_NAMES = {INTERNAL: "internal", SERVER: "server", CLIENT: "client", PRODUCER: "producer", CONSUMER: "consumer"}


class Edge(NamedTuple):
    """Who calls whom, and how, as the service map says it."""

    client: str
    server: str
    connection: str


class Operation(NamedTuple):
    """A span name and kind of a service."""

    service: str
    name: str
    kind: str


@dataclass
class Truth:
    """What one cycle of a workload is known to hold. durations: nanoseconds of every span of an operation."""

    calls: Counter[Edge] = field(default_factory=Counter)
    durations: dict[Operation, list[int]] = field(default_factory=dict)


class Told(NamedTuple):
    """A span that was told: who it is, of which service, and when (nanoseconds since the cycle's start)."""

    ids: Ids
    service: str
    start: int
    duration: int


class SentSpan(NamedTuple):
    """A span as it is to be sent: by which resource, and when it ends."""

    resource: int
    ended: int
    wire: WireSpan


class Story:
    """Spans of services with `instances` instances each, and the truth about them. Seeded: the same every time."""

    def __init__(self, seed: int, instances: int = 2) -> None:
        self.random = random.Random(seed)
        self.spans: list[SentSpan] = []
        self.resources: list[Attributes] = []
        self.truth = Truth()
        self._instances = instances
        self._number: dict[tuple[str, int], int] = {}

    def span(
        self,
        service: str,
        name: str,
        kind: Kind,
        attributes: Attributes,
        *,
        parent: Told | None = None,
        start: int,
        duration: int,
        events: Sequence[Event] = (),
        links: Sequence[Told] = (),
        error: str = "",
        sent: int = 1,
        clock: int = 0,
    ) -> Told:
        """Tell a span; without a parent it begins a trace.

        sent: how often it arrives, 0 for never, and then it is no part of the truth. clock: by how much the clock of
        its service is ahead, nanoseconds.
        """
        trace_id = parent.ids.trace_id if parent else self.random.randbytes(16)
        told = Told(Ids(trace_id, self.random.randbytes(8)), service, start, duration)
        if sent:
            wire = encode_span(
                told.ids,
                parent.ids.span_id if parent else b"",
                name,
                kind,
                start=start + clock,
                duration=duration,
                attributes=attributes,
                events=events,
                links=[link.ids for link in links],
                error=error,
            )
            for _ in range(sent):
                self.spans.append(SentSpan(self._resource(service), start + duration, wire))
            self.truth.durations.setdefault(Operation(service, name, KIND_NAMES[kind]), []).append(duration)
        return told

    def call(self, client: str, server: str, connection: str = "rpc") -> None:
        """Know of a call."""
        self.truth.calls[Edge(client, server, connection)] += 1

    def took(self, median_ms: float, spread: float = 0.7) -> int:
        """A duration in nanoseconds, log-normal."""
        return max(1000, int(median_ms * MILLISECOND * self.random.lognormvariate(0, spread)))

    def moment(self) -> int:
        """When a trace begins."""
        return self.random.randrange(WINDOW)

    def _resource(self, service: str) -> int:
        instance = self.random.randrange(self._instances)
        if (service, instance) not in self._number:
            self._number[service, instance] = len(self.resources)
            self.resources.append(_resource(service, instance))
        return self._number[service, instance]


def _resource(service: str, instance: int) -> Attributes:
    return {
        "service.name": service,
        "service.namespace": "bench",
        "service.version": "1.2.3",
        "service.instance.id": f"{service}-{instance}",
        "host.name": f"host-{instance}",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": "1.45.0",
        "process.pid": 1000 + instance,
    }
