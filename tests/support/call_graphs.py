"""Random call graphs for property tests: services that call, publish, consume, fail, and forget who they are."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support.spans import CLIENT, CONSUMER, INTERNAL, PRODUCER, SECOND, SERVER, Value, request, span

Sent = tuple[str, Span]

SERVICES = ("web", "cart", "pay", "mail")
PEERS: tuple[dict[str, Value], ...] = (
    {},
    {"db.system.name": "postgresql", "db.namespace": "shop"},
    {"db.system": "redis"},
    {"server.address": "api.example.com"},
    {"net.peer.name": "old.example.com"},
    {"peer.service": "billing"},
    {"messaging.destination.name": "orders"},
    {"messaging.destination": "invoices"},
    {"url.full": "https://maps.example.com:8443/route?to=1", "network.peer.address": "203.0.113.7"},
    {"http.url": "http://older.example.com/a"},
    {"http.host": "oldest.example.com:8080"},
    {"rpc.system.name": "grpc", "rpc.method": "shop.v1.Stock/Reserve"},
    {"rpc.system": "grpc", "rpc.service": "shop.v1.Ledger", "rpc.method": "Book"},
    {"net.peer.ip": "203.0.113.9"},
)
KINDS = (SERVER, CLIENT, INTERNAL, PRODUCER, CONSUMER, Span.SPAN_KIND_UNSPECIFIED)


def call_graph(rnd: random.Random, traces: int = 6, minutes: int = 40, skew: int = 20) -> list[Sent]:
    """Spans of a few traces of the last `minutes`, with clocks off by up to `skew` minutes.

    Any kind under any other, across services or not; some parents and spans are missing, and
    consumers link to other traces' producers.
    """
    spans = [sent for _ in range(rnd.randint(1, traces)) for sent in _trace(rnd, minutes, skew)]
    producers = [sent for _, sent in spans if sent.kind == PRODUCER]
    for _, sent in spans:
        if sent.kind == CONSUMER and producers and rnd.random() < 0.5:
            for target in rnd.choices(producers, k=rnd.randint(1, 3)):
                sent.links.add(trace_id=target.trace_id, span_id=target.span_id)
    return [sent for sent in spans if rnd.random() > 0.1]


def segments(rnd: random.Random, spans: list[Sent]) -> Iterator[list[bytes]]:
    """The spans in another order, cut into requests, and the requests into segments."""
    mixed = rnd.sample(spans, len(spans))
    bodies: list[bytes] = []
    while mixed:
        size = rnd.randint(1, len(mixed))
        batch, mixed = mixed[:size], mixed[size:]
        by_service: dict[str, list[Span]] = {}
        for service, sent in batch:
            by_service.setdefault(service, []).append(sent)
        bodies.append(request(by_service).SerializeToString())
        if rnd.random() < 0.3:
            yield bodies
            bodies = []
    if bodies:
        yield bodies


def _trace(rnd: random.Random, minutes: int, skew: int) -> list[Sent]:
    start = time.time_ns() - rnd.randrange(60, 60 + minutes * 60) * SECOND
    spans: list[Sent] = []
    for _ in range(rnd.randint(1, 9)):
        parent = rnd.choice(spans)[1] if spans and rnd.random() < 0.9 else None
        off = rnd.choice((0, 0, 0, 0, rnd.randint(-skew * 60, skew * 60))) * SECOND
        made = span(
            "op",
            trace_id=spans[0][1].trace_id if spans else None,
            parent=parent if parent is not None else b"",
            kind=rnd.choice(KINDS),
            start=start + rnd.randrange(SECOND) + off,
            duration=int(rnd.lognormvariate(16, 2)),
            error=rnd.random() < 0.2,
            attributes=rnd.choice(PEERS),
        )
        spans.append((rnd.choice(SERVICES), made))
    return spans
